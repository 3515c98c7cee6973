//! `--trace` and `--json`: messages and events in files.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::common::Plugin;

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the keys of an object in their order.
fn keys(line: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(line).unwrap();
    let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
    keys.sort_by_key(|key| line.find(&format!("\"{key}\":")));
    keys
}

#[test]
fn a_trace_has_the_lines_of_a_recorded_vector() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let file = plugin.place().join("trace");
    let call = format!("{}(1)", plugin.function("echo"));

    let done = plugin.run(&[
        "--count",
        "1",
        "--require-ack",
        "--call",
        &call,
        "--trace",
        file.to_str().unwrap(),
    ]);

    done.assert_status(0);
    let text = fs::read_to_string(&file).unwrap();
    let vector =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/ekuiper-2.4.0-go.jsonl");
    let vector = fs::read_to_string(vector).unwrap().replace("\": ", "\":");
    let known: std::collections::HashSet<_> = vector.lines().map(keys).collect();
    for line in text.lines().filter(|line| !line.contains("\"exit\"")) {
        assert!(known.contains(&keys(line)), "{line}");
    }
    let lines = lines(&file);
    let control = format!("plugin_{}", plugin.id);
    let on_control: Vec<_> = lines
        .iter()
        .filter(|line| line["channel"] == control.as_str())
        .collect();
    assert_eq!(lines[1]["event"], "launch");
    assert_eq!(on_control[0]["event"], "connected");
    assert_eq!(on_control[1]["sp"], "0053500000300000");
    assert_eq!(on_control[2]["sp"], "0053500000310000");
    assert_eq!(on_control[3]["text"], "handshake");
    // An order has the id of the plugin's last message.
    assert_eq!(on_control[4]["id"], on_control[3]["id"]);
    assert_eq!(on_control[5]["text"], "ok");
    let id = |line: &Value| u32::from_str_radix(line["id"].as_str().unwrap(), 16).unwrap();
    assert_eq!(id(on_control[5]), id(on_control[4]) + 1);
    assert_eq!(lines.last().unwrap()["channel"], control.as_str());
    assert_eq!(lines.last().unwrap()["event"], "closed");
}

#[test]
fn the_events_cover_the_whole_run_in_order() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let file = plugin.place().join("events");
    let call = format!("{}(1)", plugin.function("echo"));

    let done = plugin.run(&[
        "--count",
        "1",
        "--require-ack",
        "--call",
        &call,
        "--json",
        file.to_str().unwrap(),
    ]);

    done.assert_status(0);
    let lines = lines(&file);
    let mut names: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    // The plugin's output and connections come at any time.
    names.retain(|name| !["log", "connected", "closed", "caught_up"].contains(name));
    assert_eq!(
        names,
        [
            "launched", "greeted", "order", "answer", "started", "order", "answer", "started",
            "greeted", "request", "reply", "request", "reply", "request", "reply", "called",
            "order", "answer", "started", "row", "sink_row", "ack", "order", "answer", "stopped",
            "order", "answer", "stopped", "exited",
        ]
    );
    let row = lines.iter().find(|line| line["event"] == "row").unwrap();
    assert_eq!(row["source"], "random");
    assert_eq!(row["message"]["number"], 1);
    assert_eq!(row["from"], "plugin");
    assert!(row["t"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_finding_is_an_event_with_its_code_and_symbol() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let file = plugin.place().join("events");
    let config = r#"random={"refuse":"no"}"#;

    let done = plugin.run(&["--config", config, "--json", file.to_str().unwrap()]);

    done.assert_status(1);
    let lines = lines(&file);
    let finding = lines.iter().find(|line| !line["code"].is_null()).unwrap();
    assert_eq!(finding["code"], "order.refused");
    assert_eq!(finding["symbol"], "random");
}

#[test]
fn files_that_cannot_be_written_are_all_reported_before_the_launch() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--count", "1", "--json", "/no/such", "--trace", "/nor/this"]);

    done.assert_status(2)
        .assert_says("error: --json /no/such: No such file or directory")
        .assert_says("error: --trace /nor/this: No such file or directory");
    assert!(done.log().is_empty(), "{done}");
}

#[test]
fn a_full_disk_gives_status_3_and_the_file_is_named() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--count", "1", "--json", "/dev/full"]);

    done.assert_status(3)
        .assert_says("error: --json /dev/full: cannot be written: No space left on device");
}
