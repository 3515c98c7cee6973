//! `LIF`: the process. The checks are in `checks` and `leaks`.

mod checks;
mod leaks;

use std::time::Duration;

use mock_kuiper::Fault;
use mock_kuiper::engine::release::Releases;

use self::checks::*;
use self::leaks::{forgets_rows_and_calls, forgets_starts_and_stops};
use crate::requirement::{Check, Level, Requirement, Unobserved};
use crate::rig::Kinds;

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
        how: "Everything is stopped and started, and functions are asked: 20 rounds to warm up, and \
              then 200, or as many as fit in 15 s.",
        expected: "The rounds after the warm-up add at most 4 files, 2 threads and 8 MiB.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        slow: true,
        check: Check::Function(forgets_starts_and_stops),
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
        expected: "The process uses at most 100 ms more after the stops. On a busy machine, where it \
                   gets a part of the time that it wants, it may use that part of 100 ms, but \
                   always 20 ms.",
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
        how: "Rows and calls of 1 KiB are sent to the sinks and functions, and the rows of the \
              sources are read: 2,000 of each to warm up and then 4,000, or as many as fit in 10 s, \
              and of a source as many as come within 3 s. If they leave something behind, as many \
              follow.",
        expected: "One of the two parts after the warm-up adds at most 4 files, 2 threads and 8 MiB. A \
                   plugin that has grown by 256 MiB is stopped.",
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
