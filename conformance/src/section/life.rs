//! `LIF`: the process.

use std::time::{Duration, Instant};

use mock_kuiper::host::{Builder, Host, Sink, Source};
use rustix::process::{Pid, Signal, kill_process};

use serde_json::json;

use crate::bench::{
    Bench, Checked, FLOOD, Stop, failed, is_no_ack, not_testable, order_bytes, takes_in_time,
};
use crate::requirement::{Level, Releases, Requirement};
use crate::stage::Kinds;

/// How long the end may take.
const LEAVING: Duration = Duration::from_secs(5);

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "LIF-01",
        level: Level::Should,
        releases: Releases::All,
        rule: "SIGTERM ends the process.",
        why: "eKuiper uses SIGKILL; whoever ends a container or a leftover by hand does not.",
        how: "The signal is sent while something runs; the process has to be gone within 5 s.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go, SIGKILL",
        check: leaves_at_sigterm,
    },
    &Requirement {
        id: "LIF-02",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "A new process greets, carries out the starts of what ran, and all works as before.",
        why: "After a crash and at every update of the plugin no rule comes back.",
        how: "The process is killed with everything running, launched again, and sent the orders.",
        source: "ekuiper-2.4.0-go.jsonl:311; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        check: |bench| bench.play(Kinds::All, "kill=200ms"),
    },
    &Requirement {
        id: "LIF-03",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "The starts of what ran are carried out in any order.",
        why: "eKuiper keeps them in a map, and sends the replay in no certain order.",
        how: "As LIF-02, five times, the starts in another order each time.",
        source: "ekuiper-2.4.0-go.jsonl:316; ekuiper-2.4.0-go.jsonl:321",
        check: |bench| bench.play(Kinds::All, "replay"),
    },
    &Requirement {
        id: "LIF-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "Starts and stops leave open files, threads and memory where they were.",
        why: "2.x keeps the process for as long as it lives itself, through all starts of all rules.",
        how: "After 20 rounds to warm up, 200 rounds, or as many as go in 15 s, may add 4 files, 2 \
              threads and 8 MiB.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        check: |bench| bench.play(Kinds::All, "churn"),
    },
    &Requirement {
        id: "LIF-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "A host that goes away and comes back is dialed and greeted again on every channel.",
        why: "eKuiper ends the plugin when it ends; a crashed eKuiper does not.",
        how: "All channels are closed at once and opened after 500 ms, then what ran is started.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: |bench| bench.play(Kinds::All, "restart"),
    },
    &Requirement {
        id: "LIF-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "The plugin works whatever its working directory is.",
        why: "Releases before 1.11 launch it in their own; later ones in the executable's.",
        how: "It is launched in `/`, and has to greet and to start something.",
        source: "ekuiper-2.4.0-go.jsonl:2; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        check: works_elsewhere,
    },
    &Requirement {
        id: "LIF-07",
        level: Level::Should,
        releases: Releases::All,
        rule: "The plugin works with any JSON object as its argument, and without one.",
        why: "Releases may add to the argument; without one a plugin can be tried by hand.",
        how: "It is launched with `{}`, with a field more, and without an argument; each time it has to \
              greet and to start something.",
        source: "ekuiper-2.4.0-go.jsonl:2; eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        check: takes_any_argument,
    },
    &Requirement {
        id: "LIF-08",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "After a crash every function works again, whichever is started first.",
        why: "Of the functions eKuiper replays the last alone; the others are started when a rule \
              needs them.",
        how: "All functions are started and the process is killed; the new one gets the start of the \
              last, then those of the others, and each is asked.",
        source: "ekuiper-2.4.0-go.jsonl:321; \
                 eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go, `commands`",
        check: functions_come_back,
    },
    &Requirement {
        id: "LIF-09",
        level: Level::Must,
        releases: Releases::All,
        rule: "A flood of log output does not block the plugin.",
        why: "Rows that cannot be used come at the rate of the stream, and each may be a line.",
        how: "5,000 rows of 1 KiB, 500 calls and 500 orders that cannot be used are sent, or what goes \
              in 15 s; what wrote 64 KiB or more of it, a pipe's buffer, has to go on.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go, `cmd.Stdout`",
        check: floods_its_log,
    },
    &Requirement {
        id: "LIF-12",
        level: Level::Should,
        releases: Releases::All,
        rule: "A source or sink that was stopped uses no processor time any more.",
        why: "A loop that goes on behind a stop takes a processor of the device, one more for each \
              rule that ends.",
        how: "Within a second after the stops of a source and a sink the process may work for 100 ms \
              more than within a second before their starts.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        check: rests_when_stopped,
    },
];

