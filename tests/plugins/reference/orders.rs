//! Carries out the orders of the control channel: starts and stops of symbols.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    mem, process, thread,
};

use ekuiper_tests::nng_plugin::{Argument, Instance, Instances, Order};
use serde_json::Value;

use crate::{fault, function, sink, source};

/// What runs, and the answers to orders.
#[derive(Default)]
pub(crate) struct Dispatcher {
    instances: Instances,
    functions: HashSet<String>,
    memory: Memory,
}

/// What the faults of starts remember.
#[derive(Default)]
struct Memory {
    /// The keys under which a start failed.
    failed: HashSet<String>,
    /// How often a source was started under a key.
    starts: HashMap<String, u32>,
    /// Instances that run on while another one has their key.
    doubled: Vec<Instance>,
}

impl Dispatcher {
    /// Carries out an order and returns the answer: `ok`, or the reason why not.
    ///
    /// No answer begins with `h`: the host would take it for a greeting.
    pub(crate) fn answer(&mut self, order: &[u8]) -> String {
        match self.carry_out(order) {
            Ok(()) => "ok".to_owned(),
            Err(_) if fault::has("refuses-without-words") => String::new(),
            Err(text) if fault::has("answers-with-h") => format!("hm: {text}"),
            Err(text) => format!("reference: {text}"),
        }
    }

    fn carry_out(&mut self, order: &[u8]) -> Result<(), String> {
        if fault::has("dies-of-bytes") && serde_json::from_slice::<Value>(order).is_err() {
            process::exit(1);
        }
        let Order {
            command,
            mut argument,
        } = Order::parse(order)?;
        misread(&mut argument);
        check_tolerance(&argument)?;
        match &*command {
            "start" => self.start(argument),
            "stop" if fault::has("stop-refused") => Err("it cannot be stopped".to_owned()),
            "stop" => {
                self.stop(&key_of(&argument));
                self.stop_others(&argument.kind);
                Ok(())
            }
            _ if fault::has("unknown-command-ok") => Ok(()),
            _ => Err(format!("unknown command `{command}`")),
        }
    }

