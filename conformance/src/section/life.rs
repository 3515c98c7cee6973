//! `LIF`: the process.

use std::time::{Duration, Instant};

use mock_kuiper::engine::release::Releases;
use mock_kuiper::{Builder, Fault, Function, Host, Sink, Source, Usage};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::checked::{Checked, NotPassed, failed, untested};
use crate::limits::FLOOD;
use crate::requirement::{Check, Level, Requirement, Unobserved};
use crate::rig::{Kinds, Rig, context, is_no_ack, order_bytes, takes_in_time, usual};

/// How long the process may take to exit.
const EXIT: Duration = Duration::from_secs(5);

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "LIF-01",
        level: Level::Should,
        releases: Releases::All,
        rule: "SIGTERM ends the process.",
        why: "eKuiper uses SIGKILL. A container, or a person who ends a leftover process, uses \
              SIGTERM.",
        how: "The signal is sent while a symbol runs.",
        expected: "The process exits within 5 s.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go, SIGKILL",
        slow: false,
        check: Check::Function(exits_at_sigterm),
    },
    &Requirement {
        id: "LIF-02",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "A new process greets and carries out the starts of everything that ran, and all of \
               it works as before.",
        why: "Otherwise no rule comes back after a crash, or after an update of the plugin.",
        how: "The process is killed while everything runs, launched again, and sent the starts.",
        expected: "It greets, answers each start with `ok`, and everything works.",
        source: "ekuiper-2.4.0-go.jsonl:311; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: false,
        check: Check::Fault(Kinds::All, Fault::Kill(Duration::from_millis(200))),
    },
    &Requirement {
        id: "LIF-03",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "The starts of what ran are carried out in any order.",
        why: "eKuiper keeps them in a map and replays them in no particular order.",
        how: "Like LIF-02, but five times, with the starts in another order each time.",
        expected: "Each time the process greets, answers each start with `ok`, and everything \
                   works.",
        source: "ekuiper-2.4.0-go.jsonl:316; ekuiper-2.4.0-go.jsonl:321",
        slow: true,
        check: Check::Fault(Kinds::All, Fault::Replay(5)),
    },
    &Requirement {
        id: "LIF-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "Starts and stops leave no open files, threads or memory behind.",
        why: "eKuiper 2.x keeps the process for as long as it runs itself, through all starts of \
              all rules.",
        how: "Everything is stopped and started: 20 rounds to warm up, and then 200, or as many as \
              fit in 15 s.",
        expected: "The rounds after the warm-up add at most 4 files, 2 threads and 8 MiB.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: true,
        check: Check::Fault(Kinds::All, Fault::Churn(200)),
    },
    &Requirement {
        id: "LIF-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "When the host goes away and comes back, the plugin dials and greets again on every \
               channel.",
        why: "eKuiper kills the plugin when it exits. An eKuiper that crashes does not.",
        how: "All channels are closed at once and opened again after 500 ms. Then everything that \
              ran is started.",
        expected: "The plugin dials and greets on every channel, and everything works.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        slow: false,
        check: Check::Fault(Kinds::All, Fault::Restart(Duration::from_millis(500))),
    },
    &Requirement {
        id: "LIF-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "The plugin works in any working directory.",
        why: "Releases before 1.11 launch it in their own directory, later releases in that of the \
              executable.",
        how: "The plugin is launched in `/`.",
        expected: "It greets and starts a symbol.",
        source: "ekuiper-2.4.0-go.jsonl:2; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: false,
        check: Check::Function(works_in_another_directory),
    },
    &Requirement {
        id: "LIF-07",
        level: Level::Should,
        releases: Releases::All,
        rule: "The plugin works with any JSON object as its argument, and without an argument.",
        why: "Releases may add fields to the argument. A plugin that needs no argument can be \
              tried by hand.",
        how: "The plugin is launched with `{}`, with an additional field, and without an argument.",
        expected: "Each time it greets and starts a symbol.",
        source: "ekuiper-2.4.0-go.jsonl:2; eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        slow: false,
        check: Check::Function(takes_any_argument),
    },
    &Requirement {
        id: "LIF-08",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "After a crash, every function works again, whichever is started first.",
        why: "eKuiper replays only the start of the last function. It starts the others when a \
              rule needs them.",
        how: "All functions are started, and the process is killed. The new process gets the start \
              of the last function, then those of the others, and each function is asked.",
        expected: "Each start is answered with `ok`, and each question within 5 s.",
        source: "ekuiper-2.4.0-go.jsonl:321; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go, `commands`",
        slow: false,
        check: Check::Function(functions_come_back),
    },
    &Requirement {
        id: "LIF-09",
        level: Level::Must,
        releases: Releases::All,
        rule: "A flood of log output does not block the plugin.",
        why: "Rows that cannot be used come at the rate of the stream, and each may produce a line \
              in the log.",
        how: "5,000 rows of 1 KiB and 500 orders that cannot be used, and 500 calls with a text, \
              are sent, or as many as fit in 15 s.",
        expected: "A plugin that has written 64 KiB or more because of them, the size of a pipe's \
                   buffer, still works.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go, `cmd.Stdout`",
        slow: true,
        check: Check::Function(floods_its_log),
    },
    &Requirement {
        id: "LIF-12",
        level: Level::Should,
        releases: Releases::All,
        rule: "A stopped source or sink uses no processor time.",
        why: "A loop that continues after the stop occupies a processor of the device, and one \
              more for each rule that ends.",
        how: "The processor time of one second is measured before the starts of a source and a \
              sink, and after their stops.",
        expected: "The process uses at most 100 ms more after the stops.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: false,
        check: Check::Function(rests_when_stopped),
    },
    &Requirement {
        id: "LIF-13",
        level: Level::Must,
        releases: Releases::All,
        rule: "Rows and calls leave no open files, threads or memory behind.",
        why: "A rule runs for months. What each row leaves behind fills the memory of the device, \
              or reaches the limit of open files.",
        how: "2,000 rows and calls of 1 KiB to warm up, and 4,000 more, or as many as fit in 10 s; \
              if these leave something behind, 4,000 more.",
        expected: "The rows and calls after the warm-up add at most 4 files, 2 threads and 8 MiB, \
                   or the last 4,000 do. A plugin that has grown by 256 MiB is stopped.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: true,
        check: Check::Function(forgets_rows_and_calls),
    },
];

