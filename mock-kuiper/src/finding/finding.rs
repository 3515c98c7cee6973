//! The type of a finding.

use std::fmt;

use super::code::Code;
use super::observed::Observed;
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