    fn start(&mut self, argument: Argument) -> Result<(), String> {
        let start = match (&*argument.kind, &*argument.symbol) {
            ("func", "largest")
                if fault::has("functions-in-order") && !self.functions.contains("mirror") =>
            {
                return Err("`mirror` has to be started first".to_owned());
            }
            ("func", "mirror" | "largest") => return self.start_function(&argument.symbol),
            ("source", "ticks" | "tocks") => source::start,
            ("sink", "lines" | "pages") => sink::start,
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
        let key = key_of(&argument);
        if self.start_again(&key, &argument)? {
            return Ok(());
        }
        let source_runs = self.runs("source");
        let memory = &mut self.memory;
        self.instances.start(key.clone(), argument, |argument| {
            memory.start(&key, argument, source_runs)?;
            start(argument).inspect_err(|_| _ = memory.failed.insert(key))
        })
    }

    fn start_function(&mut self, symbol: &str) -> Result<(), String> {
        let is_new = self.functions.insert(symbol.to_owned());
        if !is_new && fault::has("function-again-refused") {
            return Err("it already runs".to_owned());
        }
        if is_new || fault::has("second-channel") {
            function::start(symbol);
        }
        Ok(())
    }

    /// The faults of a start under a key that is in use.
    /// Returns whether the start is ignored.
    fn start_again(&mut self, key: &str, argument: &Argument) -> Result<bool, String> {
        let Some(running) = self.instances.get(key) else {
            return Ok(false);
        };
        let is_same = running.argument.whole == argument.whole;
        if !is_same && fault::has("start-anew-ignored") {
            return Ok(true);
        }
        if is_same && fault::has("start-again-refused")
            || !is_same && fault::has("start-anew-refused")
        {
            return Err("it already runs".to_owned());
        }
        if is_same && fault::has("start-again-doubles") && argument.kind == "source" {
            self.memory.doubled.extend(self.instances.take(key));
        }
        Ok(false)
    }

    /// Stops an instance. It is not an error if none runs: a host may stop what it
    /// had started in a process that crashed.
    fn stop(&mut self, key: &str) {
        let is_source = |instance: &Instance| instance.argument.kind == "source";
        if fault::has("rows-after-stop") && self.instances.get(key).is_some_and(is_source) {
            if let Some(instance) = self.instances.take(key) {
                instance.worker.request_stop();
            }
        } else if !self.instances.stop(key) {
            if fault::has("stop-unknown-dies") {
                process::exit(1);
            }
            eprintln!("reference: no instance to stop under {key}");
        }
    }

    /// The faults of a stop that also ends other instances.
    fn stop_others(&mut self, kind: &str) {
        if fault::has("stops-all-sources") && kind == "source"
            || fault::has("stops-all-sinks") && kind == "sink"
        {
            let of_kind = |(key, instance): (&str, &Instance)| {
                (instance.argument.kind == kind).then(|| key.to_owned())
            };
            let keys: Vec<_> = self.instances.iter().filter_map(of_kind).collect();
            keys.iter().for_each(|key| self.stop(key));
        }
    }

    fn runs(&self, kind: &str) -> bool {
        let mut instances = self.instances.iter();
        instances.any(|(_, instance)| instance.argument.kind == kind)
    }

    /// Stops every instance.
    pub(crate) fn stop_all(&mut self) {
        self.instances.stop_all();
    }
}

impl Memory {
    /// The faults of the start of a new instance.
    fn start(&mut self, key: &str, argument: &Argument, source_runs: bool) -> Result<(), String> {
        if fault::has("sinks-first") && argument.kind == "sink" && source_runs {
            return Err("a sink cannot be started after a source".to_owned());
        }
        if fault::has("config-left") && self.failed.contains(key) {
            return Err("it is being started".to_owned());
        }
        if fault::has("files-kept") {
            mem::forget(File::open("/dev/null"));
        }
        if fault::has("busy") && argument.rule.starts_with("elsewhere") {
            thread::sleep(fault::idle());
        }
        if fault::has("third-start-refused") && argument.kind == "source" {
            let starts = self.starts.entry(key.to_owned()).or_default();
            *starts += 1;
            if *starts > 2 {
                return Err("it was started before".to_owned());
            }
        }
        Ok(())
    }
}

/// The faults of a plugin that misreads an argument.
fn misread(argument: &mut Argument) {
    if fault::has("names-not-decoded") {
        argument.rule = argument.rule.replace('&', "\\u0026");
    }
    if fault::has("instance-ignored") {
        argument.instance = 0;
    }
}

/// The faults of a plugin that refuses what a host may send.
fn check_tolerance(argument: &Argument) -> Result<(), String> {
    let known = ["symbolName", "meta", "pluginType", "config", "dataSource"];
    let fields = argument.whole.as_object();
    let mut fields = fields.into_iter().flat_map(|fields| fields.keys());
    if fault::has("fields-refused") && fields.any(|field| !known.contains(&field.as_str())) {
        return Err("the argument has an unknown field".to_owned());
    }
    let is_instance = ["source", "sink"].contains(&&*argument.kind);
    if is_instance && argument.whole.get("meta").is_none() {
        return Err("the argument has no `meta`".to_owned());
    }
    if fault::has("config-needed") && argument.kind == "sink" && argument.config.is_null() {
        return Err("there is no configuration".to_owned());
    }
    if fault::has("escapes-refused") && argument.config.to_string().contains('<') {
        return Err("the configuration has a `<`".to_owned());
    }
    Ok(())
}

/// The key of an instance; with a fault, the instances of a rule share one key.
fn key_of(argument: &Argument) -> String {
    let is_by_rule = match &*argument.kind {
        "source" => fault::has("sources-keyed-by-rule"),
        _ => fault::has("sinks-keyed-by-rule"),
    };
    match is_by_rule {
        true => format!("{}_{}", argument.rule, argument.symbol),
        false => argument.key(),
    }
}
