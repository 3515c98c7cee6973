//! A plugin without an SDK: sources, sinks and functions on the transport alone.
//!
//! It is about the least that eKuiper takes for a plugin. Its name is that of
//! its executable, and a symbol of any name is one of these:
//!
//! - a source sends `{"number":1}`, `{"number":2}` … every `interval`
//!   milliseconds (100), `limit` of them (no end), or the texts in `raw` once;
//! - a sink prints each row that it gets, and acks it;
//! - a function gives back its first argument.
//!
//! What it can also do wrong, on demand, is in `faults.rs`: it is the plugin
//! that the tests of `mock-kuiper run` drive.
//!
//! Rules: protocol.md sections 3 to 7.

mod faults;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ekuiper_sp::{Error, Options, Pull, Push, Req};
use serde::Deserialize;
use serde_json::{Value, json};

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().collect();
    let name = Path::new(&args[0]).file_stem().unwrap_or_default();
    let directory = std::env::current_dir().unwrap_or_default();
    println!("arguments {:?}", &args[1..]);
    println!("directory {}", directory.display());
    faults::at_launch(name);

    let dialed = faults::misnamed().unwrap_or_else(|| name.display().to_string());
    let url = format!("ipc:///tmp/plugin_{dialed}.ipc");
    println!("dialing {url}");
    let mut control = Req::dial(&url, Options::default())?;
    let mut plugin = Plugin::default();
    loop {
        control.wait_connected(None)?;
        match plugin.serve(&mut control) {
            // Another host listens there some day, and is greeted first.
            Err(Error::Disconnected | Error::Protocol(_)) => {}
            ended => return ended,
        }
    }
}

/// An order.
#[derive(Deserialize)]
struct Order {
    cmd: String,
    /// JSON, as a string.
    arg: String,
}

/// What an order is about.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    symbol_name: String,
    plugin_type: String,
    #[serde(default)]
    meta: Meta,
    #[serde(default)]
    config: Value,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Meta {
    rule_id: String,
    op_id: String,
    instance_id: u32,
}

impl Argument {
    fn data_url(&self, suffix: &str) -> String {
        let Meta {
            rule_id,
            op_id,
            instance_id,
        } = &self.meta;
        format!("ipc:///tmp/{rule_id}_{op_id}_{instance_id}{suffix}.ipc")
    }
}

/// What runs, by symbol and place.
#[derive(Default)]
struct Plugin {
    running: HashMap<String, Instance>,
}

impl Plugin {
    /// Greets, then carries out one order after the other.
    fn serve(&mut self, control: &mut Req) -> Result<(), Error> {
        control.send(b"handshake")?;
        loop {
            let answer = match control.recv(faults::idle_limit()) {
                Ok(order) => match self.carry_out(order) {
                    Ok(()) => "ok".to_owned(),
                    Err(text) => text,
                },
                Err(Error::TimedOut) => "handshake".to_owned(),
                Err(error) => return Err(error),
            };
            control.send(answer.as_bytes())?;
        }
    }

    /// Carries out an order. An error is its answer.
    fn carry_out(&mut self, order: &[u8]) -> Result<(), String> {
        let unreadable = |error| format!("not an order: {error}");
        let Order { cmd, arg } = serde_json::from_slice(order).map_err(unreadable)?;
        println!("{cmd} {arg}");
        let arg: Argument = serde_json::from_str(&arg).map_err(unreadable)?;
        faults::at_order(&cmd, &arg)?;
        let key = format!("{}{}", arg.symbol_name, arg.data_url(""));
        // A second start takes the place of the first.
        match self.running.remove(&key) {
            // Nobody ends it any more.
            Some(before) if faults::doubles() => std::mem::forget(before),
            before => drop(before),
        }
        if cmd == "start" {
            let started = match arg.plugin_type.as_str() {
                "source" if faults::is_undialed(&arg.config) => return Ok(()),
                "source" => start_source(&arg),
                "sink" if faults::is_deaf(&arg.config) => return Ok(()),
                "sink" => start_sink(&arg),
                "func" => start_function(&arg),
                other => return Err(format!("no pluginType is called {other}")),
            };
            let instance = started.map_err(|error| format!("cannot start: {error}"))?;
            self.running.insert(key, instance);
        }
        Ok(())
    }
}

/// A thread, and how to end it; dropping it does.
struct Instance {
    end: Box<dyn Fn()>,
    thread: Option<JoinHandle<()>>,
}

