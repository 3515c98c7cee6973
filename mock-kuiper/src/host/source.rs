//! Sources: their channel, and the rows that come over it.
//!
//! Rules: protocol.md sections 4 to 6.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ekuiper_sp::Error;
use serde_json::{Map, Value};

use super::inner::Inner;
use super::pull::PullChannel;
use super::{Host, HostError};
use crate::event::{Meaning, Message, What};
use crate::package::{Package, PackageError};
use crate::profile::Profile;
use crate::symbol::{Channel, Meta, Side};
use crate::transport::Waker;
use crate::wire::{self, InvalidRow, Order, SourceRow, StreamOptions, source_config};

/// How long the next row of a plugin that has ended may still take: its
/// connection may not even be accepted yet.
pub const LAST_ROWS: Duration = Duration::from_millis(100);

/// A running source, and the host's end of its channel.
///
/// Dropping it closes the channel alone; the source goes on without a reader.
pub struct Source {
    pub(super) order: Order,
    pub(super) rows: PullChannel,
    received: u64,
    /// What was read last, where it was not UTF-8.
    replaced: String,
    /// When the rows that are buffered were read.
    read_at: Duration,
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
    /// The row, an object.
    pub message: Value,
    /// What the source says about it: an object, or `null`.
    pub meta: Value,
}

impl Source {
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

    /// How many connections the source has to its channel, as far as the host
    /// has looked; an instance has one.
    pub(crate) fn connections(&self) -> usize {
        self.rows.connections()
    }

    /// Returns the order that started it.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Waits for the next row, at most `limit` from now.
    ///
    /// # Errors
    ///
    /// [`HostError::NoRow`] at the limit, [`HostError::InvalidRow`] for what is
    /// no row (the next one may be), [`HostError::Crashed`] when the plugin has
    /// ended and all that it sent is read, [`HostError::BrokenChannel`], and
    /// [`HostError::Interrupted`].
    pub fn next(&mut self, limit: Duration) -> Result<Row, HostError> {
        let host = Arc::clone(&self.host);
        self.decode_next(limit).map_err(|error| host.note(error))
    }

    fn decode_next(&mut self, limit: Duration) -> Result<Row, HostError> {
        let deadline = Instant::now() + limit;
        let symbol = self.order.symbol.clone();
        let channel = self.rows.channel().clone();
        let host = Arc::clone(&self.host);
        loop {
            let has_ended = self.plugin_has_ended();
            let left = deadline.saturating_duration_since(Instant::now());
            let left = if has_ended { LAST_ROWS.min(left) } else { left };
            let invalid = |source| HostError::InvalidRow {
                symbol: symbol.clone(),
                source,
            };
            match self.read(Some(left)) {
                Ok(row) => {
                    let row = row.map_err(invalid)?;
                    let decode = |json: &str| {
                        wire::go::decode(json)
                            .map_err(|error| invalid(InvalidRow::Undecodable(error.to_string())))
                    };
                    return Ok(Row {
                        message: decode(row.message)?,
                        meta: decode(row.meta)?,
                    });
                }
                // The process has ended, or another one has begun.
                Err(Error::Woken) if host.shared.take_interrupt() => {
                    return Err(HostError::Interrupted);
                }
                Err(Error::Woken) => {}
                Err(Error::TimedOut) if has_ended => return Err(host.exited()),
                Err(Error::TimedOut) => {
                    return Err(HostError::NoRow {
                        symbol: symbol.clone(),
                        limit,
                    });
                }
                Err(error) => return Err(HostError::transport(&channel, error)),
            }
        }
    }

    /// Waits for what the source sends next, and checks that it is a row,
    /// without decoding it. Bytes that are not UTF-8 become U+FFFD, as Go's
    /// encoding/json has it.
    ///
    /// `limit` runs from the call; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`]; [`Error::Woken`] where the plugin has ended, the
    /// host was interrupted, or [`waker`](Self::waker) was used;
    /// [`Error::Protocol`] where the plugin broke the transport's protocol.
    pub fn read(
        &mut self,
        limit: Option<Duration>,
    ) -> Result<Result<SourceRow<'_>, InvalidRow>, Error> {
        let shared = &self.host.shared;
        shared.dawdle();
        let buffered = self.rows.has_buffered();
        if !buffered {
            self.tell_caught_up();
        }
        let (channel, body) = self.rows.recv(limit)?;
        if !buffered {
            self.read_at = shared.now();
        }
        let source = &self.order.symbol;
        let text = match std::str::from_utf8(body) {
            Ok(text) => text,
            Err(_) => {
                self.replaced = String::from_utf8_lossy(body).into_owned();
                &self.replaced
            }
        };
        let row = SourceRow::parse(text);
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
        Ok(row)
    }

    /// Whether the plugin's process has ended, and not by [`Host::kill`].
    #[must_use]
    pub fn plugin_has_ended(&self) -> bool {
        self.host.shared.has_crashed()
    }

    /// Gives a handle that ends a wait from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.rows.waker()
    }

    /// Closes the channel and stops the source, in this order unless
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

