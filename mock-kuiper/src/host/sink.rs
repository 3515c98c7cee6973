//! Sinks: rows to them, and their acks.
//!
//! Rules: docs/protocol.md, sections 4 to 6.

mod acks;
mod hang_up;
mod unread;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, ProtocolError};
use serde_json::Value;

use super::error::{HostError, InputError};
use super::exit::Exit;
use super::failure::not_listening;
use super::inner::Inner;
use super::presence::Peers;
use super::pull::PullChannel;
use super::shared::Shared;
use crate::event::{Meaning, Message, What};
use crate::finding::{Finding, Observed};
use crate::release::{AckChannel, Release};
use crate::symbol::{Channel, Kind, Side};
use crate::transport::Push;
use crate::wire::{Order, write_sink_value};

/// How long the one attempt to connect to a sink may take: the sink listens
/// already, so that only its greeting is awaited.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one of many attempts to connect may take: as long as an interrupt may
/// wait.
const ATTEMPT: Duration = Duration::from_millis(250);

/// How often the send of a row checks whether the plugin has exited.
const GLANCE: Duration = Duration::from_millis(20);

/// The pause between two looks at the connection of a sink that has hung up.
const PAUSE: Duration = Duration::from_millis(2);

/// A running sink, and the host's end of its channels.
///
/// Dropping it closes the channels only; the sink goes on without a sender.
#[derive(Debug)]
pub struct Sink {
    pub(super) order: Order,
    pub(super) channel: Channel,
    push: Push,
    peers: Arc<Peers>,
    pub(super) acks: Option<PullChannel>,
    /// Whether [`deliver`](Self::deliver) waits for the ack of each row.
    require_ack: bool,
    sent: u64,
    acked: u64,
    /// How many rows in a row got no ack in time.
    unanswered: u32,
    /// The process that got the last row.
    fed: Arc<Exit>,
    /// Rows whose acks are no longer awaited.
    given_up: u64,
    /// The interrupts that its waits have reported.
    interrupts: u64,
    /// Whether nobody wants to wait for it any more.
    is_given_up: Arc<AtomicBool>,
    pub(super) host: Arc<Inner>,
}

/// Ends the waits for one sink, from any thread.
#[derive(Debug, Clone)]
pub struct GiveUp(Arc<AtomicBool>);

impl GiveUp {
    /// Ends the present wait of [`Sink::deliver`] and all later ones, with
    /// [`HostError::Interrupted`]. The sink can still be stopped.
    pub fn give_up(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Whether the host waits for an ack after each row that it delivers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AckMode {
    /// If the order has the property `requireAck`.
    #[default]
    AsOrdered,
    /// Always, if the release reads acks at all.
    Awaited,
}

/// Why a sink was not connected.
#[derive(Debug)]
pub(super) enum Unconnected {
    Error(Error),
    Interrupted,
}

/// Why a row was not delivered.
#[derive(Debug)]
enum Undelivered {
    Observed(Observed),
    /// The plugin has exited, or the host was interrupted.
    Ended,
    Host(HostError),
}

impl Sink {
    /// Opens a sink's ack channel, starts the sink and connects to it.
    pub(super) fn start(host: &Arc<Inner>, order: Order, acks: AckMode) -> Result<Self, HostError> {
        let shared = &host.shared;
        // An interrupt that arrives while the order is under way ends the first
        // wait for an ack.
        let interrupts = shared.interrupts();
        let require_ack =
            acks == AckMode::Awaited || order.config.get("requireAck") == Some(&Value::Bool(true));
        let channel = Channel::sink(&order.meta);
        // The plugin would be the first to fail.
        shared.check_length(&channel)?;
        let acks = match shared.profile.ack {
            AckChannel::Absent => None,
            AckChannel::Unread | AckChannel::Read => {
                let channel = Channel::ack(&order.meta);
                if host.keeps_acks(&channel) {
                    return Err(HostError::Input(Box::new(InputError::AckChannelOpen {
                        symbol: order.symbol,
                        release: shared.profile.name,
                    })));
                }
                Some(PullChannel::open(channel, shared)?)
            }
        };
        host.note_file(shared.file(&channel));
        host.start(&order)?;
        let (push, peers) = match connect(shared, &channel) {
            Ok(connected) => connected,
            Err(Unconnected::Interrupted) => return Err(HostError::Interrupted),
            Err(Unconnected::Error(error)) => {
                // The finding is the sink's; its answer to the stop adds nothing.
                let _ = host.stop(&order, || {});
                let finding = Finding::new(not_listening(&error))
                    .of(Kind::Sink, &order.symbol)
                    .at(&order.meta)
                    .on(&channel);
                return Err(host.note(finding.into()));
            }
        };
        Ok(Self {
            require_ack: require_ack && reads_acks(shared.profile),
            order,
            channel,
            push,
            peers,
            acks,
            sent: 0,
            acked: 0,
            unanswered: 0,
            fed: shared.exit(),
            given_up: 0,
            interrupts,
            is_given_up: Arc::default(),
            host: Arc::clone(host),
        })
    }

    /// Returns the symbol's name.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.order.symbol
    }

    /// Returns the order that started it.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Returns how many rows were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Returns how many acks were read.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Sends a row as a rule does: as an array of one object, or as the object
    /// if the sink's configuration has `sendSingle`. An array is sent as it is:
    /// a batch.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::SinkRowNotTaken`](crate::Code::SinkRowNotTaken) if the sink does not take the row in
    /// time, and [`Code::PluginExited`](crate::Code::PluginExited) at once if the plugin has exited.
    pub fn send(&mut self, row: &Value) -> Result<&mut Self, HostError> {
        let single = self.order.config.get("sendSingle") == Some(&Value::Bool(true));
        let mut bytes = Vec::new();
        write_sink_value(&mut bytes, row, single);
        self.send_bytes(&bytes)
    }

    /// Sends any bytes as a row.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_bytes(&mut self, row: &[u8]) -> Result<&mut Self, HostError> {
        match self.push_row(row) {
            Ok(()) => Ok(self),
            Err(undelivered) => Err(self.error(undelivered)),
        }
    }

