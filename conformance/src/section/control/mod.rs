//! `CTL`: orders, and what answers them.
//!
//! Orders that have to be refused are in `refusals`, what an order may hold in
//! `arguments`, what repeats, waits or breaks off in `repeats`.

mod arguments;
mod refusals;
mod repeats;

use std::time::Duration;

use mock_kuiper::host::Host;

use self::arguments::*;
use self::refusals::*;
use self::repeats::*;
use crate::bench::{Bench, Checked, Stop, failed};
use crate::requirement::{Level, Releases, Requirement};
use crate::stage::Kinds;

/// Longer than the 5 s after which an SDK that waits with a limit greets again.
pub(super) const IDLE: Duration = Duration::from_secs(6);

/// How long a connection too many may take to come.
pub(super) const DIAL: Duration = Duration::from_millis(300);

/// How long an answer too many may take to come.
pub(super) const QUIET: Duration = Duration::from_millis(300);

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "CTL-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "The plugin dials its control channel and sends a greeting.",
        why: "eKuiper kills the process after `initTimeout`, and the plugin is in error.",
        how: "The plugin is launched as the release does it; a message has to come within its `initTimeout`: 5 s \
              in 1.x, 60 s in 2.x.",
        source: "ekuiper-2.4.0-go.jsonl:6; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        check: greets,
    },
    &Requirement {
        id: "CTL-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "The start of each symbol that the json declares is answered with `ok`.",
        why: "The rule that uses the symbol does not start; eKuiper shows the answer as its error.",
        how: "Each source, sink and function is started, with the properties of --config.",
        source: "ekuiper-2.4.0-go.jsonl:35; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: starts,
    },
    &Requirement {
        id: "CTL-03",
        level: Level::Must,
        releases: Releases::All,
        rule: "The stop of each running source and sink is answered with `ok`.",
        why: "eKuiper reports that the rule cannot be stopped.",
        how: "What CTL-02 starts is stopped, its data channels closed by the host before.",
        source: "ekuiper-2.4.0-go.jsonl:59; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: stops,
    },
    &Requirement {
        id: "CTL-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "The start of a symbol that the plugin does not have is refused with a text.",
        why: "With `ok` eKuiper waits for rows or for a listener that will never come.",
        how: "`no_such_symbol` is started as a source, a sink and a function; each answer has to be \
              a text that is not `ok` and does not begin with `h`, and the plugin goes on.",
        source: "ekuiper-2.4.0-go.jsonl:55; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: refuses_symbols,
    },
    &Requirement {
        id: "CTL-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `pluginType` is refused with a text.",
        why: "A newer eKuiper may have kinds of symbols that this plugin does not know.",
        how: "A symbol of the plugin is started as a `lookup`.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        check: refuses_types,
    },
    &Requirement {
        id: "CTL-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `cmd` is refused with a text.",
        why: "A newer eKuiper may have orders that this plugin does not know.",
        how: "`pause` is sent with the argument of a start.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        check: refuses_commands,
    },
    &Requirement {
        id: "CTL-07",
        level: Level::Should,
        releases: Releases::All,
        rule: "Bytes that are no order are refused with a text, and the plugin goes on.",
        why: "eKuiper sends no such thing; a plugin that dies of one byte is hard to debug.",
        how: "No bytes, `{`, no UTF-8, and 64 MiB are sent, then a start that has to work.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: refuses_bytes,
    },
    &Requirement {
        id: "CTL-08",
        level: Level::Should,
        releases: Releases::All,
        rule: "An order without a field that it needs is refused with a text.",
        why: "As CTL-07.",
        how: "Orders without `cmd`, `arg`, `symbolName`, `pluginType` and `meta` are sent, and one \
              whose `arg` is no JSON.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        check: refuses_gaps,
    },
    &Requirement {
        id: "CTL-09",
        level: Level::Must,
        releases: Releases::All,
        rule: "Fields that the plugin does not know are passed over.",
        why: "Releases have added fields to orders, and will again.",
        how: "A start gets a field more in the order, the argument and `meta`.",
        source: "ekuiper-2.4.0-go.jsonl:15; ekuiper-1.13.5-go.jsonl:17",
        check: passes_over_fields,
    },
    &Requirement {
        id: "CTL-10",
        level: Level::Must,
        releases: Releases::All,
        rule: "Properties of any JSON arrive, whatever Go has escaped in them.",
        why: "A rule whose properties have a `<`, a quote or a nested object cannot be started.",
        how: "A start gets properties with `\\u003c`, with JSON inside a string and with nested values.",
        source: "ekuiper-2.4.0-go.jsonl:17; ekuiper-2.4.0-go-mirror.jsonl:17",
        check: takes_any_properties,
    },
    &Requirement {
        id: "CTL-11",
        level: Level::Must,
        releases: Releases::All,
        rule: "An order is carried out and answered once, though nothing came for 6 s before.",
        why: "A plugin that greets when it is idle has the greeting taken for the answer by hosts \
              before 2.1.3, which stop the rule with `receive error: handshake`.",
        how: "Nothing is sent for 6 s; then a start has to be answered with `ok`, and nothing may \
              follow. With --timeout-scale 11 that is the minute after which a mangos socket says its \
              last answer again.",
        source: "ekuiper-1.14.7-python-errors.jsonl:225; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: stays_after_idling,
    },
    &Requirement {
        id: "CTL-12",
        level: Level::Must,
        releases: Releases::All,
        rule: "An order that comes under the id of a request that was given up is dropped.",
        why: "After a greeting of an idle plugin eKuiper sends an order under the old id, then \
              under the new one; done twice, it doubles rows.",
        how: "A start is sent under another id, then under the right one; one answer has to come.",
        source: "ekuiper-1.13.5-python.jsonl:21; ekuiper-1.14.7-python-errors.jsonl:228",
        check: drops_stale_orders,
    },
    &Requirement {
        id: "CTL-13",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "A second start of what runs, with the same argument, is answered with `ok` and \
               changes nothing.",
        why: "After a crash the replay and the restarting rule both send one: a refusal stops the \
              rule, a second instance doubles its rows.",
        how: "Everything is started twice; afterwards it has to work as before: one connection of a \
              source, one ack for each row of a sink.",
        source: "ekuiper-2.4.0-go.jsonl:286; eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        check: starts_twice,
    },
    &Requirement {
        id: "CTL-14",
        level: Level::Should,
        releases: Releases::WithReplay,
        rule: "A second start with another argument replaces the instance.",
        why: "A rule that was changed while the plugin was down is started with the new properties \
              after the replay of the old ones.",
        how: "Sources and sinks are started again with a property more; they have to work, and a \
              source to have one connection.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/plugin_ins_manager.go",
        check: starts_anew,
    },
    &Requirement {
        id: "CTL-15",
        level: Level::Must,
        releases: Releases::All,
        rule: "Orders are answered while instances work.",
        why: "eKuiper sends one order at a time: one that waits for a busy source holds up all rules.",
        how: "A sink gets rows and a source's are not read; a start under another rule has to be \
              answered within 2 s.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: answers_while_busy,
    },
    &Requirement {
        id: "CTL-16",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "The stop of what does not run is answered, and the plugin goes on.",
        why: "A new process gets the stops of instances that it never knew.",
        how: "A stop for a rule that never was is sent; all else has to work afterwards.",
        source: "ekuiper-2.4.0-go.jsonl:271",
        check: |bench| bench.play(Kinds::All, "stop-unknown"),
    },
    &Requirement {
        id: "CTL-17",
        level: Level::Should,
        releases: Releases::All,
        rule: "A control channel that drops is dialed and greeted again.",
        why: "eKuiper closes it only when it ends, and ends the plugin then; a plugin that outlives \
              a debugger's or a test's host is easier to work with.",
        how: "The host closes the connection while nothing is on its way, and on a release that sends an \
              order again in the middle of one, too; it waits for a greeting and the answer to an order.",
        source: "ekuiper-2.4.0-go.jsonl:315; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: dials_again,
    },
    &Requirement {
        id: "CTL-18",
        level: Level::Must,
        releases: Releases::All,
        rule: "A configuration that cannot be used is refused with a text, and leaves nothing behind.",
        why: "The author of a rule sees no mistake, and the corrected rule cannot be started.",
        how: "Each symbol is started with the properties of --refused, or else with each of its own as \
              a value of another type; what is refused is started with right ones under the same rule.",
        source: "ekuiper-2.4.0-go.jsonl:55; ekuiper-2.4.0-go.jsonl:219",
        check: refuses_configurations,
    },
    &Requirement {
        id: "CTL-19",
        level: Level::Must,
        releases: Releases::All,
        rule: "Each order is answered once.",
        why: "The second answer is taken for that of the next order, and each order after it gets the \
              one before.",
        how: "A start, a stop and an order that is refused are sent; behind each answer nothing more may \
              come for 300 ms.",
        source: "ekuiper-2.4.0-go.jsonl:12; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: answers_once,
    },
    &Requirement {
        id: "CTL-20",
        level: Level::Must,
        releases: Releases::All,
        rule: "A start without `config` is an order as any other.",
        why: "eKuiper leaves an empty `config` out: an action without properties has none.",
        how: "Each source and sink is started so, and has to answer; a sink that starts with \
              `requireAck` alone has to start. Afterwards the plugin goes on.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go, `omitempty`; \
                 ekuiper-2.4.0-go.jsonl:7",
        check: does_without_config,
    },
    &Requirement {
        id: "CTL-21",
        level: Level::Must,
        releases: Releases::All,
        rule: "No answer begins with `h`.",
        why: "eKuiper takes it for a greeting and sends the order again, for ever: the rule hangs, and \
              all that wait for the plugin with it.",
        how: "Orders that are refused are sent; no answer may begin so.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: answers_without_h,
    },
    &Requirement {
        id: "CTL-22",
        level: Level::Should,
        releases: Releases::All,
        rule: "A refusal says why.",
        why: "The answer is all that the author of a rule is shown.",
        how: "Orders that are refused are sent; no answer may be empty, or bytes that are no UTF-8.",
        source: "ekuiper-2.4.0-go.jsonl:55; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: refuses_with_words,
    },
    &Requirement {
        id: "CTL-23",
        level: Level::Should,
        releases: Releases::All,
        rule: "The names in an order are decoded as any JSON: `\\u0026` is `&`.",
        why: "The instance of a rule `r&d` is at another address than eKuiper's.",
        how: "A source or sink is started under the rule `r&d`, and has to be at its address.",
        source: "ekuiper-2.4.0-go.jsonl:17, Go's encoder",
        check: decodes_names,
    },
];

