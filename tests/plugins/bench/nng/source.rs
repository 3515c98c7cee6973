//! The source `bench_rows`: numbered rows, as fast as they are taken.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, SystemTime},
};

use nng::{
    Error, Message, Protocol, Socket,
    options::{Options, SendBufferSize, SendTimeout},
};
use serde::Serialize;

use crate::{
    channel,
    orders::{Argument, Stop},
};

/// Rows that wait in NNG, as many as mangos lets wait.
const QUEUE: i32 = 128;

#[derive(Serialize)]
struct Tuple<'a> {
    message: Row<'a>,
    meta: Option<()>,
}

#[derive(Serialize)]
struct Row<'a> {
    n: u64,
    pad: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    t: Option<u128>,
}

/// Reads the configuration, dials the host and emits until stopped.
pub(crate) fn start(argument: &Argument) -> Result<Stop, String> {
    let pad = usize::try_from(argument.number("pad")?).map_err(|e| format!("config.pad: {e}"))?;
    let pad = "x".repeat(pad);
    let interval = Duration::from_micros(argument.number("interval")?);
    let url = argument.data();
    let socket = dial(&url).map_err(|e| format!("cannot dial {url}: {e}"))?;
    let stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stopped);
    let thread = thread::spawn(move || {
        if let Err(error) = emit(&socket, &pad, interval, &flag) {
            eprintln!("bench_nng: bench_rows ends: {error}");
        }
    });
    Ok(Box::new(move || {
        stopped.store(true, Relaxed);
        thread.thread().unpark();
        if thread.join().is_err() {
            eprintln!("bench_nng: bench_rows had panicked");
        }
    }))
}

fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Push0)?;
    socket.set_opt::<SendBufferSize>(QUEUE)?;
    socket.set_opt::<SendTimeout>(Some(channel::STEP))?;
    channel::dial_in_background(&socket, url)?;
    Ok(socket)
}

/// Emits until stopped.
fn emit(socket: &Socket, pad: &str, interval: Duration, stopped: &AtomicBool) -> Result<(), Error> {
    let mut n = 0;
    let mut text = Vec::new();
    while !stopped.load(Relaxed) {
        n += 1;
        let t = (!interval.is_zero()).then(now);
        let message = Row { n, pad, t };
        text.clear();
        serde_json::to_writer(
            &mut text,
            &Tuple {
                message,
                meta: None,
            },
        )
        .expect("numbers and texts are JSON");
        let mut row = Message::from(&text);
        while let Err((back, error)) = socket.send(row) {
            match error {
                Error::TimedOut if stopped.load(Relaxed) => return Ok(()),
                Error::TimedOut => row = back,
                error => return Err(error),
            }
        }
        if !interval.is_zero() {
            // A stop unparks the thread.
            thread::park_timeout(interval);
        }
    }
    Ok(())
}

/// Nanoseconds since the Unix epoch.
fn now() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos()
}
