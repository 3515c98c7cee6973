//! How each misfortune is played.
//!
//! Rules: protocol.md sections 5 to 8.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::stage::{Stage, take_ack};
use super::{Amount, Outcome};
use crate::HostError;
use crate::event::What;
use crate::host::{Breach, Usage};
use crate::symbol::Meta;
use crate::wire::{Command, FunctionAnswer, Order, OrderAnswer};

type Played = Result<Outcome, HostError>;

const NO_SOURCE: Outcome = Outcome::NotApplicable("no source runs");
const NO_SINK: Outcome = Outcome::NotApplicable("no sink runs");
const NO_FUNCTION: Outcome = Outcome::NotApplicable("no function runs");
const NOTHING: Outcome = Outcome::NotApplicable("no source and no sink runs");

/// Bytes of a row of which a hundred do not fit in a socket's buffers.
const LARGE: usize = 4096;

/// How long a sink may take to end, because its sender has gone or a row was too
/// much for it.
const LATE_END: Duration = Duration::from_millis(200);

/// How long an instance may pause before it dials again: up to 1 s with NNG.
const LATE_DIAL: Duration = Duration::from_millis(1200);

/// Bytes that are neither an order, nor a request, nor a row; long ones where
/// the release sets messages no limit.
fn broken(stage: &Stage<'_>) -> Vec<Vec<u8>> {
    const HUGE: usize = 64 * 1024 * 1024;
    let mut broken = vec![Vec::new(), b"{".to_vec(), b"\xff\x00".to_vec()];
    if stage.host.release().max_message.is_none() {
        broken.push(vec![b'x'; HUGE]);
    }
    broken
}

fn time(amount: Amount) -> Duration {
    match amount {
        Amount::Time(time) => time,
        Amount::Fixed | Amount::Times(_) => Duration::ZERO,
    }
}

fn times(amount: Amount) -> u32 {
    match amount {
        Amount::Times(times) => times,
        Amount::Fixed | Amount::Time(_) => 1,
    }
}

fn property(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value.into())])
}

/// Sends an order that has to be answered with `ok`.
fn order(stage: &Stage<'_>, command: Command, order: &Order) -> Result<(), HostError> {
    let text = stage.host.order(command, order)?;
    demand_ok(command, order, text)
}

fn demand_ok(command: Command, order: &Order, text: String) -> Result<(), HostError> {
    match OrderAnswer::parse(text.as_bytes()) {
        OrderAnswer::Done => Ok(()),
        answer => Err(HostError::Refused {
            command: command.name(),
            kind: order.kind,
            symbol: order.symbol.clone(),
            greeting: matches!(answer, OrderAnswer::Greeting(_)),
            text,
        }),
    }
}

/// The starts of the sources and sinks that run.
fn orders_of(stage: &Stage<'_>) -> Vec<Order> {
    let sources = stage.sources.iter().map(|source| source.instance.order());
    let sinks = stage.sinks.iter().map(|sink| sink.instance.order());
    sources.chain(sinks).cloned().collect()
}

/// A start of something that runs: what changes nothing when it comes again.
fn harmless_order(stage: &Stage<'_>) -> Option<Order> {
    let function = stage.functions.first();
    let function = function.map(|function| Order::function(function.symbol()));
    function.or_else(|| orders_of(stage).into_iter().next())
}

pub(super) fn start_again(stage: &mut Stage<'_>, _: Amount) -> Played {
    for order_of_it in orders_of(stage) {
        order(stage, Command::Start, &order_of_it)?;
    }
    for function in &stage.functions {
        order(stage, Command::Start, &Order::function(function.symbol()))?;
    }
    Ok(Outcome::Survived)
}

