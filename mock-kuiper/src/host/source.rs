//! Sources: their channel, and the rows that come over it.
//!
//! Rules: protocol.md sections 4 to 6.

use std::sync::Arc;
use std::time::Duration;

use ekuiper_sp::{Error, Pull, Waker};

use super::channel::patiently;
use super::shared::{Registered, Shared};
use super::{Host, HostError};
use crate::event::{Meaning, Message, What};
use crate::symbol::{Channel, Side};
use crate::wire::{InvalidRow, Order, SourceRow};

/// A running source, by the order that started it.
#[derive(Debug)]
pub struct Source(Order);

/// The host's end of a source's channel. Dropping it closes the channel, which
/// eKuiper mostly does before it sends the stop.
#[derive(Debug)]
pub struct Rows {
    source: String,
    channel: Channel,
    pull: Pull,
    /// When the rows that are buffered were read.
    read_at: Duration,
    shared: Arc<Shared>,
    _registered: Registered,
}

impl Rows {
    /// Waits for what the source sends next, and checks that it is a row.
    ///
    /// `limit` runs from the call; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`]; [`Error::Woken`] where the plugin has ended, the
    /// host was interrupted, or [`waker`](Self::waker) was used;
    /// [`Error::Protocol`] where the plugin broke the transport's protocol.
    pub fn next(
        &mut self,
        limit: Option<Duration>,
    ) -> Result<Result<SourceRow<'_>, InvalidRow>, Error> {
        let buffered = self.pull.has_buffered();
        if !buffered {
            self.tell_caught_up();
        }
        let body = self.pull.recv(limit)?;
        if !buffered {
            self.read_at = self.shared.now();
        }
        let row = SourceRow::parse(body);
        let meaning = match &row {
            Ok(row) => Meaning::Row {
                source: &self.source,
                row: *row,
            },
            Err(error) => Meaning::InvalidRow {
                source: &self.source,
                error,
            },
        };
        let message = Message {
            channel: &self.channel,
            from: Side::Plugin,
            id: None,
            body,
            meaning,
        };
        self.shared.tell_at(self.read_at, What::Message(message));
        Ok(row)
    }

    fn tell_caught_up(&self) {
        self.shared.tell(What::CaughtUp {
            source: &self.source,
        });
    }

    /// Whether the plugin's process has ended.
    #[must_use]
    pub fn plugin_has_ended(&self) -> bool {
        self.shared.exit.status().is_some()
    }

    /// Gives a handle that ends a wait from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.pull.waker()
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.tell_caught_up();
        self.shared.tell(What::Closed {
            channel: &self.channel,
            from: Side::Host,
        });
    }
}

impl Host {
    /// Opens the channel of a source and starts it.
    ///
    /// # Errors
    ///
    /// [`HostError::AddressInUse`], and those of an order: the plugin's
    /// refusal, no answer in time, its end. The channel is closed again then.
    pub fn start_source(&mut self, order: Order) -> Result<(Source, Rows), HostError> {
        let channel = Channel::source(&order.meta);
        let url = self.shared.url(&channel);
        let pull = patiently(|| Pull::listen(&url, self.shared.options(&channel)))
            .map_err(|error| HostError::transport(&channel, error))?;
        let rows = Rows {
            source: order.symbol.clone(),
            channel,
            _registered: self.shared.register(pull.waker()),
            pull,
            read_at: Duration::ZERO,
            shared: Arc::clone(&self.shared),
        };
        self.start(&order)?;
        Ok((Source(order), rows))
    }

    /// Stops a source whose [`Rows`] were dropped.
    ///
    /// # Errors
    ///
    /// Those of an order.
    pub fn stop_source(&mut self, source: Source) -> Result<(), HostError> {
        self.stop(&source.0)
    }
}
