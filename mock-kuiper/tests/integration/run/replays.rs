//! `mock-kuiper replay`: recorded hosts, played to the probe.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::common::{Done, Live, Plugin};
use crate::support::processes::MARK;

/// Records a run of `plugin`; returns the trace.
fn recorded(plugin: &Plugin, args: &[&str]) -> PathBuf {
    let path = plugin.place().join("trace.jsonl");
    let trace = ["--trace", path.to_str().unwrap()];
    plugin.run(&[args, &trace].concat()).assert_status(0);
    path
}

/// Records a run with a source, a sink with acks, and a function.
pub(crate) fn recorded_all(plugin: &Plugin) -> PathBuf {
    let call = format!("{}(1, \"a\")", plugin.function("echo"));
    let config = "random={\"interval\":5}";
    recorded(
        plugin,
        &[
            "--count",
            "5",
            "--config",
            config,
            "--require-ack",
            "--call",
            &call,
        ],
    )
}

fn start(plugin: &Plugin, trace: &Path, args: &[&str]) -> Live {
    // `--rule` is not an option of `replay`.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    command
        .arg("replay")
        .arg(trace)
        .arg(plugin.directory())
        .args(args)
        .env(MARK, &plugin.id);
    if let Some(transport) = super::common::transport() {
        command.args(["--transport", &transport]);
    }
    Live::spawn(command, &plugin.id)
}

fn replay(plugin: &Plugin, trace: &Path, args: &[&str]) -> Done {
    start(plugin, trace, args).finish()
}

/// Changes the one line that contains `part`; returns its number.
fn change(trace: &Path, part: &str, from: &str, to: &str) -> usize {
    let text = fs::read_to_string(trace).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let found = lines
        .iter()
        .position(|line| line.contains(part) && line.contains(from));
    let found = found.unwrap_or_else(|| panic!("no line with {part}:\n{text}"));
    lines[found] = lines[found].replace(from, to);
    fs::write(trace, lines.join("\n") + "\n").unwrap();
    found + 1
}

#[test]
fn what_was_recorded_of_a_plugin_it_does_again() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let trace = recorded_all(&plugin);

    for args in [&[][..], &["--timing", "recorded"]] {
        let done = replay(&plugin, &trace, args);

        done.assert_status(0);
        assert!(
            done.stdout.contains(" sent as eKuiper 2.4, "),
            "{}",
            done.stdout
        );
        assert!(
            done.stdout.ends_with(": no differences\n"),
            "{}",
            done.stdout
        );
        plugin.assert_clean();
    }
}

#[test]
fn a_result_an_ack_and_an_answer_that_differ_are_shown_with_their_lines() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let trace = recorded_all(&plugin);
    let lines = [
        change(
            &trace,
            "\"from\":\"plugin\"",
            r#"\"result\":1,"#,
            r#"\"result\":2,"#,
        ),
        change(
            &trace,
            "_ack\"",
            "\"text\":\"{}\"",
            "\"text\":\"{\\\"error\\\":\\\"full\\\"}\"",
        ),
        change(
            &trace,
            &format!("plugin_{}\"", plugin.id),
            "\"text\":\"ok\"",
            "\"text\":\"no\"",
        ),
    ];

    let done = replay(&plugin, &trace, &[]);

    done.assert_status(1);
    for (line, recorded, came) in [
        (
            lines[0],
            "recorded: {\"result\":2,",
            "came:     {\"result\":1,",
        ),
        (lines[1], "recorded: {\"error\":\"full\"}", "came:     {}"),
        (lines[2], "recorded: no", "came:     ok"),
    ] {
        let head = format!("line {line}, ");
        let at = done
            .stdout
            .find(&head)
            .unwrap_or_else(|| panic!("{}", done.stdout));
        let shown: Vec<_> = done.stdout[at..].lines().take(3).collect();
        assert!(shown[1].trim().starts_with(recorded), "{shown:?}");
        assert!(shown[2].trim().starts_with(came), "{shown:?}");
    }
    assert!(
        done.stdout.ends_with(": 3 differences\n"),
        "{}",
        done.stdout
    );
    let few = replay(&plugin, &trace, &["--show", "1"]);
    assert!(
        few.stdout.contains("… and 2 more differences\n"),
        "{}",
        few.stdout
    );
    plugin.assert_clean();
}

#[test]
fn rows_are_compared_by_shape_and_with_exact_by_value() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let trace = recorded(
        &plugin,
        &["--count", "3", "--config", "random={\"interval\":5}"],
    );
    let part = format!("\"channel\":\"{}_demo_0\"", plugin.id);
    let line = change(&trace, &part, "\\\"number\\\":2", "\\\"number\\\":7");

    let by_shape = replay(&plugin, &trace, &[]);
    let by_value = replay(&plugin, &trace, &["--exact"]);
    change(
        &trace,
        &part,
        "\\\"number\\\":1",
        "\\\"number\\\":\\\"1\\\"",
    );
    change(
        &trace,
        &part,
        "\\\"number\\\":7",
        "\\\"number\\\":\\\"7\\\"",
    );
    change(
        &trace,
        &part,
        "\\\"number\\\":3",
        "\\\"number\\\":\\\"3\\\"",
    );
    let text = replay(&plugin, &trace, &[]);

    by_shape.assert_status(0);
    by_value.assert_status(1);
    assert!(
        by_value.stdout.contains(&format!("line {line}, ")),
        "{}",
        by_value.stdout
    );
    text.assert_status(1);
    assert!(
        text.stdout
            .contains("recorded: a row of the shape {\"message\":{\"number\":string},"),
        "{}",
        text.stdout
    );
    assert!(
        text.stdout
            .contains("came:     one of the shape {\"message\":{\"number\":number},"),
        "{}",
        text.stdout
    );
    plugin.assert_clean();
}

