//! Sinks: rows to them, and what they say of each.
//!
//! Rules: protocol.md sections 4 to 6.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Pull, Push};

use super::channel::patiently;
use super::shared::{Registered, Shared};
use super::{Host, HostError};
use crate::event::{Meaning, Message, What};
use crate::profile::{self, Profile};
use crate::symbol::{Channel, Side};
use crate::wire::{self, Order, parse_ack};

/// How long the one try to connect to a sink's channel may take: it listens
/// already, so that only its greeting is awaited.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the sinks may be quiet, once all is sent, before they are stopped.
const QUIET: Duration = Duration::from_millis(200);

/// A running sink, and the host's end of its channels.
#[derive(Debug)]
pub struct Sink {
    order: Order,
    channel: Channel,
    push: Push,
    acks: Option<Acks>,
    /// Whether each row waits for its ack.
    require_ack: bool,
    ack_limit: Duration,
    sent: u64,
    acked: u64,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Acks {
    channel: Channel,
    pull: Pull,
    _registered: Registered,
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

    /// Sends a row, and with `requireAck` waits for its ack.
    ///
    /// # Errors
    ///
    /// A variant of [`SinkError`] for each way; the sink can be used on.
    pub fn send(&mut self, row: &[u8]) -> Result<(), SinkError> {
        let limit = self.shared.profile.sink_send_timeout;
        match self.push.send(row, Some(limit)) {
            Ok(()) => {}
            Err(Error::TimedOut) => return Err(SinkError::NotTaken { limit }),
            Err(error) => return Err(SinkError::Transport(error)),
        }
        self.sent += 1;
        self.shared.tell(What::Message(Message {
            channel: &self.channel,
            from: Side::Host,
            id: None,
            body: row,
            meaning: Meaning::SinkRow {
                sink: &self.order.symbol,
            },
        }));
        if self.require_ack {
            self.receive_ack(self.ack_limit)
        } else {
            Ok(())
        }
    }

    /// Waits until the sink has most likely taken what was sent, at most
    /// `limit` from now.
    ///
    /// eKuiper does no such thing: it is for a run that has an end, where a
    /// stop right behind the last row would have it dropped unread. Acks tell;
    /// a sink that sends none is given a moment.
    pub fn settle(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        if self.sent == self.acked || self.push.flush(limit).is_err() {
            return;
        }
        if self.acks.is_none() {
            std::thread::sleep(QUIET.min(limit));
            return;
        }
        while self.acked < self.sent {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive_ack(QUIET.min(left)) {
                Ok(()) | Err(SinkError::Failed { .. } | SinkError::BadAck { .. }) => {}
                Err(_) => return,
            }
        }
    }

    fn receive_ack(&mut self, limit: Duration) -> Result<(), SinkError> {
        let Some(acks) = &mut self.acks else {
            return Ok(());
        };
        let body = match acks.pull.recv(Some(limit)) {
            Ok(body) => body,
            Err(Error::TimedOut) => return Err(SinkError::NoAck { limit }),
            Err(Error::Woken) => return Err(SinkError::Ended),
            Err(error) => return Err(SinkError::Transport(error)),
        };
        self.acked += 1;
        let ack = parse_ack(body);
        self.shared.tell(What::Message(Message {
            channel: &acks.channel,
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
        let acks = self.acks.as_ref().map(|acks| &acks.channel);
        for channel in std::iter::once(&self.channel).chain(acks) {
            self.shared.tell(What::Closed {
                channel,
                from: Side::Host,
            });
        }
    }
}

/// Whether a release reads the acks of a sink that was told `requireAck`.
fn reads_acks(profile: &Profile) -> bool {
    profile.ack == profile::Ack::Require
}

impl Host {
    /// Opens a sink's ack channel, where the release has one, starts the sink
    /// and connects to its channel.
    ///
    /// With `require_ack` each row waits for its ack, at most as long as an
    /// order for its answer; a release that reads no acks does not wait.
    ///
    /// # Errors
    ///
    /// [`HostError::AddressInUse`], those of an order, and
    /// [`HostError::NotListening`] where the sink answered `ok` before it
    /// listened; it is stopped again then.
    pub fn start_sink(&mut self, order: Order, require_ack: bool) -> Result<Sink, HostError> {
        let shared = Arc::clone(&self.shared);
        let acks = match shared.profile.ack {
            profile::Ack::None => None,
            profile::Ack::Open | profile::Ack::Require => {
                let channel = Channel::ack(&order.meta);
                let url = shared.url(&channel);
                let pull = patiently(|| Pull::listen(&url, shared.options(&channel)))
                    .map_err(|error| HostError::transport(&channel, error))?;
                Some(Acks {
                    channel,
                    _registered: shared.register(pull.waker()),
                    pull,
                })
            }
        };
        let channel = Channel::sink(&order.meta);
        self.files.insert(shared.file(&channel));
        self.start(&order)?;
        let push = match Push::connect(&shared.url(&channel), shared.options(&channel), CONNECT) {
            Ok(push) => push,
            Err(source) => {
                // What it answers is of no use: it has fallen short already.
                let _ = self.stop(&order);
                return Err(HostError::NotListening {
                    symbol: order.symbol,
                    source,
                });
            }
        };
        Ok(Sink {
            require_ack: require_ack && reads_acks(shared.profile),
            ack_limit: self.answer_limit,
            order,
            channel,
            push,
            acks,
            sent: 0,
            acked: 0,
            shared,
        })
    }

    /// Closes a sink's channels and stops it.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn stop_sink(&mut self, sink: Sink) -> Result<(), HostError> {
        let order = sink.order.clone();
        drop(sink);
        self.stop(&order)
    }
}
