//! Sources, sinks and functions.

use serde_json::{Value, json};

use super::common::Probe;
use crate::support::processes::wait_until;

#[test]
fn a_source_is_started_described_and_stopped() {
    let server = Probe::new().serve(&[]);
    let body = json!({
        "rule": server.probe.id, "config": {"interval": 5}, "datasource": "topic/1",
        "options": {"key": "id"},
    });

    let started = server.post("/sources/nums/start", body).expect(201);
    wait_until("a rate", || {
        server.instance(&server.source())["rate"].as_f64().unwrap() > 0.0
    });
    let stop = format!("/instances/{}/stop", server.source());
    let stopped = server.post(&stop, json!({})).expect(200);

    assert_eq!(started["id"], server.source());
    assert_eq!(started["kind"], "source");
    assert_eq!(started["symbol"], "nums");
    assert_eq!(started["state"], "running");
    assert_eq!(started["config"]["interval"], 5);
    assert_eq!(started["config"]["datasource"], "topic/1");
    assert_eq!(started["config"]["key"], "id");
    assert_eq!(stopped["state"], "ended");
    assert!(stopped["rows"].as_u64().unwrap() > 0);
    assert_eq!(server.get("/instances").expect(200), json!([]));
    server.post(&stop, json!({})).refused(404);
    server.end();
}

#[test]
fn a_second_instance_has_another_place_in_the_rule() {
    let server = Probe::new().serve(&[]);
    let id = &server.probe.id;

    let first = [server.start_source(json!({})), server.start_sink(json!({}))];
    let second = [server.start_source(json!({})), server.start_sink(json!({}))];

    assert_eq!(
        first.map(|one| one["id"].clone()),
        [server.source(), server.sink()]
    );
    assert_eq!(
        second.map(|one| one["id"].clone()),
        [format!("{id}_nums_1"), format!("{id}_out_1_0")]
    );
    server.end();
}

#[test]
fn starts_at_the_same_time_get_different_places() {
    let server = Probe::new().serve(&[]);
    let id = &server.probe.id;
    let start = || server.start_source(json!({"interval": 5}))["id"].clone();

    let mut started: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
        let started = threads.into_iter().map(|thread| thread.join().unwrap());
        started.collect()
    });

    started.sort_by_key(ToString::to_string);
    let expected: Vec<_> = (0..6).map(|place| format!("{id}_nums_{place}")).collect();
    assert_eq!(started, expected);
    for id in &expected {
        wait_until("rows", || server.instance(id)["rows"].as_u64().unwrap() > 0);
    }
    server.end();
}

#[test]
fn a_start_next_to_a_stop_gets_a_place_of_its_own() {
    let server = Probe::new().serve(&[]);
    for _ in 0..10 {
        let id = server.start_source(json!({"interval": 5}))["id"].clone();
        let stop = format!("/instances/{}/stop", id.as_str().unwrap());
        let next = std::thread::scope(|scope| {
            let stopped = scope.spawn(|| server.post(&stop, json!({})).expect(200));
            let next = server.start_source(json!({"interval": 5}))["id"].clone();
            stopped.join().unwrap();
            next
        });

        let next = next.as_str().unwrap();
        wait_until("rows", || {
            server.instance(next)["rows"].as_u64().unwrap() > 0
        });
        let stop = format!("/instances/{next}/stop");
        server.post(&stop, json!({})).expect(200);
    }
    server.end();
}

#[test]
fn a_refused_start_is_a_finding_and_leaves_nothing() {
    let server = Probe::new().serve(&[]);
    let body = json!({"rule": server.probe.id, "config": {"refuse": "no url"}});

    let answer = server.post("/sources/nums/start", body).expect(422);

    let error = &answer["error"];
    assert_eq!(error["code"], "order.refused");
    assert_eq!(error["details"]["symbol"], "nums");
    assert!(
        error["text"].as_str().unwrap().contains("no url"),
        "{error}"
    );
    assert!(!error["advice"].as_array().unwrap().is_empty());
    assert_eq!(server.get("/instances").expect(200), json!([]));
    server.start_source(json!({}));
    server.end();
}

