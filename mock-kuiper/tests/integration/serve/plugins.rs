//! The server, its plugins and their processes.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::common::Probe;
use super::http::request;
use crate::support::processes::{Live, assert_clean, kill, wait_until};

#[test]
fn the_server_prints_where_it_is_and_describes_itself() {
    let server = Probe::new().serve(&[]);
    let (port, id) = (server.port, server.probe.id.clone());

    let api = request(port, "GET", "/api", &[], "").expect(200);

    let url = format!("http://127.0.0.1:{port}");
    let pid = server.live.pid();
    assert_eq!(
        server.line,
        json!({"url": url, "port": port, "pid": pid, "token": null})
    );
    assert_eq!(api["plugins"], json!([id]));
    assert_eq!(api["version"], env!("CARGO_PKG_VERSION"));
    let releases: Vec<_> = api["releases"].as_array().unwrap().iter().collect();
    assert!(releases.iter().any(|release| release["name"] == "1.13"));
    let done = server.end();
    assert_eq!(done.stdout.lines().count(), 1);
}

#[test]
fn the_page_may_load_nothing_from_elsewhere() {
    let server = Probe::new().serve(&[]);

    let page = request(server.port, "GET", "/", &[], "");

    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self'"), "{policy}");
    assert!(page.text.contains("mock-kuiper"));
    request(server.port, "GET", "/page/nothing.js", &[], "").refused(404);
    server.end();
}

#[test]
fn a_plugin_is_described_with_the_jsons_of_its_symbols() {
    let probe = Probe::new();
    let file = probe.directory().join("sources/nums.json");
    fs::write(file, r#"{"about":{"trial":true}}"#).unwrap();
    let server = probe.serve(&[]);

    let plugin = server.get("").expect(200);
    let all = request(server.port, "GET", "/api/plugins", &[], "").expect(200);

    assert_eq!(all[0]["name"], plugin["name"]);
    assert_eq!(plugin["language"], "go");
    assert_eq!(plugin["release"], "2.4");
    assert_eq!(plugin["finding"], Value::Null);
    let symbols = plugin["symbols"].as_array().unwrap();
    let names = symbols
        .iter()
        .map(|s| (s["kind"].clone(), s["name"].clone()));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            (json!("source"), json!("nums")),
            (json!("sink"), json!("out")),
            (json!("function"), json!(server.probe.function())),
        ]
    );
    assert_eq!(symbols[0]["metadata"], json!({"about": {"trial": true}}));
    assert_eq!(symbols[1]["metadata"], Value::Null);
    server.end();
}

#[test]
fn ekuiper_s_own_paths_are_answered_as_ekuiper_answers() {
    let server = Probe::new().serve(&[]);
    let id = server.probe.id.clone();
    let get = |path: &str| request(server.port, "GET", path, &[], "");
    let status = || get(&format!("/plugins/portables/{id}/status")).expect(200);
    server.start_source(json!({}));
    server.start_sink(json!({}));

    let list = get("/plugins/portables").expect(200);
    let running = status();
    server.post("/kill", json!({})).expect(200);
    let killed = status();

    let executable = server.probe.directory().join(&id);
    assert_eq!(
        list,
        json!([{
            "name": id, "version": "1.0.0", "language": "go", "executable": executable,
            "sources": ["nums"], "sinks": ["out"], "functions": [server.probe.function()],
        }])
    );
    let count = json!({ &*id: 2 });
    assert_eq!(
        running,
        json!({"refCount": count, "status": "running", "errMsg": ""})
    );
    assert_eq!(
        killed,
        json!({"refCount": count, "status": "error", "errMsg": "signal: killed"})
    );
    assert_eq!(
        get("/plugins/portables/x/status").expect(404),
        json!({"error": 1002, "message": "portable plugin x not found: not found"})
    );
    server.end();
}

