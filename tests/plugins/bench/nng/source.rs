//! The source `bench_rows`: numbered rows, as fast as they are taken.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use nng::{
    Error, Protocol, Socket,
    options::{Options, SendBufferSize},
};
use serde::Serialize;

use crate::{
    channel,
    orders::{Argument, Worker},
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
pub(crate) fn start(argument: &Argument) -> Result<Worker, String> {
    let pad = usize::try_from(argument.number("pad")?).map_err(|e| format!("config.pad: {e}"))?;
    let pad = "x".repeat(pad);
    let interval = Duration::from_micros(argument.number("interval")?);
    let url = argument.data();
    let socket = dial(&url).map_err(|e| format!("cannot dial {url}: {e}"))?;
    let sender = socket.clone();
    Ok(Worker::spawn("bench_rows", vec![socket], move || {
        emit(&sender, &pad, interval)
    }))
}

fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Push0)?;
    socket.set_opt::<SendBufferSize>(QUEUE)?;
    channel::dial_in_background(&socket, url)?;
    Ok(socket)
}

/// Emits until the socket fails, as it does at a stop.
fn emit(socket: &Socket, pad: &str, interval: Duration) -> Error {
    let mut n = 0;
    let mut text = Vec::new();
    loop {
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
        if let Err((_, error)) = socket.send(&text) {
            return error;
        }
        if !interval.is_zero() {
            // A stop unparks the thread.
            thread::park_timeout(interval);
        }
    }
}

/// Nanoseconds since the Unix epoch.
fn now() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos()
}
