//! Streams of rows, messages, output and state.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::common::{Probe, Server};
use super::http::{Stream, request};
use crate::support::processes::{kill, suspend, wait_until};
use crate::support::wait_until_within;

fn rows(server: &Server) -> u64 {
    server.instance(&server.source())["rows"].as_u64().unwrap()
}

#[test]
fn all_rows_are_shown_to_whoever_asks_for_all() {
    let server = Probe::new().serve(&[]);
    let path = format!("/instances/{}/rows?max=0", server.source());
    server.start_source(json!({"interval": 1}));
    let mut stream = server.stream(&path);
    let from = rows(&server);

    let mut last = stream
        .wait("row", |data| data["n"].as_u64().unwrap() > from)
        .data;
    for _ in 0..100 {
        let next = stream.wait("row", |_| true).data;
        assert_eq!(next["n"].as_u64(), last["n"].as_u64().map(|n| n + 1));
        assert_eq!(next["message"]["number"], next["n"]);
        assert_eq!(next["meta"], json!({"from": "probe"}));
        last = next;
    }
    let rate = stream.wait("rate", |data| data["rate"].as_f64().unwrap() > 0.0);

    assert!(rate.data["rows"].as_u64() >= last["n"].as_u64());
    server.end();
}

#[test]
fn all_rows_are_shown_from_the_first_on_if_the_start_asks_for_it() {
    let server = Probe::new().serve(&[]);
    let body = json!({"rule": server.probe.id, "config": {"interval": 1}, "allRows": true});
    server.post("/sources/nums/start", body).expect(201);
    // More than a stream shows at once that was not asked for all.
    wait_until("rows", || rows(&server) > 100);

    let path = format!("/instances/{}/rows?max=0", server.source());
    let mut stream = server.stream(&path);
    let seen: Vec<_> = (0..100)
        .map(|_| stream.wait("row", |_| true).data["n"].as_u64().unwrap())
        .collect();

    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
    server.end();
}

#[test]
fn a_stream_that_does_not_follow_ends_after_the_last_event() {
    let server = Probe::new().serve(&["--env", "PROBE=lines=20"]);
    let mut log = server.stream("/log");
    log.wait("line", |data| data["n"] == 20);
    server.call(json!([1])).expect(200);

    let all = |path: &str| {
        let mut stream = server.stream(path);
        std::iter::from_fn(move || stream.next()).collect::<Vec<_>>()
    };
    let lines = all("/log?follow=0");
    let none = all(&format!("/log?follow=0&after={}", lines.last().unwrap().id));
    let messages = all("/wire?follow=0");

    assert!(lines.len() >= 20, "{lines:?}");
    assert_eq!(none.len(), 0);
    assert_eq!(messages[0].data["event"], "launched");
    assert_eq!(messages.last().unwrap().data["event"], "reply");
    server.end();
}

/// Reads until the source has sent more rows than `count`. Returns the numbers of those
/// that were shown, and the last rate.
fn until_rows(stream: &mut Stream, count: u64) -> (Vec<u64>, Value) {
    let mut shown = Vec::new();
    loop {
        let event = stream.next().unwrap();
        match event.name.as_str() {
            "row" => shown.push(event.data["n"].as_u64().unwrap()),
            "rate" if event.data["rows"].as_u64().unwrap() > count => return (shown, event.data),
            _ => {}
        }
    }
}

#[test]
fn few_of_many_rows_are_shown_and_the_others_counted() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 0}));
    let path = format!("/instances/{}/rows?max=5", server.source());
    let mut stream = server.stream(&path);

    let begin = rows(&server);
    let (shown, rate) = until_rows(&mut stream, begin + 1000);
    let shown = shown.len() as u64;

    let skipped = rate["skipped"].as_u64().unwrap();
    assert!(skipped > shown, "{rate} {shown}");
    server.end();
}

#[test]
fn rows_from_before_the_connection_do_not_count_as_shown() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 10}));
    wait_until("rows that are kept", || rows(&server) > 20);
    let path = format!("/instances/{}/rows?max=5", server.source());

    let mut stream = server.stream(&path);
    let begin = rows(&server);

    let (shown, rate) = until_rows(&mut stream, begin + 100);
    let shown = shown.iter().filter(|number| **number > begin).count() as u64;
    // One row may be on its way while the stream begins.
    let seen = rate["skipped"].as_u64().unwrap() + shown + 1;
    let count = rate["rows"].as_u64().unwrap();
    assert!(begin + seen >= count, "{rate} {shown} {begin}");
    server.end();
}

