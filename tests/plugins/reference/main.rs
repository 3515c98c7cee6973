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

mod acks;
mod channel;
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
    let dispatcher = Arc::new(Mutex::new(Dispatcher::default()));
    if let Err(error) = leave_at_signals(Arc::clone(&dispatcher)) {
        eprintln!("reference: no signal handler: {error}");
        return ExitCode::FAILURE;
    }

    let limit = Duration::from_secs(30);
    let error = channel::serve(CONTROL, limit, |order| {
        let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        dispatcher.answer(order).into_bytes()
    });

    eprintln!("reference: control channel {CONTROL}: {error}");
    ExitCode::FAILURE
}

/// Ends the process at SIGTERM and SIGINT, with every instance stopped, so that
/// no socket file stays behind.
fn leave_at_signals(dispatcher: Arc<Mutex<Dispatcher>>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
            dispatcher.stop_all();
            process::exit(0);
        }
    });
    Ok(())
}
