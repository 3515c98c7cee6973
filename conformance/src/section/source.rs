//! `SRC`: rows of a source.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mock_kuiper::engine::release::Releases;
use mock_kuiper::engine::wire::Command;
use mock_kuiper::{Channel, Host, HostError, Source};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::checked::{Checked, NotPassed, failed, no_row, untested};
use crate::requirement::{Check, Level, Requirement, Unobserved};
use crate::rig::{Rig, carried_out, is_no_row, next_row};

/// The number of rows whose content is checked.
const ROWS: usize = 5;

/// The number of rows that are decoded at most, and for how long.
const MANY_ROWS: usize = 1000;
const READING: Duration = Duration::from_secs(2);

/// How long rows that were already on their way may still come after the answer
/// to a stop. A gap between two of them proves nothing: on a busy machine, the
/// thread that reads them is late.
const ON_ITS_WAY: Duration = Duration::from_millis(300);

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "SRC-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "A started source dials its data channel and sends rows.",
        why: "Otherwise the rule receives no rows.",
        how: "The source is started. A source that has dialed and sends nothing may be waiting for \
              something outside; it is reported as untested.",
        expected: "A row comes within 10 s.",
        source: "ekuiper-2.4.0-go.jsonl:42; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        slow: false,
        check: Check::Function(sends_rows),
    },
    &Requirement {
        id: "SRC-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "A row is `{\"message\":object,\"meta\":object or null}`.",
        why: "Otherwise eKuiper logs `Invalid data format`, counts an exception and skips the row.",
        how: "5 rows are decoded, or as many as come within 10 s, and then up to 1,000 that come \
              within 2 s of the start.",
        expected: "Each row is JSON, with an object as `message`, and an object or `null` as \
                   `meta`.",
        source: "ekuiper-2.4.0-go.jsonl:56; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        slow: false,
        check: Check::Function(rows_are_well_formed),
    },
    &Requirement {
        id: "SRC-03",
        level: Level::Must,
        releases: Releases::All,
        rule: "No row is sent after the stop was answered.",
        why: "The next run of the rule has the same address, and would receive rows of the last \
              run.",
        how: "The stop is sent while the host still reads. After the answer, the host reads for \
              300 ms what was on its way.",
        expected: "After that, nothing comes for three times the interval between two rows.",
        source: "ekuiper-2.4.0-go.jsonl:65; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        slow: false,
        check: Check::Function(is_silent_after_stop),
    },
    &Requirement {
        id: "SRC-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "A source that cannot send, because nobody reads its rows, can be stopped.",
        why: "Otherwise a rule that is slower than its source can never be stopped.",
        how: "Nobody reads until no more rows arrive, because the source cannot send, and for 2 s \
              after that; a source that can still send after 4 s is not waited for. What waited is \
              read for up to 2 s and decoded. In another process, the same source is left unread \
              once more, at most 4.5 s, and then stopped and started again.",
        expected: "Each row is valid, the stop is answered with `ok`, and the source sends a row \
                   after its second start.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/source.go; ekuiper-2.4.0-go.jsonl:64",
        slow: true,
        check: Check::Function(stops_while_blocked),
    },
    &Requirement {
        id: "SRC-05",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one source under two rules are independent.",
        why: "Otherwise, when one rule ends, the other receives no more rows.",
        how: "Two instances are started, and each is stopped while the other runs.",
        expected: "Both send rows, and each continues after the other was stopped.",
        source: "ekuiper-2.4.0-go.jsonl:71; eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        slow: false,
        check: Check::Function(|rig| are_independent(rig, ("other", "stream"))),
    },
    &Requirement {
        id: "SRC-06",
        level: Level::Must,
        releases: Releases::All,
        rule: "A source can be started again after the host closed its channel and stopped it.",
        why: "Otherwise a rule can be started only once.",
        how: "The source is started, read and stopped three times.",
        expected: "Each start and stop is answered with `ok`, and a row comes after each start.",
        source: "ekuiper-2.4.0-go.jsonl:65",
        slow: false,
        check: Check::Function(starts_again),
    },
    &Requirement {
        id: "SRC-07",
        level: Level::Should,
        releases: Releases::All,
        rule: "A source dials again when its data connection is lost.",
        why: "Otherwise the source continues without a reader: the rule receives no more rows and \
              shows no error.",
        how: "The host closes the channel and opens it again.",
        expected: "A row comes within 10 s.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go, `dialOptions`",
        slow: false,
        check: Check::Function(dials_again),
    },
    &Requirement {
        id: "SRC-08",
        level: Level::Must,
        releases: Releases::All,
        rule: "Rows of two instances of one source are not mixed.",
        why: "Otherwise a rule receives rows of another rule's stream.",
        how: "Two instances are started under two rules, with two datasources.",
        expected: "Each channel has one connection, and no row of one instance contains the \
                   other's datasource.",
        source: "ekuiper-2.4.0-go.jsonl:71; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        slow: false,
        check: Check::Function(rows_are_kept_apart),
    },
    &Requirement {
        id: "SRC-09",
        level: Level::Should,
        releases: Releases::All,
        rule: "A row has the fields `message` and `meta`, and no others.",
        why: "eKuiper accepts a row without `meta` and ignores unknown fields, so a misspelled \
              field is lost silently. A field in capital letters is found only because Go's \
              decoder ignores case.",
        how: "The names of the fields in the first 5 rows are compared.",
        expected: "They are `message` and `meta`.",
        source: "ekuiper-2.4.0-go.jsonl:56; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        slow: false,
        check: Check::Function(rows_have_two_fields),
    },
    &Requirement {
        id: "SRC-11",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one source in one rule are independent.",
        why: "Otherwise a rule that joins two streams of one source receives the rows of only one \
              of them.",
        how: "Like SRC-05, but with two streams of one rule.",
        expected: "Both instances send rows, and each continues after the other was stopped.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/shared.go",
        slow: false,
        check: Check::Function(|rig| are_independent(rig, ("rule", "other"))),
    },
    &Requirement {
        id: "SRC-12",
        level: Level::Should,
        releases: Releases::All,
        rule: "The data address of a source contains the number of its instance.",
        why: "In 1.x, a stream whose source has `concurrency` has the instances 0, 1, and so on. \
              Without the number, all but the first deliver no rows.",
        how: "The source is started as instance 1.",
        expected: "A row comes on the address of instance 1.",
        source: "eKuiper 1.14.7 internal/topo/node/source_pool.go, `WithInstance`",
        slow: false,
        check: Check::Function(numbers_its_address),
    },
    &Requirement {
        id: "SRC-13",
        level: Level::Should,
        releases: Releases::All,
        rule: "A row is UTF-8.",
        why: "eKuiper replaces other bytes by U+FFFD, so the rule does not see what was measured. \
              Encode binary data as base64.",
        how: "The bytes of the first 5 rows are checked.",
        expected: "They are UTF-8.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        slow: false,
        check: Check::Function(rows_are_text),
    },
    &Requirement {
        id: "SRC-14",
        level: Level::Must,
        releases: Releases::All,
        rule: "No row is lost, duplicated or out of order.",
        why: "A rule that counts, or keeps the last value, is wrong, and no error shows it.",
        how: "Up to 1,000 rows that come within 2 s are read.",
        expected: "The column of `--counter` increases by one from row to row.",
        source: "ekuiper-2.4.0-go.jsonl:56; eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
        slow: false,
        check: Check::Function(counts_its_rows),
    },
];

