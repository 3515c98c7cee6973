//! Sinks: rows to them, and what they say of each.
//!
//! Rules: protocol.md sections 4 to 6.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ekuiper_sp::Error;
use serde_json::Value;

use super::inner::Inner;
use super::pull::PullChannel;
use super::source::properties;
use super::{Host, HostError};
use crate::event::{Meaning, Message, What};
use crate::go_json::{Numbers, write_value};
use crate::profile::{self, Profile};
use crate::symbol::{Channel, Meta, Side};
use crate::transport::Push;
use crate::wire::{self, Order, parse_ack};

/// How long the one try to connect to a sink's channel may take: it listens
/// already, so that only its greeting is awaited.
const CONNECT: Duration = Duration::from_secs(5);

/// How often the send of a row looks whether the plugin has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a sink without an ack channel is given for the rows that it was
/// sent, before it is stopped.
const QUIET: Duration = Duration::from_millis(200);

/// How long each ack is awaited then, which may never come.
const LAST_ACKS: Duration = Duration::from_secs(1);

/// A running sink, and the host's end of its channels.
///
/// Dropping it closes the channels alone; the sink goes on without a sender.
#[derive(Debug)]
pub struct Sink {
    pub(super) order: Order,
    pub(super) channel: Channel,
    push: Push,
    pub(super) acks: Option<PullChannel>,
    /// Whether each row waits for its ack.
    require_ack: bool,
    sent: u64,
    acked: u64,
    /// Rows whose acks are no longer awaited.
    given_up: u64,
    /// The interrupts that its waits for acks have told of.
    interrupts: u64,
    pub(super) host: Arc<Inner>,
}

/// Why a row was not taken, or not acknowledged.
#[derive(Debug)]
#[non_exhaustive]
pub enum SinkError {
    /// The sink's channel had no room in time.
    NotTaken {
        /// eKuiper's limit.
        limit: Duration,
    },
    /// The sink said that the row failed.
    Failed {
        /// Its text.
        text: String,
    },
    /// No ack came in time.
    NoAck {
        /// The limit that passed.
        limit: Duration,
    },
    /// What came is no ack.
    BadAck {
        /// What was wrong with it.
        text: String,
    },
    /// The plugin ended, or the host was interrupted.
    Ended,
    /// The transport failed.
    Transport(Error),
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken { limit } => write!(
                f,
                "did not take a row within {limit:?}, eKuiper's limit for a send"
            ),
            Self::Failed { text } => write!(f, "failed a row: {text}"),
            Self::NoAck { limit } => write!(
                f,
                "sent no ack for a row within {limit:?}; with requireAck send {{}} or \
                 {{\"error\":\"text\"}} for each row"
            ),
            Self::BadAck { text } => write!(f, "acknowledged a row wrongly: {text}"),
            Self::Ended => f.write_str("has ended"),
            Self::Transport(error) => write!(f, "cannot be reached: {error}"),
        }
    }
}

impl std::error::Error for SinkError {}

