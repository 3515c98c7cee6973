//! Signals, a killed plugin or mock, and other processes at the addresses.

use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;

use rustix::process::Signal;

use super::common::{Live, Plugin, processes, wait_until, write_script};
use crate::support::processes::{remove_files, without_isolation};

#[test]
fn a_signal_stops_everything_in_order_and_gives_status_0() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
        let live = plugin.start(&[]);
        live.wait_for_stderr("append got");

        live.signal(signal);
        let done = live.finish();

        done.assert_status(0);
        let stops = done.logged("stop ");
        assert!(
            stops[0].contains("\"random\"") && stops[1].contains("\"append\""),
            "{done}"
        );
        assert_eq!(stops.len(), 2, "a function is never stopped\n{done}");
    }
}

#[test]
fn a_signal_before_the_greeting_ends_the_run() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let live = plugin.start(&["--env", "PROBE=silent"]);
    live.wait_for_stderr("directory");

    live.signal(Signal::INT);

    live.finish().assert_status(0);
}

#[test]
fn a_signal_ends_a_run_that_waits_for_its_turn() {
    if let Some(refused) = mock_kuiper::engine::isolate::refused() {
        println!("skipped: {refused}");
        return;
    }
    let (first, second) = (
        Plugin::new(&["random"], &[], &[]),
        Plugin::new(&["random"], &[], &[]),
    );
    let start = |plugin: &Plugin| {
        let command = plugin.command(&["--isolate=auto"]);
        Live::spawn(without_isolation(&command), &plugin.id)
    };
    let holds_the_turn = start(&first);
    holds_the_turn.wait_for_stdout("\"number\":1}");
    let waits = start(&second);

    waits.wait_for_signals();
    waits.signal(Signal::INT);
    let done = waits.finish();

    done.assert_status(0);
    assert_eq!((&*done.stdout, &*done.stderr), ("", ""));
    holds_the_turn.signal(Signal::INT);
    holds_the_turn.finish().assert_status(0);
}

#[test]
fn a_second_signal_does_not_wait_for_a_plugin_that_ignores_the_stop() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let live = plugin.start(&["--env", "PROBE=mute=stop", "--answer-timeout", "1h"]);
    live.wait_for_stdout("\"number\":1}");

    live.signal(Signal::INT);
    live.wait_for_stderr("stop {");
    live.signal(Signal::INT);

    live.finish().assert_status(0);
}

#[test]
fn a_signal_before_the_answer_to_a_start_stops_the_sink_and_starts_nothing_else() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let answer = plugin.place().join("answer");
    let late = format!("PROBE=late={}", answer.display());
    let live = plugin.start(&["--env", &late]);
    live.wait_for_stderr("start {");

    live.signal_and_wait(Signal::INT);
    std::fs::write(&answer, "").unwrap();
    let done = live.finish();

    done.assert_status(0);
    let (starts, stops) = (done.logged("start "), done.logged("stop "));
    assert_eq!((starts.len(), stops.len()), (1, 1), "{done}");
    assert!(stops[0].contains("\"append\""), "{done}");
}

#[test]
fn a_second_signal_does_not_wait_for_the_answer_to_a_start() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let live = plugin.start(&["--env", "PROBE=mute=start", "--answer-timeout", "1h"]);
    live.wait_for_stderr("start {");

    live.signal_and_wait(Signal::INT);
    live.signal(Signal::INT);

    live.finish().assert_status(0);
}

#[test]
fn a_signal_during_a_call_stops_the_sinks_that_run() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let call = format!(r#"{}({{"answer":"silent"}})"#, plugin.function("echo"));
    let live = plugin.start(&["--call", &call, "-v"]);
    live.wait_for_stderr("\"Exec\"");

    live.signal(Signal::INT);
    let done = live.finish();

    done.assert_status(3)
        .assert_says("error: interrupted: 0 of 1 call came to an end");
    let stops = done.logged("stop ");
    assert_eq!(stops.len(), 1, "{done}");
    assert!(stops[0].contains("\"append\""), "{done}");
}

#[test]
fn a_signal_during_a_fault_stops_everything_in_order() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let live = plugin.start(&["--fault", "kill=1h"]);
    // Two rows have shown that the sink works before the fault.
    wait_until("a second row", || {
        live.stderr().matches("append got").count() >= 2
    });

    live.signal(Signal::INT);
    let done = live.finish();

    done.assert_status(3)
        .assert_says("error: interrupted: not all faults were played");
    let stops = done.logged("stop ");
    assert_eq!(stops.len(), 2, "{done}");
    assert!(stops[0].contains("\"random\""), "{done}");
    assert!(stops[1].contains("\"append\""), "{done}");
}

