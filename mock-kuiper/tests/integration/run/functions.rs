//! Functions: their requests, their results, and wrong answers.

use super::common::Plugin;

fn echo() -> (Plugin, String) {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let echo = plugin.function("echo");
    (plugin, echo)
}

#[test]
fn results_are_printed_in_the_order_of_the_calls() {
    let (plugin, echo) = echo();

    let done = plugin.run(&[
        "--call",
        &format!(r#"{echo}(1, "a", null, {{"k":[2]}})"#),
        "--call",
        &format!(r#"{echo}({{"k":[2.0]}})"#),
    ]);

    done.assert_status(0);
    assert_eq!(
        done.stdout,
        format!(
            "{{\"function\":\"{echo}\",\"args\":[1,\"a\",null,{{\"k\":[2]}}],\"result\":1}}\n\
             {{\"function\":\"{echo}\",\"args\":[{{\"k\":[2.0]}}],\"result\":{{\"k\":[2]}}}}\n"
        )
    );
}

#[test]
fn an_error_answered_by_a_function_is_printed_and_gives_status_0() {
    let (plugin, echo) = echo();
    let failing = r#"{"answer":"{\"state\":false,\"result\":\"too \\\"big\\\"\"}"}"#;

    let done = plugin.run(&[
        "--call",
        &format!("{echo}()"),
        "--call",
        &format!("{echo}({failing})"),
    ]);

    done.assert_status(0);
    assert_eq!(
        done.stdout,
        format!(
            "{{\"function\":\"{echo}\",\"args\":[],\"error\":\"expected an argument\"}}\n\
             {{\"function\":\"{echo}\",\"args\":[{failing}],\"error\":\"too \\\"big\\\"\"}}\n"
        )
    );
}

#[test]
fn a_function_gets_is_aggregate_then_validate_then_exec() {
    let (plugin, echo) = echo();

    let done = plugin.run(&["--call", &format!(r#"{echo}(1, "a")"#), "-v"]);

    let said = done.assert_status(0).said();
    let frames: Vec<_> = said
        .lines()
        .filter_map(|line| line.split_once(&format!(" func_{echo} from host: ")))
        .map(|(_, frame)| frame)
        .collect();
    let id = &plugin.id;
    assert_eq!(
        frames,
        [
            r#"{"func":"IsAggregate","arg":null}"#.to_owned(),
            r#"{"func":"Validate","arg":[{"Val":1},{"Val":"a"}]}"#.to_owned(),
            format!(
                r#"{{"func":"Exec","arg":[1,"a","{{\"ruleId\":\"{id}\",\"opId\":\"2_project\",\"instanceId\":0,\"funcId\":0}}"]}}"#
            ),
        ]
    );
}

#[test]
fn the_summary_calls_an_aggregate_an_aggregate() {
    let (plugin, echo) = echo();

    let done = plugin.run(&["--env", r#"PROBE=aggregate={"state":true,"result":true}"#]);

    done.assert_status(0)
        .assert_says(&format!("  aggregate {echo}: 0 calls"));
}

#[test]
fn an_invalid_answer_to_is_aggregate_is_reported() {
    for (answer, says) in [
        (
            r#"{"state":true,"result":"yes"}"#,
            r#"expected true or false, got `"yes"`"#,
        ),
        (r#"{"state":false,"result":"busy"}"#, "busy"),
        ("what", "`what`"),
    ] {
        let (plugin, echo) = echo();

        let done = plugin.run(&[
            "--env",
            &format!("PROBE=aggregate={answer}"),
            "--call",
            &format!("{echo}(1)"),
        ]);

        done.assert_status(1)
            .assert_says(&format!(
                "error: function `{echo}` answered IsAggregate with an invalid answer: "
            ))
            .assert_says(says);
        assert_eq!(done.stdout, "");
    }
}

#[test]
fn an_invalid_answer_to_a_call_is_reported_and_the_next_call_is_made() {
    let (plugin, echo) = echo();

    let done = plugin.run(&[
        "--call",
        &format!(r#"{echo}({{"answer":"7"}})"#),
        "--call",
        &format!("{echo}(2)"),
    ]);

    done.assert_status(1).assert_says(&format!(
        "error: function `{echo}` answered Exec with an invalid answer: "
    ));
    assert!(done.stdout.ends_with("\"result\":2}\n"), "{done}");
}

#[test]
fn a_result_of_more_levels_than_are_decoded_is_noted_and_the_next_call_is_made() {
    let (plugin, echo) = echo();
    let deep = format!("{}1{}", "[".repeat(900), "]".repeat(900));
    let answer = format!(r#"{{\"state\":true,\"result\":{deep}}}"#);

    let done = plugin.run(&[
        "--call",
        &format!(r#"{echo}({{"answer":"{answer}"}})"#),
        "--call",
        &format!("{echo}(2)"),
    ]);

    done.assert_status(0)
        .assert_says(&format!(
            "note: the result of function `{echo}` is nested more than 127 levels deep, which \
             mock-kuiper cannot decode; eKuiper decodes up to 10000"
        ))
        .assert_says(&format!("function {echo}: 2 calls"))
        .assert_says(": no errors in ");
    assert!(done.stdout.ends_with("\"result\":2}\n"), "{done}");
}

#[test]
fn a_call_without_an_answer_is_reported_after_ekuipers_limit() {
    let (plugin, echo) = echo();

    let done = plugin.run(&["--call", &format!(r#"{echo}({{"answer":"silent"}})"#)]);

    done.assert_status(1).assert_says(&format!(
        "error: function `{echo}` did not answer Exec within 5s, eKuiper's limit for an answer: \
         its connection is open, and it is idle\n  help: answer each request in time"
    ));
}

#[test]
fn a_crash_during_a_call_is_reported_with_the_signal() {
    let (plugin, echo) = echo();

    let done = plugin.run(&["--call", &format!(r#"{echo}({{"answer":"die"}})"#)]);

    done.assert_status(1).assert_says(&format!(
        "error: the plugin exited unexpectedly: signal 9 (SIGKILL); running: function `{echo}`; \
         its last output:"
    ));
}

#[test]
fn calls_of_unknown_functions_are_all_reported_at_once() {
    let (plugin, echo) = echo();

    let done = plugin.run(&[
        "--call",
        "nope(1)",
        "--call",
        &format!("{echo}(1)"),
        "--function",
        "other",
    ]);

    done.assert_status(2)
        .assert_says(&format!(
            "error: --function other: the plugin has no such function; it has {echo}"
        ))
        .assert_says(&format!(
            "error: --call nope(1): the plugin has no such function; it has {echo}"
        ))
        .assert_says(&format!(
            "error: --call {echo}(1): the function is not started; add --function {echo}"
        ));
}

#[test]
fn a_mistake_in_a_call_is_shown_with_a_caret() {
    let (plugin, _) = echo();

    let done = plugin.run(&["--call", "echo(1, x)"]);

    done.assert_status(2).assert_says("echo(1, x)\n          ^");
}

#[test]
fn a_greeting_of_an_idle_function_repeats_no_call_in_any_release() {
    for host in ["2.4", "1.13", "1.8"] {
        let plugin = Plugin::new(&["random"], &[], &["echo"]);
        let echo = plugin.function("echo");

        let done = plugin.run(&[
            "--host",
            host,
            "--env",
            // Not between the orders, where 1.x takes a greeting for an error.
            "PROBE=idle_calls=20",
            "--function",
            &echo,
            "--call",
            &format!("{echo}(1)"),
            "--call",
            &format!("{echo}(2)"),
        ]);

        assert_eq!(done.stdout.lines().count(), 2, "{host}: {done}");
    }
}

#[test]
fn a_result_that_cannot_be_written_gives_status_3() {
    let (plugin, echo) = echo();
    let full = std::fs::File::options().write(true).open("/dev/full");

    let done = plugin
        .command(&["--call", &format!("{echo}(1)")])
        .stdin(std::process::Stdio::null())
        .stdout(full.unwrap())
        .output()
        .unwrap();

    let stderr = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("error: cannot write to stdout: No space left on device"),
        "{stderr}"
    );
}
