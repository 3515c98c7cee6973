//! `SNK`: rows for a sink, and their acks.

use std::time::{Duration, Instant};

use mock_kuiper::host::{Host, HostError, Sink};
use mock_kuiper::symbol::Channel;
use mock_kuiper::wire::Command;

use crate::bench::{
    Bench, Checked, FLOOD, ROW, Stop, failed, is_failed_row, is_no_ack, not_testable, takes_in_time,
};
use crate::requirement::{Level, Releases, Requirement};
use crate::stage::Kinds;
use crate::transcript::{MARK, Transcript};

/// How long an ack may take on a channel that has to be dialed again.
const AGAIN: Duration = Duration::from_secs(4);

/// How long an ack too many may take.
const QUIET: Duration = Duration::from_millis(300);

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "SNK-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink listens on its data channel before its start is answered.",
        why: "eKuiper dials as soon as it has the answer, and the rule fails if nobody is there.",
        how: "The host dials once, behind the answer.",
        source: "ekuiper-2.4.0-go.jsonl:46; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        check: listens_in_time,
    },
    &Requirement {
        id: "SNK-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "A row may be any bytes: a sink that cannot use one goes on to the next.",
        why: "With another `format` or a `dataTemplate` eKuiper sends what the rule makes.",
        how: "Rows of 1 byte, broken JSON, no UTF-8 and 2 MiB, an error row and a good one are sent; \
              where acks are read, each has to be followed by one.",
        source: "ekuiper-1.14.7-python-errors.jsonl:96; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        check: takes_any_bytes,
    },
    &Requirement {
        id: "SNK-03",
        level: Level::Must,
        releases: Releases::WithAcks,
        rule: "With `requireAck` each row is followed by one ack: `{}`, or `{\"error\":text}`.",
        why: "eKuiper sends the next row only after the ack, so that a missing one stops the rule, and \
              one too many is taken for that of a row that failed.",
        how: "20 rows are sent one by one, each has to be acked within 10 s; then 20 at once; no more \
              acks may come.",
        source: "ekuiper-2.4.0-python-errors.jsonl:82; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        check: acks_once,
    },
    &Requirement {
        id: "SNK-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "Rows are taken though nobody reads the acks.",
        why: "Without `requireAck` eKuiper reads none: a blocking send stalls after some hundred rows.",
        how: "10,000 rows of 4 KiB, or what goes in 15 s, are sent without `requireAck`, and no ack is read meanwhile.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        check: takes_rows_unread,
    },
    &Requirement {
        id: "SNK-05",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink listens on when its sender vanishes, and takes the rows of the next.",
        why: "eKuiper dials again after every disturbance, and each rule's end is one.",
        how: "The host closes its connection and dials again.",
        source: "ekuiper-2.4.0-go.jsonl:322; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: |bench| bench.play(Kinds::Sinks, "redial"),
    },
    &Requirement {
        id: "SNK-06",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink that was stopped gives its address back, and can be started again.",
        why: "A rule can be started only once.",
        how: "Started, stopped and started again, three times; no other sink may answer in between.",
        source: "ekuiper-2.4.0-go.jsonl:76; eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
        check: starts_again,
    },
    &Requirement {
        id: "SNK-07",
        level: Level::Must,
        releases: Releases::All,
        rule: "A socket file that nobody answers on does not keep a sink from listening.",
        why: "A process that was killed leaves the files of its sinks behind.",
        how: "The sink is started where such a file is.",
        source: "ekuiper-2.4.0-go.jsonl:311",
        check: |bench| bench.play(Kinds::Sinks, "stale-file"),
    },
    &Requirement {
        id: "SNK-08",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one sink under two rules are independent.",
        why: "With one rule's end the other's rows are lost.",
        how: "Two are started; each has to take rows after the other was stopped.",
        source: "ekuiper-2.4.0-go.jsonl:51",
        check: |bench| are_independent(bench, "other", 0),
    },
    &Requirement {
        id: "SNK-09",
        level: Level::Should,
        releases: Releases::All,
        rule: "A row of 0 bytes is taken as any other.",
        why: "A `dataTemplate` may come to nothing; a sink that ends of it takes no row any more.",
        how: "A row of 0 bytes and a good one are sent; where acks are read, both have to be followed \
              by one.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        check: takes_no_bytes,
    },
    &Requirement {
        id: "SNK-10",
        level: Level::Should,
        releases: Releases::WithAcks,
        rule: "An ack channel that drops is dialed again.",
        why: "With `requireAck` eKuiper waits for each ack: the rule stands still.",
        how: "The host closes the sink's channels and opens them again; of 3 rows one has to be acked.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go, `dialOptions`",
        check: dials_acks_again,
    },
    &Requirement {
        id: "SNK-11",
        level: Level::Must,
        releases: Releases::All,
        rule: "Rows are collected in the order in which they came.",
        why: "What the sink writes is not what the rule said: the last value is not the last.",
        how: "Rows with numbers are sent, and rows that cannot be used among them. Where acks tell \
              these apart, and where numbers are in the log, they have to be in the rows' order.",
        source: "ekuiper-2.4.0-go.jsonl:324; eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        check: keeps_order,
    },
    &Requirement {
        id: "SNK-12",
        level: Level::Must,
        releases: Releases::WithoutAckChannel,
        rule: "A sink takes rows though nobody listens on its ack address.",
        why: "These releases have no such channel: a sink that waits for one takes no row.",
        how: "2,000 rows of 4 KiB are sent, then the sink is stopped.",
        source: "ekuiper-1.13.5-go.jsonl:41",
        check: takes_rows_and_stops,
    },
    &Requirement {
        id: "SNK-13",
        level: Level::Must,
        releases: Releases::WithDeafAckChannel,
        rule: "A sink takes rows and stops though its ack channel is never read, and never closed.",
        why: "1.14 opens it, and no more: a sink that waits for its acks to be read cannot be stopped.",
        how: "2,000 rows of 4 KiB are sent, and no ack is read; then the sink is stopped, and started \
              under another rule.",
        source: "eKuiper 1.14.7 internal/plugin/portable/runtime/sink.go; \
                 ekuiper-1.14.7-python-errors.jsonl:79",
        check: takes_rows_and_stops,
    },
    &Requirement {
        id: "SNK-16",
        level: Level::Should,
        releases: Releases::WithAcks,
        rule: "An ack has `error` or nothing.",
        why: "eKuiper passes over what it does not know: with a name that is spelled wrong a row that \
              failed counts as done. It takes `null` and a name in capitals, which is luck.",
        how: "A good row and two that cannot be used are sent; the names in their acks are looked at.",
        source: "ekuiper-2.4.0-python-errors.jsonl:82; \
                 eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        check: acks_are_spelled_right,
    },
    &Requirement {
        id: "SNK-17",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one sink in one rule are independent.",
        why: "Of two actions of one rule that use the sink one has no rows.",
        how: "As SNK-08, with two actions of one rule.",
        source: "ekuiper-2.4.0-python.jsonl:80",
        check: |bench| are_independent(bench, "rule", 1),
    },
    &Requirement {
        id: "SNK-18",
        level: Level::Should,
        releases: Releases::WithAcks,
        rule: "An ack is UTF-8.",
        why: "eKuiper puts U+FFFD in the place of other bytes: the error of a row is not what the sink \
              has said.",
        how: "A good row and two that cannot be used are sent; the bytes of their acks are looked at.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
        check: acks_are_text,
    },
];

