//! What the orders of the control channel do: starts and stops of the symbols.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{function, sink, source};

/// The instances that run, and the answers to orders about them.
#[derive(Default)]
pub(crate) struct Dispatcher {
    instances: HashMap<String, Instance>,
    functions: HashSet<String>,
}

/// A source or a sink, and the argument that started it.
struct Instance {
    argument: Value,
    stop: Stop,
}

/// Closes the sockets of an instance, and returns when nothing of it runs.
pub(crate) type Stop = Box<dyn FnOnce() + Send>;

/// The argument of an order: a text that holds JSON, read into its parts.
pub(crate) struct Argument {
    symbol: String,
    kind: String,
    pub(crate) config: Value,
    /// `/tmp/{ruleId}_{opId}_{instanceId}`: the data address without its end.
    address: String,
    whole: Value,
}

impl Argument {
    fn parse(text: &str) -> Result<Argument, String> {
        let whole: Value =
            serde_json::from_str(text).map_err(|e| format!("the order's `arg` is no JSON: {e}"))?;
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let meta = &whole["meta"];
        Ok(Argument {
            symbol: part(&whole["symbolName"]),
            kind: part(&whole["pluginType"]),
            config: whole["config"].clone(),
            address: format!(
                "ipc:///tmp/{}_{}_{}",
                part(&meta["ruleId"]),
                part(&meta["opId"]),
                meta["instanceId"].as_u64().unwrap_or_default(),
            ),
            whole,
        })
    }

    /// A whole number of the config, 0 where it is missing.
    pub(crate) fn number(&self, name: &str) -> Result<u64, String> {
        match &self.config[name] {
            Value::Null => Ok(0),
            value => value
                .as_u64()
                .ok_or_else(|| format!("config.{name}: expected a whole number, got {value}")),
        }
    }

    /// The URL of the data channel.
    pub(crate) fn data(&self) -> String {
        format!("{}.ipc", self.address)
    }

    /// The URL of the ack channel.
    pub(crate) fn acks(&self) -> String {
        format!("{}_ack.ipc", self.address)
    }

    fn key(&self) -> String {
        format!("{}_{}", self.address, self.symbol)
    }
}

impl Dispatcher {
    /// Carries an order out and returns its answer.
    pub(crate) fn answer(&mut self, order: &[u8]) -> String {
        match self.carry_out(order) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error,
        }
    }

    fn carry_out(&mut self, order: &[u8]) -> Result<(), String> {
        let order: Value =
            serde_json::from_slice(order).map_err(|e| format!("the order is no JSON: {e}"))?;
        let argument = Argument::parse(order["arg"].as_str().unwrap_or_default())?;
        match order["cmd"].as_str() {
            Some("start") => self.start(argument),
            // A host stops what a process before this one had started, too.
            Some("stop") => {
                self.stop(&argument.key());
                Ok(())
            }
            _ => Err(format!("unknown cmd {}", order["cmd"])),
        }
    }

    /// Starts a symbol. What runs already with the same argument goes on; with
    /// another one it is started anew.
    fn start(&mut self, argument: Argument) -> Result<(), String> {
        let start = match (&*argument.kind, &*argument.symbol) {
            ("func", symbol @ ("bench_echo" | "bench_taken")) => {
                if self.functions.insert(symbol.to_owned()) {
                    function::start(symbol);
                }
                return Ok(());
            }
            ("source", "bench_rows") => source::start,
            ("sink", "bench_take") => sink::start,
            (kind, symbol) => return Err(format!("there is no {kind} `{symbol}`")),
        };
        let key = argument.key();
        match self.instances.get(&key) {
            Some(running) if running.argument == argument.whole => return Ok(()),
            _ => self.stop(&key),
        }
        let stop = start(&argument)?;
        let argument = argument.whole;
        self.instances.insert(key, Instance { argument, stop });
        Ok(())
    }

    fn stop(&mut self, key: &str) {
        if let Some(instance) = self.instances.remove(key) {
            (instance.stop)();
        }
    }

    /// Stops every instance.
    pub(crate) fn stop_all(&mut self) {
        for (_, instance) in self.instances.drain() {
            (instance.stop)();
        }
    }
}
