//! Orders as they arrive on the control channel.
//!
//! Read leniently: a missing or mistyped field is empty, and unknown fields are
//! ignored. The plugin that carries out the order decides whether that will do.

use serde_json::Value;

/// An order: what to do, and with which symbol.
#[derive(Debug)]
pub struct Order {
    /// `start` or `stop`.
    pub command: String,
    /// The argument of the order.
    pub argument: Argument,
}

/// The argument of an order: a symbol and, for a source or sink, its instance
/// and its configuration.
#[derive(Debug)]
pub struct Argument {
    /// The name of the symbol.
    pub symbol: String,
    /// `source`, `sink` or `func`.
    pub kind: String,
    /// The id of the rule.
    pub rule: String,
    /// The id of the operator in the rule.
    pub operator: String,
    /// The number of the instance.
    pub instance: u64,
    /// The configuration, null if there is none.
    pub config: Value,
    /// The datasource of a source, wherever the release of the host puts it.
    pub datasource: String,
    /// The argument as it came: two starts are the same if theirs are equal.
    pub whole: Value,
}

impl Order {
    /// Reads an order.
    ///
    /// # Errors
    ///
    /// A text for the host, if the order or its `arg` is not JSON.
    pub fn parse(order: &[u8]) -> Result<Order, String> {
        let order: Value =
            serde_json::from_slice(order).map_err(|e| format!("the order is not JSON: {e}"))?;
        let argument = order["arg"].as_str();
        let argument = argument.ok_or("the order has no text `arg`")?;
        Ok(Order {
            command: text_of(&order["cmd"]),
            argument: Argument::parse(argument)?,
        })
    }
}

impl Argument {
    fn parse(text: &str) -> Result<Argument, String> {
        let whole: Value = serde_json::from_str(text)
            .map_err(|e| format!("the `arg` of the order is not JSON: {e}"))?;
        let meta = &whole["meta"];
        let config = &whole["config"];
        let datasource = match &whole["dataSource"] {
            beside @ Value::String(_) => beside,
            _ => &config["datasource"],
        };
        Ok(Argument {
            symbol: text_of(&whole["symbolName"]),
            kind: text_of(&whole["pluginType"]),
            rule: text_of(&meta["ruleId"]),
            operator: text_of(&meta["opId"]),
            instance: meta["instanceId"].as_u64().unwrap_or_default(),
            config: config.clone(),
            datasource: text_of(datasource),
            whole,
        })
    }

    /// A whole number of the configuration, or `default` if there is none.
    ///
    /// # Errors
    ///
    /// A text for the host, if the value is not a whole number.
    pub fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        match &self.config[name] {
            Value::Null => Ok(default),
            value => value
                .as_u64()
                .ok_or_else(|| format!("config.{name}: expected a whole number, got {value}")),
        }
    }

    /// The name of the data address: `{ruleId}_{opId}_{instanceId}`.
    pub fn address(&self) -> String {
        format!("{}_{}_{}", self.rule, self.operator, self.instance)
    }

    /// The URL of the data channel.
    pub fn data_url(&self) -> String {
        format!("ipc:///tmp/{}.ipc", self.address())
    }

    /// The URL of a sink's ack channel.
    pub fn ack_url(&self) -> String {
        format!("ipc:///tmp/{}_ack.ipc", self.address())
    }

    /// The key that tells an instance from all others of the plugin.
    pub fn key(&self) -> String {
        format!("{}_{}", self.address(), self.symbol)
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
