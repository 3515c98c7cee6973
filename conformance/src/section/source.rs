//! `SRC`: rows of a source.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mock_kuiper::host::{Host, HostError, Source};
use mock_kuiper::symbol::Channel;
use mock_kuiper::wire::Command;
use serde::de::IgnoredAny;

use crate::bench::{Bench, Checked, carried_out, failed, no_row, not_testable};
use crate::requirement::{Level, Releases, Requirement};

/// Rows that are looked at.
const ROWS: usize = 5;

/// How long what was on its way when the stop was answered may still come.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "SRC-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "A source that was started dials its data channel and sends rows.",
        why: "The rule gets no rows.",
        how: "A row has to come within 10 s of the start. A source that has dialed and gives none may \
              wait for something from outside: it is untested.",
        source: "ekuiper-2.4.0-go.jsonl:42; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        check: sends_rows,
    },
    &Requirement {
        id: "SRC-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "A row is `{\"message\":object,\"meta\":object or null}`.",
        why: "eKuiper logs `Invalid data format`, counts an exception and skips the row.",
        how: "The first 5 rows, or as many as come within 10 s, are decoded.",
        source: "ekuiper-2.4.0-go.jsonl:56; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        check: rows_are_well_formed,
    },
    &Requirement {
        id: "SRC-03",
        level: Level::Must,
        releases: Releases::All,
        rule: "No row is sent once the stop was answered.",
        why: "The next run of the rule has the same address, and gets rows of the last one.",
        how: "The stop is sent while the host still reads; behind its answer, after 100 ms for what \
              was on its way, nothing may come for three times as long as between two rows.",
        source: "ekuiper-2.4.0-go.jsonl:65; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        check: is_silent_after_stop,
    },
    &Requirement {
        id: "SRC-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "A source that cannot send, since nobody reads, can be stopped.",
        why: "A rule that is slower than its source could never be stopped.",
        how: "Nobody reads for 2 s; then the stop has to be answered with `ok`, and the source can be \
              started again.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/source.go; ekuiper-2.4.0-go.jsonl:64",
        check: stops_while_blocked,
    },
    &Requirement {
        id: "SRC-05",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one source under two rules are independent.",
        why: "With one rule's end the other has no rows any more.",
        how: "Two are started; both have to give rows, and each after the other was stopped.",
        source: "ekuiper-2.4.0-go.jsonl:71; eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        check: |bench| are_independent(bench, ("other", "stream")),
    },
    &Requirement {
        id: "SRC-06",
        level: Level::Must,
        releases: Releases::All,
        rule: "A source that was stopped, its channel closed by the host before, can be started again.",
        why: "A rule can be started only once.",
        how: "Started, read, stopped and started again, three times.",
        source: "ekuiper-2.4.0-go.jsonl:65",
        check: starts_again,
    },
    &Requirement {
        id: "SRC-07",
        level: Level::Should,
        releases: Releases::All,
        rule: "A data channel that drops is dialed again.",
        why: "The source goes on without a reader: the rule has no rows any more, and no error.",
        how: "The host closes the channel and opens it again; a row has to come within 10 s.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go, `dialOptions`",
        check: dials_again,
    },
    &Requirement {
        id: "SRC-08",
        level: Level::Must,
        releases: Releases::All,
        rule: "Rows of two instances of one source are not mixed.",
        why: "A rule gets rows of another's stream.",
        how: "Two are started under two rules, with two datasources: each channel has to have one \
              connection, and no row of one may have the other's datasource in it.",
        source: "ekuiper-2.4.0-go.jsonl:71; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        check: rows_are_kept_apart,
    },
    &Requirement {
        id: "SRC-09",
        level: Level::Should,
        releases: Releases::All,
        rule: "A row has `message` and `meta`, and nothing else.",
        why: "eKuiper takes a row without `meta`, and passes over what it does not know: a name that is \
              spelled wrong is lost without a word. That a name in capitals is found is luck.",
        how: "The names in the first 5 rows are looked at.",
        source: "ekuiper-2.4.0-go.jsonl:56; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        check: rows_have_two_fields,
    },
    &Requirement {
        id: "SRC-11",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one source in one rule are independent.",
        why: "A rule that joins two streams of one source has the rows of one of them alone.",
        how: "As SRC-05, with two streams of one rule.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        check: |bench| are_independent(bench, ("rule", "other")),
    },
    &Requirement {
        id: "SRC-12",
        level: Level::Should,
        releases: Releases::All,
        rule: "The data address of a source has the number of its instance.",
        why: "On 1.x a stream whose source has `concurrency` has instances 0, 1, …: all but the first \
              have no rows.",
        how: "The source is started as instance 1; a row has to come on that address.",
        source: "eKuiper 1.14.7 internal/topo/node/source_pool.go, `WithInstance`",
        check: numbers_its_address,
    },
    &Requirement {
        id: "SRC-13",
        level: Level::Should,
        releases: Releases::All,
        rule: "A row is UTF-8.",
        why: "eKuiper puts U+FFFD in the place of other bytes: the rule's text is not what was \
              measured. Bytes go as base64.",
        how: "The bytes of the first 5 rows are looked at.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        check: rows_are_text,
    },
];