#[test]
fn a_list_that_the_json_does_not_have_is_null_as_in_ekuiper() {
    let probe = Probe::new();
    let function = probe.function();
    probe.declare(json!({"sinks": null, "functions": [function]}));
    let server = probe.serve(&[]);

    let list = request(server.port, "GET", "/plugins/portables", &[], "").expect(200);

    assert_eq!(list[0]["sources"], Value::Null);
    assert_eq!(list[0]["sinks"], Value::Null);
    assert_eq!(list[0]["functions"], json!([server.probe.function()]));
    server.end();
}

#[test]
fn a_list_of_no_names_is_empty_as_in_ekuiper() {
    let probe = Probe::new();
    probe.declare(json!({"sources": [], "sinks": ["out"]}));
    let server = probe.serve(&[]);

    let list = request(server.port, "GET", "/plugins/portables", &[], "").expect(200);

    assert_eq!(list[0]["sources"], json!([]));
    assert_eq!(list[0]["sinks"], json!(["out"]));
    server.end();
}

#[test]
fn a_crash_is_the_answer_to_every_request_until_the_next_start() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 5}));
    server.start_sink(json!({}));
    let plugin = server.call(json!([1])).expect(200);
    assert_eq!(plugin["result"], 1);
    let pid = server.get("").expect(200)["pid"].as_u64().unwrap();

    kill(pid.try_into().unwrap(), Signal::KILL);
    let plugin = server.wait_state("exited");

    assert_eq!(plugin["finding"]["code"], "plugin.exited");
    assert_eq!(plugin["pid"], Value::Null);
    let (code, text) = server.call(json!([1])).refused(422);
    assert_eq!(code, "plugin.exited");
    assert!(text.contains("SIGKILL"), "{text}");
    let rows = format!("/instances/{}/rows", server.sink());
    assert_eq!(
        server.post(&rows, json!({"rows": [1]})).refused(422).0,
        code
    );
    let source = server.instance(&server.source());
    assert_eq!(source["state"], "ended");
    assert_eq!(source["finding"]["code"], "plugin.exited");
    let started = server.start_source(json!({"interval": 5}));
    assert_eq!(started["state"], "running");
    let plugin = server.get("").expect(200);
    assert_eq!(plugin["state"], "running");
    assert_eq!(plugin["instances"].as_array().unwrap().len(), 1);
    assert_eq!(server.call(json!([2])).expect(200)["result"], 2);
    server.end();
}

#[test]
fn a_plugin_that_exits_at_its_launch_is_explained_and_can_be_started_again() {
    let server = Probe::new().serve_soon(&["--env", "PROBE=exit=3"]);

    let plugin = server.wait_state("exited");
    let said = format!("error: `{}` does not run\n", server.probe.id);
    server.live.wait_for_stderr(&said);
    server
        .live
        .wait_for_stderr("\n  the plugin exited before its greeting: exit status 3\n  help: ");
    let (code, text) = server.post("/start", json!({})).refused(422);

    assert_eq!(plugin["finding"]["code"], "plugin.exited-early");
    assert_eq!(plugin["finding"]["details"]["status"], "exit status 3");
    assert_eq!(code, "plugin.exited-early");
    assert!(text.contains("exit status 3"), "{text}");
    server.end();
}

#[test]
fn a_stopped_plugin_is_started_by_the_next_start() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({}));
    server.call(json!([1])).expect(200);

    let stopped = server.post("/stop", json!({})).expect(200);

    assert_eq!(stopped["state"], "stopped");
    assert_eq!(stopped["pid"], Value::Null);
    assert_eq!(stopped["instances"], json!([]));
    let (code, text) = server.call(json!([1])).refused(409);
    assert_eq!(code, "conflict");
    assert!(text.contains("does not run"), "{text}");
    server.post("/kill", json!({})).refused(409);
    server.post("/reload", json!({})).refused(409);
    assert_eq!(
        server.post("/start", json!({})).expect(200)["state"],
        "running"
    );
    server.post("/stop", json!({})).expect(200);
    server.start_source(json!({}));
    server.call(json!([1])).expect(200);
    server.end();
}