pub(super) fn start_anew(stage: &mut Stage<'_>, _: Amount) -> Played {
    if stage.sources.is_empty() && stage.sinks.is_empty() {
        return Ok(NOTHING);
    }
    // Properties that any plugin may be sent: an option of the stream, and one
    // of every action.
    for source in &mut stage.sources {
        source.instance.start_with(property("key", "mock"))?;
    }
    for sink in &mut stage.sinks {
        sink.instance.start_with(property("omitIfEmpty", true))?;
    }
    Ok(Outcome::Survived)
}

pub(super) fn stop_unknown(stage: &mut Stage<'_>, _: Amount) -> Played {
    let orders = orders_of(stage);
    if orders.is_empty() {
        return Ok(NOTHING);
    }
    for mut order in orders {
        order.meta = Meta::new(format!("{}_unknown", order.meta.rule_id), &order.meta.op_id);
        stage.host.order(Command::Stop, &order)?;
    }
    Ok(Outcome::Survived)
}

pub(super) fn orders(stage: &mut Stage<'_>, _: Amount) -> Played {
    for bytes in broken(stage) {
        let answer = stage.host.order_bytes(&bytes)?;
        if let OrderAnswer::Done | OrderAnswer::Greeting(_) = OrderAnswer::parse(&answer) {
            return Err(HostError::BrokenOrderTaken {
                bytes: bytes.len(),
                text: String::from_utf8_lossy(&answer).into_owned(),
            });
        }
    }
    Ok(Outcome::Survived)
}