pub(crate) const UNOBSERVED: &[&Unobserved] = &[&Unobserved {
    id: "SRC-10",
    level: Level::May,
    rule: "The `meta` of a row is `null`.",
    reason: "eKuiper accepts `null` and an object, and so does SRC-02.",
    source: "eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
}];

fn sends_rows(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut source = rig.source(&host)?;
    let channel = Channel::source(&source.order().meta);
    let dialed = || rig.transcript.open(&channel) + rig.transcript.hung_up(&channel) > 0;
    match source.skip(rig.limit()) {
        Err(error) if is_no_row(&error) && !dialed() => {
            Err(failed(format!("{error}, and it has not dialed {channel}")))
        }
        next => Ok(next?),
    }
}

fn rows_are_well_formed(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut source = rig.source(&host)?;
    let end = Instant::now() + rig.quiet(READING);
    for row in 0..MANY_ROWS {
        let limit = match row < ROWS {
            true => rig.limit(),
            false => end.saturating_duration_since(Instant::now()),
        };
        match source.skip(limit) {
            Ok(()) => {}
            Err(error) if is_no_row(&error) && row > 0 => break,
            Err(error) if is_no_row(&error) => return Err(untested(error)),
            Err(error) => {
                return Err(NotPassed::from(error).at(format!("at row {}", row + 1)));
            }
        }
    }
    Ok(())
}

