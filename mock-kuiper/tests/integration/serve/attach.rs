//! `mock-kuiper serve --attach`: a plugin that somebody starts by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::common::{Probe, Server};
use super::http::request;
use crate::support::processes::{Live, MARK, assert_clean, kill, processes, suspend, wait_until};

/// Starts the plugin as the server says.
fn start(server: &Server) -> Child {
    let attach = server.get("").expect(200)["attach"].clone();
    let line = format!("exec {}", attach["command"].as_str().unwrap());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]).env(MARK, &server.probe.id);
    if let Some(directory) = attach["directory"].as_str() {
        command.current_dir(directory);
    }
    for (name, value) in attach["env"].as_object().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    // What it prints is not part of the tests' output.
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    silent.spawn().unwrap()
}

/// Starts a server, and the plugin that it waits for.
fn attached() -> (Server, Child) {
    let server = Probe::new().serve_soon(&["--attach"]);
    server.wait_state("waiting");
    let plugin = start(&server);
    server.wait_state("running");
    (server, plugin)
}

fn end(mut plugin: Child) {
    kill(plugin.id(), Signal::KILL);
    plugin.wait().unwrap();
}

/// Ends the server, which lets the plugin run, and then the plugin.
fn end_both(server: Server, plugin: Child) {
    let id = server.probe.id.clone();
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().status, 0);
    end(plugin);
    assert_clean(&id);
}

#[test]
fn the_server_waits_for_a_plugin_that_is_started_by_hand() {
    let server = Probe::new().serve_soon(&["--attach", "--env", "A=b c"]);
    let waiting = server.wait_state("waiting");

    let executable = server.probe.directory().join(&server.probe.id);
    let attach = &waiting["attach"];
    let line = attach["command"].as_str().unwrap();
    assert!(line.starts_with(executable.to_str().unwrap()), "{line}");
    assert_eq!(attach["env"], json!({"A": "b c"}));
    assert_eq!(waiting["pid"], Value::Null);
    let body = json!({"rule": server.probe.id, "config": {"interval": 5}});
    let (code, text) = server.post("/sources/nums/start", body).refused(409);
    assert_eq!(code, "conflict");
    assert!(text.contains("the server waits for it"), "{text}");
    server.call(json!([1])).refused(409);
    server.live.wait_for_stderr("start the plugin now");

    let plugin = start(&server);
    let running = server.wait_state("running");
    assert_eq!(running["pid"], plugin.id());
    server.start_source(json!({"interval": 5}));
    assert_eq!(server.call(json!([1])).expect(200)["result"], 1);

    end(plugin);
    server.wait_state("waiting");
    let again = start(&server);
    server.wait_state("running");
    let rows = || server.instance(&server.source())["rows"].as_u64().unwrap();
    let before = rows();
    wait_until("rows of the new process", || rows() > before + 5);
    assert_eq!(server.call(json!([2])).expect(200)["result"], 2);

    let pid = again.id();
    let id = server.probe.id.clone();
    server.live.signal(Signal::TERM);
    let done = server.live.end();
    assert_eq!(done.status, 0, "{done}");
    // It goes on without a host.
    assert!(processes(&id).contains(&pid));
    end(again);
    assert_clean(&id);
}

#[test]
fn what_would_launch_the_plugin_is_refused() {
    let (server, plugin) = attached();
    let id = &server.probe.id;
    let refused = |answer: super::http::Answer, what: &str| {
        let (code, text) = answer.refused(409);
        let expected = format!("you start plugin `{id}` yourself: the server cannot {what}");
        assert_eq!((&*code, text), ("conflict", expected));
    };

    refused(server.post("/kill", json!({})), "kill it");
    refused(server.post("/reload", json!({})), "replace it");
    let path = server.path("/release");
    let body = json!({"release": "1.13"}).to_string();
    let release = request(server.port, "PUT", &path, &[], &body);
    let (code, text) = release.refused(409);
    assert_eq!(code, "conflict");
    assert_eq!(
        text,
        format!(
            "you start plugin `{id}` yourself, and your process is driven as eKuiper 2.4: another \
             release needs a process of its own"
        )
    );
    refused(
        server.post("/faults", json!({"fault": "kill=2s"})),
        "play the fault `kill=2s`, which launches it again",
    );

    server.call(json!([1])).expect(200);
    let fault = server.post("/faults", json!({"fault": "requests"}));
    assert_eq!(fault.expect(200), json!({"outcome": "survived"}));
    end_both(server, plugin);
}

#[test]
fn a_stop_does_not_wait_for_a_sink_that_stands_still() {
    let (server, plugin) = attached();
    server.start_sink(json!({"requireAck": true, "config": {"ack": "never"}}));
    let body = json!({"rule": server.probe.id, "config": {}, "to": [server.sink()]});
    server.post("/sources/nums/start", body).expect(201);
    wait_until("a row", || server.instance(&server.sink())["rows"] == 1);

    let stopped = server.post("/stop", json!({})).expect(200);

    assert_eq!(stopped["state"], "stopped");
    let id = server.probe.id.clone();
    server.live.signal(Signal::TERM);
    assert_eq!(server.live.end().status, 0);
    // It was stopped, although the wait for its ack was interrupted.
    let file = format!("/tmp/{id}_out_0_0.ipc");
    assert!(!std::fs::exists(file).unwrap());
    end(plugin);
    assert_clean(&id);
}