impl Instance {
    fn start(end: impl Fn() + 'static, run: impl FnOnce() + Send + 'static) -> Self {
        Self {
            end: Box::new(end),
            thread: Some(thread::spawn(run)),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        (self.end)();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn start_source(arg: &Argument) -> Result<Instance, Error> {
    let url = arg.data_url("");
    let rows = match faults::doubles() {
        // The host counts connections soon after the order is answered.
        true => Push::connect(&url, Options::default(), Duration::from_secs(10))?,
        false => Push::dial(&url, Options::default())?,
    };
    let rows = Arc::new(rows);
    let (end, ended) = mpsc::channel();
    let to_end = Arc::clone(&rows);
    let config = arg.config.clone();
    let mut rows = rows;
    let run = move || {
        let interval = config["interval"].as_u64().unwrap_or(100);
        let limit = config["limit"].as_u64().unwrap_or(u64::MAX);
        let raw = config["raw"].as_array().into_iter().flatten();
        let raw = raw.filter_map(|text| Some(text.as_str()?.to_owned()));
        let numbered = (1..=limit).map(|number| {
            format!(r#"{{"message":{{"number":{number}}},"meta":{{"from":"probe"}}}}"#)
        });
        let texts: Box<dyn Iterator<Item = String>> = match config.get("raw") {
            Some(_) => Box::new(raw),
            None => Box::new(numbered),
        };
        for (sent, text) in (1..).zip(texts) {
            if faults::leaves(&config, sent - 1) {
                faults::leave(&rows);
                let Some(pause) = faults::returns(&config) else {
                    break;
                };
                thread::sleep(pause);
                rows = match Push::dial(&url, Options::default()) {
                    Ok(again) => Arc::new(again),
                    Err(_) => return,
                };
            }
            // Waits for as long as nobody reads; `close` ends that.
            if rows.send(text.as_bytes(), None).is_err() {
                return;
            }
            faults::after_row(&config, sent, &rows);
            let wait = ended.recv_timeout(Duration::from_millis(interval));
            if wait != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
        let _ = ended.recv();
    };
    let end = move || {
        let _ = end.send(());
        to_end.close();
    };
    Ok(Instance::start(end, run))
}

fn start_sink(arg: &Argument) -> Result<Instance, Error> {
    // The host dials as soon as the order is answered.
    let mut rows = Pull::listen(&arg.data_url(""), Options::default())?;
    let acks = Push::dial(&arg.data_url("_ack"), Options::default())?;
    let waker = rows.waker();
    let url = arg.data_url("");
    let (symbol, config) = (arg.symbol_name.clone(), arg.config.clone());
    let ended = Arc::new(AtomicBool::new(false));
    let to_end = Arc::clone(&ended);
    let run = move || {
        let mut count = 0;
        if faults::is_idle(&config) {
            while !ended.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            return;
        }
        loop {
            let row = match rows.recv(Some(Duration::from_millis(50))) {
                Ok(row) => row,
                Err(Error::TimedOut) if !ended.load(Ordering::SeqCst) => continue,
                // Of one sender; the next may do better.
                Err(Error::Protocol(_)) => continue,
                Err(_) => return,
            };
            println!("{symbol} got {}", String::from_utf8_lossy(row));
            if row.is_empty() && faults::is_frail(&config) {
                return;
            }
            count += 1;
            faults::after_taken(&config, count);
            if faults::leaves(&config, count) {
                drop(rows);
                let Some(pause) = faults::returns(&config) else {
                    return;
                };
                thread::sleep(pause);
                rows = match Pull::listen(&url, Options::default()) {
                    Ok(again) => again,
                    Err(error) => {
                        println!("cannot listen again: {error}");
                        return;
                    }
                };
                continue;
            }
            for ack in faults::acks(&config) {
                // Where nobody reads acks they must not hold up the rows.
                let _ = acks.send(ack.as_bytes(), Some(Duration::ZERO));
            }
        }
    };
    let end = move || {
        to_end.store(true, Ordering::SeqCst);
        waker.wake();
    };
    Ok(Instance::start(end, run))
}

fn start_function(arg: &Argument) -> Result<Instance, Error> {
    let url = format!("ipc:///tmp/func_{}.ipc", arg.symbol_name);
    let mut calls = Req::dial(&url, Options::default())?;
    let closer = calls.closer();
    let run = move || {
        while calls.wait_connected(None).is_ok() {
            while let Err(Error::Disconnected | Error::Protocol(_)) = serve_function(&mut calls) {}
        }
    };
    Ok(Instance::start(move || closer.close(), run))
}

fn serve_function(calls: &mut Req) -> Result<(), Error> {
    calls.wait_connected(None)?;
    calls.send(b"handshake")?;
    loop {
        let answer = match calls.recv(faults::idle_call_limit()) {
            Ok(request) => answer(request),
            Err(Error::TimedOut) => "handshake".to_owned(),
            Err(error) => return Err(error),
        };
        calls.send(answer.as_bytes())?;
    }
}

/// Answers one request on a function's channel.
fn answer(request: &[u8]) -> String {
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    let first = &request["arg"][0];
    let func = request["func"].as_str().unwrap_or_default();
    if let Some(answer) = faults::reply(func, first) {
        return answer;
    }
    match func {
        "Validate" if request["arg"].is_null() => {
            json!({"state": false, "result": "expected an argument"})
        }
        "Validate" => json!({"state": true, "result": ""}),
        "IsAggregate" => json!({"state": true, "result": false}),
        "Exec" => json!({"state": true, "result": first}),
        other => json!({"state": false, "result": format!("no request is called {other}")}),
    }
    .to_string()
}