#[test]
fn a_killed_plugin_is_reported_and_the_same_command_works_again() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let live = plugin.start(&["-v"]);
    live.wait_for_stderr("append got");
    let said = live.stderr();
    let (_, pid) = said.split_once("launched as process ").unwrap();
    let pid = pid.split(':').next().unwrap().parse().unwrap();

    super::common::kill(pid, Signal::KILL);
    let done = live.finish();
    let again = plugin.run(&["--count", "2"]);

    done.assert_status(1)
        .assert_says("error: the plugin exited unexpectedly: signal 9 (SIGKILL); running: ");
    again.assert_status(0);
    assert_eq!(again.logged("append got ").len(), 2);
}

#[test]
fn a_killed_mock_takes_the_plugin_with_it_and_the_same_command_works_again() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let live = plugin.start(&["--env", "PROBE=child"]);
    live.wait_for_stderr("append got");

    live.signal(Signal::KILL);
    let killed = live.end();
    wait_until("the end of the group", || processes(&plugin.id).is_empty());
    // A dying process loses its command line before its sockets.
    wait_until("the end of its sockets", || {
        let files = plugin.files().into_iter();
        let peers = files.map(|name| UnixStream::connect(format!("/tmp/{name}")));
        peers.into_iter().all(|peer| peer.is_err())
    });
    let left = plugin.files();
    let again = plugin.run(&["--count", "2"]);

    assert_eq!(killed.status, -9);
    assert!(left.len() >= 3, "stale files are in the way: {left:?}");
    again.assert_status(0);
}

#[test]
fn an_address_in_use_is_reported_with_the_process_that_holds_it() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let path = format!("/tmp/plugin_{}.ipc", plugin.id);
    let listener = UnixListener::bind(&path).unwrap();

    let done = plugin.start(&["--count", "1"]).end();
    drop(listener);
    let again = plugin.run(&["--count", "1"]);

    done.assert_status(3).assert_says(&format!(
        "error: address {path} is in use by process {} (",
        std::process::id()
    ));
    done.assert_says("): eKuiper, another mock-kuiper, or a plugin left over from an earlier run")
        .assert_says(&format!(
            "\n  help: end process {0}: `kill {0}`",
            std::process::id()
        ));
    assert!(done.log().is_empty(), "nothing was launched\n{done}");
    again.assert_status(0);
}

#[test]
fn a_rule_id_that_is_too_long_for_the_address_of_a_socket_is_a_wrong_command_line() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let long = "r".repeat(120);
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
        command
            .arg("run")
            .arg(plugin.directory())
            .args(["--rule", &long])
            .args(args);
        Live::spawn(command, &plugin.id).end()
    };

    let source = run(&["--source", "random", "--count", "1"]);
    let sink = run(&["--sink", "append", "--send", "{}"]);

    for done in [source, sink] {
        done.assert_status(2)
            .assert_says(&format!("error: the channel {long}_"))
            .assert_says("longer than the 107 bytes that the system allows; shorten ");
        assert!(done.logged("start ").is_empty(), "{done}");
    }
}

#[test]
fn a_file_at_the_address_that_is_not_a_socket_is_kept() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let path = format!("/tmp/{}_demo_0.ipc", plugin.id);
    std::fs::write(&path, "precious").unwrap();

    let done = plugin.start(&["--count", "1"]).end();
    let kept = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();

    done.assert_status(3).assert_says(&format!(
        "error: {path} exists and is not a socket: move the file or use another name"
    ));
    assert_eq!(kept, "precious");
    plugin.assert_clean();
}

#[test]
fn a_plugin_left_over_from_an_earlier_run_is_turned_away_by_pid() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let left_over = Live::spawn(Command::new(plugin.executable()), &plugin.id);
    let pid = left_over.pid();

    let live = plugin.start(&[]);
    live.wait_for_stderr("was turned away");
    live.wait_for_stdout("\"number\":1}");
    live.signal(Signal::INT);
    let done = live.finish();
    drop(left_over);

    done.assert_status(0)
        .assert_says(&format!("note: process {pid} (probe"));
    done.assert_says(&format!(
        ") dialed plugin_{} and was turned away, because this run did not launch it; if it is \
         left over from an earlier run, end it with `kill {pid}`",
        plugin.id
    ));
    assert_eq!(
        done.said().matches("turned away").count(),
        1,
        "told once\n{done}"
    );
}

