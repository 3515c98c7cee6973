//! Plugins that do something wrong, and how it is reported.

use super::common::{Plugin, on_nng, wait_until};

fn all() -> Plugin {
    Plugin::new(&["random"], &["append"], &["echo"])
}

#[test]
fn an_exit_before_the_greeting_is_reported_with_the_status_and_the_last_20_lines() {
    let plugin = all();

    let done = plugin.run(&["--env", "PROBE=lines=25 exit=3"]);

    let lines: String = (6..=25).map(|n| format!("\nerror:   line {n}")).collect();
    let lines = lines.replace("error: ", "");
    done.assert_status(1).assert_says(&format!(
        "error: the plugin exited before its greeting: exit status 3; its last output:{lines}"
    ));
    assert_eq!(done.logged("line ").len(), 25);
    assert_eq!(done.stdout, "");
}

#[test]
fn an_exit_without_any_output_is_reported_as_such() {
    let plugin = all();
    plugin.wrap("exit 0");

    let done = plugin.run(&[]);

    done.assert_status(1).assert_says(
        "error: the plugin exited before its greeting: exit status 0; it wrote nothing",
    );
}

#[test]
fn a_missing_greeting_is_reported_with_the_address_to_dial() {
    let plugin = all();

    // On a busy machine it is not idle before.
    let done = plugin.run(&["--env", "PROBE=silent", "--init-timeout", "5s"]);

    done.assert_status(1).assert_says(&format!(
        "error: the plugin sent no greeting within 5s on ipc:///tmp/plugin_{}.ipc: it has not \
         dialed, and it is idle\n  \
         help: dial this address and send a message within the limit",
        plugin.id
    ));
    assert!(!done.said().contains("more time"), "{done}");
}

#[test]
fn a_plugin_that_is_busy_before_its_greeting_may_need_more_time() {
    let plugin = all();
    plugin.wrap("while :; do :; done");

    let done = plugin.run(&["--init-timeout", "200ms"]);

    done.assert_status(1)
        .assert_says(": it has not dialed, and it is busy\n  help: dial this address")
        .assert_says("\n  help: allow more time with --init-timeout TIME");
}

#[test]
fn another_protocol_on_the_control_channel_is_reported_with_the_received_bytes() {
    let plugin = all();

    let done = plugin.run(&["--env", "PROBE=http", "--count", "1"]);

    if on_nng() {
        // Afterwards the plugin does what it should have done first.
        done.assert_status(0);
        return;
    }
    done.assert_status(1).assert_says(&format!(
        "error: the plugin broke the protocol on ipc:///tmp/plugin_{}.ipc: the peer sent \
         474554202f204854 instead of a Scalability Protocols greeting",
        plugin.id
    ));
}

#[test]
fn control_characters_in_the_plugins_output_are_escaped() {
    let plugin = all();

    let done = plugin.run(&["--env", "PROBE=garbage", "--count", "1"]);

    done.assert_status(0);
    let shown = done.log();
    assert!(
        shown.contains(&"\\u{1b}[2J\\u{1b}]0;owned\\u{7} \u{fffd}\u{fffd} \\u{0}"),
        "{done}"
    );
    assert!(!done.stderr.contains('\x1b'));
    assert!(done.stderr.contains("no end of line"));
}

#[test]
fn a_refused_start_is_reported_and_the_other_symbols_run() {
    let plugin = Plugin::new(&["good", "bad"], &["fine", "broken"], &[]);

    let done = plugin.run(&[
        "--count",
        "2",
        "--config",
        r#"bad={"refuse":"no such device"}"#,
        "--config",
        r#"broken={"refuse":"no disk"}"#,
    ]);

    done.assert_status(1)
        .assert_says("error: source `bad` refused to start: no such device")
        .assert_says("error: sink `broken` refused to start: no disk")
        .assert_says(": 2 errors in ");
    assert_eq!(done.stdout.lines().count(), 2);
    assert_eq!(done.logged("fine got ").len(), 2);
    assert_eq!(done.logged("stop ").len(), 2, "{done}");
}

#[test]
fn an_answer_that_is_almost_ok_or_empty_is_quoted() {
    let plugin = Plugin::new(&["line", "silent"], &[], &[]);

    let done = plugin.run(&[
        "--config",
        r#"line={"refuse":"ok\n"}"#,
        "--config",
        r#"silent={"refuse":""}"#,
    ]);

    done.assert_status(1)
        .assert_says(
            r#"error: source `line` refused to start: the answer is "ok\n", expected `ok` alone"#,
        )
        .assert_says("error: source `silent` refused to start without a reason");
}

#[test]
fn the_run_ends_if_all_sources_refuse_to_start() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);

    let done = plugin.run(&["--config", r#"random={"refuse":"no such device"}"#]);

    done.assert_status(1)
        .assert_says("error: source `random` refused to start: no such device");
}

#[test]
fn a_refused_stop_is_reported() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--count", "1", "--env", "PROBE=refuses=stop"]);

    done.assert_status(1)
        .assert_says("error: source `random` refused to stop: no stop today");
}

#[test]
fn an_order_without_an_answer_is_reported_with_the_limit() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--env", "PROBE=mute=start", "--answer-timeout", "5s"]);

    done.assert_status(1).assert_says(
        "error: source `random` did not answer its start within 5s: its connection is open, \
         and it is idle\n  \
         help: answer each order at once, and do the work in a thread\n  \
         help: allow more time with --answer-timeout TIME; eKuiper waits an hour",
    );
}

