//! The reference plugin: one source, one sink and one function on NNG's sockets,
//! without any of our crates below it.
//!
//! It does what the protocol advises and nothing that only some hosts take, so
//! it is what the tools are tried on: the mock must drive it without a finding.
//!
//! - `ticks` (source) emits `{"n":1}`, `{"n":2}`, …; see `sources/ticks.yaml`.
//! - `lines` (sink) appends each message to the file `path` of its config, as a
//!   line; without `path` it writes it to stdout.
//! - `mirror` (function) returns its one argument.
//! - `largest` (aggregate) returns the largest number of its one list, or null.
//!
//! It can be told to have faults, see `fault.rs`.

mod acks;
mod careless;
mod channel;
mod fault;
mod function;
mod orders;
mod sink;
mod source;

use std::{
    env,
    process::{self, ExitCode},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use serde_json::Value;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use orders::Dispatcher;

/// The control channel of the plugin of this name.
const CONTROL: &str = "ipc:///tmp/plugin_reference.ipc";

fn main() -> ExitCode {
    if let Some(argument) = env::args().nth(1)
        && !matches!(serde_json::from_str(&argument), Ok(Value::Object(_)))
    {
        eprintln!("reference: the argument must be a JSON object: {argument}");
        return ExitCode::from(2);
    }
    if is_unable_to_run() {
        return ExitCode::FAILURE;
    }
    let dispatcher = Arc::new(Mutex::new(Dispatcher::default()));
    if let Err(error) = leave_at_signals(Arc::clone(&dispatcher)) {
        eprintln!("reference: no signal handler: {error}");
        return ExitCode::FAILURE;
    }

    let answer = |order: &[u8]| {
        let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        dispatcher.answer(order).into_bytes()
    };
    if fault::has("careless-ids") || fault::has("answers-unknown-twice") {
        let is_unknown = |order: &[u8]| String::from_utf8_lossy(order).contains("no_such_symbol");
        let twice = |order: &[u8]| fault::has("answers-unknown-twice") && is_unknown(order);
        careless::serve(&CONTROL["ipc://".len()..], answer, twice);
    }
    let limit = Duration::from_secs(30);
    let error = channel::serve(CONTROL, limit, answer);

    eprintln!("reference: control channel {CONTROL}: {error}");
    ExitCode::FAILURE
}

/// The faults of a process that never gets as far as to greet.
fn is_unable_to_run() -> bool {
    let usual = || {
        env::args()
            .nth(1)
            .is_some_and(|argument| argument == r#"{"sendTimeout":1000}"#)
    };
    let locked = || {
        let lock = std::fs::File::create_new("/tmp/reference.lock");
        lock.is_err()
    };
    if fault::has("never-greets") {
        fault::hang();
    }
    fault::has("argument-needed") && !usual()
        || fault::has("directory-needed") && !std::path::Path::new("reference.json").exists()
        || fault::has("lock-file") && locked()
}

/// Ends the process at SIGTERM and SIGINT, with every instance stopped, so that
/// no socket file stays behind.
fn leave_at_signals(dispatcher: Arc<Mutex<Dispatcher>>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        if fault::has("sigterm-ignored") {
            return signals.forever().for_each(drop);
        }
        if signals.forever().next().is_some() {
            let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
            dispatcher.stop_all();
            process::exit(0);
        }
    });
    Ok(())
}