#[test]
fn a_reload_replaces_the_process_and_what_runs_goes_on() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 5}));
    server.start_sink(json!({"requireAck": true, "from": [server.source()]}));
    server.call(json!([1])).expect(200);
    let before = server.get("").expect(200)["pid"].clone();

    let reloaded = server.post("/reload", json!({})).expect(200);

    assert_eq!(reloaded["state"], "running");
    assert_ne!(reloaded["pid"], before);
    for id in [server.source(), server.sink()] {
        let seen = server.instance(&id)["rows"].as_u64().unwrap();
        wait_until("a row of the new process", || {
            server.instance(&id)["rows"].as_u64().unwrap() > seen + 10
        });
    }
    assert_eq!(server.call(json!([2])).expect(200)["result"], 2);
    server.end();
}

#[test]
fn another_release_launches_the_plugin_again() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({}));
    let put = |body: Value| {
        let path = server.path("/release");
        request(server.port, "PUT", &path, &[], &body.to_string())
    };

    let plugin = put(json!({"release": "1.13"})).expect(200);

    assert_eq!(plugin["release"], "1.13");
    assert_eq!(plugin["state"], "running");
    assert_eq!(plugin["instances"], json!([]));
    let source = server.start_source(json!({"a": 1}));
    let config = json!({"a": 1, "delimiter": "", "format": "json", "key": ""});
    assert_eq!(source["config"], config);
    let (code, text) = put(json!({"release": "3.0"})).refused(400);
    assert_eq!(code, "input");
    assert!(text.contains("unknown eKuiper release `3.0`"), "{text}");
    let (_, text) = put(json!({"relase": "1.13"})).refused(400);
    assert_eq!(
        text,
        "`release` is missing: set it, for example to \"1.13\"; unknown field `relase`; did you \
         mean `release`?"
    );
    server.end();
}

#[test]
fn faults_are_listed_and_played_on_what_runs() {
    let server = Probe::new().serve(&[]);
    server.start_source(json!({"interval": 5}));
    server.start_sink(json!({"requireAck": true}));
    server.call(json!([1])).expect(200);
    let play = |fault: &str| server.post("/faults", json!({ "fault": fault }));

    let list = server.get("/faults").expect(200);

    let listed = list.as_array().unwrap().iter();
    let kill = listed
        .clone()
        .find(|fault| fault["name"] == "kill")
        .unwrap();
    assert_eq!(kill["value"], json!({"kind": "time", "default": "200ms"}));
    for fault in ["start-again", "kill=1ms", "restart=10ms", "slow=1ms"] {
        assert_eq!(
            play(fault).expect(200),
            json!({"outcome": "survived"}),
            "{fault}"
        );
    }
    let rows = server.instance(&server.source())["rows"].as_u64().unwrap();
    wait_until("a row after the faults", || {
        server.instance(&server.source())["rows"].as_u64().unwrap() > rows
    });
    let (_, text) = play("kil").refused(400);
    assert!(text.starts_with("`fault`: unknown fault `kil`"), "{text}");
    server.end();
}

#[test]
fn a_fault_that_is_not_survived_is_a_finding_and_everything_starts_anew() {
    let server = Probe::new().serve(&["--env", "PROBE=doubles"]);
    server.start_source(json!({"interval": 5}));

    let (code, _) = server
        .post("/faults", json!({"fault": "start-again"}))
        .refused(422);

    assert_eq!(code, "source.started-twice");
    assert_eq!(server.get("").expect(200)["state"], "running");
    let rows = server.instance(&server.source())["rows"].as_u64().unwrap();
    wait_until("a row of the new process", || {
        server.instance(&server.source())["rows"].as_u64().unwrap() > rows
    });
    server.end();
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let server = Probe::new().serve(&[]);
    let id = server.probe.id.clone();
    let text = |answer: super::http::Answer| {
        let (code, text) = answer.refused(404);
        assert_eq!(code, "not-found");
        text
    };

    let plugin = text(request(server.port, "GET", "/api/plugins/x", &[], ""));
    let source = text(server.post("/sources/x/start", json!({})));
    let sink = text(server.post("/sinks/x/start", json!({})));
    let function = text(server.post("/functions/x/call", json!({})));
    let instance = text(server.get("/instances/x"));
    let path = text(request(server.port, "GET", "/x", &[], ""));

    assert_eq!(plugin, format!("there is no plugin `x`; there is `{id}`"));
    assert_eq!(
        source,
        format!("plugin `{id}` has no source `x`; it has `nums`")
    );
    assert_eq!(sink, format!("plugin `{id}` has no sink `x`; it has `out`"));
    let known = server.probe.function();
    assert_eq!(
        function,
        format!("plugin `{id}` has no function `x`; it has `{known}`")
    );
    assert_eq!(
        instance,
        format!("plugin `{id}` has no instance `x`; nothing runs")
    );
    assert_eq!(path, "there is nothing at /x");
    server.end();
}