pub(crate) const UNOBSERVED: &[&Unobserved] = &[
    &Unobserved {
        id: "LIF-10",
        level: Level::May,
        rule: "The process exits if its control address stays unreachable.",
        reason: "eKuiper kills the process before that.",
        source: "eKuiper 2.4.0 sdk/python/ekuiper/runtime/connection.py",
    },
    &Unobserved {
        id: "LIF-11",
        level: Level::May,
        rule: "The plugin ignores its argument.",
        reason: "Nothing in the argument has to be obeyed. LIF-07 checks that any argument is \
                 accepted.",
        source: "ekuiper-2.4.0-go.jsonl:2",
    },
];

fn exits_at_sigterm(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let _running = rig.anything(&host)?;
    let pid = Pid::from_raw(host.pid().cast_signed());
    let pid = pid.ok_or_else(|| NotPassed::Error("the plugin has no process id".to_owned()))?;
    kill_process(pid, Signal::TERM).map_err(|error| NotPassed::Error(error.to_string()))?;
    let end = Instant::now() + rig.scaled(EXIT);
    while host.check_alive().is_ok() {
        if Instant::now() >= end {
            return Err(failed("the process still ran 5 s after SIGTERM"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn works_in_another_directory(rig: &Rig<'_>) -> Checked {
    launches_and_starts(rig, rig.builder()?.directory("/"))
}

fn takes_any_argument(rig: &Rig<'_>) -> Checked {
    for argument in [
        Some("{}"),
        Some(r#"{"sendTimeout":1000,"of":["a","newer","release"]}"#),
        None,
    ] {
        let builder = rig.builder()?.argument(argument.map(str::to_owned));
        launches_and_starts(rig, builder).map_err(|not_passed| {
            not_passed.at(match argument {
                Some(argument) => format!("with the argument `{argument}`"),
                None => "without an argument".to_owned(),
            })
        })?;
    }
    Ok(())
}

fn functions_come_back(rig: &Rig<'_>) -> Checked {
    let names = rig.functions()?;
    if names.is_empty() {
        return Err(NotPassed::NotApplicable("the plugin has no function"));
    }
    let host = rig.host()?;
    let functions: Result<Vec<_>, _> = names.iter().map(|name| host.function(name)).collect();
    let mut functions = functions.map_err(untested)?;
    for function in &mut functions {
        function.is_aggregate().map_err(untested)?;
    }
    host.kill();
    host.reload()?;
    for function in functions.iter_mut().rev() {
        function.is_aggregate()?;
    }
    Ok(())
}

fn floods_its_log(rig: &Rig<'_>) -> Checked {
    const PIPE: usize = 64 * 1024;
    const PATIENCE: Duration = Duration::from_secs(2);
    let host = rig.host()?;
    let mut sink = match rig.sink_name() {
        Ok(_) => Some(rig.sink(&host)?),
        Err(_) => None,
    };
    let mut function = match rig.function_name() {
        Ok(_) => Some(rig.function(&host)?),
        Err(_) => None,
    };
    let args = match &mut function {
        None => Vec::new(),
        Some(answering) => match usual(answering) {
            Ok(count) => vec![json!("a"); count],
            Err(NotPassed::NotApplicable(_)) => {
                function = None;
                Vec::new()
            }
            Err(other) => return Err(other),
        },
    };
    let row = [&b"[{\"conformance\":\""[..], &[b'x'; 1024]].concat();
    let unknown = order_bytes("start", &json!({"symbolName": "no_such_symbol"}));
    let (mut acks, mut keeps_up) = (true, true);
    let end = Instant::now() + rig.quiet(FLOOD);
    // By turns, so that no channel is idle for long.
    for _ in 0..100 {
        if Instant::now() >= end {
            break;
        }
        for _ in 0..50 {
            if let (Some(sink), true) = (&mut sink, keeps_up) {
                keeps_up = takes_in_time(sink, &row)?;
                // Other rules are about the acks. They are only read so that they do
                // not block the sink.
                acks = acks && !matches!(sink.ack(PATIENCE), Err(error) if is_no_ack(&error));
            }
        }
        for _ in 0..5 {
            if let Some(function) = &mut function {
                let _result = function.call(&context(0), &args)?;
            }
            host.order_bytes(&unknown)?;
        }
    }
    works_afterwards(rig, &host, function)?;
    match rig.transcript.logged() {
        written if written >= PIPE => Ok(()),
        _ => Err(NotPassed::NotApplicable(
            "the plugin wrote less than a pipe holds",
        )),
    }
}

/// Starts a source; or a sink as another instance; or calls the function, which
/// cannot be started again while the host holds its channel.
fn works_afterwards(rig: &Rig<'_>, host: &Host, function: Option<Function>) -> Checked {
    let works = match function {
        _ if rig.source_name().is_ok() => rig.source(host).map(drop),
        _ if rig.sink_name().is_ok() => {
            let sink = rig.start_sink(host, rig.sink_name()?, "afterwards");
            sink.map(drop).map_err(NotPassed::from)
        }
        Some(mut function) => function.is_aggregate().map(drop).map_err(NotPassed::from),
        None => host.check_alive().map_err(NotPassed::from),
    };
    works.map_err(|not_passed| not_passed.into_failed().at("afterwards"))
}

fn rests_when_stopped(rig: &Rig<'_>) -> Checked {
    const MORE: Duration = Duration::from_millis(100);
    /// In the first second, what was stopped may still be closing.
    const SECONDS: usize = 3;
    let (has_source, has_sink) = (!rig.sources()?.is_empty(), !rig.sinks()?.is_empty());
    if !has_source && !has_sink {
        return Err(NotPassed::NotApplicable("a function is never stopped"));
    }
    let host = rig.host()?;
    let before = processor_time_of_a_second(&host)?;
    let sink = has_sink.then(|| rig.sink(&host)).transpose()?;
    let source = has_source.then(|| rig.source(&host)).transpose()?;
    source.map_or(Ok(()), Source::stop).map_err(untested)?;
    sink.map_or(Ok(()), Sink::stop).map_err(untested)?;
    let mut after = Duration::ZERO;
    for _ in 0..SECONDS {
        after = processor_time_of_a_second(&host)?;
        if after <= before + MORE {
            return Ok(());
        }
    }
    Err(failed(format!(
        "the process used {after:.1?} of processor time in one second after the stops, and \
         {before:.1?} before the starts; end the loop of an instance when it is stopped"
    )))
}

/// Returns the processor time that the plugin uses in one second.
fn processor_time_of_a_second(host: &Host) -> Result<Duration, NotPassed> {
    let begin = host.usage()?.processor_time;
    std::thread::sleep(Duration::from_secs(1));
    Ok(host.usage()?.processor_time.saturating_sub(begin))
}

fn forgets_rows_and_calls(rig: &Rig<'_>) -> Checked {
    const WARM_UP: usize = 2000;
    const ROWS: usize = 4000;
    let host = rig.host()?;
    let mut users = Users::start(rig, &host)?;
    users.work(rig, &host, WARM_UP)?;
    let mut before = host.usage()?;
    let mut done = users.work(rig, &host, ROWS)?;
    let mut after = host.usage()?;
    if after.is_beyond(&before) {
        // A pool may not have reached its size; a leak goes on.
        before = after;
        done = users.work(rig, &host, ROWS)?;
        after = host.usage()?;
    }
    if !after.is_beyond(&before) {
        return Ok(());
    }
    Err(grown(&before, &after, done))
}

/// Says what has grown, each with its numbers.
fn grown(before: &Usage, after: &Usage, done: usize) -> NotPassed {
    const MIB: u64 = 1024 * 1024;
    let mut grown = Vec::new();
    if after.memory > before.memory + MIB {
        let (before, after) = (before.memory / MIB, after.memory / MIB);
        grown.push(format!("memory from {before} to {after} MiB"));
    }
    if after.open_files > before.open_files {
        let (before, after) = (before.open_files, after.open_files);
        grown.push(format!("open files from {before} to {after}"));
    }
    if after.threads > before.threads {
        grown.push(format!(
            "threads from {} to {}",
            before.threads, after.threads
        ));
    }
    failed(format!(
        "{done} rows and calls raised the {}; free what belongs to a row or a call when it is done",
        grown.join(", ")
    ))
}

/// The sinks and functions that rows and calls are sent to.
struct Users {
    sinks: Vec<Sink>,
    /// Each with its number of arguments.
    functions: Vec<(Function, usize)>,
}

impl Users {
    /// Starts all sinks and functions that work: other rules are about the rest.
    fn start(rig: &Rig<'_>, host: &Host) -> Result<Self, NotPassed> {
        let sinks = rig.sinks()?.into_iter();
        let sinks: Vec<_> = sinks
            .filter_map(|name| rig.start_sink(host, name, "rule").ok())
            .collect();
        let mut functions = Vec::new();
        for name in rig.functions()? {
            if let Ok(mut function) = host.function(name)
                && let Ok(count) = usual(&mut function)
            {
                functions.push((function, count));
            }
        }
        match sinks.is_empty() && functions.is_empty() {
            false => Ok(Self { sinks, functions }),
            true => Err(NotPassed::NotApplicable(
                "the plugin has no sink or function that can be used",
            )),
        }
    }

    /// Sends rows and calls by turns, at most `times` of each, as many as fit in
    /// the time; returns how many.
    fn work(&mut self, rig: &Rig<'_>, host: &Host, times: usize) -> Result<usize, NotPassed> {
        const TIME: Duration = Duration::from_secs(10);
        const MUCH: u64 = 256 * 1024 * 1024;
        const ACK: Duration = Duration::from_millis(200);
        let text = "x".repeat(1024);
        let row = json!([{ "conformance": text }]).to_string();
        let end = Instant::now() + rig.quiet(TIME);
        let begin = host.usage()?;
        let mut done = 0;
        while done < times && Instant::now() < end {
            for sink in &mut self.sinks {
                takes_in_time(sink, row.as_bytes()).map_err(untested)?;
                if rig.has_acks_of(sink.symbol()) {
                    // Other rules are about the acks.
                    let _ack = sink.ack(ACK);
                }
            }
            for (function, count) in &mut self.functions {
                let args = vec![json!(text); *count];
                function.call(&context(0), &args).map_err(untested)?;
            }
            done += 1;
            if done % 100 == 0 {
                let now = host.usage()?;
                if now.memory > begin.memory + MUCH {
                    return Err(grown(&begin, &now, done));
                }
            }
        }
        Ok(done)
    }
}

/// Launches the plugin, and starts a symbol.
fn launches_and_starts(rig: &Rig<'_>, builder: Builder) -> Checked {
    let host = rig.launch(builder)?;
    let started = rig.anything(&host);
    started.map(drop).map_err(NotPassed::into_failed)
}
