//! How the requirements for sinks are observed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mock_kuiper::engine::wire::Command;
use mock_kuiper::{Channel, Code, Fault, Host, Sink};
use serde_json::Value;

use crate::checked::{Checked, NotPassed, failed, untested};
use crate::limits::{EXTRA_MESSAGE, FLOOD};
use crate::rig::{Kinds, ROW, Rig, is_failed_row, is_no_ack, long_row, take_ack, takes_in_time};
use crate::transcript::{MARK, Transcript};

/// How long an ack may take on a channel that has to be dialed again.
const REDIALED_ACK: Duration = Duration::from_secs(4);

pub(super) fn listens_in_time(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    match rig.start_sink(&host, rig.sink_name()?, "rule") {
        Ok(_) => Ok(()),
        Err(error)
            if matches!(
                error.code(),
                Some(Code::SinkNotListening | Code::SinkWrongSocket)
            ) =>
        {
            Err(error.into())
        }
        Err(error) => Err(untested(error)),
    }
}

pub(super) fn takes_any_bytes(rig: &Rig<'_>) -> Checked {
    const BIG: usize = 2 * 1024 * 1024;
    const BIG_NAME: &str = "2 MiB";
    let host = rig.host()?;
    let mut sink = rig.sink(&host)?;
    let big = [b"[{\"text\":\"", vec![b'x'; BIG].as_slice(), b"\"}]"].concat();
    let rows: [(&str, &[u8]); 6] = [
        ("1 byte", b"x"),
        ("broken JSON", b"[{\"a\":"),
        ("bytes that are not UTF-8", b"\xff\xfe\x00"),
        (BIG_NAME, &big),
        ("an error", b"[{\"error\":\"no such column\"}]"),
        ("good JSON", ROW),
    ];
    let takes_big = rig.release().max_message.is_none();
    let channel = Channel::sink(&sink.order().meta);
    for (name, row) in rows {
        if name == BIG_NAME && !takes_big {
            continue;
        }
        let sent = send_named(rig, &mut sink, name, row);
        if sent.is_err() && name == BIG_NAME && rig.transcript.hung_up(&channel) > 0 {
            return Err(failed(format!(
                "the plugin closed the connection at a row of {name}: its socket has a size limit \
                 (nng and mangos: 1 MiB unless it is set to 0)"
            )));
        }
        sent?;
    }
    host.check_alive()?;
    sink.stop()?;
    Ok(())
}

pub(super) fn takes_no_bytes(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut sink = rig.sink(&host)?;
    send_named(rig, &mut sink, "0 bytes", b"")?;
    send_named(rig, &mut sink, "good JSON", ROW)?;
    host.check_alive()?;
    Ok(())
}

/// Sends a row, and takes its ack if acks are read. A failure names the row.
fn send_named(rig: &Rig<'_>, sink: &mut Sink, name: &str, row: &[u8]) -> Checked {
    let sent = rig.send(sink, row).map_err(NotPassed::from);
    sent.map_err(|not_passed| not_passed.at(format!("at a row of {name}")))
}

pub(super) fn acks_once(rig: &Rig<'_>) -> Checked {
    const ROWS: usize = 20;
    let host = rig.host()?;
    let mut sink = rig.acking_sink(&host)?;
    for _ in 0..ROWS {
        sink.send_bytes(ROW)?;
        take_ack(&mut sink, rig.limit())?;
    }
    no_more_acks(rig, &mut sink)?;
    for _ in 0..ROWS {
        sink.send_bytes(ROW)?;
    }
    for _ in 0..ROWS {
        take_ack(&mut sink, rig.limit())?;
    }
    no_more_acks(rig, &mut sink)
}

fn no_more_acks(rig: &Rig<'_>, sink: &mut Sink) -> Checked {
    match sink.ack(rig.quiet(EXTRA_MESSAGE)) {
        Err(error) if is_no_ack(&error) => Ok(()),
        Err(error) if !is_failed_row(&error) => Err(error.into()),
        _ => Err(failed("more acks came than rows were sent")),
    }
}