#[test]
fn a_plugin_started_by_a_launcher_is_recognized_by_its_process_group() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    plugin.wrap("./bin/* \"$@\" & wait");

    let done = plugin.run(&["--count", "2"]);

    done.assert_status(0);
}

#[test]
fn a_plugin_that_leaves_its_process_group_is_turned_away() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.wrap("setsid ./bin/* \"$@\" & echo \"away $!\"; wait");

    let done = plugin.start(&["--init-timeout", "5s"]).end();
    for pid in processes(&plugin.id) {
        super::common::kill(pid, Signal::KILL);
    }

    done.assert_status(1)
        .assert_says("was turned away")
        .assert_says("error: the plugin sent no greeting within 5s");
    plugin.assert_clean();
}

/// Makes a plugin that starts two processes in sessions of their own, one of them
/// without a parent.
fn with_escaped_processes() -> Plugin {
    let plugin = Plugin::new(&["random"], &[], &[]);
    // The plugin begins when both are `sleep`.
    plugin.wrap(
        "setsid sh -c 'setsid sleep 1000 & echo $! >inner; exec sleep 1000' & echo $! >outer
for name in inner outer; do
    until [ \"$(cat /proc/\"$(cat $name)\"/comm)\" = sleep ]; do sleep 0.01; done 2>/dev/null
done
exec ./bin/* \"$@\"",
    );
    plugin
}

#[test]
fn processes_in_sessions_of_their_own_end_with_the_run_which_names_them() {
    for args in [&["--count", "1"][..], &["--count", "1", "--isolate"]] {
        let plugin = with_escaped_processes();

        let done = plugin.run(args);

        done.assert_status(0)
            .assert_says("note: the plugin left 2 processes (")
            .assert_says("(sleep)")
            .assert_says(") running, which eKuiper does not end; the host has killed them");
    }
}

#[test]
fn processes_in_sessions_of_their_own_end_when_the_mock_is_killed() {
    for args in [&[][..], &["--isolate"]] {
        let plugin = with_escaped_processes();
        let live = plugin.start(args);
        live.wait_for_stdout("\"random\"");
        assert!(processes(&plugin.id).len() >= 4);

        live.signal(Signal::KILL);
        live.end();

        wait_until("the end of all processes", || {
            processes(&plugin.id).is_empty()
        });
        remove_files(&plugin.id);
    }
}

#[test]
fn a_plugin_that_leaves_nothing_behind_gets_no_note() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    // It ends when the plugin does, since nobody writes to its stdin any more.
    plugin.wrap("mkfifo fifo; cat fifo >cat & exec ./bin/* \"$@\" 3>fifo");

    let done = plugin.run(&["--count", "1"]);

    done.assert_status(0);
    assert!(!done.said().contains("note: the plugin left"), "{done}");
}

#[test]
fn a_process_that_still_works_when_the_plugin_has_ended_may_end_by_itself() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    // Longer than one that only sleeps may take.
    let work = "n=0; while [ $n -lt 200000 ]; do n=$((n + 1)); done";
    plugin.wrap(&format!(
        "mkfifo fifo; {{ read -r _ <fifo; {work}; }} >work 2>&1 & exec ./bin/* \"$@\" 3>fifo"
    ));

    let done = plugin.run(&["--count", "1"]);

    done.assert_status(0);
    assert!(!done.said().contains("note: the plugin left"), "{done}");
}

#[test]
fn a_run_ends_although_the_plugin_has_killed_its_supervisor() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    // Without the supervisor, it goes on until the host kills it.
    plugin.wrap("kill -KILL $PPID; exec sleep 1000");

    let done = plugin.run(&[]);

    done.assert_status(1)
        .assert_says("error: the plugin exited before its greeting: signal 9 (SIGKILL)");
}

#[test]
fn a_run_ends_although_a_stop_is_not_answered() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = plugin.run(&[
        "--env",
        "PROBE=mute=stop",
        "--count",
        "1",
        "--answer-timeout",
        "5s",
    ]);

    done.assert_status(1)
        .assert_says("error: source `random` did not answer its stop within 5s");
}

#[test]
fn a_script_whose_interpreter_is_missing_gets_a_hint() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    std::fs::remove_file(plugin.executable()).unwrap();
    write_script(&plugin.executable(), "");
    std::fs::write(plugin.executable(), "#!/nowhere/sh\n").unwrap();

    let done = plugin.run(&[]);

    done.assert_status(2)
        .assert_says("error: cannot run `")
        .assert_says(
            "\n  help: check that the interpreter in its first line, or its dynamic loader, is on \
             this machine",
        );
}