#[test]
fn a_number_that_was_hidden_in_the_trace_is_no_difference() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let config = "random={\"interval\":5}";
    let trace = recorded(&plugin, &["--count", "2", "--config", config]);
    let part = format!("\"channel\":\"{}_demo_0\"", plugin.id);
    for number in ["1", "2"] {
        let from = format!("\\\"number\\\":{number}");
        change(&trace, &part, &from, "\\\"number\\\":\\\"[redacted]\\\"");
    }

    for args in [&[][..], &["--exact"]] {
        replay(&plugin, &trace, args).assert_status(0);
    }
}

#[test]
fn a_plugin_that_was_killed_and_launched_again_is_again() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let trace = recorded(&plugin, &["--fault", "kill", "--require-ack"]);
    let launches = fs::read_to_string(&trace).unwrap();
    assert_eq!(
        launches.matches("\"event\":\"launch\"").count(),
        2,
        "{launches}"
    );

    let done = replay(&plugin, &trace, &[]);

    done.assert_status(0);
    plugin.assert_clean();
}

#[test]
fn all_symbols_that_the_plugin_lacks_are_named_at_once() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let vector =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/ekuiper-2.4.0-go.jsonl");

    let done = replay(&plugin, &vector, &[]);

    done.assert_status(2);
    let lacking = [
        "source `gosrc`",
        "sink `gosink`",
        "function `goecho`",
        "function `gofail`",
        "function `gosum`",
    ];
    let errors: Vec<_> = done.stderr.lines().collect();
    assert_eq!(errors.len(), lacking.len(), "{}", done.stderr);
    for (error, symbol) in errors.iter().zip(lacking) {
        let text = format!(
            "the trace starts the {symbol}, which `{}` does not have",
            plugin.id
        );
        assert!(error.contains(&text), "{error}");
    }
    plugin.assert_clean();
}

#[test]
fn a_trace_of_a_real_ekuiper_is_played_to_a_plugin_of_another_name() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    // The function would collide with that of a test at the same time.
    plugin.write_json(serde_json::json!({
        "version": "1.0.0", "language": "go", "executable": plugin.id,
        "sources": ["random"], "sinks": [], "functions": ["echo"],
    }));
    let vector = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/vectors/ekuiper-2.4.0-go-mirror.jsonl");

    let done = replay(&plugin, &vector, &["--isolate"]);

    done.assert_status(1);
    for note in [
        "421 messages were left out of the trace; acks are not compared",
        &format!(
            "the trace is of the plugin `mirror`; its orders are sent to `{}`",
            plugin.id
        ),
    ] {
        assert!(done.stderr.contains(note), "{}", done.stderr);
    }
    // Go's echo takes one argument, and its rows have another shape.
    let expected = [
        "line 41, r1_rnd_0: row\n  recorded: a row of the shape {\"message\":{\"count\":number},\"meta\":null}\n",
        "line 119, func_echo: answer to Validate\n  recorded: {\"state\":false,\"result\":\"echo function only supports 1 parameter but got 2\"}\n",
        "64 messages sent as eKuiper 2.4, 79 compared: ",
    ];
    for text in expected {
        assert!(done.stdout.contains(text), "{}", done.stdout);
    }
    plugin.assert_clean();
}

#[test]
fn a_plugin_that_exits_is_a_difference_and_what_follows_is_not_sent() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let trace = recorded(
        &plugin,
        &["--count", "5", "--config", "random={\"interval\":5}"],
    );
    change(
        &trace,
        r#"\"cmd\":\"start\""#,
        r#"\\\"interval\\\":5"#,
        r#"\\\"die_after\\\":2,\\\"interval\\\":5"#,
    );

    let done = replay(&plugin, &trace, &[]);

    done.assert_status(1);
    assert!(
        done.stdout.contains("came:     the plugin has exited\n"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout
            .contains("1 message of the host could not be sent\n"),
        "{}",
        done.stdout
    );
    plugin.assert_clean();
}

