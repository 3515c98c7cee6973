//! Orders and requests of a trace, read from their bytes.

use serde_json::Value;

use crate::symbol::{Kind, Meta, Symbol};
use crate::wire::Command;

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub struct Ordered {
    /// `start` or `stop`.
    pub command: Command,
    /// The symbol.
    pub symbol: Symbol,
    /// The instance; a function has the default.
    pub meta: Meta,
    /// The stream's DATASOURCE, where the release sends it beside `config`.
    pub datasource: Option<String>,
    /// The configuration; null if there is none.
    pub config: Value,
}

/// A request to a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Requested {
    /// `IsAggregate`, `Validate`, `Exec`, or another.
    pub name: String,
    /// The arguments; of `Exec` without the context.
    pub args: Vec<Value>,
    /// Where in a rule an `Exec` is: the context, as JSON.
    pub context: Value,
}

/// Reads an order.
#[must_use]
pub fn order(body: &[u8]) -> Option<Ordered> {
    let order: Value = serde_json::from_slice(body).ok()?;
    let command = [Command::Start, Command::Stop]
        .into_iter()
        .find(|command| order["cmd"] == command.name())?;
    let mut argument: Value = serde_json::from_str(order["arg"].as_str()?).ok()?;
    let kind = [Kind::Source, Kind::Sink, Kind::Function]
        .into_iter()
        .find(|kind| argument["pluginType"] == kind.plugin_type())?;
    let symbol = Symbol::new(kind, argument["symbolName"].as_str()?);
    let place = |field: &str| argument["meta"][field].as_str().unwrap_or_default();
    let instance = argument["meta"]["instanceId"].as_u64().unwrap_or_default();
    Some(Ordered {
        command,
        symbol,
        meta: Meta {
            instance_id: instance.try_into().ok()?,
            ..Meta::new(place("ruleId"), place("opId"))
        },
        datasource: argument["dataSource"].as_str().map(str::to_owned),
        config: argument
            .get_mut("config")
            .map(Value::take)
            .unwrap_or_default(),
    })
}

/// Reads a request to a function.
#[must_use]
pub fn request(body: &[u8]) -> Option<Requested> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let name = request["func"].as_str()?.to_owned();
    let mut args = match request.get_mut("arg").map(Value::take) {
        Some(Value::Array(args)) => args,
        None | Some(Value::Null) => Vec::new(),
        Some(_) => return None,
    };
    let mut context = Value::Null;
    if name == "Exec" {
        let last = args.pop()?;
        context = serde_json::from_str(last.as_str()?).ok()?;
    }
    Some(Requested {
        name,
        args,
        context,
    })
}
