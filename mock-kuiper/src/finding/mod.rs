//! What a plugin did wrong, as data.
//!
//! A [`Finding`] says what was observed and about which symbol, instance and
//! channel. [`Finding::advice`] says what to do about it, as data too: the
//! command phrases it as flags, the suite in its own terms, and this library
//! with the names of its builder's methods.

mod advice;
mod code;
mod observed;

use std::fmt;

use serde_json::{Map, Value};

pub use self::advice::{Advice, Limit};
pub use self::code::{Code, UnknownCode};
pub use self::observed::{Observed, Violation, describe_status};
use crate::symbol::{Channel, Kind, Meta, Symbol};

/// Something the plugin did wrong, as observed on the wire or in its process.
///
/// `Display` writes what was observed, in one line and without advice.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// The symbol concerned; `None` for the plugin as a whole.
    pub symbol: Option<Symbol>,
    /// The instance concerned; `None` for a function and for the plugin.
    pub instance: Option<Meta>,
    /// The channel concerned.
    pub channel: Option<Channel>,
    /// What was observed, with its details.
    pub observed: Observed,
}

impl Finding {
    /// Makes a finding about the plugin as a whole.
    #[must_use]
    pub fn new(observed: Observed) -> Self {
        Self {
            symbol: None,
            instance: None,
            channel: None,
            observed,
        }
    }

    /// Names the symbol concerned.
    #[must_use]
    pub fn of(mut self, kind: Kind, name: &str) -> Self {
        self.symbol = Some(Symbol::new(kind, name));
        self
    }

    /// Names the instance concerned.
    #[must_use]
    pub fn at(mut self, instance: &Meta) -> Self {
        self.instance = Some(instance.clone());
        self
    }

    /// Names the channel concerned.
    #[must_use]
    pub fn on(mut self, channel: &Channel) -> Self {
        self.channel = Some(channel.clone());
        self
    }

    /// Returns the stable name of this kind of finding.
    #[must_use]
    pub fn code(&self) -> Code {
        self.observed.code()
    }

    /// Returns the last lines that the plugin wrote before it exited, the
    /// oldest first; `None` for a finding that is not about an exit.
    #[must_use]
    pub fn log(&self) -> Option<&[String]> {
        match &self.observed {
            Observed::ExitedEarly { log, .. } | Observed::Exited { log, .. } => Some(log),
            _ => None,
        }
    }

    /// Returns what to do about it, the most likely remedy first.
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        advice::of(self)
    }

    /// Returns the finding as the fields of a JSON object: `code`, `what` (the
    /// `Display` text), `kind`, `symbol`, `instance`, `channel`, `details` and
    /// `advice`. Fields without a value are left out.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("code", self.code().name().into());
        put("what", self.to_string().into());
        if let Some(symbol) = &self.symbol {
            put("kind", symbol.kind.to_string().into());
            put("symbol", symbol.name.as_str().into());
        }
        if let Some(instance) = &self.instance {
            put("instance", instance.to_string().into());
        }
        if let Some(channel) = &self.channel {
            put("channel", channel.name().into());
        }
        let details = self.observed.details();
        if !details.is_empty() {
            put("details", details.into());
        }
        let advice: Vec<Value> = self.advice().iter().map(Advice::to_json).collect();
        if !advice.is_empty() {
            put("advice", advice.into());
        }
        fields
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.symbol {
            Some(symbol) => write!(f, "{symbol} ")?,
            None => f.write_str("the plugin ")?,
        }
        self.observed.write(f, self.channel.as_ref())
    }
}

#[cfg(test)]
mod tests;
