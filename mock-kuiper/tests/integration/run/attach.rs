//! `run --attach`: plugins that the tests start by hand.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::common::{Live, Plugin};
use crate::support::processes::{remove_files, suspend};
use crate::support::running::Running;

/// Starts a plugin by hand.
fn start(plugin: &Plugin, env: &[(&str, &str)]) -> Running {
    let mut command = Command::new(plugin.executable());
    command
        .arg(r#"{"sendTimeout":1000}"#)
        .envs(env.iter().copied())
        .current_dir(plugin.directory())
        .stdout(Stdio::null());
    Running(command.spawn().unwrap())
}

/// Starts a run, and waits until it waits for the plugin.
fn attach(plugin: &Plugin, args: &[&str]) -> Live {
    let live = plugin.start(&[&["--attach"], args].concat());
    live.wait_for_stderr("waiting for the plugin…\n");
    live
}

#[test]
fn what_to_start_is_printed_and_the_plugin_is_used_and_lives_on() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let call = format!("{}(1)", plugin.function("echo"));
    let live = attach(
        &plugin,
        &[
            "--env",
            "A=x y",
            "--count",
            "3",
            "--call",
            &call,
            "--require-ack",
        ],
    );
    let mut running = start(&plugin, &[]);

    let done = live.end();

    done.assert_status(0);
    let directory = plugin.directory().display().to_string();
    let executable = plugin.executable().display().to_string();
    let pid = running.pid();
    let said: Vec<_> = done.stderr.lines().collect();
    assert_eq!(
        said[..8],
        [
            "start the plugin now, in a debugger or an IDE:",
            &format!(r#"  command      {executable} '{{"sendTimeout":1000}}'"#),
            &format!("  directory    {directory}"),
            "  environment  A='x y'",
            &format!(
                r#"  in a shell   cd {directory} && A='x y' {executable} '{{"sendTimeout":1000}}'"#
            ),
            "Start it while this waits: some SDKs give up after seconds without a host.",
            "waiting for the plugin…",
            &format!("the plugin is attached (pid {pid})"),
        ],
        "{done}"
    );
    assert!(
        done.stderr.ends_with(&format!(
            "the plugin (pid {pid}) still runs: mock-kuiper did not start it, and does not end it\n"
        )),
        "{done}"
    );
    assert!(!done.stderr.contains('\u{1b}'), "{done}");
    assert_eq!(done.stdout.lines().count(), 4, "{done}");
    assert!(running.is_alive());
    assert!(plugin.files().is_empty(), "{:?}", plugin.files());
}

#[test]
fn a_plugin_that_is_started_again_goes_on_with_what_ran() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let json = plugin.place().join("events");
    let live = attach(&plugin, &["--json", json.to_str().unwrap()]);
    let first = start(&plugin, &[]);
    live.wait_for_stdout("\"number\":3}");
    let first_pid = first.pid();

    drop(first);
    live.wait_for_stderr(&format!(
        "the plugin (pid {first_pid}) has exited; its exit status is not known, because \
         mock-kuiper did not start it\nwaiting for the plugin to be started again…\n"
    ));
    let second = start(&plugin, &[]);
    let again = format!(
        "the plugin is attached (pid {})\nstarted again: sink `append`\nstarted again: function \
         `{}`\nstarted again: source `random`\n",
        second.pid(),
        plugin.function("echo")
    );
    live.wait_for_stderr(&again);
    live.signal(Signal::INT);
    let done = live.end();

    done.assert_status(0);
    let events = fs::read_to_string(json).unwrap();
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let pids = |event: &str| -> Vec<u64> {
        let events = events.iter().filter(|line| line["event"] == event);
        events.map(|line| line["pid"].as_u64().unwrap()).collect()
    };
    assert_eq!(pids("attached"), [first_pid, second.pid()].map(u64::from));
    assert_eq!(pids("detached"), [u64::from(first_pid)]);
}

#[test]
fn an_order_that_is_refused_after_a_new_start_is_an_error() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let live = attach(&plugin, &[]);
    drop({
        let first = start(&plugin, &[]);
        live.wait_for_stdout("\"number\":1}");
        first
    });

    let _second = start(&plugin, &[("PROBE", "refuses=start")]);
    live.wait_for_stderr("no start today");
    live.signal(Signal::INT);

    live.end().assert_status(1).assert_says("order.refused");
}

