//! The benchmark's peer on NNG: a plugin on the crate `nng`, without the crates
//! that the benchmark is there to measure.
//!
//! Each source has a thread; the threads of NNG take the rows of the sinks. What
//! this plugin shares with the reference plugin is in
//! `ekuiper_tests::nng_plugin`.
//!
//! - `bench_rows` (source) emits `{"n":1,"pad":"xxx…"}`, `{"n":2,…}`, …; the pad
//!   has `pad` times x. With `interval` (µs) it sleeps between rows, and adds
//!   `t`: nanoseconds since the Unix epoch.
//! - `bench_take` (sink) checks that `n` counts up from 1 in each instance; it
//!   sends acks if `requireAck` is set.
//! - `bench_echo` (function) returns its first argument.
//! - `bench_head` (function) decodes base64 and returns the first 6 bytes.
//! - `bench_fill` (function) decodes base64 and returns it, made as many bytes long
//!   as the second argument says.
//! - `bench_taken` (function) returns `[rows, wrong]`: how many rows the sinks of
//!   the process took so far, and how many of them were wrong.

mod function;
mod orders;
mod sink;
mod source;

use std::{
    io,
    process::{self, ExitCode},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ekuiper_tests::nng_plugin::{control_url, on_termination, serve};

use orders::Dispatcher;

/// How long an instance waits in NNG before it checks whether it has to stop.
///
/// A close of its socket would end the wait at once, but NNG 1.4 now and then
/// crashes if a socket is closed during a send.
const STEP: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let dispatcher = Arc::new(Mutex::new(Dispatcher::default()));
    if let Err(error) = exit_on_termination(Arc::clone(&dispatcher)) {
        eprintln!("bench_nng: cannot handle signals: {error}");
        return ExitCode::FAILURE;
    }
    let answer = |order: &[u8]| {
        let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        dispatcher.answer(order).into_bytes()
    };
    let error = serve(&control_url("bench_nng"), Duration::MAX, answer);
    eprintln!("bench_nng: control channel: {error}");
    ExitCode::FAILURE
}

/// Ends the process at SIGTERM and SIGINT, after a stop of every instance: no
/// socket file is left.
fn exit_on_termination(dispatcher: Arc<Mutex<Dispatcher>>) -> io::Result<()> {
    on_termination(move || {
        let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        dispatcher.stop_all();
        process::exit(0);
    })
}
