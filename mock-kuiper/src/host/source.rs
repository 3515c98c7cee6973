//! Sources: their channel, and the rows that come over it.
//!
//! Rules: protocol.md sections 4 to 6.

use std::sync::Arc;
use std::time::Duration;

use ekuiper_sp::{Error, Pull, Waker};

use super::channel::{Registered, Shared, patiently};
use super::{Host, HostError};
use crate::event::{Event, Side};
use crate::wire::{InvalidRow, Order, SourceRow, data_url};

/// A running source, by the order that started it.
#[derive(Debug)]
pub struct Source(Order);

/// The host's end of a source's channel. Dropping it closes the channel, which
/// eKuiper mostly does before it sends the stop.
#[derive(Debug)]
pub struct Rows {
    channel: String,
    pull: Pull,
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
        let body = self.pull.recv(limit)?;
        self.shared.observer.event(&Event::Frame {
            channel: &self.channel,
            from: Side::Plugin,
            body,
        });
        Ok(SourceRow::parse(body))
    }

    /// Whether another message waits already.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.pull.has_buffered()
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

    /// The channel's name, e.g. `rule1_demo_0`.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
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
        let channel = order.meta.to_string();
        let url = data_url(&order.meta);
        let pull = patiently(|| Pull::listen(&url, self.shared.options(&channel)))
            .map_err(|error| HostError::transport(&channel, error))?;
        let rows = Rows {
            channel,
            _registered: self.shared.register(pull.waker()),
            pull,
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
