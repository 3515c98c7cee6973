//! The plugin's half of the control channel: one order in, one answer out.
//!
//! No socket is opened here. [`Dispatcher::answer`] turns the bytes of an order
//! into the bytes of its answer, and a [`Launcher`] starts the instances, so
//! every rule can be tested without a transport. The loop that moves the bytes
//! is in `channel`.
//!
//! Rules: docs/protocol.md, "Control channel".

use std::collections::HashMap;
use std::fmt;

use log::{debug, info, warn};
use serde_json::Value;

use crate::context::Identity;
use crate::gate::GATE;
use crate::instance::{Instance, StopLimits};
use crate::short::Short;
use crate::wire::{self, BadOrder, Command, Kind, Order, Target};

/// Starts the instances of a plugin's symbols.
pub(crate) trait Launcher {
    fn start(&mut self, target: &Target) -> Result<Box<dyn Instance>, OrderError>;
}

/// Why an order was not carried out. The `Display` text is the answer to the
/// host.
///
/// Every text begins with a fixed word that does not begin with `h`. A host
/// takes an answer that begins with `h` for a greeting and sends the order
/// again.
#[derive(Debug)]
pub(crate) enum OrderError {
    /// The bytes are not a valid order.
    Bad(BadOrder),
    /// The plugin has no such symbol.
    UnknownSymbol { kind: Kind, symbol: String },
    /// The plugin's code failed or panicked, or a channel could not be opened.
    /// Nothing was started.
    Refused {
        kind: Kind,
        symbol: String,
        cause: String,
    },
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderError::Bad(bad) => bad.fmt(f),
            OrderError::UnknownSymbol { kind, symbol } => {
                write!(
                    f,
                    "unknown {kind} `{}`: this plugin has no {kind} of that name",
                    Short(symbol)
                )
            }
            OrderError::Refused {
                kind,
                symbol,
                cause,
            } => write!(f, "cannot start {kind} `{}`: {cause}", Short(symbol)),
        }
    }
}

/// Identifies an instance of a source or sink, or a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct InstanceKey {
    kind: Kind,
    symbol: String,
    /// The default value for a function, which all rules share.
    identity: Identity,
}

impl InstanceKey {
    fn of(target: &Target) -> Self {
        InstanceKey {
            kind: target.kind,
            symbol: target.symbol.clone(),
            identity: match target.kind {
                Kind::Function => Identity::default(),
                Kind::Source | Kind::Sink => target.identity.clone(),
            },
        }
    }
}

/// Writes the form for log lines: `` source `random` (rule1_demo_0) ``.
impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, Short(&self.symbol))?;
        match self.kind {
            Kind::Function => Ok(()),
            Kind::Source | Kind::Sink => write!(f, " ({})", Short(&self.identity.to_string())),
        }
    }
}

struct Entry {
    /// The whole argument of the start order.
    argument: Value,
    instance: Box<dyn Instance>,
}

/// Carries out orders, and holds the running instances.
pub(crate) struct Dispatcher<L> {
    launcher: L,
    entries: HashMap<InstanceKey, Entry>,
}

impl<L: Launcher> Dispatcher<L> {
    pub(crate) fn new(launcher: L) -> Self {
        Dispatcher {
            launcher,
            entries: HashMap::new(),
        }
    }

    /// Carries out an order and returns its answer.
    pub(crate) fn answer(&mut self, order: &[u8]) -> Vec<u8> {
        let outcome =
            wire::read_order(order)
                .map_err(OrderError::Bad)
                .and_then(|order| match order.command {
                    Command::Start => self.start(order),
                    Command::Stop => {
                        self.stop(&order.target);
                        Ok(())
                    }
                });
        match outcome {
            Ok(()) => wire::OK.to_vec(),
            Err(error) => {
                let text = error.to_string();
                warn!("{}", Short(&text));
                text.into_bytes()
            }
        }
    }

    fn start(&mut self, order: Order) -> Result<(), OrderError> {
        let key = InstanceKey::of(&order.target);
        if let Some(entry) = self.entries.get(&key) {
            let running = entry.instance.is_running();
            let same = key.kind == Kind::Function || entry.argument == order.argument;
            if running && same {
                debug!("{key} is already running");
                return Ok(());
            }
            if running {
                info!("{key} is started with another argument: replacing the running instance");
            }
            self.stop(&order.target);
        }
        let instance = self.launcher.start(&order.target)?;
        info!("started {key}");
        let argument = order.argument;
        self.entries.insert(key, Entry { argument, instance });
        Ok(())
    }

    fn stop(&mut self, target: &Target) {
        let key = InstanceKey::of(target);
        let Some(entry) = self.entries.remove(&key) else {
            info!("{key} is not running: nothing to stop");
            return;
        };
        let limits = StopLimits::of_an_order();
        entry.instance.begin_stop();
        let _first = GATE.close();
        entry.instance.release(&limits);
        entry.instance.finish_stop(&limits);
        info!("stopped {key}");
    }

    /// Stops all instances at the same time.
    pub(crate) fn stop_all(&mut self) {
        for entry in self.entries.values() {
            entry.instance.begin_stop();
        }
        let limits = StopLimits::of_the_process();
        // All are released before the first is waited for, so that an instance
        // that ignores its stop does not keep another from being closed.
        for entry in self.entries.values() {
            entry.instance.release(&limits);
        }
        for (key, entry) in self.entries.drain() {
            entry.instance.finish_stop(&limits);
            debug!("stopped {key}");
        }
    }
}

#[cfg(test)]
mod tests;
