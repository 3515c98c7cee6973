//! Rows to sinks: the sources', those of the command line, and their acks.

use std::fs;

use super::common::{Plugin, on_nng};

#[test]
fn a_sink_gets_every_row_of_the_sources_as_an_array_of_one() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);

    let done = plugin.run(&["--count", "2"]);

    done.assert_status(0);
    assert_eq!(
        done.logged("append got "),
        [r#"[{"number":1}]"#, r#"[{"number":2}]"#]
    );
}

#[test]
fn with_send_single_a_sink_gets_objects() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);

    let done = plugin.run(&["--count", "2", "--send-single"]);

    done.assert_status(0);
    assert_eq!(
        done.logged("append got "),
        [r#"{"number":1}"#, r#"{"number":2}"#]
    );
}

#[test]
fn rows_of_the_command_line_replace_those_of_the_sources() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);

    let done = plugin.run(&[
        "--count",
        "2",
        "--send",
        r#"{"b":1,"a":"<"}"#,
        "--send",
        "[1,{}]",
    ]);

    done.assert_status(0);
    assert_eq!(
        done.logged("append got "),
        [r#"[{"a":"\u003c","b":1}]"#, "[1,{}]"]
    );
}

#[test]
fn every_sink_gets_every_row() {
    let plugin = Plugin::new(&[], &["one", "two"], &[]);

    let done = plugin.run(&["--send", r#"{"a":1}"#, "--send-single"]);

    done.assert_status(0);
    assert_eq!(done.logged("one got "), [r#"{"a":1}"#]);
    assert_eq!(done.logged("two got "), [r#"{"a":1}"#]);
}

#[test]
fn a_run_without_a_source_ends_after_the_rows_of_the_command_line() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let rows = plugin.place().join("rows.jsonl");
    let lines: String = (0..500).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    fs::write(&rows, format!("\n{lines}  \n")).unwrap();

    let done = plugin.run(&["--rows", rows.to_str().unwrap()]);

    done.assert_status(0)
        .assert_says("  sink append: 500 rows sent, 500 acks");
    let expected: Vec<_> = (0..500).map(|n| format!("[{{\"n\":{n}}}]")).collect();
    assert_eq!(done.logged("append got "), expected);
}

#[test]
fn rows_of_the_command_line_are_all_sent_even_if_the_sources_end_first() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let rows = plugin.place().join("rows.jsonl");
    fs::write(&rows, "{\"n\":1}\n".repeat(30)).unwrap();

    let done = plugin.run(&[
        "--count",
        "1",
        "--rows",
        rows.to_str().unwrap(),
        "--require-ack",
        "--config",
        r#"append={"ack":10}"#,
    ]);

    done.assert_status(0)
        .assert_says("  sink append: 30 rows sent, 30 acks");
}

#[test]
fn rows_are_read_from_stdin() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run_with_input(&["--rows", "-"], "{\"a\":1}\n\n{\"a\":2}");

    done.assert_status(0);
    assert_eq!(done.logged("append got "), [r#"[{"a":1}]"#, r#"[{"a":2}]"#]);
}

#[test]
fn invalid_lines_of_stdin_are_all_reported_and_the_others_are_sent() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run_with_input(&["--rows", "-"], "{\"a\":1}\n{a\n{\"a\":2}\n}\n");

    done.assert_status(2)
        .assert_says("error: --rows -: line 2: column 2: expected JSON, one value per line: ")
        .assert_says("error: --rows -: line 4: column 1: expected JSON, one value per line: ");
    assert_eq!(done.logged("append got "), [r#"[{"a":1}]"#, r#"[{"a":2}]"#]);
}

#[test]
fn invalid_lines_of_a_file_are_all_reported_before_the_launch() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let rows = plugin.place().join("rows.jsonl");
    fs::write(&rows, b"{\"a\":1}\nnope\n\xff\n").unwrap();
    let name = rows.to_str().unwrap();

    let done = plugin.run(&["--rows", name]);

    done.assert_status(2)
        .assert_says(&format!(
            "error: --rows {name}: line 2: column 2: expected JSON, one value per line: "
        ))
        .assert_says(&format!("error: --rows {name}: line 3: "));
    assert!(done.log().is_empty(), "{done}");
}

#[test]
fn a_missing_file_of_rows_is_reported_with_its_path() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run(&["--rows", "/nowhere/rows.jsonl"]);

    done.assert_status(2)
        .assert_says("error: --rows /nowhere/rows.jsonl: No such file or directory");
}

#[test]
fn with_require_ack_a_row_waits_for_the_ack_of_the_one_before() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run(&[
        "--require-ack",
        "--config",
        r#"append={"ack":100}"#,
        "--send",
        "1",
        "--send",
        "2",
        "--send",
        "3",
        "-v",
    ]);

    done.assert_status(0)
        .assert_says("  sink append: 3 rows sent, 3 acks");
    let frames: Vec<_> = done
        .said()
        .lines()
        .filter_map(|line| line.split_once("append_0_0"))
        .map(|(_, frame)| frame.to_owned())
        .collect();
    let one_row = |row| {
        [
            format!(" from host: [{row}]"),
            "_ack from plugin: {}".to_owned(),
        ]
    };
    assert_eq!(frames, [1, 2, 3].map(one_row).concat());
}

#[test]
fn with_require_ack_a_missing_ack_is_reported() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run(&[
        "--require-ack",
        "--config",
        r#"append={"ack":"never"}"#,
        "--send",
        "1",
        "--answer-timeout",
        "5s",
    ]);

    done.assert_status(1).assert_says(
        "error: sink `append` sent no ack for a row within 5s\n  \
         help: with `requireAck` send {} or {\"error\":\"text\"} for each row",
    );
}

#[test]
fn without_require_ack_a_missing_ack_is_ignored() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);

    let done = plugin.run(&["--count", "3", "--config", r#"append={"ack":"never"}"#]);

    done.assert_status(0)
        .assert_says("  sink append: 3 rows sent, 0 acks");
}

#[test]
fn an_ack_with_an_error_is_reported_with_the_sinks_text() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let config = r#"append={"ack":"{\"error\":\"disk full\"}"}"#;

    let done = plugin.run(&["--require-ack", "--config", config, "--send", "1"]);

    done.assert_status(1)
        .assert_says("error: sink `append` failed a row: disk full");
}

#[test]
fn an_invalid_ack_is_reported_with_what_the_sink_sent() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run(&[
        "--require-ack",
        "--config",
        r#"append={"ack":"fine"}"#,
        "--send",
        "1",
    ]);

    done.assert_status(1)
        .assert_says("error: sink `append` sent an invalid ack: ")
        .assert_says("`fine`");
}