pub(super) fn dials_acks_again(rig: &Rig<'_>) -> Checked {
    rig.needs_acks()?;
    let host = rig.host()?;
    let mut sink = rig.sink(&host)?;
    rig.send(&mut sink, ROW).map_err(untested)?;
    host.hang_up(&mut sink).map_err(untested)?;
    // The sink dials again at once, or when it sends the next ack. An ack that
    // it sends into the old connection is lost.
    for _ in 0..3 {
        sink.send_bytes(ROW)?;
        match take_ack(&mut sink, rig.scaled(REDIALED_ACK)) {
            Err(error) if is_no_ack(&error) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
    let channel = Channel::ack(&sink.order().meta);
    Err(failed(format!(
        "after the host had closed {channel} and opened it again, no ack of 3 rows came"
    )))
}

pub(super) fn acks_are_spelled_right(rig: &Rig<'_>) -> Checked {
    let Some(ack) = wrong_ack(rig, Transcript::odd_ack)? else {
        return Ok(());
    };
    Err(failed(format!(
        "an ack was `{ack}` instead of `{{}}` or `{{\"error\":text}}`"
    )))
}

pub(super) fn acks_are_text(rig: &Rig<'_>) -> Checked {
    let Some(ack) = wrong_ack(rig, Transcript::broken_ack)? else {
        return Ok(());
    };
    Err(failed(format!("an ack was not UTF-8: `{ack}`")))
}

pub(super) fn failed_rows_have_a_text(rig: &Rig<'_>) -> Checked {
    rig.needs_acks()?;
    let host = rig.host()?;
    let mut sink = rig.sink(&host)?;
    let mut ack_of = |row: &[u8]| {
        rig.send(&mut sink, row).map_err(untested)?;
        Ok::<_, NotPassed>(rig.transcript.last_ack())
    };
    let good = ack_of(ROW)?;
    for (name, row) in [
        ("broken JSON", &b"[{\"a\":"[..]),
        ("bytes that are not UTF-8", b"\xff"),
    ] {
        let ack = ack_of(row)?;
        if ack == good || has_error_text(&ack) {
            continue;
        }
        let text = rig.transcript.excerpt(&ack);
        return Err(failed(format!(
            "the ack of a good row was `{}`, and that of {name} was `{text}`: eKuiper takes the \
             row for done. Answer `{{\"error\":\"…\"}}`",
            rig.transcript.excerpt(&good)
        )));
    }
    Ok(())
}

/// Returns whether eKuiper finds an error text in an ack.
fn has_error_text(ack: &[u8]) -> bool {
    let fields: Option<HashMap<String, Value>> =
        serde_json::from_str(&String::from_utf8_lossy(ack)).ok();
    let mut fields = fields.into_iter().flatten();
    fields.any(|(name, value)| {
        name.eq_ignore_ascii_case("error") && value.as_str().is_some_and(|text| !text.is_empty())
    })
}

/// Sends a good row and two rows that cannot be used, and returns the ack that
/// `find` selects.
fn wrong_ack(
    rig: &Rig<'_>,
    find: fn(&Transcript) -> Option<String>,
) -> Result<Option<String>, NotPassed> {
    rig.needs_acks()?;
    let host = rig.host()?;
    let mut sink = rig.sink(&host)?;
    for row in [ROW, b"[{\"a\":", b"\xff"] {
        rig.send(&mut sink, row).map_err(untested)?;
    }
    Ok(find(&rig.transcript))
}

pub(super) fn keeps_order(rig: &Rig<'_>) -> Checked {
    let by_acks = rig.has_acks() && acks_are_in_order(rig)?;
    let by_log = log_is_in_order(rig)?;
    match by_acks || by_log {
        true => Ok(()),
        false => Err(NotPassed::NotApplicable(
            "neither the acks nor the log tell one row from another",
        )),
    }
}

/// Checks the order of failed acks among the others. Returns `false` if the sink
/// acks all rows alike.
fn acks_are_in_order(rig: &Rig<'_>) -> Result<bool, NotPassed> {
    const ROWS: usize = 200;
    let host = rig.host()?;
    let mut sink = rig.sink(&host)?;
    let mut ack_of = |row: &[u8]| {
        sink.send_bytes(row).map_err(untested)?;
        take_ack(&mut sink, rig.limit()).map_err(untested)
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
        if (take_ack(&mut sink, rig.limit())? == good) == is_bad(row) {
            return Err(failed(format!(
                "ack {row} of {ROWS} belongs to another row than row {row}"
            )));
        }
    }
    Ok(true)
}

/// Checks the order of the rows in the log. Returns `false` if they are not in
/// it.
fn log_is_in_order(rig: &Rig<'_>) -> Result<bool, NotPassed> {
    const ROWS: u32 = 200;
    let host = rig.host()?;
    let mut sink = rig.sink(&host)?;
    for row in 0..ROWS {
        let row = format!("[{{\"conformance\":\"{MARK}{row}\"}}]");
        sink.send_bytes(row.as_bytes())?;
    }
    sink.settle(rig.limit());
    // The log comes independently of the channels.
    let mut marks = rig.transcript.marks();
    loop {
        std::thread::sleep(rig.quiet(EXTRA_MESSAGE));
        let now = rig.transcript.marks();
        if now.len() == marks.len() {
            break;
        }
        marks = now;
    }
    match marks.windows(2).find(|pair| pair[1] < pair[0]) {
        Some(pair) => Err(failed(format!(
            "row {} is in the log after row {}",
            pair[1], pair[0]
        ))),
        None => Ok(marks.len() > 1),
    }
}

/// Sends up to `rows` rows, as many as fit in the time of a [`FLOOD`] and as the
/// sink keeps up with. A failure names the number of the row.
fn flood(rig: &Rig<'_>, sink: &mut Sink, row: &[u8], rows: u32) -> Checked {
    let end = Instant::now() + rig.quiet(FLOOD);
    for number in 1..=rows {
        if Instant::now() >= end {
            break;
        }
        let taken = takes_in_time(sink, row).map_err(NotPassed::from);
        if !taken.map_err(|not_passed| not_passed.at(format!("at row {number}")))? {
            break;
        }
    }
    Ok(())
}

pub(super) fn takes_rows_unread(rig: &Rig<'_>) -> Checked {
    let rows = rig.plan.load(10_000);
    let host = rig.host()?;
    let mut sink = rig.unread_sink(&host)?;
    flood(rig, &mut sink, &long_row(), rows)?;
    host.check_alive()?;
    Ok(())
}

pub(super) fn takes_rows_and_stops(rig: &Rig<'_>) -> Checked {
    const ROWS: u32 = 2000;
    let host = rig.host()?;
    let row = long_row();
    for rule in ["rule", "other"] {
        let mut sink = rig.start_sink(&host, rig.sink_name()?, rule)?;
        flood(rig, &mut sink, &row, ROWS)?;
        sink.stop()?;
    }
    Ok(())
}

pub(super) fn serves_the_next_sender(rig: &Rig<'_>) -> Checked {
    let played = rig.play(Kinds::Sinks, Fault::Redial);
    played.map_err(|mut not_passed| {
        if let NotPassed::Failed(seen) = &mut not_passed
            && seen.code() == Some(Code::SinkNotListening)
        {
            seen.text = "the host closed the first connection, and the sink does not serve the \
                         next: its socket does not accept it or stays silent. Keep accepting \
                         connections; a PULL socket of nng or mangos does so by itself"
                .to_owned();
        }
        not_passed
    })
}

pub(super) fn starts_again(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut sink = rig.sink(&host)?;
    for turn in 0..3 {
        rig.send(&mut sink, ROW)?;
        let order = sink.order().clone();
        sink.stop()?;
        if turn == 2 {
            break;
        }
        // 1.14 cannot open the ack channel of one rule twice.
        let rule = match rig.release().ack_closes {
            true => order.meta.rule_id.clone(),
            false => format!("rule{turn}"),
        };
        sink = rig.start_sink(&host, rig.sink_name()?, &rule)?;
    }
    Ok(())
}

/// Stops the second of two instances, starts it again, and then stops the
/// first: each must take rows without the other. One direction alone would not
/// find a plugin that always stops the oldest instance of a symbol, or the
/// latest.
pub(super) fn are_independent(rig: &Rig<'_>, rule: &str, action: u32) -> Checked {
    let host = rig.host()?;
    let symbol = rig.sink_name()?;
    let op = format!("{symbol}_{action}");
    let mut one = rig.sink(&host)?;
    let mut two = rig.start_sink_in(&host, symbol, (rule, &op))?;
    rig.send(&mut one, ROW)?;
    rig.send(&mut two, ROW)?;
    let order = two.order().clone();
    stop(rig, &host, two)?;
    rig.send(&mut one, ROW)?;
    // 1.14 cannot open the ack channel of one rule twice.
    let rule = match rig.release().ack_closes {
        true => &order.meta.rule_id,
        false => "third",
    };
    let mut two = rig.start_sink_in(&host, symbol, (rule, &op))?;
    rig.send(&mut two, ROW)?;
    stop(rig, &host, one)?;
    rig.send(&mut two, ROW)?;
    Ok(())
}

/// Stops a sink, and closes its channel only after that.
fn stop(rig: &Rig<'_>, host: &Host, sink: Sink) -> Checked {
    rig.order_ok(host, Command::Stop, sink.order())?;
    drop(sink);
    Ok(())
}