#[test]
fn only_an_exit_of_the_recorded_plugin_itself_is_expected() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let trace = recorded(
        &plugin,
        &["--count", "2", "--config", "random={\"interval\":5}"],
    );
    let exit = r#""event":"exit""#;
    let status = |from: &str, to: &str| {
        change(
            &trace,
            exit,
            &format!("\"status\":\"{from}\""),
            &format!("\"status\":\"{to}\""),
        )
    };

    status("signal 9 (SIGKILL)", "unknown");
    replay(&plugin, &trace, &[]).assert_status(0);
    status("unknown", "exit status 0");
    replay(&plugin, &trace, &[]).assert_status(0);
    let line = status("exit status 0", "exit status 7");
    let crash = replay(&plugin, &trace, &["--answer-timeout", "5s"]);

    crash.assert_status(1);
    let shown = format!("line {line}: exit of the plugin\n  recorded: exit status 7\n");
    assert!(crash.stdout.contains(&shown), "{}", crash.stdout);
    plugin.assert_clean();
}

#[test]
fn a_call_that_crashes_the_plugin_as_it_did_is_no_difference() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let trace = plugin.place().join("trace.jsonl");
    let call = format!("{}({{\"answer\":\"die\"}})", plugin.function("echo"));
    let args = ["--call", &call, "--trace", trace.to_str().unwrap()];
    plugin.run(&args).assert_status(1);

    let killed = replay(&plugin, &trace, &[]);
    let exit = r#""event":"exit""#;
    change(&trace, exit, "signal 9 (SIGKILL)", "exit status 7");
    let crashed = replay(&plugin, &trace, &[]);
    let answer = r#"\"answer\":\"die\""#;
    change(&trace, "Exec", answer, r#"\"other\":\"die\""#);
    let runs = replay(&plugin, &trace, &["--answer-timeout", "5s"]);

    // The host of the trace may have killed it for the answer that did not come.
    killed.assert_status(1);
    let shown =
        "answer to Exec\n  recorded: none\n  came:     the plugin exited: signal 9 (SIGKILL)\n";
    assert!(killed.stdout.contains(shown), "{}", killed.stdout);
    crashed.assert_status(0);
    runs.assert_status(1);
    assert!(runs.stdout.contains("it runs on\n"), "{}", runs.stdout);
    plugin.assert_clean();
}

#[test]
fn a_plugin_that_exits_where_the_recorded_one_ran_is_a_difference() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let config = "random={\"interval\":5}";
    let trace = recorded(&plugin, &["--count", "2", "--config", config]);
    change(
        &trace,
        r#"\"cmd\":\"start\""#,
        r#"\\\"interval\\\":5"#,
        r#"\\\"exit_after\\\":2,\\\"interval\\\":5"#,
    );
    // Nothing but time follows the second row.
    let text = fs::read_to_string(&trace).unwrap();
    let second = |line: &str| line.contains(r#"\"number\":2"#);
    let rows = text.lines().position(second).unwrap();
    let mut lines: Vec<_> = text.lines().take(rows + 1).map(str::to_owned).collect();
    let channel = format!("{}_demo_0", plugin.id);
    lines.push(format!(
        r#"{{"t":5,"channel":"{channel}","event":"closed","from":"host"}}"#
    ));
    fs::write(&trace, lines.join("\n") + "\n").unwrap();

    let done = replay(&plugin, &trace, &["--timing", "recorded"]);

    done.assert_status(1);
    let shown = "the plugin\n  recorded: it runs\n  came:     it has exited\n";
    assert!(done.stdout.contains(shown), "{}", done.stdout);
    plugin.assert_clean();
}

#[test]
fn a_trace_that_leads_out_of_tmp_is_refused_with_its_line() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let trace = plugin.place().join("trace");
    let text = "{\"host\":\"h\",\"plugin\":\"p\"}\n\
                {\"t\":0,\"channel\":\"../etc/x\",\"from\":\"plugin\",\"text\":\"{}\"}\n";
    fs::write(&trace, text).unwrap();

    let done = replay(&plugin, &trace, &[]);

    done.assert_status(2);
    done.assert_says("line 2: `../etc/x` cannot be the name of a channel");
    plugin.assert_clean();
}

#[test]
fn an_interrupted_replay_leaves_nothing_behind() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let trace = recorded(
        &plugin,
        &["--count", "3", "--config", "random={\"interval\":5}"],
    );
    change(
        &trace,
        r#"\"cmd\":\"start\""#,
        r#"\\\"interval\\\":5"#,
        r#"\\\"interval\\\":60000"#,
    );

    let live = start(&plugin, &trace, &[]);
    super::common::wait_until("the source's channel is open", || {
        plugin.files().iter().any(|file| file.contains("_demo_0"))
    });
    live.signal(Signal::INT);
    let done = live.finish();

    done.assert_status(3);
    done.assert_says("the replay was interrupted");
    plugin.assert_clean();
}

#[test]
fn a_message_that_was_recorded_in_part_is_not_sent() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let trace = recorded(&plugin, &["--send", "{\"a\":1}", "--send", "{\"a\":2}"]);
    let part = "_append_0_0\"";
    change(
        &trace,
        part,
        r#""text":"[{\"a\":2}]""#,
        r#""text":"[{\"a\":","length":9000"#,
    );

    let done = replay(&plugin, &trace, &[]);

    done.assert_says("1 message of the host cannot be sent, because the recorder has kept its");
    assert!(
        done.stdout
            .contains("1 message of the host could not be sent\n"),
        "{}",
        done.stdout
    );
    plugin.assert_clean();
}