pub(super) fn requests(stage: &mut Stage<'_>, _: Amount) -> Played {
    if stage.functions.is_empty() {
        return Ok(NO_FUNCTION);
    }
    let broken = broken(stage);
    for function in &mut stage.functions {
        for bytes in &broken {
            let answer = function.request_bytes(bytes)?;
            let text = match FunctionAnswer::parse(&answer) {
                Ok(FunctionAnswer::Failed(_)) => continue,
                Ok(_) => "`state` is not false".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(HostError::BadReply {
                symbol: function.symbol().to_owned(),
                request: "what is no request",
                text,
            });
        }
    }
    Ok(Outcome::Survived)
}

pub(super) fn rows(stage: &mut Stage<'_>, _: Amount) -> Played {
    if stage.sinks.is_empty() {
        return Ok(NO_SINK);
    }
    let limit = stage.host.answer_limit();
    let broken = broken(stage);
    for sink in &mut stage.sinks {
        for bytes in &broken {
            sink.instance.send_bytes(bytes)?;
            if sink.speaks {
                take_ack(sink.instance, limit)?;
            }
        }
    }
    // One that ends of a row may take a last one.
    if stage.sinks.iter().any(|sink| !sink.speaks) {
        std::thread::sleep(LATE_END);
    }
    Ok(Outcome::Survived)
}

pub(super) fn stale(stage: &mut Stage<'_>, _: Amount) -> Played {
    let Some(order) = harmless_order(stage) else {
        return Ok(NOTHING);
    };
    let answer = stage.host.order_stale(Command::Start, &order)?;
    demand_ok(Command::Start, &order, answer)?;
    Ok(Outcome::Survived)
}

pub(super) fn cut(stage: &mut Stage<'_>, _: Amount) -> Played {
    if !stage.host.release().regreet_on_control {
        return Ok(Outcome::NotApplicable(
            "this release takes a greeting for the answer",
        ));
    }
    let Some(order) = harmless_order(stage) else {
        return Ok(NOTHING);
    };
    let answer = stage.host.order_cut(Command::Start, &order)?;
    demand_ok(Command::Start, &order, answer)?;
    Ok(Outcome::Survived)
}

pub(super) fn cut_frame(stage: &mut Stage<'_>, _: Amount) -> Played {
    breach(stage, Breach::CutFrame)
}

pub(super) fn lying_length(stage: &mut Stage<'_>, _: Amount) -> Played {
    breach(stage, Breach::LyingLength)
}

pub(super) fn wrong_greeting(stage: &mut Stage<'_>, _: Amount) -> Played {
    breach(stage, Breach::WrongGreeting)
}

pub(super) fn no_greeting(stage: &mut Stage<'_>, _: Amount) -> Played {
    breach(stage, Breach::NoGreeting)
}

/// Breaks the transport's protocol on every channel.
fn breach(stage: &mut Stage<'_>, breach: Breach) -> Played {
    stage.host.breach(breach)?;
    for source in &mut stage.sources {
        source.instance.breach(breach)?;
    }
    for sink in &mut stage.sinks {
        sink.instance.breach(breach)?;
    }
    for function in &mut stage.functions {
        function.breach(breach)?;
    }
    Ok(Outcome::Survived)
}

pub(super) fn redial(stage: &mut Stage<'_>, _: Amount) -> Played {
    if stage.sinks.is_empty() {
        return Ok(NO_SINK);
    }
    for sink in &mut stage.sinks {
        sink.instance.redial()?;
    }
    // A sink that ends with its sender may take a last row of the next one.
    std::thread::sleep(LATE_END);
    Ok(Outcome::Survived)
}

pub(super) fn stale_file(stage: &mut Stage<'_>, _: Amount) -> Played {
    if stage.sinks.is_empty() {
        return Ok(NO_SINK);
    }
    for sink in &mut stage.sinks {
        let order = sink.instance.order().clone();
        // As around any stop; nobody dials the new one but once.
        sink.instance.close_data();
        for command in [Command::Stop, Command::Start] {
            if command == Command::Start {
                stage.host.leave_stale_file(&order.meta)?;
            }
            demand_ok(command, &order, stage.host.order(command, &order)?)?;
        }
        sink.instance.dial()?;
    }
    Ok(Outcome::Survived)
}

pub(super) fn acks_unread(stage: &mut Stage<'_>, amount: Amount) -> Played {
    if stage.sinks.is_empty() {
        return Ok(NO_SINK);
    }
    // Spaces behind JSON change nothing. Small rows would all fit in the buffers
    // of the socket, whether the sink takes them or not.
    let mut row = stage.row.clone();
    row.resize(row.len().max(LARGE), b' ');
    for sink in &mut stage.sinks {
        for _ in 0..times(amount) {
            sink.instance.send_bytes(&row)?;
        }
    }
    Ok(Outcome::Survived)
}

pub(super) fn acks_slow(stage: &mut Stage<'_>, amount: Amount) -> Played {
    const ROWS: u32 = 100;
    if !stage.sinks.iter().any(|sink| sink.speaks) {
        return Ok(Outcome::NotApplicable("no sink that runs gives acks"));
    }
    let limit = stage.host.answer_limit();
    for sink in stage.sinks.iter_mut().filter(|sink| sink.speaks) {
        for _ in 0..ROWS {
            sink.instance.send_bytes(&stage.row)?;
        }
        for _ in 0..ROWS {
            std::thread::sleep(time(amount));
            take_ack(sink.instance, limit)?;
        }
    }
    Ok(Outcome::Survived)
}

pub(super) fn pause(stage: &mut Stage<'_>, amount: Amount) -> Played {
    if stage.sources.is_empty() {
        return Ok(NO_SOURCE);
    }
    std::thread::sleep(time(amount));
    stop_unknown(stage, Amount::Fixed)
}

pub(super) fn slow(stage: &mut Stage<'_>, amount: Amount) -> Played {
    stage.host.set_delay(time(amount));
    let played = stop_unknown(stage, Amount::Fixed).and_then(|outcome| {
        stage.prove_alive()?;
        Ok(outcome)
    });
    stage.host.set_delay(Duration::ZERO);
    played
}

pub(super) fn restart(stage: &mut Stage<'_>, amount: Amount) -> Played {
    let host = stage.host;
    host.restart(time(amount), &mut stage.instances())?;
    // An instance of before may dial again beside the one that was started now.
    stage.go_on_for(LATE_DIAL)?;
    Ok(Outcome::Survived)
}

pub(super) fn kill(stage: &mut Stage<'_>, amount: Amount) -> Played {
    if !stage.host.release().replay {
        return Ok(Outcome::NotApplicable("this release replays nothing"));
    }
    stage.go_on_for(time(amount))?;
    stage.host.kill();
    stage.host.reload()?;
    Ok(Outcome::Survived)
}

pub(super) fn replay(stage: &mut Stage<'_>, amount: Amount) -> Played {
    if !stage.host.release().replay {
        return Ok(Outcome::NotApplicable("this release replays nothing"));
    }
    for turn in 0..times(amount) {
        stage.host.kill();
        stage.host.reload_with(|orders| {
            let turns = orders.len().max(1);
            orders.rotate_left(turn as usize % turns);
            if turn % 2 == 0 {
                orders.reverse();
            }
        })?;
        stage.prove_alive()?;
    }
    Ok(Outcome::Survived)
}

pub(super) fn churn(stage: &mut Stage<'_>, amount: Amount) -> Played {
    /// Cycles before the first look: buffers and pools grow to their size.
    const WARM_UP: u32 = 20;
    if orders_of(stage).is_empty() {
        return Ok(NOTHING);
    }
    let mut patience = Duration::from_secs(5);
    stop_and_start(stage, WARM_UP, &mut patience)?;
    let mut before = stage.host.usage()?;
    let mut cycles = stop_and_start(stage, times(amount), &mut patience)?;
    let mut after = usage_behind(stage, &before)?;
    if after.is_beyond(&before) {
        // A pool may not have had its size; a leak goes on.
        before = after;
        cycles = stop_and_start(stage, times(amount), &mut patience)?;
        after = usage_behind(stage, &before)?;
    }
    stage.host.tell(What::Used {
        cycles,
        before,
        after,
    });
    if after.is_beyond(&before) {
        return Err(HostError::Leaked {
            cycles,
            before,
            after,
        });
    }
    Ok(Outcome::Survived)
}

/// What the plugin uses behind starts and stops; what the last stopped may still
/// be closing.
fn usage_behind(stage: &Stage<'_>, before: &Usage) -> Result<Usage, HostError> {
    const CLOSING: Duration = Duration::from_secs(1);
    let end = Instant::now() + CLOSING;
    loop {
        let after = stage.host.usage()?;
        if !after.is_beyond(before) || Instant::now() >= end {
            return Ok(after);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Stops all sources and sinks and starts them again, so often, or as often as
/// goes in the time that this may take; gives how often. `patience` is how long
/// rows and acks may be waited for, and gets shorter.
fn stop_and_start(
    stage: &mut Stage<'_>,
    times: u32,
    patience: &mut Duration,
) -> Result<u32, HostError> {
    /// How long one cycle may take on average, a few slow ones aside.
    const EACH: Duration = Duration::from_millis(50);
    const ASIDE: Duration = Duration::from_secs(5);
    /// How long one cycle may wait for rows and acks.
    const SHOWING: Duration = Duration::from_millis(250);
    let end = Instant::now() + EACH * times + ASIDE;
    let mut done = 0;
    while done < times && (done == 0 || Instant::now() < end) {
        // A sink's sender is gone while it is stopped, and dials again.
        for sink in &mut stage.sinks {
            sink.instance.close_data();
        }
        for source in &mut stage.sources {
            // Half a row of one that is faster than its reader is no breach.
            let text = source.instance.order_stop()?;
            demand_ok(Command::Stop, source.instance.order(), text)?;
        }
        for sink in &stage.sinks {
            order(stage, Command::Stop, sink.instance.order())?;
        }
        stage.go_on_for(Duration::from_millis(1))?;
        for running in &orders_of(stage) {
            order(stage, Command::Start, running)?;
        }
        for sink in &mut stage.sinks {
            sink.instance.dial()?;
        }
        let waited = stage.let_work((*patience).min(SHOWING))?;
        *patience = patience.saturating_sub(waited);
        done += 1;
    }
    stage.prove_alive()?;
    Ok(done)
}