/// A source that is going to be started.
#[derive(Debug)]
#[must_use = "nothing is started before `start`"]
pub struct SourceStart<'a> {
    host: &'a Host,
    symbol: String,
    meta: Meta,
    stream: StreamOptions,
    conf_key: Option<String>,
    config: Value,
}

impl SourceStart<'_> {
    /// Sets properties, over those of the source's yaml; an object.
    pub fn config(mut self, properties: Value) -> Self {
        self.config = properties;
        self
    }

    /// Picks the section of `sources/NAME.yaml` that overlays `default`.
    pub fn conf_key(mut self, key: impl Into<String>) -> Self {
        self.conf_key = Some(key.into());
        self
    }

    /// Sets the stream's DATASOURCE.
    pub fn datasource(mut self, datasource: impl Into<String>) -> Self {
        self.stream.datasource = datasource.into();
        self
    }

    /// Sets another option of the stream, for example `format`.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.stream.others.insert(name.into(), value.into());
        self
    }

    /// Names the rule, `mock` by default, and the stream, `demo` by default.
    /// Two instances of one source need two names.
    pub fn within(mut self, rule: impl Into<String>, stream: impl Into<String>) -> Self {
        self.meta = Meta::new(rule, stream);
        self
    }

    /// Opens the source's channel and starts it.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] where `config` is no object, [`HostError::Package`]
    /// for a yaml that cannot be read, and those of
    /// [`Host::start_source`].
    pub fn start(self) -> Result<Source, HostError> {
        let config = properties(&self.symbol, self.config)?;
        let order = source_order(
            &self.host.inner.package,
            self.host.release(),
            &self.symbol,
            self.meta,
            &self.stream,
            self.conf_key.as_deref(),
            &config,
        )?;
        self.host.start_source(order)
    }
}

/// The properties that a caller gave.
pub(super) fn properties(symbol: &str, config: Value) -> Result<Map<String, Value>, HostError> {
    match config {
        Value::Null => Ok(Map::new()),
        Value::Object(properties) => Ok(properties),
        other => Err(HostError::Input(format!(
            "the config of `{symbol}` has to be a JSON object, it is `{other}`"
        ))),
    }
}

/// Makes the order that starts a source: the sections of its yaml, overlaid by
/// `properties`, and the stream's options.
///
/// # Errors
///
/// Those of [`Package::source_config`].
pub fn source_order(
    package: &Package,
    profile: &Profile,
    symbol: &str,
    meta: Meta,
    stream: &StreamOptions,
    conf_key: Option<&str>,
    properties: &Map<String, Value>,
) -> Result<Order, PackageError> {
    let mut config = package.source_config(symbol, conf_key)?;
    config.extend(properties.clone());
    let config = source_config(profile, stream, config);
    Ok(Order::source(symbol, meta, &stream.datasource, config))
}

impl Host {
    /// Begins to describe the start of a source.
    pub fn source(&self, symbol: impl Into<String>) -> SourceStart<'_> {
        SourceStart {
            host: self,
            symbol: symbol.into(),
            meta: Meta::new("mock", "demo"),
            stream: StreamOptions::default(),
            conf_key: None,
            config: Value::Null,
        }
    }

    /// Opens the channel of a source and starts it with an order of the
    /// caller's.
    ///
    /// # Errors
    ///
    /// [`HostError::AddressInUse`], and those of an order: the plugin's
    /// refusal, no answer in time, its end. The channel is closed again then.
    pub fn start_source(&self, order: Order) -> Result<Source, HostError> {
        let shared = &self.inner.shared;
        let channel = Channel::source(&order.meta);
        let rows = PullChannel::open(channel.clone(), shared)
            .map_err(|error| HostError::transport(&channel, error))?;
        let source = Source {
            rows,
            received: 0,
            replaced: String::new(),
            read_at: Duration::ZERO,
            host: Arc::clone(&self.inner),
            order,
        };
        self.inner.start(&source.order)?;
        Ok(source)
    }
}
