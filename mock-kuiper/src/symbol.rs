//! What a plugin offers and what of it runs: symbols and their instances.
//!
//! Rules: protocol.md sections 1 and 4.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_channel_is_called_after_rule_operator_and_instance() {
        let meta = Meta::new("rule1", "print_0");

        assert_eq!(meta.to_string(), "rule1_print_0_0");
    }
}
