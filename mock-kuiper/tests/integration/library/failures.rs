//! What a failing test prints.

use std::process::Command;
use std::time::Duration;

use mock_kuiper::HostError;
use mock_kuiper::serde_json::json;

use super::common::{builder, plugin};

/// Fails on purpose. The test below runs it.
#[test]
#[ignore = "it fails on purpose, for the test below"]
fn an_order_is_not_answered() -> Result<(), HostError> {
    let place = plugin(&[]);
    let host = builder(&place)
        .env("PROBE", "mute=start")
        .answer_timeout(Duration::from_secs(5))
        .launch()?;
    host.source("random").config(json!({})).start()?;
    Ok(())
}

#[test]
fn a_failing_test_prints_the_finding_then_the_advice_then_the_messages_and_the_log() {
    let this = std::env::current_exe().unwrap();

    let ran = Command::new(this)
        .args(["--exact", "library::failures::an_order_is_not_answered"])
        .arg("--ignored")
        .output()
        .unwrap();

    assert!(!ran.status.success());
    let text = String::from_utf8_lossy(&ran.stdout);
    let parts = [
        "mock-kuiper: source `random` did not answer its start within 5s: its connection is open, and it is idle\n",
        "  help: answer each order at once, and do the work in a thread\n",
        "  help: allow more time with `Builder::answer_timeout`\n",
        "messages between host and plugin:\n",
        " plugin_probe from plugin: handshake\n",
        " plugin_probe from host: {\"cmd\":\"start\",",
        "output of the plugin:\n  ",
        "Error: source `random` did not answer its start within 5s: its connection is open, and it is idle\n",
    ];
    let mut rest = &*text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("{part:?} is missing, or not in this place:\n{text}");
        };
        rest = after;
    }
}
