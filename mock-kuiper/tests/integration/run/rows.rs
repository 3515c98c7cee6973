//! Rows of sources on stdout, and how a run ends by itself.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::common::{Live, Plugin, on_nng};

/// Makes the source send without a pause.
const FAST: &str = r#"random={"interval":0}"#;

#[test]
fn rows_are_printed_as_lines_of_json_until_the_count() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--count", "3", "--config", FAST]);

    done.assert_status(0);
    assert_eq!(
        done.stdout,
        "{\"source\":\"random\",\"message\":{\"number\":1},\"meta\":{\"from\":\"probe\"}}\n\
         {\"source\":\"random\",\"message\":{\"number\":2},\"meta\":{\"from\":\"probe\"}}\n\
         {\"source\":\"random\",\"message\":{\"number\":3},\"meta\":{\"from\":\"probe\"}}\n"
    );
}

#[test]
fn the_count_is_for_each_source() {
    let plugin = Plugin::new(&["one", "two"], &[], &[]);

    let done = plugin.run(&[
        "--count",
        "20",
        "--config",
        r#"one={"interval":1}"#,
        "--config",
        r#"two={"interval":2}"#,
    ]);

    done.assert_status(0);
    assert_eq!(done.stdout.matches(r#"{"source":"one","#).count(), 20);
    assert_eq!(done.stdout.matches(r#"{"source":"two","#).count(), 20);
}

#[test]
fn a_run_ends_after_its_duration() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--duration", "5s", "--config", r#"random={"interval":10}"#]);

    done.assert_status(0);
    assert!(done.took >= Duration::from_secs(5), "{:?}", done.took);
    assert!(done.stdout.contains(r#""number":2}"#), "{done}");
}

#[test]
fn the_summary_on_stderr_has_a_line_for_each_symbol() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let echo = plugin.function("echo");

    let done = plugin.run(&["--count", "2", "--call", &format!("{echo}(1)")]);

    let said = done.assert_status(0).said();
    let lines: Vec<_> = said.lines().collect();
    let result = format!("{} under eKuiper 2.4: no errors in ", plugin.id);
    assert!(lines[0].starts_with(&result), "{said}");
    assert!(lines[0].ends_with(" s"), "{said}");
    assert!(lines[1].starts_with("  source random: 2 rows, "), "{said}");
    assert!(lines[1].ends_with(" per second"), "{said}");
    assert_eq!(lines[2], "  sink append: 2 rows sent, 2 acks");
    assert_eq!(lines[3], format!("  function {echo}: 1 call"));
    assert_eq!(lines.len(), 4, "{said}");
}

#[test]
fn a_row_is_printed_on_one_line_however_its_json_is_formatted() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let raw = r#"random={"raw":["{\n\"message\":\n{\"a\":\"x\\ny\"},\"meta\":null}"]}"#;

    let done = plugin.run(&["--count", "1", "--config", raw]);

    done.assert_status(0);
    assert_eq!(
        done.stdout,
        "{\"source\":\"random\",\"message\":{\"a\":\"x\\ny\"},\"meta\":null}\n"
    );
}

#[test]
fn an_invalid_row_is_reported_and_the_run_continues() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let raw = r#"random={"interval":0,"raw":["no json","[1]","{\"message\":7}","{}",
        "{\"message\":{},\"meta\":1}","{\"error\":\"unplugged\"}","{\"message\":{\"good\":1}}"]}"#;

    let done = plugin.run(&["--count", "1", "--config", raw]);

    done.assert_status(1)
        .assert_says("error: source `random` sent an invalid row: ")
        .assert_says("`no json`")
        .assert_says("`[1]`")
        .assert_says("unplugged")
        .assert_says(": 6 errors in ");
    let said = done.said();
    let errors = said
        .lines()
        .filter(|line| line.starts_with("error: source `random`"));
    assert_eq!(errors.count(), 6);
    assert_eq!(
        done.stdout,
        "{\"source\":\"random\",\"message\":{\"good\":1},\"meta\":null}\n"
    );
    assert_eq!(done.logged("append got "), [r#"[{"good":1}]"#]);
}

#[test]
fn a_row_of_many_levels_is_printed_and_passed_on_up_to_those_that_go_reads() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let row = |levels| format!("{{\"message\":{},\"meta\":null}}", deep(levels));
    let config = json!({"interval": 0, "raw": [row(10_000), row(900)]});

    let done = plugin.run(&["--count", "1", "--config", &format!("random={config}")]);

    done.assert_status(1)
        .assert_says(
            "error: source `random` sent an invalid row: the row cannot be decoded: it is nested \
             more than 10000 levels deep",
        )
        .assert_says(": 1 error in ");
    assert_eq!(
        done.stdout,
        format!(
            "{{\"source\":\"random\",\"message\":{},\"meta\":null}}\n",
            deep(900)
        )
    );
    assert_eq!(done.logged("append got "), [format!("[{}]", deep(900))]);
}

#[test]
fn a_long_invalid_row_is_quoted_in_short() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let long = "x".repeat(100_000);
    let raw = format!(r#"random={{"raw":["{long}","{{\"message\":{{}}}}"],"interval":0}}"#);

    let done = plugin.run(&["--count", "1", "--config", &raw]);

    done.assert_status(1);
    assert!(done.said().len() < 2000, "{} bytes", done.said().len());
}

#[test]
fn the_first_ten_errors_are_printed_and_the_others_counted() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let bad = r#""bad","#.repeat(25);
    let raw = format!(r#"random={{"interval":0,"raw":[{bad}"{{\"message\":{{}}}}"]}}"#);

    let done = plugin.run(&["--count", "1", "--config", &raw]);

    done.assert_status(1)
        .assert_says("note: source `random`: further errors are only counted")
        .assert_says(": 25 errors in ");
    assert_eq!(done.said().matches("error: source `random`").count(), 10);
}

#[test]
fn a_broken_protocol_on_a_data_channel_is_reported_and_the_rows_continue() {
    for (wire, says) in [
        (
            "http",
            "the peer sent 474554202f204854 instead of a Scalability Protocols greeting",
        ),
        ("req", "the peer speaks REQ, expected PUSH"),
        ("frame", "a frame begins with byte 0x07, expected 0x01"),
    ] {
        let plugin = Plugin::new(&["random"], &[], &[]);
        let config = format!(r#"random={{"wire":"{wire}"}}"#);

        let done = plugin.run(&["--count", "2", "--config", &config]);

        assert_eq!(done.stdout.lines().count(), 2, "{done}");
        if on_nng() {
            done.assert_status(0);
        } else {
            done.assert_status(1)
                .assert_says("error: source `random` broke the protocol on ipc:///tmp/")
                .assert_says(&format!(".ipc: {says}"));
        }
    }
}

#[test]
fn a_message_longer_than_the_release_takes_is_reported() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let config = r#"random={"wire":"length"}"#;

    let done = plugin.run(&["--count", "2", "--config", config, "--host", "1.13"]);

    assert_eq!(done.stdout.lines().count(), 2, "{done}");
    if on_nng() {
        done.assert_status(0);
    } else {
        done.assert_status(1).assert_says(
            ".ipc: a frame of 9151314442816847872 bytes exceeds the limit of \
             1048576 bytes",
        );
    }
}

#[test]
fn a_closed_stdout_ends_the_run_cleanly() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let mut command = plugin.command(&["--config", FAST]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();

    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let done = Live::of(child, &plugin.id).finish();

    done.assert_status(0);
    assert!(first.contains(r#""number":1}"#), "{first}");
    assert_eq!(done.logged("stop ").len(), 1, "{done}");
}

#[test]
fn a_row_is_printed_as_soon_as_it_arrives() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let live = plugin.start(&["--config", r#"random={"interval":600000}"#]);
    live.wait_for_stdout("\"number\":1}");
    live.signal(rustix::process::Signal::INT);

    live.finish().assert_status(0);
}

#[test]
fn a_fast_source_loses_no_row_and_keeps_the_order() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let rows: Vec<_> = (0..5000)
        .map(|n| format!(r#""{{\"message\":{{\"n\":{n}}}}}""#))
        .collect();
    let file = format!("default:\n  interval: 0\n  raw: [{}]\n", rows.join(","));
    plugin.write("sources/random.yaml", &file);

    let done = plugin.run(&["--count", "5000"]);

    done.assert_status(0);
    let expected: String = (0..5000)
        .map(|n| format!("{{\"source\":\"random\",\"message\":{{\"n\":{n}}},\"meta\":null}}\n"))
        .collect();
    assert!(
        done.stdout == expected,
        "{} lines",
        done.stdout.lines().count()
    );
}

#[test]
fn a_number_below_those_that_are_possible_is_named_with_them() {
    for (command, flag, expected) in [
        ("run", "--count", "expected a whole number, at least 1"),
        ("test", "--jobs", "expected a whole number, at least 1"),
        ("test", "--retries", "expected a whole number, at least 0"),
        (
            "test",
            "--timeout-scale",
            "expected a factor between 0.01 and 1000",
        ),
        ("bench", "--rounds", "expected a number from "),
        ("serve", "--port", "-1 is not in 0..=65535"),
    ] {
        let mut mock = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
        let done = mock.args([command, flag, "-1", "."]).output().unwrap();

        let said = String::from_utf8(done.stderr).unwrap();
        let begin = format!("error: invalid value '-1' for '{flag} <");
        assert_eq!(done.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&begin), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
