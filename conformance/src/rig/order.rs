//! Orders on the rig: whether the plugin carries them out or refuses them.

use mock_kuiper::engine::wire::{Command, Order, OrderAnswer};
use mock_kuiper::{Code, Function, Host, Sink, Source};
use serde_json::{Value, json};

use super::launch::Rig;
use crate::checked::{Checked, NotPassed, failed, order_failed};

/// A running symbol. It runs for as long as the value is held.
#[derive(Debug)]
#[expect(dead_code, reason = "held for its channels alone")]
pub(crate) enum Running {
    Source(Source),
    Sink(Sink),
    Function(Function),
}

impl Rig<'_> {
    /// Starts the first source; or the first sink, or the first function, if the
    /// plugin has none before. Returns the order that started it too.
    pub(crate) fn anything(&self, host: &Host) -> Result<(Running, Order), NotPassed> {
        if self.source_name().is_ok() {
            let source = self.source(host)?;
            let order = source.order().clone();
            return Ok((Running::Source(source), order));
        }
        if self.sink_name().is_ok() {
            let sink = self.sink(host)?;
            let order = sink.order().clone();
            return Ok((Running::Sink(sink), order));
        }
        let function = self.function(host)?;
        let order = Order::function(function.symbol());
        Ok((Running::Function(function), order))
    }

    /// Returns the name and the `pluginType` of the first source, sink or
    /// function.
    pub(crate) fn any_symbol(&self) -> Result<(&str, &'static str), NotPassed> {
        let source = self.source_name().map(|name| (name, "source"));
        let sink = || self.sink_name().map(|name| (name, "sink"));
        let function = |_| self.function_name().map(|name| (name, "func"));
        source.or_else(|_| sink()).or_else(function)
    }

    /// Fails if the plugin has exited or cannot start a symbol any more.
    pub(crate) fn still_starts(&self, host: &Host) -> Checked {
        host.check_alive()?;
        let started = self.anything(host);
        started
            .map(drop)
            .map_err(|not_passed| not_passed.into_failed().at("afterwards"))
    }

    /// Sends an order that must be answered with `ok`.
    pub(crate) fn order_ok(&self, host: &Host, command: Command, order: &Order) -> Checked {
        carried_out(&host.order(command, order)?, command, order)
    }

    /// Sends bytes that must be refused; `what` names them.
    pub(crate) fn refused(&self, host: &Host, what: &str, bytes: &[u8]) -> Checked {
        let answer = host.order_bytes(bytes);
        let answer = answer.map_err(|error| match error.code() {
            Some(Code::OrderUnanswered) => NotPassed::from(error).at(what),
            _ => error.into(),
        })?;
        match OrderAnswer::parse(&answer) {
            OrderAnswer::Done => Err(failed(format!("{what} was answered with `ok`"))),
            OrderAnswer::Greeting(_) => Err(failed(format!(
                "{what} was answered with `{}`. eKuiper takes an answer that begins with `h` for a \
                 greeting and sends the order again",
                String::from_utf8_lossy(&answer)
            ))),
            _ => Ok(()),
        }
    }
}

/// Fails if an order was not answered with `ok`.
pub(crate) fn carried_out(answer: &str, command: Command, order: &Order) -> Checked {
    match OrderAnswer::parse(answer.as_bytes()) {
        OrderAnswer::Done => Ok(()),
        _ => Err(order_failed(
            format!(
                "the {} of {} `{}` was answered with `{answer}` instead of `ok`",
                command.name(),
                order.kind,
                order.symbol
            ),
            command,
            order,
        )),
    }
}

/// Fails if something came after an answer, to `what`.
pub(crate) fn nothing_came(heard: Option<Vec<u8>>, what: &str) -> Checked {
    match heard {
        None => Ok(()),
        Some(second) => Err(second_answer(what, &second)),
    }
}

pub(crate) fn second_answer(what: &str, second: &[u8]) -> NotPassed {
    failed(format!(
        "the answer to {what} was followed by a second one, `{}`",
        String::from_utf8_lossy(second)
    ))
}

/// Returns the order that starts a symbol of a type that no plugin has.
pub(crate) fn unknown_start(plugin_type: &str) -> Vec<u8> {
    order_bytes("start", &start_argument("no_such_symbol", plugin_type))
}

/// Returns the argument of a start before it is encoded.
pub(crate) fn start_argument(symbol: &str, plugin_type: &str) -> Value {
    json!({
        "symbolName": symbol,
        "meta": {"ruleId": "rule", "opId": "op", "instanceId": 0},
        "pluginType": plugin_type,
    })
}

/// Returns the bytes of an order. Like eKuiper, it encodes the argument twice.
pub(crate) fn order_bytes(command: &str, argument: &Value) -> Vec<u8> {
    json!({"cmd": command, "arg": argument.to_string()})
        .to_string()
        .into_bytes()
}
