//! Sources: their channel, and the rows that arrive on it.
//!
//! Rules: docs/protocol.md, sections 4 to 6.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::error::HostError;
use super::failure::Failure;
use super::inner::Inner;
use super::process::ends_within;
use super::pull::PullChannel;
use crate::event::{Meaning, Message, What};
use crate::finding::{Finding, Observed};
use crate::go_json;
use crate::go_json::depth::{self, is_deeper};
use crate::symbol::{Channel, Kind, Side};
use crate::transport::Waker;
use crate::wire::{InvalidRow, Order, SourceRow};

/// How long the rows of a plugin that has exited are still awaited: its
/// connection may not even have been accepted yet.
pub const LAST_ROWS: Duration = Duration::from_millis(100);

/// How long they are awaited while the connection has not ended.
const LATE_ROWS: Duration = Duration::from_secs(5);

/// A running source, and the host's end of its channel.
///
/// Dropping it closes the channel only; the source goes on without a reader.
pub struct Source {
    pub(super) order: Order,
    pub(super) rows: PullChannel,
    received: u64,
    /// The row that was read last, if it was not UTF-8.
    replaced: String,
    /// When the buffered rows were read.
    read_at: Duration,
    /// Whether a row was read since the observers learned that none waits.
    is_ahead: bool,
    pub(super) host: Arc<Inner>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("order", &self.order)
            .finish_non_exhaustive()
    }
}

/// A row, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The columns: an object.
    pub message: Value,
    /// What the source adds about the row: an object, or `null`.
    pub meta: Value,
}

/// What a wait for a row gave.
#[derive(Debug)]
pub enum Received<'a> {
    /// A row, checked but not decoded.
    Row(SourceRow<'a>),
    /// A message that is not a row. The next one may be.
    Invalid(InvalidRow),
    /// Nothing arrived in time.
    Nothing,
    /// The wait was ended: the plugin exited or was replaced, the host was
    /// interrupted, or the [waker](Source::waker) was used.
    Woken,
}

impl Source {
    /// Opens the channel of a source and starts it.
    pub(super) fn start(host: &Arc<Inner>, order: Order) -> Result<Self, HostError> {
        let rows = PullChannel::open(Channel::source(&order.meta), &host.shared)?;
        let source = Self {
            rows,
            received: 0,
            replaced: String::new(),
            read_at: Duration::ZERO,
            is_ahead: true,
            host: Arc::clone(host),
            order,
        };
        host.start(&source.order)?;
        Ok(source)
    }

