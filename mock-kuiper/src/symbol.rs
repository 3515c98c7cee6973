//! What a plugin offers and what of it runs: symbols, their instances, and the
//! channels between them and the host.
//!
//! Rules: protocol.md sections 1 and 4.

use std::fmt;

use crate::foreign::in_sentence;

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A source: rows come from it.
    Source,
    /// A sink: rows go to it.
    Sink,
    /// A function: it is called.
    Function,
}

impl Kind {
    /// Returns the `pluginType` of an order: `source`, `sink` or `func`.
    #[must_use]
    pub fn plugin_type(self) -> &'static str {
        match self {
            Kind::Source => "source",
            Kind::Sink => "sink",
            Kind::Function => "func",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Source => "source",
            Kind::Sink => "sink",
            Kind::Function => "function",
        })
    }
}

/// A symbol of a plugin, by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Symbol {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

impl Symbol {
    /// Names a symbol.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Symbol {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for Symbol {
    /// Writes kind and name: ``source `random` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, in_sentence(&self.name))
    }
}

/// Where in a rule an instance runs. A function's is the default: empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Meta {
    /// The rule's name.
    pub rule_id: String,
    /// The operator: of a source the stream's name, of a sink `{action}_{index}`.
    pub op_id: String,
    /// The number of the instance within its operator, from 0.
    pub instance_id: u32,
}

impl Meta {
    /// Names instance 0 of an operator.
    pub fn new(rule_id: impl Into<String>, op_id: impl Into<String>) -> Self {
        Meta {
            rule_id: rule_id.into(),
            op_id: op_id.into(),
            instance_id: 0,
        }
    }
}

impl fmt::Display for Meta {
    /// Writes `{ruleId}_{opId}_{instanceId}`, the name of the data channel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.rule_id, self.op_id, self.instance_id)
    }
}

/// One of a plugin's channels, by the name of its socket's file: of a control
/// channel `plugin_mirror`, of data `rule1_demo_0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Channel {
    name: String,
    purpose: Purpose,
}

/// What a channel is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Orders and their answers.
    Control,
    /// A source's rows.
    Source,
    /// The rows for a sink.
    Sink,
    /// A sink's acks.
    Ack,
    /// Requests to a function and its answers.
    Function,
}

impl Channel {
    /// Returns the control channel of a plugin.
    #[must_use]
    pub fn control(plugin: &str) -> Self {
        Self::new(format!("plugin_{plugin}"), Purpose::Control)
    }

    /// Returns the channel of a source's rows.
    #[must_use]
    pub fn source(meta: &Meta) -> Self {
        Self::new(meta.to_string(), Purpose::Source)
    }

    /// Returns the channel of a sink's rows.
    #[must_use]
    pub fn sink(meta: &Meta) -> Self {
        Self::new(meta.to_string(), Purpose::Sink)
    }

    /// Returns the channel of a sink's acks.
    #[must_use]
    pub fn ack(meta: &Meta) -> Self {
        Self::new(format!("{meta}_ack"), Purpose::Ack)
    }

    /// Returns the channel of a function.
    #[must_use]
    pub fn function(symbol: &str) -> Self {
        Self::new(format!("func_{symbol}"), Purpose::Function)
    }

    /// Returns a channel whose name is known from elsewhere.
    pub(crate) fn named(name: &str, purpose: Purpose) -> Self {
        Self::new(name.to_owned(), purpose)
    }

    fn new(name: String, purpose: Purpose) -> Self {
        Self { name, purpose }
    }

    /// Returns the channel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what it is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns who dials; the other end listens.
    #[must_use]
    pub fn dialer(&self) -> Side {
        match self.purpose {
            Purpose::Sink => Side::Host,
            _ => Side::Plugin,
        }
    }

    /// Returns the SP protocol number of one end's socket.
    #[must_use]
    pub fn socket(&self, side: Side) -> u8 {
        let (host, plugin) = match self.purpose {
            Purpose::Control | Purpose::Function => (0x31, 0x30),
            Purpose::Source | Purpose::Ack => (0x51, 0x50),
            Purpose::Sink => (0x50, 0x51),
        };
        match side {
            Side::Host => host,
            Side::Plugin => plugin,
        }
    }

    /// Returns the address as the plugin sees it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ipc:///tmp/{}.ipc", self.name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// An end of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// eKuiper, or who plays its part.
    Host,
    /// The plugin.
    Plugin,
}

impl Side {
    /// Returns `host` or `plugin`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Side::Host => "host",
            Side::Plugin => "plugin",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_channel_is_called_after_rule_operator_and_instance() {
        let meta = Meta::new("rule1", "print_0");

        assert_eq!(meta.to_string(), "rule1_print_0_0");
    }

    #[test]
    fn addresses_are_those_of_the_protocol() {
        let meta = Meta::new("rule1", "print_0");

        assert_eq!(
            Channel::control("mirror").url(),
            "ipc:///tmp/plugin_mirror.ipc"
        );
        assert_eq!(
            Channel::source(&meta).url(),
            "ipc:///tmp/rule1_print_0_0.ipc"
        );
        assert_eq!(Channel::sink(&meta).url(), "ipc:///tmp/rule1_print_0_0.ipc");
        assert_eq!(
            Channel::ack(&meta).url(),
            "ipc:///tmp/rule1_print_0_0_ack.ipc"
        );
        assert_eq!(Channel::function("echo").url(), "ipc:///tmp/func_echo.ipc");
    }

    #[test]
    fn only_a_sinks_rows_are_dialed_by_the_host() {
        let meta = Meta::default();

        assert_eq!(Channel::sink(&meta).dialer(), Side::Host);
        assert_eq!(Channel::source(&meta).dialer(), Side::Plugin);
        assert_eq!(Channel::ack(&meta).socket(Side::Host), 0x51);
        assert_eq!(Channel::sink(&meta).socket(Side::Host), 0x50);
        assert_eq!(Channel::function("f").socket(Side::Plugin), 0x30);
    }
}
