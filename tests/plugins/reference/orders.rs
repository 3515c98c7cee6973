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

use crate::{fault, function, sink, source};

/// The instances that run, and the answers to orders about them.
#[derive(Default)]
pub(crate) struct Dispatcher {
    instances: HashMap<String, Instance>,
    functions: HashSet<String>,
    /// What faults need to know: the keys that have failed, the starts of
    /// sources, the instances beside those that are known.
    failed: HashSet<String>,
    starts: HashMap<String, u32>,
    doubled: Vec<Instance>,
}

/// A source or a sink on its thread, and the argument that started it.
struct Instance {
    argument: Value,
    worker: Worker,
}

impl Instance {
    fn is_source(&self) -> bool {
        self.argument["pluginType"] == "source"
    }
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
        let rule = match fault::has("names-not-decoded") {
            true => part(&meta["ruleId"]).replace('&', "\\u0026"),
            false => part(&meta["ruleId"]),
        };
        Ok(Argument {
            symbol: part(&whole["symbolName"]),
            kind: part(&whole["pluginType"]),
            config: whole["config"].clone(),
            address: format!(
                "{}_{}_{}",
                rule,
                part(&meta["opId"]),
                match fault::has("instance-ignored") {
                    true => 0,
                    false => meta["instanceId"].as_u64().unwrap_or_default(),
                },
            ),
            datasource: beside.map_or_else(|| part(&whole["config"]["datasource"]), str::to_owned),
            whole,
        })
    }

    /// The faults of a plugin that takes less than eKuiper may send.
    fn tolerates_faults(&self) -> Result<(), String> {
        let known = ["symbolName", "meta", "pluginType", "config", "dataSource"];
        let mut fields = self
            .whole
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys());
        if fault::has("fields-refused") && fields.any(|field| !known.contains(&field.as_str())) {
            return Err("the argument has an unknown field".to_owned());
        }
        if fault::has("config-needed") && self.kind == "sink" && self.config.is_null() {
            return Err("there is no configuration".to_owned());
        }
        if fault::has("escapes-refused") && self.config.to_string().contains('<') {
            return Err("the configuration has a `<`".to_owned());
        }
        Ok(())
    }

    fn key(&self) -> String {
        let by_rule = match &*self.kind {
            "source" => fault::has("sources-keyed-by-rule"),
            _ => fault::has("sinks-keyed-by-rule"),
        };
        match by_rule {
            true => format!("{}_{}", self.whole["meta"]["ruleId"], self.symbol),
            false => format!("{}_{}", self.address, self.symbol),
        }
    }
}

impl Dispatcher {
    /// Carries out an order and returns the answer: `ok`, or why not.
    ///
    /// No answer begins with `h`: a host would take it for a greeting.
    pub(crate) fn answer(&mut self, order: &[u8]) -> String {
        match self.carry_out(order) {
            Ok(()) => "ok".to_owned(),
            Err(_) if fault::has("refuses-without-words") => String::new(),
            Err(text) if fault::has("answers-with-h") => format!("hm: {text}"),
            Err(text) => format!("reference: {text}"),
        }
    }

    fn carry_out(&mut self, order: &[u8]) -> Result<(), String> {
        let order: Value = serde_json::from_slice(order).map_err(|e| {
            if fault::has("dies-of-bytes") {
                std::process::exit(1);
            }
            format!("the order is no JSON: {e}")
        })?;
        let argument = order["arg"].as_str();
        let argument = Argument::parse(argument.ok_or("the order has no text `arg`")?)?;
        argument.tolerates_faults()?;
        match order["cmd"].as_str() {
            Some("start") => self.start(argument),
            Some("stop") if fault::has("stop-refused") => Err("it cannot be stopped".to_owned()),
            Some("stop") => {
                self.stop(&argument.key());
                self.stop_others(&argument.kind);
                Ok(())
            }
            _ if fault::has("unknown-command-ok") => Ok(()),
            _ => Err(format!("unknown command {}", order["cmd"])),
        }
    }