fn listens_in_time(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    match bench.start_sink(&host, bench.sink_name()?, "rule") {
        Ok(_) => Ok(()),
        Err(error @ HostError::NotListening { .. }) => Err(error.into()),
        Err(error) => Err(not_testable(error)),
    }
}

/// Sends a row, and where acks are read takes its ack, whatever it says.
pub(super) fn send(bench: &Bench<'_>, sink: &mut Sink, row: &[u8]) -> Result<(), HostError> {
    sink.send_bytes(row)?;
    if !bench.has_acks() {
        return Ok(());
    }
    take_ack(sink, bench.limit()).map(drop)
}

fn takes_any_bytes(bench: &Bench<'_>) -> Checked {
    const BIG: usize = 2 * 1024 * 1024;
    let host = bench.host()?;
    let mut sink = bench.sink(&host)?;
    let big = [b"[{\"text\":\"", vec![b'x'; BIG].as_slice(), b"\"}]"].concat();
    let rows: [(&str, &[u8]); 6] = [
        ("1 byte", b"x"),
        ("broken JSON", b"[{\"a\":"),
        ("no UTF-8", b"\xff\xfe\x00"),
        ("2 MiB", &big),
        ("an error", b"[{\"error\":\"no such column\"}]"),
        ("good JSON", ROW),
    ];
    let takes_big = bench.plan.release().max_message.is_none();
    let rows = rows.into_iter();
    for (what, row) in rows.filter(|(what, _)| takes_big || *what != "2 MiB") {
        send_named(bench, &mut sink, what, row)?;
    }
    host.check_alive()?;
    sink.stop()?;
    Ok(())
}