    /// Returns the symbol's name.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.order.symbol
    }

    /// Returns how many rows were read.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Returns how many connections the source has to its channel, as far as the
    /// host has accepted them; an instance has one.
    pub(crate) fn connections(&self) -> usize {
        self.rows.connections()
    }

    /// Returns how long the source has had no connection to its channel, once it
    /// has dialed, at most since the last start order of a new process. A source that
    /// is about to dial again is gone for a moment.
    #[must_use]
    pub fn gone_for(&self) -> Option<Duration> {
        self.rows.gone_for()
    }

    /// Whether the source has dialed its channel.
    #[must_use]
    pub fn has_dialed(&self) -> bool {
        self.rows.has_been_dialed()
    }

    /// Whether the process that closed the channel last has exited.
    #[must_use]
    pub fn left_with_its_process(&self) -> bool {
        ends_within(self.rows.left(), Duration::ZERO)
    }

    /// Returns how many bytes of rows that are not complete have arrived. NNG
    /// does not tell.
    #[must_use]
    pub fn incomplete(&self) -> usize {
        self.rows.incomplete()
    }

    /// Returns how many bytes of rows have arrived that nobody has read. While
    /// nobody reads, it grows until the source cannot send any more. NNG does not
    /// tell.
    #[must_use]
    pub fn waiting(&mut self) -> u64 {
        self.rows.waiting()
    }

    /// Returns the order that started it.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Makes a finding about this instance.
    #[must_use]
    pub fn about(&self, observed: Observed) -> Finding {
        Finding::new(observed)
            .of(Kind::Source, &self.order.symbol)
            .at(&self.order.meta)
            .on(self.rows.channel())
    }

    /// Waits at most `limit` for the next row, and decodes it.
    ///
    /// # Errors
    ///
    /// A finding: [`Code::RowMissing`](crate::Code::RowMissing) at the limit,
    /// one of the `row.…` codes for a message that is not a row (the next one
    /// may be), [`Code::PluginExited`](crate::Code::PluginExited) when the
    /// plugin has exited and all its rows are read, and
    /// [`Code::ChannelProtocol`](crate::Code::ChannelProtocol). Or
    /// [`HostError::Interrupted`], or
    /// [`SystemError::TooDeep`](super::SystemError::TooDeep).
    pub fn next(&mut self, limit: Duration) -> Result<Row, HostError> {
        let waited = self.next_within(limit)?;
        waited.ok_or_else(|| self.no_row(limit))
    }

    /// Waits at most `limit` for the next row, and decodes it; `None` at the limit.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next).
    pub(crate) fn next_within(&mut self, limit: Duration) -> Result<Option<Row>, HostError> {
        match self.wait(limit)? {
            Some(Decoded::Row(row)) => Ok(Some(row)),
            Some(Decoded::TooDeep) => {
                let what = format!("a row of source `{}`", self.order.symbol);
                Err(self.host.note(HostError::too_deep(what)))
            }
            None => Ok(None),
        }
    }

    /// Waits at most `limit` for the next row, which may have any number of levels.
    ///
    /// # Errors
    ///
    /// Those of [`next`](Self::next) that are about any row.
    pub fn skip(&mut self, limit: Duration) -> Result<(), HostError> {
        match self.skip_within(limit)? {
            true => Ok(()),
            false => Err(self.no_row(limit)),
        }
    }

    /// Waits like [`skip`](Self::skip); returns whether a row has come.
    pub(crate) fn skip_within(&mut self, limit: Duration) -> Result<bool, HostError> {
        Ok(self.wait(limit)?.is_some())
    }

    fn no_row(&self, limit: Duration) -> HostError {
        self.host.note(self.about(Observed::NoRow { limit }).into())
    }

    fn wait(&mut self, limit: Duration) -> Result<Option<Decoded>, HostError> {
        let deadline = Instant::now() + limit;
        let host = Arc::clone(&self.host);
        let mut exited = None;
        loop {
            // The wake-up may have ended a wait before.
            if host.shared.take_interrupt() {
                return Err(HostError::Interrupted);
            }
            let has_exited = self.plugin_has_exited();
            exited = has_exited.then(|| exited.unwrap_or_else(Instant::now));
            let left = deadline.saturating_duration_since(Instant::now());
            let left = if has_exited {
                LAST_ROWS.min(left)
            } else {
                left
            };
            let invalid = match self.read(Some(left)).map_err(|error| host.note(error))? {
                Received::Row(row) => match decode(row) {
                    Ok(row) => return Ok(Some(row)),
                    Err(invalid) => invalid,
                },
                Received::Invalid(invalid) => invalid,
                // An interrupt, or the process has exited, or another one has replaced it.
                Received::Woken => continue,
                Received::Nothing => match exited {
                    None => return Ok(None),
                    Some(at) if self.may_have_rows(at) && Instant::now() < deadline => continue,
                    Some(_) => return Err(host.note(host.exited())),
                },
            };
            let observed = Observed::InvalidRow(invalid);
            return Err(host.note(self.about(observed).into()));
        }
    }

    /// Waits for the next message, and checks that it is a row without decoding
    /// it. Bytes that are not UTF-8 become U+FFFD, as in Go's encoding/json.
    ///
    /// `limit` counts from the call; `None` waits forever.
    ///
    /// # Errors
    ///
    /// A finding if the plugin breaks the transport's protocol, and
    /// [`HostError::System`].
    pub fn read(&mut self, limit: Option<Duration>) -> Result<Received<'_>, HostError> {
        let shared = &self.host.shared;
        shared.dawdle();
        let buffered = self.rows.has_buffered();
        if !buffered && std::mem::take(&mut self.is_ahead) {
            self.tell_caught_up();
        }
        let (channel, body) = match self.rows.recv(limit) {
            Ok(received) => received,
            Err(Failure::TimedOut) => return Ok(Received::Nothing),
            Err(Failure::Host(error)) => {
                let order = &self.order;
                return Err(error.named(Kind::Source, &order.symbol, Some(&order.meta)));
            }
            Err(
                Failure::Woken | Failure::Exited | Failure::Interrupted | Failure::Disconnected,
            ) => return Ok(Received::Woken),
        };
        self.is_ahead = true;
        if !buffered {
            self.read_at = shared.now();
        }
        let source = &self.order.symbol;
        let row = SourceRow::parse(go_json::text(body, &mut self.replaced));
        let meaning = match &row {
            Ok(row) => {
                self.received += 1;
                Meaning::Row { source, row: *row }
            }
            Err(error) => Meaning::InvalidRow { source, error },
        };
        let message = Message {
            channel,
            from: Side::Plugin,
            id: None,
            body,
            meaning,
        };
        shared.tell_at(self.read_at, What::Message(message));
        Ok(match row {
            Ok(row) => Received::Row(row),
            Err(invalid) => Received::Invalid(invalid),
        })
    }

    /// Whether the plugin's process has exited although the host had not ended
    /// it.
    #[must_use]
    pub fn plugin_has_exited(&self) -> bool {
        self.host.shared.has_crashed()
    }

    /// Whether the plugin's process has exited, even if the host has not noticed it yet.
    #[must_use]
    pub fn process_is_gone(&self) -> bool {
        self.host.process_is_gone()
    }

    /// Whether rows of a process that has exited may still come: its connection has not
    /// ended, which is noticed after its last row, unless another process has it.
    /// `since` is when the exit was noticed.
    #[must_use]
    pub fn may_have_rows(&self, since: Instant) -> bool {
        self.rows.connections() > 0 && since.elapsed() < LATE_ROWS
    }

    /// Returns a handle that ends a wait from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.rows.waker()
    }

    /// Closes the channel and stops the source, in this order unless
    /// [`Builder::seed`](crate::Builder::seed) draws the other.
    ///
    /// # Errors
    ///
    /// A finding if the stop is refused or not answered, or if the plugin exits.
    pub fn stop(self) -> Result<(), HostError> {
        let (host, order) = (Arc::clone(&self.host), self.order.clone());
        host.stop(&order, || drop(self))
    }

    /// Stops the source like [`stop`](Self::stop), and leaves the channel open, so
    /// that what it sends after the stop is seen.
    ///
    /// # Errors
    ///
    /// Those of [`stop`](Self::stop).
    pub(crate) fn stop_and_listen(&mut self) -> Result<(), HostError> {
        self.rows.allow_cut();
        self.host.stop(&self.order, || {})
    }

    fn tell_caught_up(&self) {
        self.host.shared.tell(What::CaughtUp {
            source: &self.order.symbol,
        });
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.tell_caught_up();
        self.rows.close();
    }
}

/// A row as far as it can be decoded.
enum Decoded {
    Row(Row),
    /// It has more levels than a value can have.
    TooDeep,
}

fn decode(row: SourceRow<'_>) -> Result<Decoded, InvalidRow> {
    let decoded = |json: &str| match go_json::decode(json) {
        Ok(value) => Ok(Some(value)),
        Err(_) if is_deeper(json, depth::VALUE) => Ok(None),
        Err(error) => Err(InvalidRow::Undecodable(error.to_string())),
    };
    Ok(match (decoded(row.message)?, decoded(row.meta)?) {
        (Some(message), Some(meta)) => Decoded::Row(Row { message, meta }),
        _ => Decoded::TooDeep,
    })
}