    /// Starts a symbol. What runs already with the same argument goes on; with
    /// another one it is started anew.
    fn start(&mut self, argument: Argument) -> Result<(), String> {
        let key = argument.key();
        let start = match (&*argument.kind, &*argument.symbol) {
            ("func", "largest")
                if fault::has("functions-in-order") && !self.functions.contains("mirror") =>
            {
                return Err("`mirror` has to be started before".to_owned());
            }
            ("func", "mirror" | "largest") => {
                let new = self.functions.insert(argument.symbol.clone());
                if !new && fault::has("function-again-refused") {
                    return Err("it runs already".to_owned());
                }
                if new || fault::has("second-channel") {
                    function::start(&argument.symbol);
                }
                return Ok(());
            }
            ("source", "ticks") => source::start,
            ("sink", "lines") => sink::start,
            ("func" | "source" | "sink", "no_such_symbol") if fault::has("unknown-symbol-ok") => {
                return Ok(());
            }
            ("" | "func" | "source" | "sink", "" | "ticks") if fault::has("gaps-ok") => {
                return Ok(());
            }
            ("func" | "source" | "sink", symbol) => {
                return Err(format!("there is no {} `{symbol}`", argument.kind));
            }
            ("lookup", _) if fault::has("unknown-type-ok") => return Ok(()),
            (kind, _) => return Err(format!("unknown plugin type `{kind}`")),
        };
        match self.instances.get(&key) {
            Some(running) if running.argument == argument.whole => {
                if fault::has("start-again-refused") {
                    return Err("it runs already".to_owned());
                }
                let doubles = fault::has("start-again-doubles") && argument.kind == "source";
                if !doubles {
                    return Ok(());
                }
                self.doubled.extend(self.instances.remove(&key));
            }
            Some(_) if fault::has("start-anew-refused") => {
                return Err("it runs already".to_owned());
            }
            Some(_) => {
                if let Some(old) = self.instances.remove(&key) {
                    old.worker.stop();
                }
            }
            None => {}
        }
        self.start_with_faults(&argument)?;
        let worker = start(&argument).inspect_err(|_| {
            self.failed.insert(key.clone());
        })?;
        let argument = argument.whole;
        self.instances.insert(key, Instance { argument, worker });
        Ok(())
    }

    /// Stops an instance. One that does not run is no error: a host stops what
    /// it had started in a process that crashed.
    fn stop(&mut self, key: &str) {
        match self.instances.remove(key) {
            Some(instance) if fault::has("rows-after-stop") && instance.is_source() => {
                instance.worker.stopped.store(true, SeqCst);
            }
            Some(instance) => instance.worker.stop(),
            None if fault::has("stop-unknown-dies") => std::process::exit(1),
            None => eprintln!("reference: nothing to stop under {key}"),
        }
    }

    /// The faults of a start.
    fn start_with_faults(&mut self, argument: &Argument) -> Result<(), String> {
        let runs = |kind: &str| {
            let mut instances = self.instances.values();
            instances.any(|instance| instance.argument["pluginType"] == kind)
        };
        if fault::has("sinks-first") && argument.kind == "sink" && runs("source") {
            return Err("a sink cannot be started behind a source".to_owned());
        }
        if fault::has("config-left") && self.failed.contains(&argument.key()) {
            return Err("it is being started".to_owned());
        }
        if fault::has("files-kept") {
            std::mem::forget(std::fs::File::open("/dev/null"));
        }
        if fault::has("busy") && argument.address.starts_with("elsewhere") {
            std::thread::sleep(fault::idle());
        }
        if fault::has("third-start-refused") && argument.kind == "source" {
            let starts = self.starts.entry(argument.key()).or_default();
            *starts += 1;
            if *starts > 2 {
                return Err("it was started before".to_owned());
            }
        }
        Ok(())
    }

    /// The fault of a stop that is meant for one instance and hits others.
    fn stop_others(&mut self, kind: &str) {
        if fault::has("stops-all-sources") && kind == "source"
            || fault::has("stops-all-sinks") && kind == "sink"
        {
            let hit = |(key, instance): (&String, &Instance)| {
                (instance.argument["pluginType"] == kind).then(|| key.clone())
            };
            let keys: Vec<_> = self.instances.iter().filter_map(hit).collect();
            keys.iter().for_each(|key| self.stop(key));
        }
    }

    /// Stops every instance.
    pub(crate) fn stop_all(&mut self) {
        for (_, instance) in self.instances.drain() {
            instance.worker.stop();
        }
    }
}