fn counts_its_rows(rig: &Rig<'_>) -> Checked {
    let Some(column) = &rig.plan.counter else {
        return Err(NotPassed::NotApplicable(
            "no column is known to count the rows; name one with `--counter`",
        ));
    };
    let host = rig.host()?;
    let mut source = rig.source(&host)?;
    let mut last: Option<i64> = None;
    let mut limit = rig.limit();
    let end = Instant::now() + rig.quiet(READING);
    for row in 1..=MANY_ROWS {
        let message = match source.next(limit) {
            Ok(row) => row.message,
            Err(error) if is_no_row(&error) && row > 1 => break,
            Err(error) => return Err(untested(error)),
        };
        let number = message.get(column).and_then(Value::as_i64);
        match (last, number) {
            (_, None) if row == 1 => {
                return Err(NotPassed::NotApplicable(
                    "the rows of this source have no such column with an integer",
                ));
            }
            (_, None) => return Err(failed(format!("row {row} has no integer `{column}`"))),
            (Some(last), Some(number)) if number != last + 1 => {
                return Err(failed(format!(
                    "`{column}` of row {row} is {number}, after {last} in the row before"
                )));
            }
            _ => last = number,
        }
        limit = end.saturating_duration_since(Instant::now());
    }
    Ok(())
}

fn is_silent_after_stop(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut source = rig.flowing_source(&host)?;
    let before = Instant::now();
    let between = match source.skip(rig.limit()) {
        Ok(()) => before.elapsed(),
        Err(error) if is_no_row(&error) => Duration::ZERO,
        Err(error) => return Err(error.into()),
    };
    let answer = source.order_stop()?;
    carried_out(&answer, Command::Stop, source.order())?;
    drain(rig, &mut source)?;
    let watch = (between * 3).clamp(Duration::from_millis(500), Duration::from_secs(5));
    if next_row(&mut source, rig.quiet(watch))? {
        return Err(failed("a row came after the stop had been answered"));
    }
    Ok(())
}

/// Reads the rows that are on their way.
fn drain(rig: &Rig<'_>, source: &mut Source) -> Result<(), HostError> {
    let end = Instant::now() + rig.quiet(ON_ITS_WAY);
    while Instant::now() < end {
        next_row(source, Duration::from_millis(10))?;
    }
    Ok(())
}

fn stops_while_blocked(rig: &Rig<'_>) -> Checked {
    /// As long as a send may wait in a plugin that gives up.
    const BLOCKED: Duration = Duration::from_secs(2);
    /// An idle plugin may greet after 5 s, which another rule is about.
    const NOT_IDLE: Duration = Duration::from_millis(4500);
    let host = rig.host()?;
    let mut source = rig.source(&host)?;
    rig.block(&mut source, rig.scaled(BLOCKED));
    // What had been waiting is read and decoded.
    let end = Instant::now() + rig.quiet(READING);
    while Instant::now() < end && next_row(&mut source, Duration::from_millis(10))? {}
    drop(source);
    drop(host);

    let host = rig.host()?;
    let mut source = rig.source(&host)?;
    let started = Instant::now();
    rig.block(&mut source, Duration::ZERO);
    let left = NOT_IDLE.saturating_sub(started.elapsed());
    std::thread::sleep(left.min(rig.scaled(BLOCKED)));
    let order = source.order().clone();
    rig.order_ok(&host, Command::Stop, &order)?;
    drop(source);
    restarted(rig, &host)
}

/// Starts the source again, waits for a row, and stops it.
fn restarted(rig: &Rig<'_>, host: &Host) -> Checked {
    let mut source = rig.start_source(host, rig.source_name()?, "rule")?;
    source.skip(rig.limit())?;
    source.stop()?;
    Ok(())
}

