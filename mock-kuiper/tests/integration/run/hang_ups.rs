//! Sources and sinks that close their channels, and messages without an end.

use std::fs;
use std::time::Duration;

use super::common::{Done, Plugin, on_nng};

/// Longer than any of these runs takes on a busy machine, and shorter than a
/// single wait that should not be there.
const SOON: Duration = Duration::from_secs(30);

/// Fails if none of some runs ends without an error and with enough rows. A plugin that a
/// busy machine pauses for a second is rightly reported.
#[track_caller]
fn assert_goes_on(run: impl Fn() -> (Done, bool)) {
    let mut last = None;
    let goes_on = (0..5).any(|_| {
        let (done, is_enough) = run();
        let goes_on = done.status == 0 && done.said().contains(": no errors in ") && is_enough;
        last = Some(done);
        goes_on
    });
    assert!(goes_on, "{}", last.unwrap());
}

#[track_caller]
fn assert_soon(done: &Done) {
    assert!(done.took < SOON, "{:?}\n{done}", done.took);
}

#[test]
fn a_source_that_ends_before_its_first_row_is_a_finding() {
    for (args, rows) in [
        (["--count", "10"], "0 of 10 rows"),
        (["--duration", "1m"], "0 rows"),
        (["--duration", "300ms"], "0 rows"),
    ] {
        let plugin = Plugin::new(&["random"], &[], &[]);

        let config = ["--config", r#"random={"leave_after":0}"#];
        let done = plugin.run(&[args, config].concat());

        done.assert_status(1).assert_says(&format!(
            "error: source `random` ended by itself after {rows}: it closed \
             ipc:///tmp/{}_demo_0.ipc",
            plugin.id
        ));
        assert_soon(&done);
    }
}

#[test]
fn a_source_that_ends_before_its_last_row_is_a_finding() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let config = r#"random={"leave_after":3,"interval":1}"#;

    let done = plugin.run(&["--count", "10", "--config", config]);

    done.assert_status(1)
        .assert_says("error: source `random` ended by itself after 3 of 10 rows: ")
        .assert_says("  source random: 3 rows, ");
    assert_soon(&done);
}

#[test]
fn a_source_that_ends_after_some_rows_is_a_note_and_ends_the_run() {
    let plugin = Plugin::new(&["random", "other"], &[], &[]);
    let config =
        ["random", "other"].map(|name| format!(r#"{name}={{"leave_after":3,"interval":1}}"#));

    let done = plugin.run(&["--config", &config[0], "--config", &config[1]]);

    done.assert_status(0)
        .assert_says("note: source `random` ended by itself after 3 rows")
        .assert_says("note: source `other` ended by itself after 3 rows");
    assert_eq!(done.stdout.lines().count(), 6, "{done}");
    assert_soon(&done);
}

#[test]
fn a_source_that_ends_although_its_stop_is_refused_has_one_finding() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let config = r#"random={"leave_after":0}"#;

    let done = plugin.run(&[
        "--count",
        "1",
        "--config",
        config,
        "--env",
        "PROBE=refuses=stop",
    ]);

    done.assert_status(1).assert_says(": 1 error in ");
}

#[test]
fn a_source_that_dials_again_within_a_second_has_not_ended() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let config = r#"random={"leave_after":3,"return":100,"interval":1}"#;

    assert_goes_on(|| {
        let done = plugin.run(&["--count", "10", "--config", config]);
        let rows = done.stdout.lines().count();
        (done, rows == 10)
    });
}

#[test]
fn a_source_that_never_dials_is_a_finding() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let config = ["--config", r#"random={"undialed":true}"#];

    let ended = plugin.run(&[&["--duration", "200ms"], &config[..]].concat());
    let counted =
        plugin.run(&[&["--count", "1", "--answer-timeout", "500ms"], &config[..]].concat());

    ended.assert_status(1).assert_says(&format!(
        "error: source `random` did not dial ipc:///tmp/{}_demo_0.ipc within 1s\n  \
         help: dial this address when the source is started",
        plugin.id
    ));
    counted
        .assert_status(1)
        .assert_says("_demo_0.ipc within 500ms\n");
    assert_soon(&counted);
}

#[test]
fn a_row_without_its_end_is_a_finding() {
    if on_nng() {
        return;
    }
    let plugin = Plugin::new(&["random"], &[], &[]);
    let config = r#"random={"wire":"torn","interval":600000}"#;

    let done = plugin.run(&["--count", "5", "--config", config]);

    done.assert_status(1).assert_says(&format!(
        "error: source `random` stopped within a message on ipc:///tmp/{}_demo_0.ipc: 19 bytes, \
         then nothing for 1s",
        plugin.id
    ));
    assert_soon(&done);
}

#[test]
fn a_sink_that_ends_at_its_only_row_is_a_finding() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let config = r#"append={"leave_after":1}"#;

    let done = plugin.run(&["--send", "1", "--config", config]);

    done.assert_status(1).assert_says(&format!(
        "error: sink `append` closed ipc:///tmp/{}_append_0_0.ipc after 1 row, and did not \
         restore it",
        plugin.id
    ));
    assert_soon(&done);
}

#[test]
fn rows_that_a_sink_did_not_live_to_get_are_counted() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let config = r#"append={"leave_after":1}"#;
    let fast = r#"random={"interval":10}"#;

    let done = plugin.run(&["--count", "200", "--config", config, "--config", fast]);

    done.assert_status(1)
        .assert_says("error: sink `append` closed ipc:///tmp/")
        .assert_says(" rows not delivered")
        .assert_says(": 1 error in ");
    assert_soon(&done);
}

#[test]
fn with_require_ack_a_sink_that_ends_costs_a_second_and_not_one_for_each_row() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let rows = plugin.place().join("rows.jsonl");
    fs::write(&rows, "{}\n".repeat(300)).unwrap();
    let config = r#"append={"leave_after":1}"#;

    let done = plugin.run(&[
        "--require-ack",
        "--rows",
        rows.to_str().unwrap(),
        "--config",
        config,
    ]);

    done.assert_status(1)
        .assert_says("error: sink `append` closed ipc:///tmp/")
        .assert_says("_append_0_0.ipc after 1 row, and did not restore it")
        .assert_says("  sink append: 1 row sent, 0 acks, 299 rows not delivered");
    assert_soon(&done);
}

#[test]
fn a_sink_that_listens_again_within_a_second_has_not_ended() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let config = r#"append={"leave_after":1,"return":100}"#;

    assert_goes_on(|| {
        let done = plugin.run(&["--count", "20", "--config", config]);
        let rows = done.logged("append got ").len();
        (done, rows > 10)
    });
}

#[test]
fn with_require_ack_a_sink_gets_no_more_rows_after_three_without_an_ack() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let rows = plugin.place().join("rows.jsonl");
    fs::write(&rows, "{}\n".repeat(300)).unwrap();

    let done = plugin.run(&[
        "--require-ack",
        "--answer-timeout",
        "3s",
        "--rows",
        rows.to_str().unwrap(),
        "--config",
        r#"append={"ack":"never"}"#,
    ]);

    done.assert_status(1)
        .assert_says("note: sink `append`: 3 rows in a row got no ack; it gets no more rows")
        .assert_says("  sink append: 3 rows sent, 0 acks, 297 rows not delivered");
}