#[test]
fn one_sink_that_stands_still_is_stopped() {
    let (server, plugin) = attached();
    server.start_sink(json!({"requireAck": true, "config": {"ack": "never"}}));
    let body = json!({"rule": server.probe.id, "config": {"interval": 5}, "to": [server.sink()]});
    server.post("/sources/nums/start", body).expect(201);
    wait_until("a row", || server.instance(&server.sink())["rows"] == 1);

    let path = format!("/instances/{}/stop", server.sink());
    let stopped = server.post(&path, json!({})).expect(200);

    assert_eq!(stopped["state"], "ended");
    // The source goes on.
    let rows = || server.instance(&server.source())["rows"].as_u64().unwrap();
    let before = rows();
    wait_until("rows", || rows() > before + 5);
    end_both(server, plugin);
}

#[test]
fn calls_whose_clients_are_gone_leave_room_for_others() {
    const MOST: usize = 64;
    /// How long a call waits for a place.
    const PATIENCE: Duration = Duration::from_secs(5);
    let (server, plugin) = attached();
    // As a debugger holds it.
    suspend(plugin.id());
    let path = server.path(&format!("/functions/{}/call", server.probe.function()));

    let call = || {
        let mut client = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        let host = format!("Host: 127.0.0.1:{}\r\nConnection: close\r\n", server.port);
        let body = "Content-Length: 2\r\n\r\n{}";
        write!(client, "POST {path} HTTP/1.1\r\n{host}{body}").unwrap();
        client
    };

    for _ in 0..2 * MOST {
        drop(call());
    }
    // The server may not have read all of them: the next call may find room, too, and
    // one that does not is refused after a while.
    let refused = (0..5).find_map(|_| {
        let mut client = call();
        client.set_read_timeout(Some(2 * PATIENCE)).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).ok().map(|_| answer)
    });

    let refused = refused.unwrap();
    let (head, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 409 "), "{head}");
    let error = &serde_json::from_str::<Value>(body).unwrap()["error"];
    assert_eq!(error["code"], "conflict");
    assert_eq!(error["text"], "the plugin is busy with other requests");
    assert_eq!(server.get("").expect(200)["state"], "running");
    let stopped = server.post("/stop", json!({})).expect(200);
    assert_eq!(stopped["state"], "stopped");
    end_both(server, plugin);
}

#[test]
fn a_second_server_is_refused_with_the_process_of_the_first() {
    let first = Probe::new().serve_soon(&["--attach"]);
    first.wait_state("waiting");
    let args = ["--attach", "--host", "1.13", "--port", "0"];
    let live = Live::spawn(first.probe.command(&args), &first.probe.id);
    live.wait_for_stdout("\n");
    let line: Value = serde_json::from_str(live.stdout().trim()).unwrap();
    let port = line["port"].as_u64().unwrap().try_into().unwrap();

    let start = request(port, "POST", &first.path("/start"), &[], "{}");

    let (code, text) = start.refused(409);
    assert_eq!(code, "conflict");
    let owner = format!("is in use by process {}", first.live.pid());
    assert!(text.contains(&owner), "{text}");
    live.wait_for_stderr("error: ");
    live.wait_for_stderr(&owner);
    live.signal(Signal::TERM);
    assert_eq!(live.end().status, 0);
    first.end();
}

#[test]
fn a_tmp_of_its_own_is_for_a_plugin_that_is_launched() {
    let probe = Probe::new();
    let args = ["--attach", "--isolate", "--port", "0"];

    let done = Live::spawn(probe.command(&args), &probe.id).finish();

    assert_eq!(done.status, 2, "{done}");
    done.assert_says("--isolate cannot be used with --attach");
}

#[test]
fn a_plugin_that_a_debugger_holds_does_not_hold_up_the_end() {
    let (server, plugin) = attached();
    let id = server.probe.id.clone();
    server.start_source(json!({"interval": 5}));
    suspend(plugin.id());
    let mut wire = server.stream("/wire");

    server.live.signal(Signal::TERM);
    let messages: Vec<_> = std::iter::from_fn(|| wire.next()).collect();
    let done = server.live.end();

    assert_eq!(done.status, 0, "{done}");
    // It is not asked to stop its source, an answer to which would take 5 s to not come.
    let orders = messages
        .iter()
        .filter(|event| event.data["event"] == "order");
    let orders: Vec<_> = orders.map(|event| &event.data["command"]).collect();
    assert_eq!(orders, ["start"]);
    end(plugin);
    assert_clean(&id);
}