#[test]
fn a_stream_goes_on_after_the_last_event_that_was_seen() {
    let server = Probe::new().serve(&[]);
    let mut log = server.stream("/log");
    server.start_sink(json!({}));
    let rows = format!("/instances/{}/rows", server.sink());
    let send = |text: &str| server.post(&rows, json!({ "text": text })).expect(200);
    send("one");
    let seen = log.wait("line", |data| data["line"] == "out got one");
    drop(log);
    send("two");

    let path = server.path("/log");
    let header = [("Last-Event-ID", &*seen.id)];
    let by_header = Stream::open(server.port, &path, &header).next().unwrap();
    let path = format!("/log?after={}", seen.id);
    let by_query = server.stream(&path).next().unwrap();
    let of_another = server.stream("/log?after=xyz.3").next().unwrap();

    assert_eq!(by_header.data["line"], "out got two");
    assert_eq!(by_query.id, by_header.id);
    assert_eq!(of_another.data["n"], 1);
    server.end();
}

#[test]
fn a_reader_that_is_too_slow_learns_what_it_has_missed() {
    let server = Probe::new().serve(&["--env", "PROBE=lines=60000"]);
    let mut log = server.stream("/log");

    let gap = log.next().unwrap();
    let next = log.next().unwrap();

    assert_eq!(gap.name, "gap");
    let skipped = gap.data["skipped"].as_u64().unwrap();
    assert!(skipped > 0);
    assert_eq!(next.name, "line");
    assert_eq!(next.data["n"].as_u64(), Some(skipped + 1));
    server.end();
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 0}));
    let mut deaf = Vec::new();
    for path in [
        "/wire?max=0",
        &format!("/instances/{}/rows?max=0", server.source()),
    ] {
        let mut socket = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        let (path, port) = (server.path(path), server.port);
        write!(
            socket,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        )
        .unwrap();
        deaf.push(socket);
    }

    let path = format!("/instances/{}/rows", server.source());
    let mut stream = server.stream(&path);
    let begin = rows(&server);
    // More than all buffers hold.
    wait_until_within(Duration::from_secs(600), "many rows", || {
        rows(&server) > begin + 60_000
    });

    stream.wait("row", |data| data["n"].as_u64().unwrap() > begin + 60_000);
    server.call(json!([1])).expect(200);
    server.end();
}

#[test]
fn two_observers_see_the_same_messages_with_what_they_mean() {
    let server = Probe::new().serve(&[]);
    let streams = [server.stream("/wire"), server.stream("/wire")];
    server.call(json!([7])).expect(200);

    let seen = streams.map(|mut stream| {
        let mut seen = Vec::new();
        loop {
            let event = stream.next().unwrap();
            assert_eq!(event.name, "message");
            let is_last = event.data["event"] == "reply"
                && event.data["text"].as_str().unwrap().contains('7');
            seen.push(event);
            if is_last {
                break seen;
            }
        }
    });

    let text = |events: &[super::http::Event]| -> Vec<(String, Value)> {
        events
            .iter()
            .map(|event| (event.id.clone(), event.data.clone()))
            .collect()
    };
    assert_eq!(text(&seen[0]), text(&seen[1]));
    let find = |name: &str| {
        let mut events = seen[0].iter();
        events
            .find(|event| event.data["event"] == name)
            .unwrap()
            .data
            .clone()
    };
    let order = find("order");
    assert_eq!(order["command"], "start");
    assert_eq!(
        order["explain"],
        format!(
            "The host orders the plugin to start function `{}`.",
            server.probe.function()
        )
    );
    assert_eq!(
        find("greeted")["explain"],
        "The plugin greets: it is ready for orders."
    );
    assert!(find("launched")["pid"].is_u64());
    server.end();
}

#[test]
fn messages_of_one_channel_are_shown_alone_and_rows_are_sampled() {
    let server = Probe::new().serve(&[]);
    let mut stream = server.stream(&format!("/wire?channel={}&max=20", server.source()));
    server.start_source(json!({"interval": 1}));
    server.call(json!([1])).expect(200);

    let mut skipped = 0;
    let mut shown = 0;
    // A source that a busy machine slows down may send too few to be left out.
    while shown < 50 || skipped == 0 {
        let event = stream.next().unwrap();
        if event.name == "gap" {
            skipped += event.data["skipped"].as_u64().unwrap();
            continue;
        }
        assert_eq!(event.data["channel"], server.source());
        if event.data["event"] == "row" {
            shown += 1;
            // Every row is either shown or counted.
            assert_eq!(event.data["message"]["number"], shown + skipped);
        }
    }
    server.end();
}

