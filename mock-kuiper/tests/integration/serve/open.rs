//! `mock-kuiper run --open`.

use std::fs;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use super::common::Probe;
use super::http::request;
use crate::support::processes::{Live, MARK, wait_until, write_script};

/// Makes the command `mock-kuiper run --open`. What it opens is written to a file.
fn command(probe: &Probe, args: &[&str]) -> Command {
    let opened = probe.place.path().join("opened");
    let browser = probe.place.path().join("browser");
    let script = format!("echo \"$1\" > {}", opened.display());
    write_script(&browser, &script);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    command.arg("run").arg(probe.directory()).arg("--open");
    command.args(["--rule", &probe.id]).args(args);
    command.env(MARK, &probe.id).env("BROWSER", browser);
    if let Ok(transport) = std::env::var("MOCK_KUIPER_TEST_TRANSPORT") {
        command.args(["--transport", &transport]);
    }
    command
}

/// Waits for the address that was opened, and returns its port.
fn port(probe: &Probe) -> u16 {
    let opened = probe.place.path().join("opened");
    let read = || fs::read_to_string(&opened).unwrap_or_default();
    wait_until("a browser", || read().ends_with('\n'));
    let url = read();
    let port = url.trim().strip_prefix("http://127.0.0.1:").unwrap();
    port.parse().unwrap()
}

#[test]
fn what_a_run_starts_is_on_the_page() {
    let probe = Probe::new();
    let function = probe.function();
    let config = "nums={\"interval\":5}";
    let call = format!("{function}(1)");
    let args = ["--config", config, "--require-ack", "--call", &call];
    let live = Live::spawn(command(&probe, &args), &probe.id);
    let port = port(&probe);
    let plugin = || {
        let path = format!("/api/plugins/{}", probe.id);
        request(port, "GET", &path, &[], "").expect(200)
    };

    wait_until("an ack of a row", || {
        plugin()["instances"][1]["acks"]["done"].as_u64() > Some(0)
    });

    let described = plugin();
    let instances = &described["instances"];
    assert_eq!(instances[0]["id"], format!("{}_nums_0", probe.id));
    assert_eq!(instances[0]["config"]["interval"], 5);
    assert_eq!(instances[1]["id"], format!("{}_out_0_0", probe.id));
    assert_eq!(instances[1]["requireAck"], true);
    assert_eq!(described["symbols"][2]["aggregate"], false);
    live.wait_for_stderr(&format!("note: the page is at http://127.0.0.1:{port}"));
    live.signal(Signal::INT);
    let done = live.finish();
    assert_eq!((done.status, &*done.stdout), (0, ""), "{done}");
}

#[test]
fn rows_of_the_command_line_go_to_the_sinks() {
    let probe = Probe::new();
    let args = ["--sink", "out", "--send", "{\"a\":1}", "--send", "[1,2]"];
    let live = Live::spawn(command(&probe, &args), &probe.id);
    let port = port(&probe);
    let path = format!("/api/plugins/{}/instances", probe.id);
    let instances = || request(port, "GET", &path, &[], "").expect(200);

    wait_until("two rows", || instances()[0]["rows"] == 2);

    assert_eq!(instances().as_array().unwrap().len(), 1);
    live.signal(Signal::TERM);
    assert_eq!(live.finish().status, 0);
}

#[test]
fn what_cannot_be_started_is_told_and_the_page_is_there_all_the_same() {
    let probe = Probe::new();
    let args = [
        "--source",
        "nums",
        "--config",
        "nums={\"refuse\":\"no url\"}",
    ];
    let mut command = command(&probe, &args);
    command.env("BROWSER", "/nonexistent/browser");
    let live = Live::spawn(command, &probe.id);

    live.wait_for_stderr("error: source `nums` refused to start: no url");
    live.wait_for_stderr("note: `/nonexistent/browser` does not open the page: ");

    let stderr = live.stderr();
    let (_, rest) = stderr.split_once("http://127.0.0.1:").unwrap();
    let port = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    let path = format!("/api/plugins/{}/instances", probe.id);
    let instances = request(port.parse().unwrap(), "GET", &path, &[], "").expect(200);
    assert_eq!(instances, json!([]));
    live.signal(Signal::INT);
    assert_eq!(live.finish().status, 0);
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let probe = Probe::new();

    let done = Live::spawn(command(&probe, &["--count", "3"]), &probe.id).finish();

    assert_eq!(done.status, 2, "{done}");
    done.assert_says("the argument '--open' cannot be used with '--count <ROWS>'");
}