fn takes_no_bytes(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut sink = bench.sink(&host)?;
    send_named(bench, &mut sink, "0 bytes", b"")?;
    send_named(bench, &mut sink, "good JSON", ROW)?;
    host.check_alive()?;
    Ok(())
}

/// The same, with the row's name where it is not taken.
fn send_named(bench: &Bench<'_>, sink: &mut Sink, what: &str, row: &[u8]) -> Checked {
    send(bench, sink, row).map_err(|error| match error {
        error if error.is_finding() => failed(format!("at a row of {what}: {error}")),
        error => error.into(),
    })
}

fn acks_once(bench: &Bench<'_>) -> Checked {
    const ROWS: usize = 20;
    let host = bench.host()?;
    let mut sink = bench.acking_sink(&host)?;
    for _ in 0..ROWS {
        sink.send_bytes(ROW)?;
        take_ack(&mut sink, bench.limit())?;
    }
    no_more_acks(bench, &mut sink)?;
    for _ in 0..ROWS {
        sink.send_bytes(ROW)?;
    }
    for _ in 0..ROWS {
        take_ack(&mut sink, bench.limit())?;
    }
    no_more_acks(bench, &mut sink)
}

fn no_more_acks(bench: &Bench<'_>, sink: &mut Sink) -> Checked {
    match sink.ack(bench.quiet(QUIET)) {
        Err(error) if is_no_ack(&error) => Ok(()),
        Err(error) if !is_failed_row(&error) => Err(error.into()),
        _ => Err(failed("more acks came than rows were sent")),
    }
}