impl Sink {
    /// The symbol's name.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.order.symbol
    }

    /// The order that started it.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The rows that were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The rows that were acknowledged, as far as the host has read.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Sends a row as a rule does: an array of one object, or with `sendSingle`
    /// in the sink's configuration the object. An array is a batch as it stands.
    ///
    /// # Errors
    ///
    /// [`HostError::Sink`] where the sink does not take it in time, and
    /// [`HostError::Crashed`] at once where the plugin has ended.
    pub fn send(&mut self, row: &Value) -> Result<&mut Self, HostError> {
        let single = self.order.config.get("sendSingle") == Some(&Value::Bool(true));
        let wrapped = !single && !row.is_array();
        let mut bytes = Vec::new();
        bytes.extend(wrapped.then_some(b'['));
        write_value(&mut bytes, row, Numbers::Float64);
        bytes.extend(wrapped.then_some(b']'));
        self.send_bytes(&bytes)
    }

    /// Sends a row of any bytes.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_bytes(&mut self, row: &[u8]) -> Result<&mut Self, HostError> {
        match self.push_row(row) {
            Ok(()) => Ok(self),
            Err(source) => Err(self.error(source)),
        }
    }

    /// Waits for the next ack, at most `limit` from now. Acks come in the order
    /// of the rows: this one is for the oldest row whose ack was not read.
    ///
    /// # Errors
    ///
    /// [`HostError::Sink`] for a row that failed, an ack that is none, or none
    /// in time; [`HostError::Crashed`] where the plugin has ended and all acks
    /// that it sent are read, and [`HostError::Interrupted`].
    pub fn ack(&mut self, limit: Duration) -> Result<&mut Self, HostError> {
        match self.receive_ack(limit) {
            Ok(()) => Ok(self),
            Err(source) => Err(self.error(source)),
        }
    }

    /// Closes the channels and stops the sink, in this order unless
    /// [`Builder::seed`](super::Builder::seed) draws the other.
    ///
    /// # Errors
    ///
    /// Those of an order: [`HostError::Refused`], [`HostError::NoAnswer`],
    /// [`HostError::Crashed`].
    pub fn stop(self) -> Result<(), HostError> {
        let (host, order) = (Arc::clone(&self.host), self.order.clone());
        host.stop(&order, || drop(self))
    }

    /// Closes the channel of the rows.
    pub(crate) fn close_data(&mut self) {
        self.push.close();
        self.host.shared.tell(What::Closed {
            channel: &self.channel,
            from: Side::Host,
        });
    }

    /// Connects to the sink in the place of the connection before.
    pub(crate) fn dial(&mut self) -> Result<(), HostError> {
        let shared = &self.host.shared;
        let (url, options) = (shared.url(&self.channel), shared.options(&self.channel));
        match Push::connect(shared.backend, &url, options, CONNECT) {
            Ok(push) => {
                self.push = push;
                Ok(())
            }
            Err(source) => Err(self.host.note(self.not_listening(source))),
        }
    }

    pub(super) fn not_listening(&self, source: Error) -> HostError {
        HostError::NotListening {
            symbol: self.order.symbol.clone(),
            source,
        }
    }

    fn error(&self, source: SinkError) -> HostError {
        self.host.note(match source {
            SinkError::Ended if self.host.shared.has_crashed() => self.host.exited(),
            SinkError::Ended => {
                self.host.shared.take_interrupt();
                HostError::Interrupted
            }
            source => HostError::Sink {
                symbol: self.order.symbol.clone(),
                source,
            },
        })
    }

    /// Sends a row of any bytes, and with `requireAck` waits for its ack, as
    /// eKuiper does.
    ///
    /// # Errors
    ///
    /// A variant of [`SinkError`] for each way; the sink can be used on.
    pub fn deliver(&mut self, row: &[u8]) -> Result<(), SinkError> {
        self.push_row(row)?;
        if self.require_ack {
            self.receive_ack(self.host.answer_limit)
        } else {
            Ok(())
        }
    }

    fn push_row(&mut self, row: &[u8]) -> Result<(), SinkError> {
        self.host.shared.dawdle();
        let shared = &self.host.shared;
        let limit = shared.profile.sink_send_timeout;
        let mut left = limit;
        // A row is queued for a process that is gone as well as for another.
        while !shared.has_crashed() {
            let glance = left.min(GLANCE);
            match self.push.send(row, Some(glance)) {
                Ok(()) => {
                    self.note_sent(row);
                    return Ok(());
                }
                Err(Error::TimedOut) if self.interrupts != shared.interrupts() => {
                    self.interrupts = shared.interrupts();
                    break;
                }
                Err(Error::TimedOut) if glance == left => {
                    return Err(SinkError::NotTaken { limit });
                }
                Err(Error::TimedOut) => left -= glance,
                Err(error) => return Err(SinkError::Transport(error)),
            }
        }
        Err(SinkError::Ended)
    }

    fn note_sent(&mut self, row: &[u8]) {
        self.sent += 1;
        self.host.shared.tell(What::Message(Message {
            channel: &self.channel,
            from: Side::Host,
            id: None,
            body: row,
            meaning: Meaning::SinkRow {
                sink: &self.order.symbol,
            },
        }));
    }

    /// Waits until the system has all that was sent, at most `limit` from now,
    /// and tells whether it has: `false` is a sink that pushes back. What the
    /// system has, some hundred rows, the sink need not have read.
    ///
    /// # Errors
    ///
    /// [`HostError::Crashed`], and [`HostError::Sink`] where nobody is
    /// connected to take the rest.
    pub fn flush(&mut self, limit: Duration) -> Result<bool, HostError> {
        match self.push.flush(limit) {
            Ok(()) => Ok(true),
            Err(Error::TimedOut) => Ok(false),
            Err(error) => {
                self.host.check_alive()?;
                Err(self.error(SinkError::Transport(error)))
            }
        }
    }

    /// Sends a row, and waits until the system has it, on whichever connection:
    /// the sink may be about to be dialed again.
    ///
    /// # Errors
    ///
    /// Those of [`send_bytes`](Self::send_bytes).
    pub(crate) fn send_through(&mut self, row: &[u8]) -> Result<(), HostError> {
        let limit = self.host.shared.profile.sink_send_timeout;
        let deadline = Instant::now() + limit;
        self.send_bytes(row)?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.push.flush(left) {
                Ok(()) => return Ok(()),
                Err(Error::Disconnected) if !left.is_zero() => {
                    self.host.check_alive()?;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(Error::Disconnected | Error::TimedOut) => {
                    return Err(self.error(SinkError::NotTaken { limit }));
                }
                Err(error) => return Err(self.error(SinkError::Transport(error))),
            }
        }
    }

    /// Waits until the sink has most likely taken what was sent, at most
    /// `limit` from now.
    ///
    /// eKuiper does no such thing: it is for a run that has an end, where a
    /// stop right behind the last row would have it dropped unread. Acks tell;
    /// one that does not come within a second never will. Where the release has
    /// no acks the sink is given a moment.
    pub fn settle(&mut self, limit: Duration) {
        if !self.is_settled() && self.push.flush(limit).is_ok() {
            match self.acks {
                Some(_) => self.settle_acks(limit, LAST_ACKS),
                None => std::thread::sleep(QUIET.min(limit)),
            }
        }
    }

    /// Waits at most `limit` for the acks of what was sent, and gives those up
    /// that have not come once none has for so long as `quiet`.
    pub(crate) fn settle_acks(&mut self, limit: Duration, quiet: Duration) {
        let deadline = Instant::now() + limit;
        while self.acks.is_some() && !self.is_settled() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive_ack(quiet.min(left)) {
                Ok(()) | Err(SinkError::Failed { .. } | SinkError::BadAck { .. }) => {}
                Err(_) => self.given_up = self.sent.saturating_sub(self.acked),
            }
        }
    }

    /// Whether all is acknowledged that will ever be.
    fn is_settled(&self) -> bool {
        self.sent <= self.acked + self.given_up
    }

    /// Whether the rows that were sent are acknowledged, within `limit` from now.
    pub(crate) fn speaks(&mut self, limit: Duration) -> Result<bool, HostError> {
        let deadline = Instant::now() + limit;
        if self.acks.is_none() {
            return Ok(false);
        }
        while !self.is_settled() {
            match self.receive_ack(deadline.saturating_duration_since(Instant::now())) {
                Ok(()) | Err(SinkError::Failed { .. } | SinkError::BadAck { .. }) => {}
                Err(SinkError::NoAck { .. }) => return Ok(false),
                Err(source) => return Err(self.error(source)),
            }
        }
        Ok(true)
    }

    /// Reads the acks that are here, and lets those in who came to send some.
    pub(crate) fn take_acks(&mut self) {
        while self.acks.is_some() {
            match self.receive_ack(Duration::ZERO) {
                Ok(()) | Err(SinkError::Failed { .. } | SinkError::BadAck { .. }) => {}
                Err(_) => return,
            }
        }
    }

    fn receive_ack(&mut self, limit: Duration) -> Result<(), SinkError> {
        let Some(acks) = &mut self.acks else {
            return Ok(());
        };
        let shared = &self.host.shared;
        shared.dawdle();
        let deadline = Instant::now() + limit;
        let (channel, body) = loop {
            let has_ended = shared.has_crashed();
            let left = deadline.saturating_duration_since(Instant::now());
            let left = if has_ended { Duration::ZERO } else { left };
            match acks.recv(Some(left)) {
                Ok(received) => break received,
                Err(Error::Woken) if self.interrupts != shared.interrupts() => {
                    self.interrupts = shared.interrupts();
                    return Err(SinkError::Ended);
                }
                // The process has ended, or had before it was replaced.
                Err(Error::Woken) => {}
                Err(Error::TimedOut) if has_ended => return Err(SinkError::Ended),
                Err(Error::TimedOut) => return Err(SinkError::NoAck { limit }),
                Err(error) => return Err(SinkError::Transport(error)),
            }
        };
        self.acked += 1;
        let ack = parse_ack(body);
        self.host.shared.tell(What::Message(Message {
            channel,
            from: Side::Plugin,
            id: None,
            body,
            meaning: Meaning::Ack {
                sink: &self.order.symbol,
                ack: ack.as_ref(),
            },
        }));
        match ack {
            Ok(wire::Ack::Done) => Ok(()),
            Ok(wire::Ack::Failed(text)) => Err(SinkError::Failed { text }),
            Err(error) => Err(SinkError::BadAck {
                text: error.to_string(),
            }),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.close_data();
        let Some(mut acks) = self.acks.take() else {
            return;
        };
        if self.host.shared.profile.ack_closes {
            acks.close();
        } else {
            self.host.keep(acks);
        }
    }
}

