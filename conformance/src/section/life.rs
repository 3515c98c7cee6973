//! `LIF`: the process.

use std::time::{Duration, Instant};

use mock_kuiper::host::Builder;
use rustix::process::{Pid, Signal, kill_process};

use crate::bench::{Bench, Checked, Kinds, Stop, failed};
use crate::requirement::{Level, Releases, Requirement};

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
        source: "protocol.md section 3",
        check: leaves_at_sigterm,
    },
    &Requirement {
        id: "LIF-02",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "A new process greets, carries out the starts of what ran, and all works as before.",
        why: "After a crash and at every update of the plugin no rule comes back.",
        how: "The process is killed with everything running, launched again, and sent the orders.",
        source: "protocol.md section 8",
        check: |bench| bench.play(Kinds::All, "kill=200ms"),
    },
    &Requirement {
        id: "LIF-03",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "The starts of what ran are carried out in any order.",
        why: "eKuiper keeps them in a map, and sends the replay in no certain order.",
        how: "As LIF-02, five times, the starts in another order each time.",
        source: "protocol.md section 8",
        check: |bench| bench.play(Kinds::All, "replay"),
    },
    &Requirement {
        id: "LIF-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "Starts and stops leave open files, threads and memory where they were.",
        why: "2.x keeps the process for as long as it lives itself, through all starts of all rules.",
        how: "After 20 rounds to warm up, 200 rounds may add 4 files, 2 threads and 8 MiB.",
        source: "protocol.md section 3",
        check: |bench| bench.play(Kinds::All, "churn"),
    },
    &Requirement {
        id: "LIF-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "A host that goes away and comes back is dialed and greeted again on every channel.",
        why: "eKuiper ends the plugin when it ends; a crashed eKuiper does not.",
        how: "All channels are closed at once and opened after 500 ms, then what ran is started.",
        source: "protocol.md sections 5 and 8",
        check: |bench| bench.play(Kinds::All, "restart"),
    },
    &Requirement {
        id: "LIF-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "The plugin works whatever its working directory is.",
        why: "Releases before 1.11 launch it in their own; later ones in the executable's.",
        how: "It is launched in `/`, and has to greet and to start something.",
        source: "protocol.md section 3",
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
        source: "protocol.md section 3",
        check: takes_any_argument,
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

/// Launches the plugin so, and starts something.
fn starts(bench: &Bench<'_>, builder: Builder) -> Checked {
    let host = builder.launch()?;
    match bench.anything(&host) {
        Err(Stop::NotTestable(seen)) => Err(failed(seen)),
        other => other.map(drop),
    }
}
