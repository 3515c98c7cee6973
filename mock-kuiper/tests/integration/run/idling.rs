//! Plugins that have nothing to do for a while.

use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::common::{Live, Plugin, kill};

#[test]
fn without_a_source_a_duration_counts_and_the_calls_are_made_again_at_its_end() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let call = format!("{}(7)", plugin.function("echo"));

    let done = plugin.run(&["--duration", "1s", "--call", &call]);

    done.assert_status(0).assert_says(": 2 calls");
    assert!(done.took >= Duration::from_secs(1), "{done}");
    let name = plugin.function("echo");
    let line = format!("{{\"function\":\"{name}\",\"args\":[7],\"result\":7}}\n");
    assert_eq!(done.stdout, line.repeat(2));
}

#[test]
fn a_function_that_greets_while_it_is_idle_can_be_called_again() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let call = format!("{}(7)", plugin.function("echo"));

    let done = plugin.run(&[
        "--duration",
        "1s",
        "--call",
        &call,
        "--env",
        "PROBE=idle=100",
    ]);

    done.assert_status(0).assert_says(": 2 calls");
}

#[test]
fn a_plugin_that_exits_while_it_is_idle_is_reported_at_once() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    plugin.wrap("./bin/* \"$@\" & echo \"[probe] pid $!\"; wait");
    let call = format!("{}(7)", plugin.function("echo"));
    let live = plugin.start(&["--duration", "10m", "--call", &call]);
    live.wait_for_stdout("\"result\":7}");
    let stderr = live.stderr();
    let (_, pid) = stderr.split_once("[probe] pid ").unwrap();
    let pid = pid.lines().next().unwrap().parse().unwrap();

    kill(pid, Signal::TERM);
    let done = live.finish();

    done.assert_status(1)
        .assert_says("error: the plugin exited unexpectedly: ");
}

#[test]
fn a_plugin_that_was_idle_has_to_work_as_before() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);

    let done = plugin.run(&["--fault", "idle=300ms"]);

    done.assert_status(0)
        .assert_says("fault idle=300ms: survived");
}

#[test]
fn a_greeting_of_an_idle_plugin_is_a_finding_before_2_1_3() {
    // On a busy machine, a second may pass between the greeting and the start.
    let args = ["--fault", "idle=4s", "--env", "PROBE=idle=2000"];
    let before = |plugin: Plugin| {
        plugin
            .run(&[&args[..], &["--host", "1.13"]].concat())
            .assert_status(1)
            .assert_says("error: fault idle=4s: ")
            .assert_says(" with a second greeting, \"handshake\"");
    };
    let since = |plugin: Plugin| {
        plugin.run(&args).assert_status(0);
    };
    let function = || Plugin::new(&[], &[], &["echo"]);
    let source = || Plugin::new(&["random"], &[], &[]);

    // Each is idle for 4 s.
    thread::scope(|scope| {
        scope.spawn(|| before(function()));
        scope.spawn(|| before(source()));
        scope.spawn(|| since(function()));
        scope.spawn(|| since(source()));
    });
}

#[test]
fn the_rule_of_a_shared_stream_can_be_named() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let rule = format!("$$source_pool_{}", plugin.id);

    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    command.arg("run").arg(plugin.directory());
    command.args(["--count", "1", "--rule", &rule]);
    let done = Live::spawn(command, &plugin.id).finish();

    done.assert_status(0);
    let start = done.logged("start ")[0];
    assert!(start.contains(&format!("\"ruleId\":\"{rule}\"")), "{start}");
}