/// Starts and stops a second instance beside the first, and then stops the
/// first: each must continue without the other. One direction alone would not
/// find a plugin that always stops the oldest instance of a symbol, or the
/// latest.
fn are_independent(rig: &Rig<'_>, other: (&str, &str)) -> Checked {
    let host = rig.host()?;
    let symbol = rig.source_name()?;
    let mut one = rig.flowing_source(&host)?;
    let mut two = rig.start_source_in(&host, symbol, other)?;
    two.skip(rig.limit())?;
    continues(rig, &mut one, "the first", "the second was started")?;
    two.stop()?;
    continues(rig, &mut one, "the first", "the second was stopped")?;
    let mut two = rig.start_source_in(&host, symbol, other)?;
    two.skip(rig.limit())?;
    one.stop()?;
    continues(rig, &mut two, "the second", "the first was stopped")
}

fn numbers_its_address(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let first = rig.flowing_source(&host)?;
    let mut order = first.order().clone();
    first.stop().map_err(untested)?;
    order.meta.instance_id = 1;
    host.start_source(order)?.skip(rig.limit())?;
    Ok(())
}

/// Drops the rows that came before, and waits for another one.
fn continues(rig: &Rig<'_>, source: &mut Source, which: &str, when: &str) -> Checked {
    drain(rig, source)?;
    match next_row(source, rig.limit())? {
        true => Ok(()),
        false => Err(no_row(format!(
            "{which} instance sent no more rows after {when}"
        ))),
    }
}

fn dials_again(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut source = rig.flowing_source(&host)?;
    host.hang_up(&mut source)?;
    match next_row(&mut source, rig.limit())? {
        true => Ok(()),
        false => Err(no_row(
            "no row came after the channel had been closed and opened again",
        )),
    }
}

fn rows_are_kept_apart(rig: &Rig<'_>) -> Checked {
    const RULES: [&str; 2] = ["conformance-one", "conformance-two"];
    let host = rig.host()?;
    let name = rig.source_name()?;
    let start = |rule: &str| {
        let source = rig.describe_source(&host, name);
        // If the user sets a datasource, both instances need it.
        let own = rig.properties(name)?.contains_key("datasource");
        let source = if own { source } else { source.datasource(rule) };
        source.within(rule, "stream").start().map_err(untested)
    };
    let mut sources = [start(RULES[0])?, start(RULES[1])?];
    for row in 0..2 * ROWS {
        let source = &mut sources[row % 2];
        match source.skip(rig.limit()) {
            Ok(()) => {}
            Err(error) if is_no_row(&error) && row > 1 => break,
            Err(error) => return Err(untested(error)),
        }
        let body = rig.transcript.last_row();
        let body = String::from_utf8_lossy(&body);
        if body.contains(RULES[(row + 1) % 2]) {
            return Err(failed(format!(
                "a row of the rule `{}` contains the datasource of `{}`: {body}",
                RULES[row % 2],
                RULES[(row + 1) % 2]
            )));
        }
    }
    for source in &sources {
        rig.one_connection(&Channel::source(&source.order().meta))?;
    }
    Ok(())
}

fn rows_have_two_fields(rig: &Rig<'_>) -> Checked {
    each_row(rig, |body| {
        let text = String::from_utf8_lossy(body);
        let fields: Option<BTreeMap<String, IgnoredAny>> = serde_json::from_str(&text).ok();
        let names: Vec<_> = fields.unwrap_or_default().into_keys().collect();
        if names == ["message", "meta"] {
            return Ok(());
        }
        Err(failed(format!(
            "a row has the fields `{}` instead of `message` and `meta`",
            names.join("`, `")
        )))
    })
}

fn rows_are_text(rig: &Rig<'_>) -> Checked {
    each_row(rig, |body| match std::str::from_utf8(body) {
        Ok(_) => Ok(()),
        Err(error) => Err(failed(format!(
            "a row is not UTF-8 at byte {}: `{}`",
            error.valid_up_to(),
            rig.transcript.excerpt(body)
        ))),
    })
}

/// Checks the bytes of the first rows.
fn each_row(rig: &Rig<'_>, check: impl Fn(&[u8]) -> Checked) -> Checked {
    let host = rig.host()?;
    let mut source = rig.source(&host)?;
    for row in 0..ROWS {
        match source.skip(rig.limit()) {
            Ok(()) => check(&rig.transcript.last_row())?,
            Err(error) if is_no_row(&error) && row > 0 => break,
            Err(error) => return Err(untested(error)),
        }
    }
    Ok(())
}

fn starts_again(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    rig.flowing_source(&host)?.stop()?;
    for _ in 0..2 {
        restarted(rig, &host)?;
    }
    Ok(())
}