/// Reads an ack, and gives whether it says that the row is done.
fn take_ack(sink: &mut Sink, limit: Duration) -> Result<bool, HostError> {
    match sink.ack(limit) {
        Ok(_) => Ok(true),
        Err(error) if is_failed_row(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn dials_acks_again(bench: &Bench<'_>) -> Checked {
    bench.acks()?;
    let host = bench.host()?;
    let mut sink = bench.sink(&host)?;
    send(bench, &mut sink, ROW).map_err(not_testable)?;
    host.hang_up(&mut sink).map_err(not_testable)?;
    // It is dialed again at once, or with the next ack; one that was sent into
    // the old connection is lost.
    for _ in 0..3 {
        sink.send_bytes(ROW)?;
        match take_ack(&mut sink, bench.scaled(AGAIN)) {
            Err(error) if is_no_ack(&error) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
    let channel = Channel::ack(&sink.order().meta);
    Err(failed(format!(
        "no ack of 3 rows came on {channel} after that"
    )))
}

fn acks_are_spelled_right(bench: &Bench<'_>) -> Checked {
    has_no_ack(bench, Transcript::odd_ack)
}

fn acks_are_text(bench: &Bench<'_>) -> Checked {
    has_no_ack(bench, Transcript::broken_ack)
}

/// Looks at the acks of a good row and of two that cannot be used.
fn has_no_ack(bench: &Bench<'_>, of_the_kind: fn(&Transcript) -> Option<String>) -> Checked {
    bench.acks()?;
    let host = bench.host()?;
    let mut sink = bench.sink(&host)?;
    for row in [ROW, b"[{\"a\":", b"\xff"] {
        send(bench, &mut sink, row).map_err(not_testable)?;
    }
    match of_the_kind(&bench.transcript) {
        Some(ack) => Err(failed(format!("an ack was `{ack}`"))),
        None => Ok(()),
    }
}

fn keeps_order(bench: &Bench<'_>) -> Checked {
    let by_acks = bench.has_acks() && acks_are_in_order(bench)?;
    let by_log = log_is_in_order(bench)?;
    match by_acks || by_log {
        true => Ok(()),
        false => Err(Stop::NotApplicable(
            "neither its acks nor its log tell one row from another",
        )),
    }
}

/// Looks at the order of failed acks among the others; `false` where all rows
/// are alike to the sink.
fn acks_are_in_order(bench: &Bench<'_>) -> Result<bool, Stop> {
    const ROWS: usize = 200;
    let host = bench.host()?;
    let mut sink = bench.sink(&host)?;
    let mut ack_of = |row: &[u8]| {
        sink.send_bytes(row).map_err(not_testable)?;
        take_ack(&mut sink, bench.limit()).map_err(not_testable)
    };
    let good = ack_of(ROW)?;
    let mut others = Vec::new();
    for row in [&b"\xff"[..], b"[{\"a\":"] {
        others.push((row, ack_of(row)?));
    }
    let Some((bad, _)) = others.into_iter().find(|(_, done)| *done != good) else {
        return Ok(false);
    };
    let is_bad = |row: usize| row * row % 7 == 2;
    for row in 0..ROWS {
        sink.send_bytes(if is_bad(row) { bad } else { ROW })?;
    }
    for row in 0..ROWS {
        if (take_ack(&mut sink, bench.limit())? == good) == is_bad(row) {
            return Err(failed(format!(
                "the ack in the place of row {row} of {ROWS} is that of another one"
            )));
        }
    }
    Ok(true)
}

/// Looks at the order of the rows in the log; `false` where they are not there.
fn log_is_in_order(bench: &Bench<'_>) -> Result<bool, Stop> {
    const ROWS: u32 = 200;
    let host = bench.host()?;
    let mut sink = bench.sink(&host)?;
    for row in 0..ROWS {
        let row = format!("[{{\"conformance\":\"{MARK}{row}\"}}]");
        sink.send_bytes(row.as_bytes())?;
    }
    sink.settle(bench.limit());
    // A log is read as it comes, beside the channels.
    let mut marks = bench.transcript.marks();
    loop {
        std::thread::sleep(bench.quiet(QUIET));
        let now = bench.transcript.marks();
        if now.len() == marks.len() {
            break;
        }
        marks = now;
    }
    match marks.windows(2).find(|pair| pair[1] < pair[0]) {
        Some(pair) => Err(failed(format!(
            "row {} is in the log behind row {}",
            pair[1], pair[0]
        ))),
        None => Ok(marks.len() > 1),
    }
}

/// Sends so many rows, or as many as go in the time of a [`FLOOD`], and as the
/// sink keeps up with.
fn flood(bench: &Bench<'_>, sink: &mut Sink, row: &[u8], rows: usize) -> Result<(), HostError> {
    let end = Instant::now() + bench.quiet(FLOOD);
    for _ in 0..rows {
        if Instant::now() >= end || !takes_in_time(sink, row)? {
            break;
        }
    }
    Ok(())
}

/// A row that is not lost in the buffers of a socket: spaces change nothing.
fn long_row() -> Vec<u8> {
    let mut row = ROW.to_vec();
    row.resize(4096, b' ');
    row
}

fn takes_rows_unread(bench: &Bench<'_>) -> Checked {
    const ROWS: usize = 10_000;
    let host = bench.host()?;
    let mut sink = bench.unread_sink(&host)?;
    let row = long_row();
    flood(bench, &mut sink, &row, ROWS)?;
    host.check_alive()?;
    Ok(())
}

fn takes_rows_and_stops(bench: &Bench<'_>) -> Checked {
    const ROWS: usize = 2000;
    let host = bench.host()?;
    let row = long_row();
    for rule in ["rule", "other"] {
        let mut sink = bench.start_sink(&host, bench.sink_name()?, rule)?;
        flood(bench, &mut sink, &row, ROWS)?;
        sink.stop()?;
    }
    Ok(())
}

fn starts_again(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut sink = bench.sink(&host)?;
    for turn in 0..3 {
        send(bench, &mut sink, ROW)?;
        let order = sink.order().clone();
        sink.stop()?;
        if turn == 2 {
            break;
        }
        // 1.14 cannot open the ack channel of one rule twice.
        let rule = match bench.plan.release().ack_closes {
            true => order.meta.rule_id.clone(),
            false => format!("rule{turn}"),
        };
        sink = bench.start_sink(&host, bench.sink_name()?, &rule)?;
    }
    Ok(())
}

/// Looks whether each of two instances goes on when the other is stopped: one
/// alone would not tell a plugin that stops the oldest of a symbol, or the latest.
fn are_independent(bench: &Bench<'_>, rule: &str, action: u32) -> Checked {
    let host = bench.host()?;
    let symbol = bench.sink_name()?;
    let op = format!("{symbol}_{action}");
    let mut one = bench.sink(&host)?;
    let mut two = bench.start_sink_in(&host, symbol, (rule, &op))?;
    send(bench, &mut one, ROW)?;
    send(bench, &mut two, ROW)?;
    let order = two.order().clone();
    stop(bench, &host, two)?;
    send(bench, &mut one, ROW)?;
    // 1.14 cannot open the ack channel of one rule twice.
    let rule = match bench.plan.release().ack_closes {
        true => &order.meta.rule_id,
        false => "third",
    };
    let mut two = bench.start_sink_in(&host, symbol, (rule, &op))?;
    send(bench, &mut two, ROW)?;
    stop(bench, &host, one)?;
    send(bench, &mut two, ROW)?;
    Ok(())
}

/// Stops a sink, whose sender goes only after that.
fn stop(bench: &Bench<'_>, host: &Host, sink: Sink) -> Checked {
    bench.order_ok(host, Command::Stop, sink.order())?;
    drop(sink);
    Ok(())
}
