//! What repeats, waits or breaks off.

use std::time::{Duration, Instant};

use mock_kuiper::host::{Host, Source};
use mock_kuiper::symbol::{Channel, Kind};
use mock_kuiper::wire::{Command, OrderAnswer};
use serde_json::{Map, json};

use super::refusals::argument;
use super::{DIAL, IDLE, QUIET, goes_on};
use crate::bench::{Bench, Checked, ROW, Stop, failed, is_no_ack, order_bytes};
use crate::stage::Kinds;

/// How long the connection of an instance that was replaced may stand.
const SETTLING: Duration = Duration::from_secs(2);

/// How long an order may take while instances work.
const PROMPT: Duration = Duration::from_secs(2);

pub(super) fn stays_after_idling(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (_running, order) = bench.anything(&host)?;
    if order.kind != Kind::Function {
        bench.order_ok(&host, Command::Stop, &order)?;
    }
    std::thread::sleep(bench.scaled(IDLE));
    bench.order_ok(&host, Command::Start, &order)?;
    nothing_follows(bench, &host, "the start after that")
}

pub(super) fn drops_stale_orders(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (_running, order) = bench.anything(&host)?;
    let command = match order.kind {
        Kind::Function => Command::Start,
        _ => Command::Stop,
    };
    let answer = host.order_stale(command, &order)?;
    match OrderAnswer::parse(answer.as_bytes()) {
        OrderAnswer::Done => Ok(()),
        _ => Err(failed(format!(
            "the order under the right id was answered with `{answer}`, not `ok`"
        ))),
    }
}

pub(super) fn starts_twice(bench: &Bench<'_>) -> Checked {
    bench.play(Kinds::All, "start-again")?;
    if bench.source_name().is_ok() {
        let host = bench.host()?;
        let mut source = bench.flowing_source(&host)?;
        source.start_again()?;
        has_one_connection(bench, &mut source)?;
    }
    if bench.sink_name().is_ok() && bench.has_acks() {
        let host = bench.host()?;
        let mut sink = bench.sink(&host)?;
        sink.start_again()?;
        for _ in 0..3 {
            crate::section::sink::send(bench, &mut sink, ROW)?;
        }
        return match sink.ack(bench.quiet(QUIET)) {
            Err(error) if is_no_ack(&error) => Ok(()),
            _ => Err(failed("3 rows behind a second start got more than 3 acks")),
        };
    }
    Ok(())
}

pub(super) fn starts_anew(bench: &Bench<'_>) -> Checked {
    bench.play(Kinds::All, "start-anew")?;
    if bench.source_name().is_err() {
        return Ok(());
    }
    let host = bench.host()?;
    let mut source = bench.flowing_source(&host)?;
    source.start_with(Map::from_iter([("key".to_owned(), json!("mock"))]))?;
    has_one_connection(bench, &mut source)
}

/// Looks whether one instance of a source is there: each has a connection.
fn has_one_connection(bench: &Bench<'_>, source: &mut Source) -> Checked {
    let channel = Channel::source(&source.order().meta);
    // A second one would dial within this time.
    std::thread::sleep(bench.quiet(DIAL));
    // Who comes and goes is seen while rows are awaited; the old one may be late.
    let end = Instant::now() + bench.quiet(SETTLING);
    for row in 0.. {
        source.next(bench.limit())?;
        let settled = bench.one_connection(&channel);
        if (row > 2 && settled.is_ok()) || Instant::now() >= end {
            return settled;
        }
    }
    Ok(())
}

pub(super) fn answers_while_busy(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut sink = match bench.sink_name() {
        Ok(_) => Some(bench.sink(&host)?),
        Err(_) => None,
    };
    for _ in 0..100 {
        if let Some(sink) = &mut sink {
            sink.send_bytes(b"[{\"conformance\":1}]")?;
        }
    }
    let source = match bench.source_name() {
        Ok(_) => Some(bench.source(&host)?),
        Err(_) => None,
    };
    std::thread::sleep(bench.scaled(Duration::from_secs(1)));
    let asked = Instant::now();
    let started = match (&source, &sink) {
        (Some(source), _) => bench
            .start_source(&host, &source.order().symbol, "elsewhere")
            .map(drop),
        (None, Some(sink)) => bench
            .start_sink(&host, sink.symbol(), "elsewhere")
            .map(drop),
        (None, None) => return Err(Stop::NotApplicable("a function alone is never busy")),
    };
    started?;
    let took = asked.elapsed();
    if took > bench.scaled(PROMPT) {
        let took = took.as_secs_f64();
        return Err(failed(format!("the answer took {took:.1} s")));
    }
    Ok(())
}

pub(super) fn dials_again(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    host.hang_up_control()?;
    goes_on(bench, &host)?;
    drop(host);
    match bench.plan.release().regreet_on_control {
        true => bench.play(Kinds::All, "cut"),
        false => Ok(()),
    }
}

pub(super) fn answers_once(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (_running, order) = bench.anything(&host)?;
    nothing_follows(bench, &host, "the start")?;
    if order.kind != Kind::Function {
        bench.order_ok(&host, Command::Stop, &order)?;
        nothing_follows(bench, &host, "the stop")?;
    }
    let unknown = order_bytes("start", &argument("no_such_symbol", "source"));
    host.order_bytes(&unknown)?;
    nothing_follows(bench, &host, "an order that it refused")
}

fn nothing_follows(bench: &Bench<'_>, host: &Host, what: &str) -> Checked {
    match host.overhear(bench.quiet(QUIET))? {
        None => Ok(()),
        Some(second) => Err(failed(format!(
            "behind the answer to {what} came a second one, `{}`",
            String::from_utf8_lossy(&second)
        ))),
    }
}