#[test]
fn findings_and_faults_are_on_the_wire() {
    let server = Probe::new().serve(&[]);
    let mut stream = server.stream("/wire");
    let body = json!({"rule": server.probe.id, "config": {"refuse": "no url"}});
    server.post("/sources/nums/start", body).refused(422);
    server
        .post("/faults", json!({"fault": "orders"}))
        .expect(200);

    let finding = stream.wait("message", |data| data["event"] == "finding");
    let begins = stream.wait("message", |data| data["event"] == "fault");
    let ends = stream.wait("message", |data| data["event"] == "fault");

    assert_eq!(finding.data["code"], "order.refused");
    assert_eq!(begins.data["fault"], "orders");
    assert_eq!(ends.data["survived"], true, "{ends:?}");
    server.end();
}

#[test]
fn a_change_of_the_plugin_is_seen_by_all_who_watch_it() {
    let server = Probe::new().serve(&[]);
    let mut streams = [server.stream("/events"), server.stream("/events")];
    for stream in &mut streams {
        stream.wait("plugin", |data| data["state"] == "running");
    }

    server.start_source(json!({}));
    for stream in &mut streams {
        stream.wait("plugin", |data| {
            data["instances"][0]["id"] == server.source()
        });
    }
    server.post("/kill", json!({})).expect(200);

    for stream in &mut streams {
        let event = stream.wait("plugin", |data| data["state"] == "exited");
        assert_eq!(event.data["finding"]["code"], "plugin.exited");
    }
    server.end();
}

#[test]
fn the_rows_of_a_source_end_with_it() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 1}));
    let mut stream = server.stream(&format!("/instances/{}/rows", server.source()));
    stream.wait("row", |_| true);

    let stop = format!("/instances/{}/stop", server.source());
    server.post(&stop, json!({})).expect(200);

    while stream.next().is_some() {}
    server.end();
}

#[test]
fn the_trace_has_the_format_of_the_recorded_vectors() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 1}));
    let lines = || {
        let text = server.get("/trace").text;
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    wait_until("rows that are left out", || {
        lines()[0]["dropped"].as_u64().unwrap() > 0
    });

    let trace = server.get("/trace");

    assert_eq!(trace.status, 200);
    assert_eq!(trace.header("content-type"), Some("application/x-ndjson"));
    let lines = lines();
    assert_eq!(lines[0]["host"], "mock-kuiper as eKuiper 2.4");
    assert_eq!(lines[1]["event"], "launch");
    assert!(lines.iter().any(|line| line["text"] == "handshake"));
    server.end();
}

#[test]
fn a_large_row_is_cut() {
    let server = Probe::new().serve(&[]);
    let large = json!({"message": {"a": "x".repeat(300_000)}, "meta": null}).to_string();
    server.start_source(json!({"raw": [large, "{\"message\":{\"b\":1}}", "no row"]}));
    let mut stream = server.stream(&format!("/instances/{}/rows", server.source()));

    let cut = stream.wait("row", |_| true).data;
    let small = stream.wait("row", |_| true).data;
    let invalid = stream.wait("invalid", |_| true).data;
    let source = server.instance(&server.source());

    assert_eq!(invalid["code"], "row.not-json");
    assert_eq!(cut["message"], Value::Null);
    assert_eq!(cut["bytes"], 300_000 + "{\"a\":\"\"}".len() + "null".len());
    assert_eq!(cut["excerpt"].as_str().unwrap().len(), 4096);
    assert_eq!(small["message"], json!({"b": 1}));
    assert_eq!(source["invalid"], 1);
    assert_eq!(source["finding"]["code"], "row.not-json");
    server.end();
}

#[test]
fn a_server_that_was_suspended_goes_on() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 1}));
    let mut stream = server.stream(&format!("/instances/{}/rows", server.source()));
    stream.wait("row", |_| true);

    suspend(server.live.pid());
    let waiting = std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.call(json!([3])));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!asked.is_finished());
        kill(server.live.pid(), Signal::CONT);
        asked.join().unwrap()
    });

    assert_eq!(waiting.expect(200)["result"], 3);
    let before = rows(&server);
    stream.wait("row", |data| data["n"].as_u64().unwrap() > before);
    let api = request(server.port, "GET", "/api", &[], "");
    assert_eq!(api.status, 200);
    server.end();
}