#[test]
fn a_release_without_acks_does_not_wait_for_them() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run(&["--require-ack", "--host", "1.13", "--send", "1"]);

    done.assert_status(0)
        .assert_says("  sink append: 1 row sent, 0 acks");
    assert_eq!(done.logged("append got "), ["[1]"]);
}

#[test]
fn rows_need_a_sink_and_a_count_needs_a_source() {
    let plugin = Plugin::new(&[], &[], &["echo"]);

    let done = plugin.run(&["--send", "1", "--count", "2"]);

    done.assert_status(2)
        .assert_says("error: --send and --rows need a sink, and none is started")
        .assert_says("error: --count needs a source, and none is started");
}

#[test]
fn a_sink_that_listens_and_reads_nothing_is_a_finding() {
    if on_nng() {
        return;
    }
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let config = r#"append={"idle":true}"#;
    let limit = ["--answer-timeout", "5s"];

    let done = plugin.run(&[&["--count", "3", "--config", config], &limit[..]].concat());

    done.assert_status(1).assert_says(
        "error: sink `append` has not read all rows: it read nothing for 5s\n  \
         help: read rows all the time, on a thread that no error of the sink ends",
    );
}

#[test]
fn a_run_waits_until_a_slow_sink_has_read_its_last_row() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let rows = plugin.place().join("rows.jsonl");
    fs::write(&rows, "{}\n".repeat(5)).unwrap();
    let rows = rows.to_str().unwrap();
    let config = r#"append={"ack":700}"#;

    let done = plugin.run(&["--rows", rows, "--config", config]);

    done.assert_status(0);
    assert_eq!(done.logged("append got ").len(), 5, "{done}");
}

#[test]
fn a_sink_that_owes_an_ack_is_stopped_in_order() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let live = plugin.start(&[
        "--require-ack",
        "--answer-timeout",
        "1h",
        "--config",
        r#"append={"ack":"never"}"#,
    ]);
    live.wait_for_stderr("append got");

    live.signal(rustix::process::Signal::INT);
    let done = live.finish();

    done.assert_status(0);
    assert_eq!(done.logged("stop ").len(), 2, "{done}");
}
