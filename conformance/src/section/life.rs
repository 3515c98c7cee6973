//! `LIF`: the process.

use std::time::{Duration, Instant};

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
