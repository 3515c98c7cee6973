//! What goes wrong in the life of a plugin, on purpose: orders that eKuiper
//! repeats, bytes that are no order at all, senders that vanish.
//!
//! Killing a process and replacing it is in [`Host::kill`] and
//! [`Host::reload`].
//!
//! Rules: protocol.md sections 5 to 8.

use std::fs;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Function, Host, HostError, Sink, Source};
use crate::event::Meaning;
use crate::wire::{Command, Order};

/// What a plugin's process uses, as the system counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Open file descriptors.
    pub open_files: usize,
    /// Threads.
    pub threads: usize,
    /// Resident memory, in bytes.
    pub memory: u64,
}

impl Host {
    /// Sends any order, whatever runs, and gives the answer's text: `ok`, or
    /// the plugin's error.
    ///
    /// The host does not note what comes of it. Survival: the order is answered
    /// once, and the plugin goes on.
    ///
    /// # Errors
    ///
    /// [`HostError::NoAnswer`], [`HostError::Crashed`],
    /// [`HostError::BrokenChannel`].
    pub fn order(&self, command: Command, order: &Order) -> Result<String, HostError> {
        let bytes = order.encode(command, self.release());
        let meaning = Meaning::Order {
            command,
            kind: order.kind,
            symbol: &order.symbol,
        };
        let answer = self.inner.send_order(&bytes, meaning, command, order)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Sends bytes that are no order, of any length, as one, and gives what the
    /// plugin answers.
    ///
    /// Survival: an error text is the answer, and the plugin goes on.
    ///
    /// # Errors
    ///
    /// As [`order`](Self::order).
    pub fn order_bytes(&self, bytes: &[u8]) -> Result<Vec<u8>, HostError> {
        let order = Order::function("");
        self.inner
            .send_order(bytes, Meaning::Raw, Command::Start, &order)
    }

    /// Returns what the plugin's process uses now.
    ///
    /// # Errors
    ///
    /// [`HostError::Crashed`] where it has ended.
    pub fn usage(&self) -> Result<Usage, HostError> {
        let process = format!("/proc/{}", self.pid());
        let read = || {
            let status = fs::read_to_string(format!("{process}/status")).ok()?;
            let field = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name))?;
                line.split_whitespace().nth(1)?.parse().ok()
            };
            let threads: u64 = field("Threads:")?;
            let kib: u64 = field("VmRSS:")?;
            Some(Usage {
                open_files: fs::read_dir(format!("{process}/fd")).ok()?.count(),
                threads: usize::try_from(threads).ok()?,
                memory: kib * 1024,
            })
        };
        match read() {
            Some(usage) => Ok(usage),
            None => Err(self.inner.note(self.inner.exited(false))),
        }
    }
}

/// The second start of an instance, which a crash's replay and the restarting
/// rule both send.
fn start_again(
    host: &super::Inner,
    order: &mut Order,
    config: Option<Map<String, Value>>,
) -> Result<(), HostError> {
    let before = order.clone();
    if let Some(config) = config {
        order.config.extend(config);
    }
    host.start_again(&before, order)
}

impl Source {
    /// Sends the start of this running instance once more.
    ///
    /// Survival: `ok`, and rows are neither doubled nor lost.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_again(&mut self) -> Result<(), HostError> {
        start_again(&Arc::clone(&self.host), &mut self.order, None)
    }

    /// Sends the start of this running instance with other properties.
    ///
    /// Survival: the old one is stopped, and rows come as the new ones say.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_with(&mut self, properties: Map<String, Value>) -> Result<(), HostError> {
        start_again(&Arc::clone(&self.host), &mut self.order, Some(properties))
    }
}

impl Sink {
    /// Sends the start of this running instance once more.
    ///
    /// Survival: `ok`, and rows are taken as before.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn start_again(&mut self) -> Result<(), HostError> {
        start_again(&Arc::clone(&self.host), &mut self.order, None)
    }

    /// Hangs up, and dials the sink again.
    ///
    /// Survival: the sink listens on, and takes rows from the new sender.
    ///
    /// # Errors
    ///
    /// [`HostError::NotListening`].
    pub fn redial(&mut self) -> Result<(), HostError> {
        self.dial_again()
    }
}

impl Function {
    /// Sends bytes that are no request, of any length, as one, and gives what
    /// the function answers.
    ///
    /// Survival: `state` is false, and the next call is answered.
    ///
    /// # Errors
    ///
    /// [`HostError::NoReply`], [`HostError::Crashed`],
    /// [`HostError::BrokenChannel`].
    pub fn request_bytes(&mut self, bytes: &[u8]) -> Result<Vec<u8>, HostError> {
        self.exchange("a request of any bytes", bytes, true)
    }
}
