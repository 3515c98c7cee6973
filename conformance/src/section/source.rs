//! `SRC`: rows of a source.

use std::time::{Duration, Instant};

use mock_kuiper::host::{Host, HostError, Source};
use mock_kuiper::wire::Command;

use crate::bench::{Bench, Checked, failed, not_testable};
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
        how: "A row has to come within 10 s of the start.",
        source: "protocol.md sections 4 and 6",
        check: sends_rows,
    },
    &Requirement {
        id: "SRC-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "A row is `{\"message\":object,\"meta\":object or null}`.",
        why: "eKuiper logs `Invalid data format`, counts an exception and skips the row.",
        how: "The first 5 rows, or as many as come within 10 s, are decoded.",
        source: "protocol.md section 6",
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
        source: "protocol.md section 5, what it does on stop",
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
        source: "protocol.md section 5, a source blocked in a send must still be stopped",
        check: stops_while_blocked,
    },
    &Requirement {
        id: "SRC-05",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one source under two rules are independent.",
        why: "With one rule's end the other has no rows any more.",
        how: "Two are started; both have to give rows, and the second after the first was stopped.",
        source: "protocol.md section 1, instance",
        check: instances_are_independent,
    },
    &Requirement {
        id: "SRC-06",
        level: Level::Must,
        releases: Releases::All,
        rule: "A source that was stopped, its channel closed by the host before, can be started again.",
        why: "A rule can be started only once.",
        how: "Started, read, stopped and started again, three times.",
        source: "protocol.md section 5, around a stop",
        check: starts_again,
    },
];

fn sends_rows(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut source = bench.source(&host)?;
    source.next(bench.limit())?;
    Ok(())
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
    let order = source.order().clone();
    bench.order_ok(&host, Command::Stop, &order)?;
    let end = Instant::now() + bench.scaled(ON_ITS_WAY);
    while Instant::now() < end && next(&mut source, Duration::from_millis(10))? {}
    let watch = (between * 3).clamp(Duration::from_millis(500), Duration::from_secs(5));
    if next(&mut source, bench.scaled(watch))? {
        return Err(failed("a row came after the stop had been answered"));
    }
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

fn instances_are_independent(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut one = bench.flowing_source(&host)?;
    let mut two = bench.start_source(&host, bench.source_name()?, "other")?;
    two.next(bench.limit())?;
    one.next(bench.limit())?;
    one.stop()?;
    // What was sent before the stop is read away first.
    let end = Instant::now() + bench.scaled(ON_ITS_WAY);
    while Instant::now() < end && next(&mut two, Duration::from_millis(10))? {}
    if !next(&mut two, bench.limit())? {
        return Err(failed(
            "the instance of the second rule fell silent when that of the first was stopped",
        ));
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