#[test]
fn ctrl_c_ends_a_run_while_the_plugin_answers_nothing() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    for env in [&[("PROBE", "mute=start")][..], &[]] {
        let live = attach(&plugin, &["--require-ack"]);
        let mut running = start(&plugin, env);
        match env {
            [] => {
                live.wait_for_stdout("\"number\":3}");
                suspend(running.pid());
            }
            _ => live.wait_for_stderr("the plugin is attached"),
        }

        live.signal(Signal::INT);

        live.end().assert_status(0);
        assert!(running.is_alive());
        drop(running);
        remove_files(&plugin.id);
    }
}

#[test]
fn ctrl_c_ends_a_run_for_which_no_plugin_was_started() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let live = attach(&plugin, &[]);

    live.signal(Signal::INT);

    live.finish().assert_status(0);
}

#[test]
fn a_limit_that_is_given_holds_for_the_answer_of_a_stopped_plugin() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let call = format!("{}(\"sleep=60\")", plugin.function("echo"));
    let live = attach(&plugin, &["--answer-timeout", "100ms", "--call", &call]);
    let _running = start(&plugin, &[("PROBE", "mute=start")]);

    let done = live.end();

    done.assert_status(1).assert_says("order.unanswered");
}

#[test]
fn a_second_run_is_refused_with_the_process_of_the_first() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let first = attach(&plugin, &[]);

    let second = plugin.start(&["--attach"]).end();

    second.assert_status(3);
    second.assert_says(&format!("is in use by process {}", first.pid()));
    first.signal(Signal::INT);
    first.finish();
}

#[test]
fn options_that_need_a_launched_plugin_are_refused_all_at_once() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let log = plugin.place().join("log");

    let done = plugin.run(&[
        "--attach",
        "--isolate",
        "--plugin-log",
        log.to_str().unwrap(),
        "--fault",
        "kill",
        "--fault",
        "cut",
    ]);
    let watch = plugin.run(&["--attach", "--watch"]);
    let bench = Live::spawn(
        plugin.subcommand("bench", &plugin.directory(), &["--attach"]),
        &plugin.id,
    );
    let bench = bench.finish();
    let mut test = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    test.args(["test", "--attach"]).arg(plugin.directory());
    let test = Live::spawn(test, &plugin.id).finish();
    let mut help = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    help.args(["bench", "--help"]);
    let help = Live::spawn(help, &plugin.id).finish();

    done.assert_status(2);
    let errors: Vec<_> = done.stderr.lines().collect();
    assert_eq!(errors.len(), 3, "{done}");
    for (error, option) in errors
        .iter()
        .zip(["--isolate", "--plugin-log", "--fault kill=200ms"])
    {
        let begin = format!("error: {option} cannot be used with --attach: ");
        assert!(error.starts_with(&begin), "{error}");
    }
    watch.assert_status(2).assert_says("--watch cannot be used");
    bench
        .assert_status(2)
        .assert_says("--attach cannot be used with bench: ");
    assert!(!help.stdout.contains("--attach"), "{help}");
    test.assert_status(2)
        .assert_says("--attach cannot be used with test: each case launches");
}

#[test]
fn several_releases_are_refused() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let releases = ["--host", "2.4", "--host", "1.13"];

    let attached = plugin.run(&[&["--attach"], &releases[..]].concat());
    let launched = plugin.run(&releases);

    attached.assert_status(2).assert_says(
        "error: --host names 2.4 and 1.13: the process that you start is driven as one release; \
         start mock-kuiper and the plugin once for each",
    );
    launched.assert_status(2).assert_says(
        "error: --host names 2.4 and 1.13: one release is played; run the command once for each",
    );
}

#[test]
fn faults_that_keep_the_process_are_played() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let live = attach(&plugin, &["--fault", "cut", "--fault", "restart=10ms"]);
    let _running = start(&plugin, &[]);

    let done = live.end();

    done.assert_status(0)
        .assert_says("fault cut: survived")
        .assert_says("fault restart=10ms: survived");
}
