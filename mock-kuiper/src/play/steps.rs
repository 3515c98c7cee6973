//! How each fault is played.
//!
//! Rules: docs/protocol.md, sections 5 to 8.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::stage::{Stage, take_ack};
use crate::breach::Breach;
use crate::event::What;
use crate::fault::{Fault, Outcome};
use crate::finding::{Finding, Observed};
use crate::host::{HostError, require_ok};
use crate::symbol::{Kind, Meta};
use crate::usage::Usage;
use crate::wire::{Command, FunctionAnswer, Order, OrderAnswer};

type Played = Result<Outcome, HostError>;

impl Fault {
    /// Plays the fault, and checks that everything on the stage still works.
    ///
    /// # Errors
    ///
    /// A finding if the plugin does not survive; otherwise those of the host.
    pub fn play(self, stage: &mut Stage<'_>) -> Result<Outcome, HostError> {
        if self.replaces_the_process() && stage.host.attach_command().is_some() {
            return Ok(NOT_LAUNCHED);
        }
        let outcome = match self {
            Self::StartAgain => start_again(stage),
            Self::StartAnew => start_anew(stage),
            Self::StopUnknown => stop_unknown(stage),
            Self::Orders => orders(stage),
            Self::Requests => requests(stage),
            Self::Rows => rows(stage),
            Self::Stale => stale(stage),
            Self::Cut => cut(stage),
            Self::CutFrame => breach(stage, Breach::CutFrame),
            Self::LyingLength => breach(stage, Breach::LyingLength),
            Self::WrongGreeting => breach(stage, Breach::WrongGreeting),
            Self::NoGreeting => breach(stage, Breach::NoGreeting),
            Self::Redial => redial(stage),
            Self::StaleFile => stale_file(stage),
            Self::AcksUnread(rows) => acks_unread(stage, rows),
            Self::AcksSlow(apart) => acks_slow(stage, apart),
            Self::Idle(time) => idle(stage, time),
            Self::Pause(time) => pause(stage, time),
            Self::Slow(delay) => slow(stage, delay),
            Self::Restart(away) => restart(stage, away),
            Self::Kill(after) => kill(stage, after),
            Self::Replay(times) => replay(stage, times),
            Self::Churn(times) => churn(stage, times),
        }?;
        if outcome == Outcome::Survived {
            stage.prove_alive()?;
        }
        Ok(outcome)
    }
}

const NO_SOURCE: Outcome = Outcome::NotApplicable("no source runs");
const NO_SINK: Outcome = Outcome::NotApplicable("no sink runs");
const NO_FUNCTION: Outcome = Outcome::NotApplicable("no function runs");
const NO_ROW: Outcome = Outcome::NotApplicable("there is no row for the sinks");
const NOT_LAUNCHED: Outcome = Outcome::NotApplicable("the host has not launched the plugin");
const NOTHING: Outcome = Outcome::NotApplicable("no source and no sink runs");

/// The bytes of a row; a hundred of these do not fit in a socket's buffers.
const LARGE: usize = 4096;

/// How long a sink may take to end because its sender has gone or because it
/// could not handle a row.
const LATE_END: Duration = Duration::from_millis(200);

/// How long an instance may pause before it dials again: up to 1 s with NNG.
const LATE_DIAL: Duration = Duration::from_millis(1200);

/// Returns bytes that are neither an order, nor a request, nor a row; long ones
/// too if the release does not limit messages.
fn broken(stage: &Stage<'_>) -> Vec<Vec<u8>> {
    const HUGE: usize = 64 * 1024 * 1024;
    let mut broken = vec![Vec::new(), b"{".to_vec(), b"\xff\x00".to_vec()];
    if stage.host.release().max_message.is_none() {
        broken.push(vec![b'x'; HUGE]);
    }
    broken
}

fn property(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value.into())])
}

/// Sends an order that must be answered with `ok`.
fn order(stage: &Stage<'_>, command: Command, order: &Order) -> Result<(), HostError> {
    let text = stage.host.order(command, order)?;
    require_ok(command, order, text.as_bytes())
}

