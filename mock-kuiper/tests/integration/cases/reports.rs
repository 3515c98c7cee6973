//! Report files, and secrets in them.

use std::fs;

use super::common::Place;
use crate::support::processes::Live;

const SECRET: &str = "plugin: plugin
env: {TOKEN: 'hunter2<x', PROBE: 'lines=1'}
teardown: ['echo teardown hunter2\\<x correct\\ horse']
cases:
- name: one
  steps:
  - start: {source: random, config: {refuse: 'no: correct horse', password: correct horse}}
- name: two
  steps:
  - start: {sink: append, config: {password: correct horse}}
  - {send: append, rows: ['it is correct horse', {text: 'hunter2<x'}], acks: [ok, {error: no}]}
";

#[test]
fn no_report_shows_a_secret() {
    let place = Place::with(SECRET);

    let outcome = place.results(&[
        "--jobs",
        "1",
        "--redact",
        "password",
        "--redact",
        "TOKEN",
        "--junit",
        "junit.xml",
    ]);

    outcome.done.assert_status(1);
    let reports = [
        outcome.done.stdout.clone(),
        outcome.done.stderr.clone(),
        outcome.json.to_string(),
        fs::read_to_string(place.path("junit.xml")).unwrap(),
    ];
    for report in &reports {
        assert!(
            !report.contains("correct") && !report.contains("hunter2"),
            "{report}"
        );
    }
    for report in [&reports[0], &reports[2], &reports[3]] {
        assert!(report.contains("[redacted]"), "{report}");
    }
    // What is not secret is there.
    assert!(reports[2].contains("append got it is [redacted]"));
}

#[test]
fn a_command_that_fails_before_a_secret_is_used_does_not_show_it() {
    let place = Place::with(
        "plugin: plugin
env: {TOKEN: hunter2}
cases:
- name: one
  setup: ['echo correct horse; echo hunter2; exit 1']
  steps:
  - start: {source: random, config: {server: {password: correct horse}, path: '${tmp}'}}
",
    );

    let outcome = place.results(&["--redact", "password", "--redact", "TOKEN"]);

    outcome.assert_failed(5, "-", "`echo [redacted]; echo [redacted]; exit 1` ended");
    let report = format!("{}{}", outcome.done, outcome.json);
    assert!(
        !report.contains("correct") && !report.contains("hunter2"),
        "{report}"
    );
}

const FAILS: &str = "plugin: plugin
cases:
- {name: one, function: echo, calls: [{args: [hi], result: ho}]}
";

#[test]
fn a_report_that_cannot_be_written_is_invalid_input_before_anything_runs() {
    let place = Place::with(&FAILS.replace("cases:", "setup: ['touch ran']\ncases:"));

    for report in ["--json", "--junit"] {
        place
            .run(&["a.test.yaml", report, "missing/report"])
            .assert_status(2)
            .assert_says("cannot write missing/report");
    }
    assert!(!place.path("ran").exists());
}

#[test]
fn the_other_reports_are_written_if_one_cannot_be() {
    let place = Place::with(FAILS);

    // A directory is in the way.
    let done = place.run(&["a.test.yaml", "--junit", "plugin", "--json", "report.json"]);

    done.assert_status(2).assert_says("cannot write plugin");
    assert!(done.stdout.contains("1 failed"), "{done}");
    assert!(place.path("report.json").exists());
}

#[test]
fn json_on_stdout_is_alone_there() {
    let place = Place::with(FAILS);

    let done = place.run(&["a.test.yaml", "--json", "-"]);

    done.assert_status(1).assert_says("FAIL a.test.yaml:3 one");
    let json: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(json["counts"]["failed"], 1);
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let place = Place::with(FAILS);
    let mut command = place.command(&["a.test.yaml"]);
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", place.path("summary.md"));

    let done = place.finish(Live::spawn(command, place.id()));

    done.assert_status(1);
    assert!(done.stdout.contains("::error file="), "{done}");
    let summary = fs::read_to_string(place.path("summary.md")).unwrap();
    assert!(summary.contains("one"), "{summary}");
}
