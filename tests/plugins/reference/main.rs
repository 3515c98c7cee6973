//! The reference plugin: one source, one sink and two functions on NNG's C
//! library, without the crates of this workspace that it is there to test.
//!
//! It follows the protocol and relies on nothing that only some hosts do. The
//! mock must drive it without a finding.
//!
//! - `ticks` (source) emits `{"n":1}`, `{"n":2}`, …; see `sources/ticks.yaml`.
//! - `lines` (sink) appends each message as a line to the file `path` of its
//!   configuration, or writes it to stdout without `path`.
//! - `mirror` (function) returns its one argument.
//! - `largest` (aggregate) returns the largest number of its one list, or null.
//! - `tocks` is another `ticks`, and `pages` another `lines`, for tests that
//!   declare two symbols of a kind.
//!
//! It can have one of many faults on request, see `fault.rs`. What it shares with
//! other plugins on NNG is in `ekuiper_tests::nng_plugin`.

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
    time::Duration,
};

use ekuiper_tests::nng_plugin::{control_url, on_termination, serve};
use serde_json::Value;

use channel::Channel;
use orders::Dispatcher;

/// How long the plugin waits for a host to listen on the control channel.
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    if let Some(argument) = env::args().nth(1)
        && !matches!(serde_json::from_str(&argument), Ok(Value::Object(_)))
    {
        eprintln!("reference: the argument must be a JSON object, not `{argument}`");
        return ExitCode::from(2);
    }
    if is_unable_to_run() {
        return ExitCode::FAILURE;
    }
    let dispatcher = Arc::new(Mutex::new(Dispatcher::default()));
    if let Err(error) = exit_on_termination(Arc::clone(&dispatcher)) {
        eprintln!("reference: cannot handle signals: {error}");
        return ExitCode::FAILURE;
    }

    let answer = |order: &[u8]| {
        let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        dispatcher.answer(order).into_bytes()
    };
    let url = control_url("reference");
    if [
        "careless-ids",
        "any-id",
        "answers-unknown-twice",
        "answers-again",
        "answers-after-a-minute",
        "closes-after-answers",
    ]
    .into_iter()
    .any(fault::has)
    {
        let is_unknown = |order: &[u8]| String::from_utf8_lossy(order).contains("no_such_symbol");
        let is_doubled = |order: &[u8]| fault::has("answers-unknown-twice") && is_unknown(order);
        careless::serve(&url, answer, is_doubled);
    }
    let error = serve(&url, LIMIT, Channel::new(&url, answer));

    eprintln!("reference: control channel {url}: {error}");
    ExitCode::FAILURE
}

/// Whether the plugin has a fault that ends the process before it greets.
fn is_unable_to_run() -> bool {
    let has_usual_argument = || {
        env::args()
            .nth(1)
            .is_some_and(|argument| argument == r#"{"sendTimeout":1000}"#)
    };
    let is_locked = || {
        let lock = std::fs::File::create_new("/tmp/reference.lock");
        lock.is_err()
    };
    if fault::has("never-greets") {
        fault::hang();
    }
    fault::has("argument-needed") && !has_usual_argument()
        || fault::has("directory-needed") && !std::path::Path::new("reference.json").exists()
        || fault::has("lock-file") && is_locked()
}

/// Ends the process at SIGTERM and SIGINT, after a stop of every instance: no
/// socket file is left.
fn exit_on_termination(dispatcher: Arc<Mutex<Dispatcher>>) -> std::io::Result<()> {
    on_termination(move || {
        if fault::has("sigterm-ignored") {
            return;
        }
        let mut dispatcher = dispatcher.lock().unwrap_or_else(PoisonError::into_inner);
        dispatcher.stop_all();
        process::exit(0);
    })
}
