//! Describes the start of a source or a sink before it is ordered.
//!
//! Rules: docs/protocol.md, section 5.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::error::HostError;
use super::inner::Inner;
use super::sink::{AckMode, Sink};
use super::source::Source;
use crate::event::What;
use crate::package::{Mistake, Package, PackageError};
use crate::release::Release;
use crate::symbol::Meta;
use crate::wire::{Order, StreamOptions, source_config};

/// A source to start. [`Host::source`](crate::Host::source) makes one.
#[derive(Debug)]
#[must_use = "nothing is started before `start`"]
pub struct SourceStart<'a> {
    host: &'a Arc<Inner>,
    symbol: String,
    meta: Meta,
    stream: StreamOptions,
    conf_key: Option<String>,
    config: Value,
}

impl<'a> SourceStart<'a> {
    pub(super) fn new(host: &'a Arc<Inner>, symbol: String) -> Self {
        Self {
            host,
            symbol,
            meta: Meta::new("mock", "demo"),
            stream: StreamOptions::default(),
            conf_key: None,
            config: Value::Null,
        }
    }

    /// Sets properties, an object, which overlay those of the source's yaml.
    pub fn config(mut self, properties: Value) -> Self {
        self.config = properties;
        self
    }

    /// Selects the section of `sources/NAME.yaml` that overlays `default`.
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

    /// Sets the rule's id, `mock` by default, and the stream's name, `demo` by
    /// default. Two instances of one source need different ones.
    pub fn within(mut self, rule: impl Into<String>, stream: impl Into<String>) -> Self {
        self.meta = Meta::new(rule, stream);
        self
    }

    /// Opens the source's channel and starts it.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] if `config` is not an object or the yaml cannot be
    /// read, and those of [`Host::start_source`](crate::Host::start_source).
    pub fn start(self) -> Result<Source, HostError> {
        let config = properties(&self.symbol, self.config)?;
        let (order, ignored) = source_order(
            &self.host.package,
            self.host.shared.profile,
            &self.symbol,
            self.meta,
            &self.stream,
            self.conf_key.as_deref(),
            &config,
        )?;
        for mistake in ignored {
            let text = format!("started without it: {mistake}");
            self.host.shared.tell(What::Note { text: &text });
        }
        Source::start(self.host, order)
    }
}

/// A sink to start. [`Host::sink`](crate::Host::sink) makes one.
#[derive(Debug)]
#[must_use = "nothing is started before `start`"]
pub struct SinkStart<'a> {
    host: &'a Arc<Inner>,
    symbol: String,
    meta: Option<Meta>,
    config: Value,
    acks: AckMode,
}

impl<'a> SinkStart<'a> {
    pub(super) fn new(host: &'a Arc<Inner>, symbol: String) -> Self {
        Self {
            host,
            symbol,
            meta: None,
            config: Value::Null,
            acks: AckMode::AsOrdered,
        }
    }

    /// Sets the action's properties; an object.
    pub fn config(mut self, properties: Value) -> Self {
        self.config = properties;
        self
    }

    /// Sets `requireAck`: the host reads an ack for each row.
    pub fn require_ack(mut self) -> Self {
        self.acks = AckMode::Awaited;
        self
    }

    /// Sets the rule's id, `mock` by default, and the action's name, `NAME_0` by
    /// default. Two instances of one sink need different ones.
    pub fn within(mut self, rule: impl Into<String>, action: impl Into<String>) -> Self {
        self.meta = Some(Meta::new(rule, action));
        self
    }

    /// Starts the sink and connects to it.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] if `config` is not an object, and those of
    /// [`Host::start_sink`](crate::Host::start_sink).
    pub fn start(self) -> Result<Sink, HostError> {
        let mut config = properties(&self.symbol, self.config)?;
        if self.acks == AckMode::Awaited {
            config.insert("requireAck".to_owned(), true.into());
        }
        let default = || Meta::new("mock", format!("{}_0", self.symbol));
        let meta = self.meta.unwrap_or_else(default);
        Sink::start(self.host, Order::sink(self.symbol, meta, config), self.acks)
    }
}

/// Checks that the properties are an object; `null` is an empty one.
fn properties(symbol: &str, config: Value) -> Result<Map<String, Value>, HostError> {
    match config {
        Value::Null => Ok(Map::new()),
        Value::Object(properties) => Ok(properties),
        other => Err(HostError::invalid(format!(
            "the config of `{symbol}` must be a JSON object, got `{other}`"
        ))),
    }
}

/// Makes the order that starts a source: the sections of its yaml, overlaid by
/// `properties`, and the stream's options. Returns with it what the release ignores
/// of the yaml.
///
/// # Errors
///
/// Those of [`Package::source_config`].
pub fn source_order(
    package: &Package,
    profile: &Release,
    symbol: &str,
    meta: Meta,
    stream: &StreamOptions,
    conf_key: Option<&str>,
    properties: &Map<String, Value>,
) -> Result<(Order, Vec<Mistake>), PackageError> {
    let read = package.source_config(symbol, conf_key, profile)?;
    let mut config = read.properties;
    config.extend(properties.clone());
    let config = source_config(profile, stream, config);
    let order = Order::source(symbol, meta, &stream.datasource, config);
    Ok((order, read.ignored))
}
