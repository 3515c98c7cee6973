//! What the answer to an order means.

use super::error::HostError;
use crate::finding::{Finding, Observed, says_unknown};
use crate::symbol::Kind;
use crate::wire::{Command, Order, OrderAnswer};

/// Checks that an order was answered with `ok`.
pub(crate) fn require_ok(command: Command, order: &Order, answer: &[u8]) -> Result<(), HostError> {
    let answer = OrderAnswer::parse(answer);
    let text = answer.text();
    let observed = match answer {
        OrderAnswer::Done => return Ok(()),
        OrderAnswer::Greeting(_) => Observed::OrderGreeting { command, text },
        OrderAnswer::Refused(_)
            if command == Command::Start && says_unknown(&text, &order.symbol) =>
        {
            Observed::UnknownSymbol { text }
        }
        OrderAnswer::Refused(_) => Observed::OrderRefused { command, text },
    };
    let finding = Finding::new(observed).of(order.kind, &order.symbol);
    Err(HostError::from(match order.kind {
        Kind::Function => finding,
        Kind::Source | Kind::Sink => finding.at(&order.meta),
    }))
}