    /// Waits at most `limit` for the next ack. Acks arrive in the order of the
    /// rows: this one is for the oldest row whose ack was not read.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::AckError`](crate::Code::AckError) for a row that failed, [`Code::AckInvalid`](crate::Code::AckInvalid),
    /// [`Code::AckMissing`](crate::Code::AckMissing) at the limit, and [`Code::PluginExited`](crate::Code::PluginExited) if the
    /// plugin has exited and all its acks are read. Or
    /// [`HostError::Interrupted`].
    pub fn ack(&mut self, limit: Duration) -> Result<&mut Self, HostError> {
        match self.receive_ack(limit) {
            Ok(()) => Ok(self),
            Err(undelivered) => Err(self.error(undelivered)),
        }
    }

    /// Closes the channels and stops the sink, in this order unless
    /// [`Builder::seed`](crate::Builder::seed) draws the other.
    ///
    /// # Errors
    ///
    /// A finding if the stop is refused or not answered, or if the plugin exits.
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

    /// Connects to the sink again.
    pub(crate) fn dial(&mut self) -> Result<(), HostError> {
        match connect(&self.host.shared, &self.channel) {
            Ok((push, peers)) => {
                self.push = push;
                self.peers = peers;
                Ok(())
            }
            Err(Unconnected::Interrupted) => Err(HostError::Interrupted),
            Err(Unconnected::Error(error)) => {
                let finding = self.about(not_listening(&error));
                Err(self.host.note(finding.into()))
            }
        }
    }

    /// Makes a finding about this instance.
    #[must_use]
    pub fn about(&self, observed: Observed) -> Finding {
        let acks = matches!(
            observed,
            Observed::NoAck { .. } | Observed::InvalidAck { .. } | Observed::AckError { .. }
        );
        let acks = match observed {
            Observed::HungUp { .. } => self.peers.gone_for().is_none(),
            _ => acks,
        };
        let acks = self.acks.as_ref().filter(|_| acks);
        Finding::new(observed)
            .of(Kind::Sink, &self.order.symbol)
            .at(&self.order.meta)
            .on(acks.map_or(&self.channel, PullChannel::channel))
    }

    fn error(&self, undelivered: Undelivered) -> HostError {
        self.host.note(match undelivered {
            Undelivered::Ended if self.host.shared.has_crashed() => self.host.exited(),
            Undelivered::Ended => {
                self.host.shared.take_interrupt();
                HostError::Interrupted
            }
            Undelivered::Observed(observed) => self.about(observed).into(),
            Undelivered::Host(error) => {
                let order = &self.order;
                error.named(Kind::Sink, &order.symbol, Some(&order.meta))
            }
        })
    }

    /// Sends any bytes as a row, and waits for its ack if the rule requires
    /// acks, as eKuiper does. The sink can be used after an error.
    ///
    /// A sink that has closed its channel gets a second to listen again; the
    /// row is not sent before. After a row whose ack is missing, the next ack is
    /// awaited for at most a second.
    ///
    /// # Errors
    ///
    /// A finding about the row. [`HostError::Interrupted`] if the plugin exited
    /// or the host was interrupted:
    /// [`Host::check_alive`](crate::Host::check_alive) tells which.
    pub fn deliver(&mut self, row: &[u8]) -> Result<(), HostError> {
        let mut delivered = match self.wait_restored() {
            Ok(()) => self.push_row(row),
            Err(undelivered) => Err(undelivered),
        };
        if delivered.is_ok() && self.require_ack {
            delivered = self.await_ack();
        }
        delivered.map_err(|undelivered| match undelivered {
            Undelivered::Ended => HostError::Interrupted,
            other => self.error(other),
        })
    }

    /// Returns a handle that ends the waits for this sink alone.
    #[must_use]
    pub fn give_up(&self) -> GiveUp {
        GiveUp(Arc::clone(&self.is_given_up))
    }

    fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::SeqCst)
    }

    /// Whether the plugin has exited, the host was interrupted since the last time, or
    /// nobody wants to wait any more.
    fn has_ended(&mut self) -> bool {
        let interrupts = self.host.shared.interrupts();
        let before = std::mem::replace(&mut self.interrupts, interrupts);
        before != interrupts || self.is_given_up() || self.host.shared.has_crashed()
    }

    fn push_row(&mut self, row: &[u8]) -> Result<(), Undelivered> {
        self.host.shared.dawdle();
        let limit = self.host.shared.send_limit();
        let mut left = limit;
        // A row is queued even if the process has exited.
        while !self.host.shared.has_crashed() {
            let glance = left.min(GLANCE);
            match self.try_push(row, glance) {
                Ok(()) => return Ok(()),
                Err(Error::TimedOut) if self.interrupts != self.host.shared.interrupts() => {
                    self.interrupts = self.host.shared.interrupts();
                    break;
                }
                Err(Error::TimedOut) if self.is_given_up() => break,
                Err(Error::TimedOut) if glance == left => {
                    return Err(self.not_taken(limit));
                }
                Err(Error::TimedOut) => left -= glance,
                Err(error) => return Err(unreachable(&error)),
            }
        }
        Err(Undelivered::Ended)
    }

    fn try_push(&mut self, row: &[u8], limit: Duration) -> Result<(), Error> {
        let _under_way = self.host.shared.sending();
        self.push.send(row, Some(limit))?;
        self.sent += 1;
        self.fed = self.host.shared.exit();
        self.host.shared.tell(What::Message(Message {
            channel: &self.channel,
            from: Side::Host,
            id: None,
            body: row,
            meaning: Meaning::SinkRow {
                sink: &self.order.symbol,
            },
        }));
        Ok(())
    }

    /// Waits at most `limit` until the system has taken all that was sent.
    /// Returns `false` if it has not: the sink pushes back. The sink need not
    /// have read what the system has taken, some hundred rows.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::PluginExited`](crate::Code::PluginExited), or [`Code::SinkUnreachable`](crate::Code::SinkUnreachable) if no
    /// connection is left to take the rest.
    pub fn flush(&mut self, limit: Duration) -> Result<bool, HostError> {
        match self.push.flush(limit) {
            Ok(()) => Ok(true),
            Err(Error::TimedOut) => Ok(false),
            Err(error) => {
                self.host.check_alive()?;
                Err(self.error(unreachable(&error)))
            }
        }
    }

    /// Sends a row, and waits until the system has taken it, on the present
    /// connection or on the next one.
    ///
    /// # Errors
    ///
    /// Those of [`send_bytes`](Self::send_bytes).
    pub(crate) fn send_through(&mut self, row: &[u8]) -> Result<(), HostError> {
        let limit = self.host.shared.send_limit();
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
                    let undelivered = self.not_taken(limit);
                    return Err(self.error(undelivered));
                }
                Err(error) => return Err(self.error(unreachable(&error))),
            }
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
            self.host.keep_acks(acks);
        }
    }
}

impl Undelivered {
    /// Whether the sink answered the row, although not with success.
    fn is_ack(&self) -> bool {
        matches!(
            self,
            Self::Observed(Observed::AckError { .. } | Observed::InvalidAck { .. })
        )
    }
}

/// Connects to a sink with a single attempt. A plugin that a debugger has stopped
/// gets as many as it needs to greet.
pub(super) fn connect(
    shared: &Arc<Shared>,
    channel: &Channel,
) -> Result<(Push, Arc<Peers>), Unconnected> {
    let limit = if shared.is_attached() {
        ATTEMPT
    } else {
        CONNECT
    };
    loop {
        let peers = Arc::<Peers>::default();
        let mut options = shared.options(channel);
        peers.watch(&mut options);
        match Push::connect(shared.backend, &shared.url(channel), options, limit) {
            Ok(push) => return Ok((push, peers)),
            Err(error) if shared.is_attached() && listens_silently(&error) => {
                if shared.take_interrupt() {
                    return Err(Unconnected::Interrupted);
                }
                std::thread::sleep(GLANCE);
            }
            Err(error) => return Err(Unconnected::Error(error)),
        }
    }
}

/// Whether a sink listens, and has not greeted.
fn listens_silently(error: &Error) -> bool {
    let Error::Unreachable {
        cause: Some(cause), ..
    } = error
    else {
        return false;
    };
    match &**cause {
        Error::Protocol(ProtocolError::GreetingTimedOut) => true,
        // The sink has not accepted the connections before.
        Error::Io { source, .. } => source.kind() == io::ErrorKind::WouldBlock,
        _ => false,
    }
}

fn unreachable(error: &Error) -> Undelivered {
    Undelivered::Observed(Observed::Unreachable {
        cause: error.to_string(),
    })
}

/// Whether a release reads the acks of a sink with `requireAck`.
fn reads_acks(profile: &Release) -> bool {
    profile.ack == AckChannel::Read
}