fn sends_rows(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut source = bench.source(&host)?;
    let channel = Channel::source(&source.order().meta);
    let dialed = || {
        let transcript = &bench.transcript;
        transcript.open(channel.name()) + transcript.hung_up(channel.name()) > 0
    };
    match source.next(bench.limit()) {
        Err(error @ HostError::NoRow { .. }) if !dialed() => {
            Err(failed(format!("{error}, nor has it dialed {channel}")))
        }
        next => Ok(next.map(drop)?),
    }
}

fn rows_are_well_formed(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut source = bench.source(&host)?;
    for row in 0..ROWS {
        match source.next(bench.limit()) {
            Ok(_) => {}
            Err(HostError::NoRow { .. }) if row > 0 => break,
            Err(error @ HostError::NoRow { .. }) => return Err(not_testable(error)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is_silent_after_stop(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut source = bench.flowing_source(&host)?;
    let before = Instant::now();
    let between = match source.next(bench.limit()) {
        Ok(_) => before.elapsed(),
        Err(HostError::NoRow { .. }) => Duration::ZERO,
        Err(error) => return Err(error.into()),
    };
    let answer = source.order_stop()?;
    carried_out(&answer, Command::Stop, source.order())?;
    read_away(bench, &mut source)?;
    let watch = (between * 3).clamp(Duration::from_millis(500), Duration::from_secs(5));
    if next(&mut source, bench.quiet(watch))? {
        return Err(failed("a row came after the stop had been answered"));
    }
    Ok(())
}

/// Reads what is on its way.
fn read_away(bench: &Bench<'_>, source: &mut Source) -> Result<(), HostError> {
    let end = Instant::now() + bench.quiet(ON_ITS_WAY);
    while Instant::now() < end && next(source, Duration::from_millis(10))? {}
    Ok(())
}

/// Whether a row comes within `limit`.
fn next(source: &mut Source, limit: Duration) -> Result<bool, HostError> {
    match source.next(limit) {
        Ok(_) => Ok(true),
        Err(HostError::NoRow { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn stops_while_blocked(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let source = bench.source(&host)?;
    std::thread::sleep(bench.scaled(Duration::from_secs(2)));
    let order = source.order().clone();
    bench.order_ok(&host, Command::Stop, &order)?;
    drop(source);
    restarted(bench, &host)
}

/// Starts the source again, and waits for a row.
fn restarted(bench: &Bench<'_>, host: &Host) -> Checked {
    let mut source = bench.start_source(host, bench.source_name()?, "rule")?;
    source.next(bench.limit())?;
    source.stop()?;
    Ok(())
}

/// Looks whether an instance goes on beside another one, which is started and
/// stopped; and that one, when the first is stopped. One alone would not tell a
/// plugin that stops the oldest of a symbol, or the latest.
fn are_independent(bench: &Bench<'_>, other: (&str, &str)) -> Checked {
    let host = bench.host()?;
    let symbol = bench.source_name()?;
    let mut one = bench.flowing_source(&host)?;
    let mut two = bench.start_source_in(&host, symbol, other)?;
    two.next(bench.limit())?;
    goes_on(bench, &mut one, "the first", "the second was started")?;
    two.stop()?;
    goes_on(bench, &mut one, "the first", "the second was stopped")?;
    let mut two = bench.start_source_in(&host, symbol, other)?;
    two.next(bench.limit())?;
    one.stop()?;
    goes_on(bench, &mut two, "the second", "the first was stopped")
}

fn numbers_its_address(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let first = bench.flowing_source(&host)?;
    let mut order = first.order().clone();
    first.stop().map_err(not_testable)?;
    order.meta.instance_id = 1;
    host.start_source(order)?.next(bench.limit())?;
    Ok(())
}

/// Reads away what came before, and waits for a row.
fn goes_on(bench: &Bench<'_>, source: &mut Source, which: &str, when: &str) -> Checked {
    read_away(bench, source)?;
    match next(source, bench.limit())? {
        true => Ok(()),
        false => Err(no_row(format!("{which} instance fell silent when {when}"))),
    }
}

fn dials_again(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut source = bench.flowing_source(&host)?;
    host.hang_up(&mut source)?;
    match next(&mut source, bench.limit())? {
        true => Ok(()),
        false => Err(no_row(
            "no row came after the channel had been closed and opened again",
        )),
    }
}

fn rows_are_kept_apart(bench: &Bench<'_>) -> Checked {
    const RULES: [&str; 2] = ["conformance-one", "conformance-two"];
    let host = bench.host()?;
    let name = bench.source_name()?;
    let start = |rule: &str| {
        let source = bench.describe_source(&host, name);
        // Where the user needs a datasource, both have it.
        let own = bench.properties(name)?.contains_key("datasource");
        let source = if own { source } else { source.datasource(rule) };
        source.within(rule, "stream").start().map_err(not_testable)
    };
    let mut sources = [start(RULES[0])?, start(RULES[1])?];
    for row in 0..2 * ROWS {
        let source = &mut sources[row % 2];
        match source.next(bench.limit()) {
            Ok(_) => {}
            Err(HostError::NoRow { .. }) if row > 1 => break,
            Err(error) => return Err(not_testable(error)),
        }
        let body = bench.transcript.last_row();
        let body = String::from_utf8_lossy(&body);
        if body.contains(RULES[(row + 1) % 2]) {
            return Err(failed(format!(
                "a row of the rule `{}` has the datasource of `{}`: {body}",
                RULES[row % 2],
                RULES[(row + 1) % 2]
            )));
        }
    }
    for source in &sources {
        bench.one_connection(&Channel::source(&source.order().meta))?;
    }
    Ok(())
}

fn rows_have_two_fields(bench: &Bench<'_>) -> Checked {
    each_row(bench, |body| {
        let text = String::from_utf8_lossy(body);
        let fields: Option<BTreeMap<String, IgnoredAny>> = serde_json::from_str(&text).ok();
        let names: Vec<_> = fields.unwrap_or_default().into_keys().collect();
        if names == ["message", "meta"] {
            return Ok(());
        }
        Err(failed(format!("a row has `{}`", names.join("`, `"))))
    })
}

fn rows_are_text(bench: &Bench<'_>) -> Checked {
    each_row(bench, |body| match std::str::from_utf8(body) {
        Ok(_) => Ok(()),
        Err(error) => Err(failed(format!(
            "a row is not UTF-8 at byte {}: `{}`",
            error.valid_up_to(),
            bench.transcript.excerpt(body)
        ))),
    })
}

/// Looks at the bytes of the first rows.
fn each_row(bench: &Bench<'_>, look: impl Fn(&[u8]) -> Checked) -> Checked {
    let host = bench.host()?;
    let mut source = bench.source(&host)?;
    for row in 0..ROWS {
        match source.next(bench.limit()) {
            Ok(_) => look(&bench.transcript.last_row())?,
            Err(HostError::NoRow { .. }) if row > 0 => break,
            Err(error) => return Err(not_testable(error)),
        }
    }
    Ok(())
}

fn starts_again(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    bench.flowing_source(&host)?.stop()?;
    for _ in 0..2 {
        restarted(bench, &host)?;
    }
    Ok(())
}