#[test]
fn all_mistakes_of_a_request_are_reported_at_once() {
    let server = Probe::new().serve(&[]);
    let wrong = |path: &str, body: Value| {
        let (code, text) = server.post(path, body).refused(400);
        assert_eq!(code, "input");
        text
    };

    assert_eq!(
        wrong(
            "/sources/nums/start",
            json!({"confg": {}, "rule": "a/b", "datasource": 3, "to": [1]})
        ),
        "`rule`: expected letters, digits, `_`, `-`, `.` and `$`; `datasource` must be a text, \
         got `3`; `to` must be a list of texts, got a list; unknown field `confg`; did you mean \
         `config`?"
    );
    assert_eq!(
        wrong("/sinks/out/start", json!({"from": ["a", "b"]})),
        "`a` does not run; `b` does not run"
    );
    assert_eq!(
        wrong("/start", json!({"x": 1})),
        "unknown field `x`; there is none"
    );
    assert_eq!(
        wrong("/start", json!([])),
        "the body must be a JSON object, got a list"
    );
    server.end();
}

#[test]
fn rows_are_sent_to_a_sink_and_its_acks_are_the_answer() {
    let server = Probe::new().serve(&[]);
    server.start_sink(json!({"requireAck": true}));
    let failing = json!({"requireAck": true, "config": {"ack": "{\"error\":\"full\"}"}});
    let failing = server.start_sink(failing);
    let plain = server.start_sink(json!({"sendSingle": true}));
    let send = |id: &str, body: Value| {
        let path = format!("/instances/{id}/rows");
        server.post(&path, body).expect(200)
    };

    let done = send(
        &server.sink(),
        json!({"rows": [{"a": 1}, [{"b": 2}, {"b": 3}]]}),
    );
    let failed = send(failing["id"].as_str().unwrap(), json!({"rows": [{"a": 1}]}));
    let sent = send(plain["id"].as_str().unwrap(), json!({"text": "no json"}));

    assert_eq!(
        done,
        json!({"sent": 2, "acks": [{"ok": true}, {"ok": true}]})
    );
    assert_eq!(
        failed,
        json!({"sent": 1, "acks": [{"ok": false, "error": "full"}]})
    );
    assert_eq!(sent, json!({"sent": 1}));
    let sink = server.instance(&server.sink());
    assert_eq!(sink["rows"], 2);
    assert_eq!(sink["acks"], json!({"done": 2, "failed": 0, "pending": 0}));
    let mut log = server.stream("/log");
    for line in [
        r#"out got [{"a":1}]"#,
        r#"out got [{"b":2},{"b":3}]"#,
        r#"out got [{"a":1}]"#,
        "out got no json",
    ] {
        log.wait("line", |data| data["line"] == line);
    }
    server.end();
}

#[test]
fn a_sink_gets_the_rows_of_the_sources_that_it_names() {
    let server = Probe::new().serve(&[]);
    let sink = server.start_sink(json!({"requireAck": true}));
    let body = json!({
        "rule": server.probe.id, "config": {"interval": 1, "limit": 20}, "to": [sink["id"]],
    });
    server.post("/sources/nums/start", body).expect(201);
    let late = server.start_sink(json!({"from": [server.source()]}));

    wait_until("the last ack", || {
        server.instance(&server.sink())["acks"]["done"] == 20
    });

    assert_eq!(server.instance(&server.sink())["rows"], 20);
    let late = server.instance(late["id"].as_str().unwrap());
    assert!(late["rows"].as_u64().unwrap() <= 20);
    server.end();
}

