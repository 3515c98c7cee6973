//! `--fault`: faults that are played on what runs.
//!
//! What each fault does is tested in the crate `ekuiper-tests`.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::common::Plugin;

fn all() -> Plugin {
    Plugin::new(&["random"], &["append"], &["echo"])
}

/// Runs `mock-kuiper run` without a plugin.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"))
        .arg("run")
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let status = output.status.code().unwrap();
    (status, text(output.stdout), text(output.stderr))
}

#[test]
fn help_says_of_every_fault_what_happens_and_what_survival_means() {
    let (status, stdout, stderr) = run(&["--fault", "help"]);

    assert_eq!((status, stderr.as_str()), (0, ""));
    let paragraphs: Vec<_> = stdout.split("\n\n").skip(1).collect();
    assert_eq!(paragraphs.len(), 23, "{stdout}");
    for paragraph in &paragraphs {
        let lines: Vec<_> = paragraph.lines().collect();
        assert!(lines[0].starts_with("  "), "{paragraph}");
        assert!(lines[1].starts_with("      Happens: "), "{paragraph}");
        assert!(paragraph.contains("\n      Survival: "), "{paragraph}");
        assert!(lines.iter().all(|line| line.len() <= 80), "{paragraph}");
    }
    assert!(stdout.contains("\n  kill[=TIME]  default 200ms\n"));
    assert!(stdout.contains("\n  churn[=TIMES]  default 200\n"));
    assert!(stdout.contains("\n  cut\n"));
}

#[test]
fn an_unknown_fault_and_a_fault_without_a_plugin_are_rejected() {
    for (args, says) in [
        (
            vec!["--fault", "fire", "plugin"],
            "unknown fault `fire`; expected start-again, start-anew, ",
        ),
        (
            vec!["--fault", "kill=soon", "plugin"],
            "`kill`: expected a time, for example 500ms or 2s, got `soon`",
        ),
        (vec!["--fault", "kill"], "no plugin is named"),
    ] {
        let (status, stdout, stderr) = run(&args);

        assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

#[test]
fn faults_are_played_in_order_and_the_run_ends_after_the_last() {
    let plugin = all();
    let file = plugin.place().join("events");

    let done = plugin.run(&[
        "--fault",
        "kill=0ms",
        "--fault",
        "start-again",
        "--fault",
        "churn=1",
        "--json",
        file.to_str().unwrap(),
    ]);

    done.assert_status(0);
    let said = done.said();
    let survived: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("fault"))
        .collect();
    assert_eq!(
        survived,
        [
            "fault kill=0s: survived",
            "fault start-again: survived",
            "fault churn=1: survived"
        ]
    );
    done.assert_says("1 stops and starts: ")
        .assert_says(" open files, ");
    assert!(said.contains("no errors"), "{done}");
    let events = fs::read_to_string(file).unwrap();
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |event: &str| events.iter().filter(|line| line["event"] == event).count();
    assert_eq!(count("launched"), 2);
    let used = events.iter().find(|line| line["event"] == "used").unwrap();
    for moment in ["before", "after"] {
        for what in ["open_files", "threads", "memory_bytes"] {
            assert!(used[moment][what].as_u64().is_some_and(|n| n > 0), "{used}");
        }
    }
    let faults: Vec<_> = events
        .iter()
        .filter(|line| line["event"] == "fault")
        .map(|line| (line["fault"].clone(), line["survived"].clone()))
        .collect();
    let expected = ["kill=0s", "start-again", "churn=1"].map(|fault| {
        [
            (json!(fault), Value::Null),
            (json!(fault), Value::Bool(true)),
        ]
    });
    assert_eq!(faults, expected.concat());
}

#[test]
fn a_source_that_runs_twice_after_a_second_start_is_reported() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&[
        "--fault",
        "start-again",
        "--answer-timeout",
        "5s",
        "--env",
        "PROBE=doubles",
    ]);

    done.assert_status(1).assert_says(
        "error: fault start-again: source `random` has 2 connections to its channel after a second \
         start: its rows are doubled",
    );
}

#[test]
fn a_sink_without_acks_that_ends_because_of_a_row_is_reported() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run(&[
        "--fault",
        "rows",
        "--config",
        r#"append={"frail":true,"ack":"never"}"#,
    ]);

    done.assert_status(1)
        .assert_says("error: fault rows: sink `append` did not take a row within 5s");
}

#[test]
fn with_a_count_the_run_continues_after_the_last_fault() {
    let plugin = all();

    let done = plugin.run(&[
        "--fault",
        "start-again",
        "--count",
        "2",
        "--source",
        "random",
    ]);

    done.assert_status(0)
        .assert_says("fault start-again: survived");
    let rows = done.stdout.lines().count();
    assert!(rows >= 2, "{done}");
}

#[test]
fn after_a_fault_that_is_not_survived_the_next_meets_a_new_process() {
    let plugin = all();

    let done = plugin.run(&[
        "--fault",
        "stop-unknown",
        "--fault",
        "redial",
        "--env",
        "PROBE=dies=stop",
    ]);

    done.assert_status(1).assert_says(
        "error: fault stop-unknown: the plugin exited unexpectedly: signal 9 (SIGKILL)",
    );
    let said = done.said();
    let after = said.split_once("fault stop-unknown").unwrap().1;
    assert!(after.contains("\nfault redial: survived\n"), "{done}");
    assert!(!said.contains("fault stop-unknown: survived"), "{done}");
}

#[test]
fn a_fault_that_does_not_apply_is_reported_with_the_reason() {
    let plugin = all();
    for (args, says) in [
        (
            vec!["--fault", "redial", "--source", "random"],
            "fault redial: not applicable, no sink runs",
        ),
        (
            vec!["--fault", "requests", "--source", "random"],
            "fault requests: not applicable, no function runs",
        ),
        (
            vec!["--fault", "cut", "--host", "1.13", "--source", "random"],
            "fault cut: not applicable, this release takes a greeting for an answer",
        ),
    ] {
        plugin.run(&args).assert_status(0).assert_says(says);
    }
}

#[test]
fn faults_send_the_row_of_the_command_line_to_the_sinks() {
    let plugin = all();

    let done = plugin.run(&[
        "--fault",
        "redial",
        "--sink",
        "append",
        "--send",
        r#"{"mine":7}"#,
    ]);

    done.assert_status(0);
    let rows = done.logged("append got ");
    assert!(rows.len() >= 2, "{done}");
    assert!(rows.iter().all(|row| *row == r#"[{"mine":7}]"#), "{done}");
}

#[test]
fn a_kill_ends_the_one_process_and_names_what_still_holds_its_output() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.wrap(
        "setsid sleep 1000 & \
         until [ \"$(cat /proc/$!/comm)\" = sleep ]; do sleep 0.01; done; exec ./bin/* \"$@\"",
    );

    let done = plugin.run(&["--fault", "kill"]);

    done.assert_status(0)
        .assert_says("note: process ")
        .assert_says(
            " (sleep) still holds the output of the killed plugin open: eKuiper waits for its end, \
         and does not start the plugin again",
        );
}
