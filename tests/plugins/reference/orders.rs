//! What the orders of the control channel do: starts and stops of the symbols.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
};

use serde_json::Value;

use crate::{function, sink, source};

/// The instances that run, and the answers to orders about them.
#[derive(Default)]
pub(crate) struct Dispatcher {
    instances: HashMap<String, Instance>,
    functions: HashSet<String>,
}

/// A source or a sink on its thread, and the argument that started it.
struct Instance {
    argument: Value,
    worker: Worker,
}

/// A thread that ends soon after it was told to.
pub(crate) struct Worker {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Runs `work` on a thread of its own; it looks at the flag to see a stop.
    pub(crate) fn spawn(work: impl FnOnce(&AtomicBool) + Send + 'static) -> Worker {
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || work(&flag));
        Worker { stopped, thread }
    }

    fn stop(self) {
        self.stopped.store(true, SeqCst);
        if self.thread.join().is_err() {
            eprintln!("reference: an instance had panicked");
        }
    }
}

/// The argument of an order: a text that holds JSON, read into its parts.
pub(crate) struct Argument {
    pub(crate) symbol: String,
    pub(crate) kind: String,
    pub(crate) config: Value,
    /// `{ruleId}_{opId}_{instanceId}`: the name of the data address.
    pub(crate) address: String,
    /// The datasource, wherever the host's release puts it.
    pub(crate) datasource: String,
    whole: Value,
}

impl Argument {
    fn parse(text: &str) -> Result<Argument, String> {
        let whole: Value =
            serde_json::from_str(text).map_err(|e| format!("the order's `arg` is no JSON: {e}"))?;
        let meta = &whole["meta"];
        let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let beside = whole["dataSource"].as_str();
        Ok(Argument {
            symbol: part(&whole["symbolName"]),
            kind: part(&whole["pluginType"]),
            config: whole["config"].clone(),
            address: format!(
                "{}_{}_{}",
                part(&meta["ruleId"]),
                part(&meta["opId"]),
                meta["instanceId"].as_u64().unwrap_or_default(),
            ),
            datasource: beside.map_or_else(|| part(&whole["config"]["datasource"]), str::to_owned),
            whole,
        })
    }

    fn key(&self) -> String {
        format!("{}_{}", self.address, self.symbol)
    }
}

impl Dispatcher {
    /// Carries out an order and returns the answer: `ok`, or why not.
    ///
    /// No answer begins with `h`: a host would take it for a greeting.
    pub(crate) fn answer(&mut self, order: &[u8]) -> String {
        match self.carry_out(order) {
            Ok(()) => "ok".to_owned(),
            Err(text) => format!("reference: {text}"),
        }
    }

    fn carry_out(&mut self, order: &[u8]) -> Result<(), String> {
        let order: Value =
            serde_json::from_slice(order).map_err(|e| format!("the order is no JSON: {e}"))?;
        let argument = order["arg"].as_str();
        let argument = Argument::parse(argument.ok_or("the order has no text `arg`")?)?;
        match order["cmd"].as_str() {
            Some("start") => self.start(argument),
            Some("stop") => {
                self.stop(&argument.key());
                Ok(())
            }
            _ => Err(format!("unknown command {}", order["cmd"])),
        }
    }

    /// Starts a symbol. What runs already with the same argument goes on; with
    /// another one it is started anew.
    fn start(&mut self, argument: Argument) -> Result<(), String> {
        let key = argument.key();
        let start = match (&*argument.kind, &*argument.symbol) {
            ("func", "mirror") => {
                if self.functions.insert(argument.symbol.clone()) {
                    function::start(&argument.symbol);
                }
                return Ok(());
            }
            ("source", "ticks") => source::start,
            ("sink", "lines") => sink::start,
            ("func" | "source" | "sink", symbol) => {
                return Err(format!("there is no {} `{symbol}`", argument.kind));
            }
            (kind, _) => return Err(format!("unknown plugin type `{kind}`")),
        };
        match self.instances.get(&key) {
            Some(running) if running.argument == argument.whole => return Ok(()),
            Some(_) => self.stop(&key),
            None => {}
        }
        let worker = start(&argument)?;
        let argument = argument.whole;
        self.instances.insert(key, Instance { argument, worker });
        Ok(())
    }

    /// Stops an instance. One that does not run is no error: a host stops what
    /// it had started in a process that crashed.
    fn stop(&mut self, key: &str) {
        match self.instances.remove(key) {
            Some(instance) => instance.worker.stop(),
            None => eprintln!("reference: nothing to stop under {key}"),
        }
    }

    /// Stops every instance.
    pub(crate) fn stop_all(&mut self) {
        for (_, instance) in self.instances.drain() {
            instance.worker.stop();
        }
    }
}