fn greets(bench: &Bench<'_>) -> Checked {
    bench.launch(bench.builder()?)?;
    Ok(())
}

fn starts(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let manifest = bench.manifest()?;
    let mut held = (Vec::new(), Vec::new(), Vec::new());
    for symbol in &manifest.functions {
        held.0.push(host.function(symbol)?);
    }
    for symbol in &manifest.sinks {
        held.1.push(bench.start_sink(&host, symbol, "rule")?);
    }
    for symbol in &manifest.sources {
        held.2.push(bench.start_source(&host, symbol, symbol)?);
    }
    Ok(())
}

fn stops(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let manifest = bench.manifest()?;
    if manifest.sources.is_empty() && manifest.sinks.is_empty() {
        return Err(Stop::NotApplicable("a function is never stopped"));
    }
    for symbol in &manifest.sinks {
        let sink = bench.start_sink(&host, symbol, "rule");
        sink.map_err(crate::bench::not_testable)?.stop()?;
    }
    for symbol in &manifest.sources {
        let source = bench.start_source(&host, symbol, "rule");
        source.map_err(crate::bench::not_testable)?.stop()?;
    }
    host.check_alive()?;
    Ok(())
}

/// Looks whether the plugin still starts what it has.
pub(super) fn goes_on(bench: &Bench<'_>, host: &Host) -> Checked {
    host.check_alive()?;
    match bench.anything(host) {
        Err(Stop::NotTestable(seen)) => Err(failed(format!("afterwards {seen}"))),
        other => other.map(drop),
    }
}