#[test]
fn what_was_done_becomes_a_case_that_passes() {
    let server = Probe::new().serve(&[]);
    server.post("/case", json!({})).refused(409);
    server.start_source(json!({"interval": 5}));
    server.start_sink(json!({"requireAck": true}));
    let rows = format!("/instances/{}/rows", server.sink());
    server.post(&rows, json!({"rows": [{"a": 1}]})).expect(200);
    let failing = json!({"requireAck": true, "config": {"ack": "{\"error\":\"full\"}"}});
    let failing = server.start_sink(failing);
    let rows = format!("/instances/{}/rows", failing["id"].as_str().unwrap());
    server.post(&rows, json!({"rows": [{"a": 2}]})).expect(200);
    let fed = json!({"requireAck": true, "from": [server.source()]});
    let fed = server.start_sink(fed)["id"].as_str().unwrap().to_owned();
    wait_until("rows of the source", || {
        server.instance(&fed)["acks"]["done"].as_u64().unwrap() > 10
    });
    server.call(json!([1, "a"])).expect(200);
    wait_until("ten rows", || {
        server.instance(&server.source())["rows"].as_u64().unwrap() >= 10
    });
    server
        .post("/faults", json!({"fault": "kill=1ms"}))
        .expect(200);

    let case = server.post("/case", json!({"name": "by hand"})).expect(200);

    let file = case["file"].as_str().unwrap();
    assert_eq!(file, format!("{}.test.yaml", server.probe.id));
    let yaml = case["yaml"].as_str().unwrap();
    assert!(yaml.contains("- name: by hand"), "{yaml}");
    assert!(yaml.contains("acks: [{error: full}]}"), "{yaml}");
    let rule = yaml.split("  - rule:\n").nth(1).expect("a rule");
    for part in [
        "source: nums",
        "{sink: out, requireAck: true}",
        "rows: 10\n",
    ] {
        assert!(rule.contains(part), "{yaml}");
    }
    // The plugin is named from where the server runs.
    let plugin = yaml.lines().next().unwrap();
    let directory = server.probe.directory();
    let whole = yaml.replacen(plugin, &format!("plugin: {}", directory.display()), 1);
    let path = server.probe.place.path().join(file);
    fs::write(&path, whole).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    command.arg("test").arg(&path);
    // Cases use a /tmp of their own, so that both can run.
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{yaml}\n{text}{error}");
    server.end();
}

#[test]
fn two_plugins_are_served_and_one_name_is_served_once() {
    let other = Probe::new();
    let path = other.directory();
    let path = path.to_str().unwrap();
    let server = Probe::new().serve(&[path]);

    let api = request(server.port, "GET", "/api", &[], "").expect(200);

    assert_eq!(api["plugins"], json!([server.probe.id, other.id]));
    server.end();
    assert_clean(&other.id);
    let done = Live::spawn(other.command(&[path, "--port", "0"]), &other.id);
    let done = done.finish();
    assert_eq!(done.status, 2, "{done}");
    done.assert_says(&format!("another plugin is called `{}`", other.id));
}