/// Returns the start orders of the running sources and sinks.
fn orders_of(stage: &Stage<'_>) -> Vec<Order> {
    let sources = stage.sources.iter().map(|source| source.instance.order());
    let sinks = stage.sinks.iter().map(|sink| sink.instance.order());
    sources.chain(sinks).cloned().collect()
}

/// Returns the start order of a running symbol, which changes nothing when it
/// is repeated.
fn harmless_order(stage: &Stage<'_>) -> Option<Order> {
    let function = stage.functions.first();
    let function = function.map(|function| Order::function(function.symbol()));
    function.or_else(|| orders_of(stage).into_iter().next())
}

fn start_again(stage: &mut Stage<'_>) -> Played {
    for order_of_it in orders_of(stage) {
        order(stage, Command::Start, &order_of_it)?;
    }
    for function in &stage.functions {
        order(stage, Command::Start, &Order::function(function.symbol()))?;
    }
    Ok(Outcome::Survived)
}

fn start_anew(stage: &mut Stage<'_>) -> Played {
    if stage.sources.is_empty() && stage.sinks.is_empty() {
        return Ok(NOTHING);
    }
    // Properties that any plugin may get: an option of the stream, and one of
    // every action.
    for source in &mut stage.sources {
        source.instance.start_with(property("key", "mock"))?;
    }
    for sink in &mut stage.sinks {
        sink.instance.start_with(property("omitIfEmpty", true))?;
    }
    Ok(Outcome::Survived)
}

fn stop_unknown(stage: &mut Stage<'_>) -> Played {
    let orders = orders_of(stage);
    if orders.is_empty() {
        return Ok(NOTHING);
    }
    for order in orders {
        stage.host.order(Command::Stop, &unknown(order))?;
    }
    Ok(Outcome::Survived)
}

/// Makes of an order the same one for an instance that does not run.
fn unknown(mut order: Order) -> Order {
    order.meta = Meta::new(format!("{}_unknown", order.meta.rule_id), &order.meta.op_id);
    order
}

fn orders(stage: &mut Stage<'_>) -> Played {
    for bytes in broken(stage) {
        let answer = stage.host.order_bytes(&bytes)?;
        if let OrderAnswer::Done | OrderAnswer::Greeting(_) = OrderAnswer::parse(&answer) {
            let observed = Observed::NonsenseAccepted {
                bytes: bytes.len(),
                text: String::from_utf8_lossy(&answer).into_owned(),
            };
            return Err(Finding::new(observed).into());
        }
    }
    Ok(Outcome::Survived)
}

fn requests(stage: &mut Stage<'_>) -> Played {
    if stage.functions.is_empty() {
        return Ok(NO_FUNCTION);
    }
    let broken = broken(stage);
    for function in &mut stage.functions {
        for bytes in &broken {
            let answer = function.request_bytes(bytes)?;
            let reason = match FunctionAnswer::parse(&answer) {
                Ok(FunctionAnswer::Failed(_)) => continue,
                Ok(_) => "`state` is not false".to_owned(),
                Err(error) => error.to_string(),
            };
            let finding = Finding::new(Observed::InvalidAnswer {
                request: "bytes that are not a request",
                reason,
            });
            return Err(finding.of(Kind::Function, function.symbol()).into());
        }
    }
    Ok(Outcome::Survived)
}

fn rows(stage: &mut Stage<'_>) -> Played {
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
    // A sink that ends because of a row may take a last one.
    if stage.sinks.iter().any(|sink| !sink.speaks) {
        std::thread::sleep(LATE_END);
    }
    Ok(Outcome::Survived)
}

fn stale(stage: &mut Stage<'_>) -> Played {
    let Some(order) = harmless_order(stage) else {
        return Ok(NOTHING);
    };
    let answer = stage.host.order_stale(Command::Start, &order)?;
    require_ok(Command::Start, &order, answer.as_bytes())?;
    Ok(Outcome::Survived)
}