#[test]
fn a_missing_ack_is_a_finding_that_says_how_many_rows_were_sent() {
    let server = Probe::new().serve(&["--answer-timeout", "5s"]);
    server.start_sink(json!({"requireAck": true, "config": {"ack": "never"}}));
    let path = format!("/instances/{}/rows", server.sink());

    let answer = server.post(&path, json!({"rows": [1, 2]})).expect(422);

    assert_eq!(answer["error"]["code"], "ack.missing");
    assert_eq!(answer["error"]["details"]["sent"], 0);
    let sink = server.instance(&server.sink());
    assert_eq!(sink["finding"]["code"], "ack.missing");
    assert_eq!(sink["acks"]["pending"], 1);
    server.end();
}

#[test]
fn an_instance_is_used_for_what_it_is() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({}));
    server.start_sink(json!({}));

    let to_source = format!("/instances/{}/rows", server.source());
    let of_sink = format!("/instances/{}/rows", server.sink());
    let to_source = server.post(&to_source, json!({"rows": []}));
    let of_sink = server.get(&of_sink);

    assert!(
        to_source
            .refused(409)
            .1
            .contains("is a source: it takes no rows")
    );
    assert!(
        of_sink
            .refused(409)
            .1
            .contains("is a sink: it sends no rows")
    );
    server.end();
}

#[test]
fn a_function_is_called_validated_and_may_refuse() {
    let server = Probe::new().serve(&[]);
    let validate = |args: Value| {
        let path = format!("/functions/{}/validate", server.probe.function());
        server.post(&path, json!({ "args": args })).expect(200)
    };

    let called = server.call(json!([{"a": [1, null]}, "b"])).expect(200);
    let error = json!([{"answer": "{\"state\":false,\"result\":\"too big\"}"}]);
    let failed = server.call(error).expect(200);
    let refused = server.call(json!([])).expect(200);

    assert_eq!(called["result"], json!({"a": [1, null]}));
    assert!(called["ms"].as_f64().unwrap() > 0.0);
    assert_eq!(failed["error"], "too big");
    assert_eq!(failed["refused"], Value::Null);
    assert_eq!(refused["error"], "expected an argument");
    assert_eq!(refused["refused"], true);
    assert_eq!(validate(json!([1])), json!({"ok": true}));
    assert_eq!(
        validate(json!([])),
        json!({"ok": false, "error": "expected an argument"})
    );
    let plugin = server.get("").expect(200);
    assert_eq!(plugin["symbols"][2]["aggregate"], false);
    server.end();
}

#[test]
fn an_answer_that_is_wrong_or_missing_is_a_finding() {
    let server = Probe::new().serve(&[]);

    let (wrong, _) = server.call(json!([{"answer": "no json"}])).refused(422);
    let (died, _) = server.call(json!([{"answer": "die"}])).refused(422);

    assert_eq!(wrong, "function.invalid-answer");
    assert_eq!(died, "plugin.exited");
    server.end();
}

#[test]
fn a_plugin_in_use_can_be_killed_and_stopped() {
    let server = Probe::new().serve(&[]);
    server.call(json!([1])).expect(200);
    let file = server.probe.place.path().join("called");

    let answer = std::thread::scope(|scope| {
        let call = json!([{"touch": file, "answer": "silent"}]);
        let call = scope.spawn(|| server.call(call));
        wait_until("the call", || file.exists());
        server.post("/stop", json!({})).expect(200);
        call.join().unwrap()
    });

    assert!(matches!(answer.status, 409 | 422), "{answer:?}");
    assert_eq!(server.get("").expect(200)["state"], "stopped");
    server.end();
}

#[test]
fn a_function_is_started_by_itself_and_only_once() {
    let server = Probe::new().serve(&[]);
    let path = format!("/functions/{}/start", server.probe.function());

    let first = server.post(&path, json!({})).expect(200);
    let second = server.post(&path, json!({})).expect(200);

    assert_eq!(
        first,
        json!({"name": server.probe.function(), "aggregate": false})
    );
    assert_eq!(second, first);
    let mut wire = server.stream("/wire?follow=0");
    let messages = std::iter::from_fn(|| wire.next());
    let starts = messages.filter(|message| message.data["command"] == "start");
    assert_eq!(starts.count(), 1);
    server
        .post("/functions/other/start", json!({}))
        .refused(404);
    server.end();
}
