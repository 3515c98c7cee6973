//! Orders that are repeated, delayed or interrupted.

use std::time::{Duration, Instant};

use mock_kuiper::engine::wire::{Command, OrderAnswer};
use mock_kuiper::{Channel, Fault, Host, Kind, Source};
use serde_json::{Map, json};

use crate::checked::{Checked, NotPassed, failed};
use crate::limits::{EXTRA_CONNECTION, EXTRA_MESSAGE, IDLE, MINUTE, REPEATED};
use crate::rig::{
    Kinds, ROW, Rig, is_failed_row, is_no_ack, nothing_came, second_answer, unknown_start,
    unless_it_never_greets,
};

/// How long the connection of a replaced instance may stay open.
const SETTLING: Duration = Duration::from_secs(2);

/// How long an order may take while instances work.
const PROMPT: Duration = Duration::from_secs(2);

pub(super) fn stays_after_idling(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let (_running, order) = rig.anything(&host)?;
    if order.kind != Kind::Function {
        rig.order_ok(&host, Command::Stop, &order)?;
    }
    std::thread::sleep(rig.scaled(IDLE));
    rig.order_ok(&host, Command::Start, &order)?;
    let Some(second) = host.overhear(rig.quiet(EXTRA_MESSAGE))? else {
        return Ok(());
    };
    match OrderAnswer::parse(&second) {
        OrderAnswer::Done => Err(failed(
            "the last answer came again, unasked: eKuiper takes it for the answer to its next \
             order. Turn off the resend of the REQ socket (mangos: `time.Duration(0)`; a plain 0 \
             has the wrong type, so the default of a minute stays)",
        )),
        _ => Err(second_answer(
            "the start after 6 s without an order",
            &second,
        )),
    }
}

pub(super) fn drops_stale_orders(rig: &Rig<'_>) -> Checked {
    let dropped = drops_a_stale_order(rig);
    let name = &rig.manifest()?.name;
    unless_it_never_greets(rig, dropped, &Channel::control(name))
}

fn drops_a_stale_order(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let (_running, order) = rig.anything(&host)?;
    let command = match order.kind {
        Kind::Function => Command::Start,
        _ => Command::Stop,
    };
    let answer = host.order_stale(command, &order)?;
    match OrderAnswer::parse(answer.as_bytes()) {
        OrderAnswer::Done => Ok(()),
        _ => Err(failed(format!(
            "the order under the right id was answered with `{answer}` instead of `ok`"
        ))),
    }
}

pub(super) fn starts_twice(rig: &Rig<'_>) -> Checked {
    rig.play(Kinds::All, Fault::StartAgain)?;
    if rig.source_name().is_ok() {
        let host = rig.host()?;
        let mut source = rig.flowing_source(&host)?;
        source.start_again()?;
        has_one_connection(rig, &mut source)?;
    }
    if rig.sink_name().is_ok() && rig.has_acks() {
        let host = rig.host()?;
        let mut sink = rig.sink(&host)?;
        sink.start_again()?;
        for _ in 0..3 {
            rig.send(&mut sink, ROW)?;
        }
        return match sink.ack(rig.quiet(EXTRA_MESSAGE)) {
            Err(error) if is_no_ack(&error) => Ok(()),
            Err(error) if !is_failed_row(&error) => Err(error.into()),
            _ => Err(failed("after a second start, 3 rows got more than 3 acks")),
        };
    }
    Ok(())
}

pub(super) fn starts_anew(rig: &Rig<'_>) -> Checked {
    rig.play(Kinds::All, Fault::StartAnew)?;
    if rig.source_name().is_err() {
        return Ok(());
    }
    let host = rig.host()?;
    let mut source = rig.flowing_source(&host)?;
    source.start_with(Map::from_iter([("key".to_owned(), json!("mock"))]))?;
    has_one_connection(rig, &mut source)
}

/// Fails if a source has more than one instance: each has a connection.
fn has_one_connection(rig: &Rig<'_>, source: &mut Source) -> Checked {
    let channel = Channel::source(&source.order().meta);
    // A second instance would dial within this time.
    std::thread::sleep(rig.quiet(EXTRA_CONNECTION));
    // Connections are only noticed while the host waits for rows, and a replaced
    // instance may take its time to close its own.
    let end = Instant::now() + rig.quiet(SETTLING);
    for row in 0.. {
        source.skip(rig.limit())?;
        let one = rig.one_connection(&channel);
        if (row > 2 && one.is_ok()) || Instant::now() >= end {
            return one;
        }
    }
    Ok(())
}

pub(super) fn answers_while_busy(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let usual = start_and_stop(rig, &host, "alone").map_err(NotPassed::into_untested)?;
    let mut sink = match rig.sink_name() {
        Ok(_) => Some(rig.sink(&host)?),
        Err(_) => None,
    };
    for _ in 0..100 {
        if let Some(sink) = &mut sink {
            sink.send_bytes(ROW)?;
        }
    }
    let _source = match rig.source_name() {
        Ok(_) => Some(rig.source(&host)?),
        Err(_) => None,
    };
    std::thread::sleep(rig.scaled(Duration::from_secs(1)));
    let took = start_and_stop(rig, &host, "elsewhere")?;
    if took > usual + rig.scaled(PROMPT) {
        return Err(failed(format!(
            "while instances were busy, the answer to a start took {:.1} s, and {:.1} s before",
            took.as_secs_f64(),
            usual.as_secs_f64()
        )));
    }
    Ok(())
}

/// Starts a source, or a sink if the plugin has no source, under a rule; returns
/// how long that took; and stops it.
fn start_and_stop(rig: &Rig<'_>, host: &Host, rule: &str) -> Result<Duration, NotPassed> {
    let asked = Instant::now();
    if let Ok(source) = rig.source_name() {
        let source = rig.start_source(host, source, rule)?;
        let took = asked.elapsed();
        source.stop()?;
        return Ok(took);
    }
    let Ok(sink) = rig.sink_name() else {
        return Err(NotPassed::NotApplicable(
            "a plugin with only functions is never busy",
        ));
    };
    let sink = rig.start_sink(host, sink, rule)?;
    let took = asked.elapsed();
    sink.stop()?;
    Ok(took)
}

pub(super) fn dials_again(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    host.hang_up_control()?;
    rig.still_starts(&host)?;
    drop(host);
    match rig.release().regreet_on_control {
        true => rig.play(Kinds::All, Fault::Cut),
        false => Ok(()),
    }
}

pub(super) fn answers_once(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let (_running, order) = rig.anything(&host)?;
    nothing_follows(rig, &host, "the start")?;
    if order.kind != Kind::Function {
        rig.order_ok(&host, Command::Stop, &order)?;
        nothing_follows(rig, &host, "the stop")?;
    }
    host.order_bytes(&unknown_start("source"))?;
    nothing_follows_for(rig, &host, "an order that was refused", REPEATED)
}

pub(super) fn is_silent_for_a_minute(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let _running = rig.anything(&host)?;
    host.order_bytes(&unknown_start("source"))?;
    nothing_follows_for(rig, &host, "an order that was refused", MINUTE)
}

fn nothing_follows(rig: &Rig<'_>, host: &Host, what: &str) -> Checked {
    nothing_follows_for(rig, host, what, EXTRA_MESSAGE)
}

fn nothing_follows_for(rig: &Rig<'_>, host: &Host, what: &str, time: Duration) -> Checked {
    nothing_came(host.overhear(rig.quiet(time))?, what)
}