/// Whether a release reads the acks of a sink that was told `requireAck`.
fn reads_acks(profile: &Profile) -> bool {
    profile.ack == profile::Ack::Require
}

/// A sink that is going to be started.
#[derive(Debug)]
#[must_use = "nothing is started before `start`"]
pub struct SinkStart<'a> {
    host: &'a Host,
    symbol: String,
    meta: Option<Meta>,
    config: Value,
    require_ack: bool,
}

impl SinkStart<'_> {
    /// Sets the action's properties; an object.
    pub fn config(mut self, properties: Value) -> Self {
        self.config = properties;
        self
    }

    /// Sets `requireAck`: the host reads an ack for each row.
    pub fn require_ack(mut self) -> Self {
        self.require_ack = true;
        self
    }

    /// Names the rule, `mock` by default, and the action, `NAME_0` by default.
    /// Two instances of one sink need two names.
    pub fn within(mut self, rule: impl Into<String>, action: impl Into<String>) -> Self {
        self.meta = Some(Meta::new(rule, action));
        self
    }

    /// Starts the sink and connects to it.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] where `config` is no object, and those of
    /// [`Host::start_sink`].
    pub fn start(self) -> Result<Sink, HostError> {
        let mut config = properties(&self.symbol, self.config)?;
        if self.require_ack {
            config.insert("requireAck".to_owned(), true.into());
        }
        let default = || Meta::new("mock", format!("{}_0", self.symbol));
        let meta = self.meta.unwrap_or_else(default);
        let order = Order::sink(self.symbol, meta, config);
        self.host.start_sink(order, self.require_ack)
    }
}

