//! `SNK`: rows for a sink, and their acks.

use std::time::Duration;

use mock_kuiper::host::{HostError, Sink};
use mock_kuiper::wire::Command;

use crate::bench::{Bench, Checked, Kinds, failed, is_no_ack, not_testable};
use crate::requirement::{Level, Releases, Requirement};

const ROW: &[u8] = b"[{\"conformance\":1}]";

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
        source: "protocol.md section 5, what a plugin does on start",
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
        source: "protocol.md section 6; ekuiper-1.14.7-python-errors",
        check: takes_any_bytes,
    },
    &Requirement {
        id: "SNK-03",
        level: Level::Must,
        releases: Releases::WithAcks,
        rule: "With `requireAck` each row is followed by one ack: `{}`, or `{\"error\":text}`.",
        why: "eKuiper sends the next row only after the ack, so that a missing one stops the rule, and \
              one too many is taken for that of a row that failed.",
        how: "20 rows are sent one by one; each has to be acked within 10 s, and no more acks come.",
        source: "protocol.md section 6, ack",
        check: acks_once,
    },
    &Requirement {
        id: "SNK-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "Rows are taken though nobody reads the acks.",
        why: "Without `requireAck` eKuiper reads none: a blocking send stalls after some hundred rows.",
        how: "10,000 rows are sent, and no ack is read meanwhile.",
        source: "protocol.md section 6, ack",
        check: |bench| bench.play(Kinds::Sinks, "acks-unread"),
    },
    &Requirement {
        id: "SNK-05",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink listens on when its sender vanishes, and takes the rows of the next.",
        why: "eKuiper dials again after every disturbance, and each rule's end is one.",
        how: "The host closes its connection and dials again.",
        source: "protocol.md section 8",
        check: |bench| bench.play(Kinds::Sinks, "redial"),
    },
    &Requirement {
        id: "SNK-06",
        level: Level::Must,
        releases: Releases::All,
        rule: "A sink that was stopped gives its address back, and can be started again.",
        why: "A rule can be started only once.",
        how: "Started, stopped and started again, three times; no other sink may answer in between.",
        source: "protocol.md section 5, what it does on stop",
        check: starts_again,
    },
    &Requirement {
        id: "SNK-07",
        level: Level::Must,
        releases: Releases::All,
        rule: "A socket file that nobody answers on does not keep a sink from listening.",
        why: "A process that was killed leaves the files of its sinks behind.",
        how: "The sink is started where such a file is.",
        source: "protocol.md section 8",
        check: |bench| bench.play(Kinds::Sinks, "stale-file"),
    },
    &Requirement {
        id: "SNK-08",
        level: Level::Must,
        releases: Releases::All,
        rule: "Instances of one sink under two rules are independent.",
        why: "With one rule's end the other's rows are lost.",
        how: "Two are started; the second has to take rows after the first was stopped.",
        source: "protocol.md section 1, instance",
        check: instances_are_independent,
    },
    &Requirement {
        id: "SNK-09",
        level: Level::Should,
        releases: Releases::All,
        rule: "A row of 0 bytes is taken as any other.",
        why: "A `dataTemplate` may come to nothing; a sink that ends of it takes no row any more.",
        how: "A row of 0 bytes and a good one are sent; where acks are read, both have to be followed \
              by one.",
        source: "protocol.md section 6",
        check: takes_no_bytes,
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
fn send(bench: &Bench<'_>, sink: &mut Sink, row: &[u8]) -> Result<(), HostError> {
    sink.send_bytes(row)?;
    if !Releases::WithAcks.has(bench.plan.release()) {
        return Ok(());
    }
    match sink.ack(bench.limit()) {
        Ok(_) => Ok(()),
        Err(error) if is_failed_row(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_failed_row(error: &HostError) -> bool {
    use mock_kuiper::host::SinkError;
    matches!(
        error,
        HostError::Sink {
            source: SinkError::Failed { .. },
            ..
        }
    )
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
    let mut sink = bench.sink(&host)?;
    for _ in 0..ROWS {
        send(bench, &mut sink, ROW)?;
    }
    match sink.ack(bench.scaled(QUIET)) {
        Err(error) if is_no_ack(&error) => Ok(()),
        Err(error) if !is_failed_row(&error) => Err(error.into()),
        _ => Err(failed(format!(
            "an ack came behind those of all {ROWS} rows"
        ))),
    }
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

fn instances_are_independent(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut one = bench.sink(&host)?;
    let mut two = bench.start_sink(&host, bench.sink_name()?, "other")?;
    send(bench, &mut one, ROW)?;
    send(bench, &mut two, ROW)?;
    let order = one.order().clone();
    bench.order_ok(&host, Command::Stop, &order)?;
    drop(one);
    send(bench, &mut two, ROW)?;
    Ok(())
}
