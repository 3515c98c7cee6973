//! The benchmark's peer on NNG: a plugin on the crate `nng`, without any of our
//! crates below it.
//!
//! Each source has a thread of its own; rows of the sinks are taken in NNG's.
//!
//! - `bench_rows` (source) emits `{"n":1,"pad":"xxx…"}`, `{"n":2,…}`, …; the pad
//!   has `pad` times x. With `interval` (µs) it sleeps between rows, and adds
//!   `t`: nanoseconds since the Unix epoch.
//! - `bench_take` (sink) checks that `n` counts up from 1 in each instance; it
//!   acks with `requireAck`.
//! - `bench_echo` (function) returns its first argument.
//! - `bench_taken` (function) returns `[rows, wrong]`: what all sinks of the
//!   process took so far.

mod channel;
mod function;
mod orders;
mod sink;
mod source;

use std::{
    process::{self, ExitCode},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use orders::Dispatcher;

fn main() -> ExitCode {
    let dispatcher = Arc::new(Mutex::new(Dispatcher::default()));
    if let Err(error) = leave_at_signals(Arc::clone(&dispatcher)) {
        eprintln!("bench_nng: no signal handler: {error}");
        return ExitCode::FAILURE;
    }
    let error = channel::serve("ipc:///tmp/plugin_bench_nng.ipc", |order| {
        let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        dispatcher.answer(order).into_bytes()
    });
    eprintln!("bench_nng: control channel: {error}");
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