impl Host {
    /// Begins to describe the start of a sink.
    pub fn sink(&self, symbol: impl Into<String>) -> SinkStart<'_> {
        SinkStart {
            host: self,
            symbol: symbol.into(),
            meta: None,
            config: Value::Null,
            require_ack: false,
        }
    }

    /// Opens a sink's ack channel, where the release has one, starts the sink
    /// and connects to its channel.
    ///
    /// With `require_ack`, or the property `requireAck` in the order, each row
    /// waits for its ack, at most as long as an order for its answer; a release
    /// that reads no acks does not wait.
    ///
    /// # Errors
    ///
    /// [`HostError::AddressInUse`], those of an order, and
    /// [`HostError::NotListening`] where the sink answered `ok` before it
    /// listened; it is stopped again then.
    pub fn start_sink(&self, order: Order, require_ack: bool) -> Result<Sink, HostError> {
        let shared = &self.inner.shared;
        // An interrupt while the order is out ends the first wait for an ack.
        let interrupts = shared.interrupts();
        let acks = match shared.profile.ack {
            profile::Ack::None => None,
            profile::Ack::Open | profile::Ack::Require => {
                let channel = Channel::ack(&order.meta);
                if self.inner.keeps(&channel) {
                    return Err(HostError::AckChannelOpen {
                        symbol: order.symbol,
                        release: shared.profile.name,
                    });
                }
                let acks = PullChannel::open(channel.clone(), shared);
                Some(acks.map_err(|error| HostError::transport(&channel, error))?)
            }
        };
        let channel = Channel::sink(&order.meta);
        self.inner.note_file(shared.file(&channel));
        self.inner.start(&order)?;
        let push = match Push::connect(
            shared.backend,
            &shared.url(&channel),
            shared.options(&channel),
            CONNECT,
        ) {
            Ok(push) => push,
            Err(source) => {
                // What it answers is of no use: it has fallen short already.
                let _ = self.inner.stop(&order, || {});
                return Err(self.inner.note(HostError::NotListening {
                    symbol: order.symbol,
                    source,
                }));
            }
        };
        let require_ack = require_ack || order.config.get("requireAck") == Some(&Value::Bool(true));
        Ok(Sink {
            require_ack: require_ack && reads_acks(shared.profile),
            order,
            channel,
            push,
            acks,
            sent: 0,
            acked: 0,
            given_up: 0,
            interrupts,
            host: Arc::clone(&self.inner),
        })
    }
}
