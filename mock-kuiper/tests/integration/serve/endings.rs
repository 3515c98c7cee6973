//! How a server begins and ends.

use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::json;

use super::common::Probe;
use crate::support::processes::{
    Live, assert_clean, files, processes, wait_until, without_isolation,
};

#[test]
fn a_port_in_use_is_named_with_its_owner() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let probe = Probe::new();

    let done = Live::spawn(probe.command(&["--port", &port]), &probe.id).finish();

    assert_eq!(done.status, 3, "{done}");
    assert_eq!(done.stdout, "");
    let owner = std::process::id();
    done.assert_says(&format!(
        "error: port {port} is in use by process {owner} ("
    ));
    done.assert_says("help: choose another with --port");
}

#[test]
fn every_signal_ends_everything() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let server = Probe::new().serve(&[]);
        server.start_source(json!({"interval": 1}));
        server.start_sink(json!({"requireAck": true, "from": [server.source()]}));
        server.call(json!([1])).expect(200);
        let mut streams = ["/events", "/wire", "/log"].map(|path| server.stream(path));

        server.live.signal(signal);
        for stream in &mut streams {
            while stream.next().is_some() {}
        }
        let id = server.probe.id.clone();
        let done = server.live.finish();

        assert_eq!(done.status, 0, "{done}");
        assert_clean(&id);
    }
}

#[test]
fn the_end_of_stdin_ends_everything_if_it_is_asked_for() {
    let probe = Probe::new();
    let command = probe.command(&["--port", "0", "--end-with-stdin"]);
    let (live, stdin) = Live::spawn_with_stdin(command, &probe.id);
    let server = probe.serve_as(live);
    server.wait_state("running");
    server.start_source(json!({"interval": 1}));

    drop(stdin);
    let id = server.probe.id.clone();
    let done = server.live.finish();

    assert_eq!(done.status, 0, "{done}");
    assert_clean(&id);
}

#[test]
fn the_plugin_s_symbols_are_stopped_before_its_end() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 1}));
    let mut wire = server.stream("/wire");

    server.live.signal(Signal::TERM);

    wire.wait("message", |data| data["event"] == "stopped");
    wire.wait("message", |data| data["event"] == "exited");
    while wire.next().is_some() {}
    let done = server.live.finish();
    assert_eq!(done.status, 0, "{done}");
}

#[test]
fn a_signal_ends_a_launch_a_call_and_a_fault() {
    let silent = Probe::new().serve_soon(&["--env", "PROBE=silent"]);
    silent.wait_state("starting");
    silent.end();

    let calling = Probe::new().serve(&[]);
    let file = calling.probe.place.path().join("called");
    let path = calling.path(&format!("/functions/{}/call", calling.probe.function()));
    let port = calling.port;
    let body = json!({"args": [{"touch": file, "answer": "silent"}]}).to_string();
    let asked = std::thread::spawn(move || super::http::request(port, "POST", &path, &[], &body));
    wait_until("the call", || file.exists());
    calling.end();
    let answer = asked.join().unwrap();
    assert!(matches!(answer.status, 409 | 422), "{answer:?}");

    let disturbed = Probe::new().serve(&[]);
    let mut wire = disturbed.stream("/wire");
    let (port, path) = (disturbed.port, disturbed.path("/faults"));
    let body = json!({"fault": "idle=1h"}).to_string();
    let asked = std::thread::spawn(move || super::http::request(port, "POST", &path, &[], &body));
    wire.wait("message", |data| data["event"] == "fault");
    let (_, text) = disturbed
        .post("/faults", json!({"fault": "stale"}))
        .refused(409);
    assert_eq!(text, "the plugin is busy: the fault `idle=1h` is played");
    disturbed.end();
    let answer = asked.join().unwrap();
    assert!(matches!(answer.status, 409 | 422), "{answer:?}");
}

#[test]
fn a_signal_to_a_server_that_waits_for_its_turn_ends_it_without_a_word_of_its_plugin() {
    if let Some(refused) = mock_kuiper::engine::isolate::refused() {
        println!("skipped: {refused}");
        return;
    }
    let serve = |probe: Probe| {
        let command = probe.command(&["--port", "0", "--isolate=auto"]);
        let live = Live::spawn(without_isolation(&command), &probe.id);
        probe.serve_as(live)
    };
    let first = serve(Probe::new());
    first.wait_state("running");
    let second = serve(Probe::new());
    second.wait_state("starting");

    let done = second.end();

    assert_eq!(done.stderr, "");
    assert_eq!(first.end().stderr, "");
}

#[test]
fn a_source_that_waits_for_a_sink_holds_up_nobody_else() {
    let server = Probe::new().serve(&["--answer-timeout", "1h"]);
    server.start_sink(json!({"requireAck": true, "config": {"ack": "never"}}));
    let body = json!({"rule": server.probe.id, "config": {}, "to": [server.sink()]});
    server.post("/sources/nums/start", body).expect(201);
    wait_until("a row", || server.instance(&server.sink())["rows"] == 1);
    let rows = format!("/instances/{}/rows", server.sink());
    let (port, path) = (server.port, server.path(&rows));
    let body = json!({"rows": [{"a": 1}]}).to_string();
    let sent = std::thread::spawn(move || super::http::request(port, "POST", &path, &[], &body));

    let stop = format!("/instances/{}/stop", server.sink());
    let stopped = server.post(&stop, json!({})).expect(200);

    assert_eq!(stopped["state"], "ended");
    // Whoever waited for it, too, learns why it waits no longer.
    let answer = sent.join().unwrap();
    assert!(matches!(answer.status, 404 | 409), "{answer:?}");
    server.end();
}

#[test]
fn a_server_that_is_killed_takes_the_plugin_with_it() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({}));

    server.live.signal(Signal::KILL);
    let probe = server.probe;
    let _ = server.live.end();

    // The socket files stay, as those of any process that is killed.
    wait_until("the end of the plugin", || processes(&probe.id).is_empty());
    for file in files(&probe.id) {
        std::fs::remove_file(std::path::Path::new("/tmp").join(file)).unwrap();
    }
}
