//! What stays in sight: the findings after a long log, and the log in a file.

use std::fs;

use super::common::Plugin;

#[test]
fn the_summary_repeats_each_finding_once_after_the_plugins_log() {
    let plugin = Plugin::new(&["random", "other"], &[], &[]);
    let config = r#"random={"refuse":"no\nway"}"#;

    let done = plugin.run(&[
        "--config",
        config,
        "--count",
        "1",
        "--env",
        "PROBE=lines=3000",
    ]);

    done.assert_status(1);
    let lines: Vec<_> = done.stderr.lines().collect();
    let last_log = lines.iter().rposition(|line| line.starts_with("[probe"));
    let summary = &lines[last_log.unwrap() + 1..];
    assert!(summary[0].contains(": 1 error in "), "{done}");
    assert_eq!(
        summary[1],
        r"  order.refused: source `random` refused to start: no\nway"
    );
    assert!(summary[2].starts_with("  source other: 1 row, "), "{done}");
}

#[test]
fn the_summary_counts_findings_of_one_kind() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let bad = r#""bad","#.repeat(25);
    let raw = format!(r#"random={{"interval":0,"raw":[{bad}"{{\"message\":{{}}}}"]}}"#);

    let done = plugin.run(&["--count", "1", "--config", &raw]);

    done.assert_status(1)
        .assert_says("\n  row.not-json: source `random` sent an invalid row: ")
        .assert_says(" (25 times)\n");
    assert_eq!(done.said().matches("row.not-json").count(), 1, "{done}");
}

#[test]
fn the_plugins_log_goes_to_a_file_instead_of_the_terminal() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let file = plugin.place().join("plugin.log");

    let done = plugin.run(&[
        "--count",
        "1",
        "--plugin-log",
        file.to_str().unwrap(),
        "--env",
        "PROBE=lines=3000",
    ]);

    done.assert_status(0);
    assert!(done.log().is_empty(), "{done}");
    let log = fs::read_to_string(&file).unwrap();
    assert!(log.contains("\nline 1\nline 2\n"), "{log}");
    assert!(log.contains("\nline 3000\n"), "{log}");
    assert!(log.contains("\nstop {"), "{log}");
}

#[test]
fn a_log_file_that_cannot_be_written_is_reported() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let unknown = plugin.run(&["--count", "1", "--plugin-log", "/nowhere/log"]);
    let full = plugin.run(&["--count", "1", "--plugin-log", "/dev/full"]);

    unknown
        .assert_status(2)
        .assert_says("error: --plugin-log /nowhere/log: No such file");
    full.assert_status(3)
        .assert_says("error: --plugin-log /dev/full: cannot be written: No space left");
}