#[test]
fn a_late_answer_is_not_taken_as_the_answer_to_the_next_order() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let file = plugin.place().join("answer");
    let late = format!("PROBE=late={}", file.display());
    let args = ["--env", &late, "--answer-timeout", "4s", "--count", "1"];

    let live = plugin.start(&args);
    live.wait_for_stderr("error: sink `append` did not answer its start within 4s");
    std::fs::write(file, "").unwrap();
    let done = live.finish();

    done.assert_status(1).assert_says(": 1 error in ");
    assert_eq!(done.logged("start ").len(), 2, "{done}");
    assert_eq!(done.stdout.lines().count(), 1, "{done}");
}

#[test]
fn a_sink_that_answers_before_it_listens_is_reported_and_stopped() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run(&["--config", r#"append={"deaf":true}"#]);

    done.assert_status(1)
        .assert_says("error: sink `append` answered its start before it listened: ")
        .assert_says("help: listen before the start is answered: eKuiper connects at once");
    assert_eq!(done.logged("stop ").len(), 1);
}

#[test]
fn a_crash_is_reported_with_the_signal_the_symbols_and_the_last_lines() {
    let plugin = all();
    let echo = plugin.function("echo");

    let done = plugin.run(&["--config", r#"random={"interval":500,"die_after":3}"#]);

    done.assert_status(1)
        .assert_says(&format!(
            "error: the plugin exited unexpectedly: signal 9 (SIGKILL); running: sink `append`, \
             function `{echo}`, source `random`; its last output:\n  "
        ))
        .assert_says(": 1 error in ")
        .assert_says("  source random: 3 rows, ")
        // How many of them reach the sink before the exit depends on the machine.
        .assert_says("  sink append: ");
    assert_eq!(
        done.stdout.lines().count(),
        3,
        "what it had sent is printed\n{done}"
    );
}

#[test]
fn a_crash_is_the_only_error_even_if_a_row_or_an_ack_is_awaited() {
    for sink in [
        // The sink reads one row and no more.
        r#"append={"ack":3600000}"#,
        r#"append={"ack":3600000,"requireAck":true}"#,
    ] {
        let plugin = Plugin::new(&["flood", "doomed"], &["append"], &[]);

        let done = plugin.run(&[
            "--answer-timeout",
            "1h",
            "--config",
            r#"flood={"interval":0}"#,
            "--config",
            r#"doomed={"interval":200,"die_after":4}"#,
            "--config",
            sink,
        ]);

        done.assert_status(1)
            .assert_says("error: the plugin exited unexpectedly: signal 9 (SIGKILL)")
            .assert_says(": 1 error in ");
    }
}

#[test]
fn a_row_cut_off_by_a_crash_is_not_reported_separately() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let run = || {
        let done = plugin.run(&[
            "--config",
            r#"random={"wire":"torn","interval":1,"die_after":50}"#,
        ]);
        done.assert_status(1)
            .assert_says("error: the plugin exited unexpectedly: signal 9 (SIGKILL)");
        assert_eq!(done.stdout.lines().count(), 50, "{done}");
        done
    };

    // A plugin that a busy machine pauses for a second is rightly reported.
    let is_alone = (0..5).any(|_| run().said().contains(": 1 error in "));

    assert!(is_alone);
}

#[test]
fn an_exit_of_the_plugin_is_reported_whatever_its_status() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--config", r#"random={"interval":200,"exit_after":5}"#]);

    done.assert_status(1).assert_says(
        "error: the plugin exited unexpectedly: exit status 0; running: source `random`",
    );
    assert_eq!(done.stdout.lines().count(), 5, "{done}");
}

#[test]
fn a_crash_during_an_order_is_reported() {
    for order in ["start", "stop"] {
        let plugin = Plugin::new(&["random"], &[], &[]);

        let done = plugin.run(&["--count", "1", "--env", &format!("PROBE=dies={order}")]);

        done.assert_status(1)
            .assert_says("error: the plugin exited unexpectedly: signal 9 (SIGKILL); ");
    }
}

#[test]
fn a_process_outside_the_group_that_holds_stdout_delays_nothing() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin
        .start(&["--count", "1", "--env", "PROBE=stray"])
        .end();
    let stray: u32 = done.logged("stray ")[0].parse().unwrap();
    super::common::kill(stray, rustix::process::Signal::KILL);

    done.assert_status(0);
    plugin.assert_clean();
}

#[test]
fn a_child_of_the_plugin_ends_with_it() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&["--count", "1", "--env", "PROBE=child"]);

    done.assert_status(0);
    assert_eq!(done.logged("child ").len(), 1);
}

#[test]
fn a_crash_is_reported_at_once_even_if_a_child_holds_the_output() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&[
        "--env",
        "PROBE=child",
        "--config",
        r#"random={"die_after":1}"#,
    ]);

    done.assert_status(1).assert_says("signal 9 (SIGKILL)");
}

#[test]
fn a_greeting_of_an_idle_plugin_is_understood_by_2_4_and_reported_by_1_13() {
    for (host, status) in [("2.4", 0), ("1.13", 1)] {
        let plugin = Plugin::new(&["random"], &[], &[]);

        let live = plugin.start(&["--host", host, "--env", "PROBE=idle=30", "-v"]);
        wait_until("a second greeting", || {
            live.stdout().contains("\"number\":5}") || live.stderr().contains("second greeting")
        });
        live.signal(rustix::process::Signal::INT);
        let done = live.finish();

        done.assert_status(status);
        if host == "1.13" {
            done.assert_says(
                // Its stop; or on a busy machine its start.
                " with a second greeting, \"handshake\", which eKuiper before 2.1.3 takes for an \
                 error",
            );
        } else {
            assert_eq!(done.logged("stop ").len(), 1, "carried out once\n{done}");
        }
    }
}