fn leaves_at_sigterm(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let _running = bench.anything(&host)?;
    let pid = Pid::from_raw(host.pid().cast_signed());
    let pid = pid.ok_or_else(|| Stop::Trouble("the plugin has no process id".to_owned()))?;
    kill_process(pid, Signal::TERM).map_err(|error| Stop::Trouble(error.to_string()))?;
    let end = Instant::now() + bench.scaled(LEAVING);
    while host.check_alive().is_ok() {
        if Instant::now() >= end {
            return Err(failed("the process was still there 5 s after SIGTERM"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn works_elsewhere(bench: &Bench<'_>) -> Checked {
    starts(bench, bench.builder()?.directory("/"))
}

fn takes_any_argument(bench: &Bench<'_>) -> Checked {
    for argument in [
        Some("{}"),
        Some(r#"{"sendTimeout":1000,"of":["a","newer","release"]}"#),
        None,
    ] {
        let builder = bench.builder()?.argument(argument.map(str::to_owned));
        starts(bench, builder).map_err(|stop| match stop {
            Stop::Failed(seen) => failed(match argument {
                Some(argument) => format!("with the argument `{argument}`: {seen}"),
                None => format!("without an argument: {seen}"),
            }),
            other => other,
        })?;
    }
    Ok(())
}

fn functions_come_back(bench: &Bench<'_>) -> Checked {
    let names = &bench.manifest()?.functions;
    if names.is_empty() {
        return Err(Stop::NotApplicable("the plugin has no function"));
    }
    let host = bench.host()?;
    let functions: Result<Vec<_>, _> = names.iter().map(|name| host.function(name)).collect();
    let mut functions = functions.map_err(not_testable)?;
    for function in &mut functions {
        function.is_aggregate().map_err(not_testable)?;
    }
    host.kill();
    host.reload()?;
    for function in functions.iter_mut().rev() {
        function.is_aggregate()?;
    }
    Ok(())
}

fn floods_its_log(bench: &Bench<'_>) -> Checked {
    const PIPE: usize = 64 * 1024;
    const PATIENCE: Duration = Duration::from_secs(2);
    let host = bench.host()?;
    let mut sink = match bench.sink_name() {
        Ok(_) => Some(bench.sink(&host)?),
        Err(_) => None,
    };
    let mut function = match bench.function_name() {
        Ok(_) => Some(bench.function(&host)?),
        Err(_) => None,
    };
    let row = [&b"[{\"conformance\":\""[..], &[b'x'; 1024]].concat();
    let unknown = order_bytes("start", &json!({"symbolName": "no_such_symbol"}));
    let (mut speaks, mut keeps_up) = (true, true);
    let end = Instant::now() + bench.quiet(FLOOD);
    // In turn, so that no channel is idle for long.
    for _ in 0..100 {
        if Instant::now() >= end {
            break;
        }
        for _ in 0..50 {
            if let (Some(sink), true) = (&mut sink, keeps_up) {
                keeps_up = takes_in_time(sink, &row)?;
                // What it says, and whether it comes, is another rule's affair;
                // acks that nobody reads must not be what blocks it.
                speaks = speaks && !matches!(sink.ack(PATIENCE), Err(error) if is_no_ack(&error));
            }
        }
        for _ in 0..5 {
            if let Some(function) = &mut function {
                function.request_bytes(br#"{"func":"Exec","arg":["conformance",5]}"#)?;
            }
            host.order_bytes(&unknown)?;
        }
    }
    bench.anything(&host).map_err(|stop| match stop {
        Stop::NotTestable(seen) => failed(format!("afterwards {seen}")),
        other => other,
    })?;
    match bench.transcript.logged() {
        written if written >= PIPE => Ok(()),
        _ => Err(Stop::NotApplicable("it wrote less than a pipe holds")),
    }
}

fn rests_when_stopped(bench: &Bench<'_>) -> Checked {
    const MORE: Duration = Duration::from_millis(100);
    /// What was stopped may still be closing in the first.
    const LOOKS: usize = 3;
    let manifest = bench.manifest()?;
    let (has_source, has_sink) = (!manifest.sources.is_empty(), !manifest.sinks.is_empty());
    if !has_source && !has_sink {
        return Err(Stop::NotApplicable("a function is never stopped"));
    }
    let host = bench.host()?;
    let before = work_of_a_second(&host)?;
    let sink = has_sink.then(|| bench.sink(&host)).transpose()?;
    let source = has_source.then(|| bench.source(&host)).transpose()?;
    source.map_or(Ok(()), Source::stop).map_err(not_testable)?;
    sink.map_or(Ok(()), Sink::stop).map_err(not_testable)?;
    let mut after = Duration::ZERO;
    for _ in 0..LOOKS {
        after = work_of_a_second(&host)?;
        if after <= before + MORE {
            return Ok(());
        }
    }
    Err(failed(format!(
        "the process worked for {after:.1?} within a second after the stops, {before:.1?} before \
         the starts; end the loop of what was stopped"
    )))
}

/// How long processors work for the plugin within a second.
fn work_of_a_second(host: &Host) -> Result<Duration, Stop> {
    let begin = host.usage()?.processor_time;
    std::thread::sleep(Duration::from_secs(1));
    Ok(host.usage()?.processor_time.saturating_sub(begin))
}

/// Launches the plugin so, and starts something.
fn starts(bench: &Bench<'_>, builder: Builder) -> Checked {
    let host = bench.launch(builder)?;
    match bench.anything(&host) {
        Err(Stop::NotTestable(seen)) => Err(failed(seen)),
        other => other.map(drop),
    }
}