fn cut(stage: &mut Stage<'_>) -> Played {
    if !stage.host.release().regreet_on_control {
        return Ok(Outcome::NotApplicable(
            "this release takes a greeting for an answer",
        ));
    }
    let Some(order) = harmless_order(stage) else {
        return Ok(NOTHING);
    };
    let answer = stage.host.order_cut(Command::Start, &order)?;
    require_ok(Command::Start, &order, answer.as_bytes())?;
    Ok(Outcome::Survived)
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

fn redial(stage: &mut Stage<'_>) -> Played {
    if stage.sinks.is_empty() {
        return Ok(NO_SINK);
    }
    for sink in &mut stage.sinks {
        sink.instance.redial()?;
    }
    // A sink that ends with its sender may take a last row of the next sender.
    std::thread::sleep(LATE_END);
    Ok(Outcome::Survived)
}

fn stale_file(stage: &mut Stage<'_>) -> Played {
    if stage.sinks.is_empty() {
        return Ok(NO_SINK);
    }
    for sink in &mut stage.sinks {
        let order = sink.instance.order().clone();
        // As around any stop; the new instance is dialed once.
        sink.instance.close_data();
        for command in [Command::Stop, Command::Start] {
            if command == Command::Start {
                stage.host.leave_stale_file(&order.meta)?;
            }
            let answer = stage.host.order(command, &order)?;
            require_ok(command, &order, answer.as_bytes())?;
        }
        sink.instance.dial()?;
    }
    Ok(Outcome::Survived)
}

fn acks_unread(stage: &mut Stage<'_>, rows: u32) -> Played {
    if stage.sinks.is_empty() {
        return Ok(NO_SINK);
    }
    // Spaces after JSON change nothing. Small rows would all fit in the socket's
    // buffers, whether the sink takes them or not.
    let Some(mut row) = stage.row.clone() else {
        return Ok(NO_ROW);
    };
    row.resize(row.len().max(LARGE), b' ');
    for sink in &mut stage.sinks {
        for _ in 0..rows {
            sink.instance.send_bytes(&row)?;
        }
    }
    Ok(Outcome::Survived)
}

fn acks_slow(stage: &mut Stage<'_>, apart: Duration) -> Played {
    const ROWS: u32 = 100;
    if stage.sinks.is_empty() {
        return Ok(NO_SINK);
    }
    let Some(row) = &stage.row else {
        return Ok(NO_ROW);
    };
    if !stage.sinks.iter().any(|sink| sink.speaks) {
        return Ok(Outcome::NotApplicable("no running sink sends acks"));
    }
    let limit = stage.host.answer_limit();
    for sink in stage.sinks.iter_mut().filter(|sink| sink.speaks) {
        for _ in 0..ROWS {
            sink.instance.send_bytes(row)?;
        }
        for _ in 0..ROWS {
            std::thread::sleep(apart);
            take_ack(sink.instance, limit)?;
        }
    }
    Ok(Outcome::Survived)
}

fn idle(stage: &mut Stage<'_>, time: Duration) -> Played {
    stage.go_on_for(time)?;
    if let Some(function) = stage.functions.first() {
        let function = Order::function(function.symbol());
        order(stage, Command::Start, &function)?;
    } else if let Some(order) = orders_of(stage).into_iter().next() {
        // A second start of an instance would be a fault of its own.
        let unknown = unknown(order);
        let text = stage.host.order(Command::Stop, &unknown)?;
        if let OrderAnswer::Greeting(_) = OrderAnswer::parse(text.as_bytes()) {
            require_ok(Command::Stop, &unknown, text.as_bytes())?;
        }
    }
    Ok(Outcome::Survived)
}

fn pause(stage: &mut Stage<'_>, time: Duration) -> Played {
    if stage.sources.is_empty() {
        return Ok(NO_SOURCE);
    }
    std::thread::sleep(time);
    stop_unknown(stage)
}

fn slow(stage: &mut Stage<'_>, delay: Duration) -> Played {
    stage.host.set_delay(delay);
    let played = stop_unknown(stage).and_then(|outcome| {
        stage.prove_alive()?;
        Ok(outcome)
    });
    stage.host.set_delay(Duration::ZERO);
    played
}

fn restart(stage: &mut Stage<'_>, away: Duration) -> Played {
    let host = stage.host;
    host.restart(away, &mut stage.instances())?;
    // An old instance may dial again beside the new one.
    stage.go_on_for(LATE_DIAL)?;
    Ok(Outcome::Survived)
}

fn kill(stage: &mut Stage<'_>, after: Duration) -> Played {
    if !stage.host.release().replay {
        return Ok(Outcome::NotApplicable("this release replays nothing"));
    }
    stage.go_on_for(after)?;
    stage.host.kill()?;
    stage.host.reload()?;
    Ok(Outcome::Survived)
}

fn replay(stage: &mut Stage<'_>, times: u32) -> Played {
    if !stage.host.release().replay {
        return Ok(Outcome::NotApplicable("this release replays nothing"));
    }
    for turn in 0..times {
        stage.host.kill()?;
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

fn churn(stage: &mut Stage<'_>, times: u32) -> Played {
    /// Cycles before the first measurement: buffers and pools grow to their size.
    const WARM_UP: u32 = 20;
    if orders_of(stage).is_empty() {
        return Ok(NOTHING);
    }
    let mut patience = Duration::from_secs(5);
    stop_and_start(stage, WARM_UP, &mut patience)?;
    let mut before = stage.host.usage()?;
    let mut cycles = stop_and_start(stage, times, &mut patience)?;
    let mut after = usage_after(stage, &before)?;
    if after.is_beyond(&before) {
        // A pool may not have reached its size; a leak goes on.
        before = after;
        cycles = stop_and_start(stage, times, &mut patience)?;
        after = usage_after(stage, &before)?;
    }
    stage.host.tell(What::Used {
        cycles,
        before,
        after,
    });
    if after.is_beyond(&before) {
        let finding = Finding::new(Observed::Leak {
            cycles,
            before,
            after,
        });
        return Err(finding.into());
    }
    Ok(Outcome::Survived)
}

/// Returns what the plugin uses after starts and stops; the last instance that
/// was stopped may still be closing.
fn usage_after(stage: &Stage<'_>, before: &Usage) -> Result<Usage, HostError> {
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

/// Stops and starts all sources and sinks `times` times, or as often as the time
/// allows; returns how often. `patience` is how long rows and acks are awaited
/// in total, and is reduced.
fn stop_and_start(
    stage: &mut Stage<'_>,
    times: u32,
    patience: &mut Duration,
) -> Result<u32, HostError> {
    /// How long one cycle may take on average, with some extra for slow ones.
    const EACH: Duration = Duration::from_millis(50);
    const EXTRA: Duration = Duration::from_secs(5);
    /// How long one cycle may wait for rows and acks.
    const SHOWING: Duration = Duration::from_millis(250);
    /// A source whose rows come less often shows nothing in that time.
    const MISSES: u32 = 3;
    let end = Instant::now() + EACH * times + EXTRA;
    let (mut done, mut misses) = (0, 0);
    while done < times && (done == 0 || Instant::now() < end) {
        // A sink's sender is gone while it is stopped, and dials again.
        for sink in &mut stage.sinks {
            sink.instance.close_data();
        }
        for source in &mut stage.sources {
            // Half a row of a source that is faster than its reader is allowed.
            let text = source.instance.order_stop()?;
            require_ok(Command::Stop, source.instance.order(), text.as_bytes())?;
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
        // What becomes of a function that is idle for seconds, another fault shows.
        for function in &mut stage.functions {
            function.is_aggregate()?;
        }
        let began = Instant::now();
        let waited = stage.let_work((*patience).min(SHOWING))?;
        *patience = patience.saturating_sub(waited);
        misses = match began.elapsed() >= SHOWING {
            true => misses + 1,
            false => 0,
        };
        if misses == MISSES {
            *patience = Duration::ZERO;
        }
        done += 1;
    }
    stage.prove_alive()?;
    Ok(done)
}
