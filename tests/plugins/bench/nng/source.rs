//! The source `bench_rows`: numbered rows, as fast as the host takes them.

use std::time::{Duration, SystemTime};

use ekuiper_tests::nng_plugin::{Argument, StopFlag, Worker, dial_in_background};
use nng::{
    Error, Message, Protocol, Socket,
    options::{Options, SendBufferSize, SendTimeout},
};
use serde::Serialize;

use crate::STEP;

/// How many rows may wait in NNG: as many as mangos allows.
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
    let pad = argument.number("pad", 0)?;
    let pad = usize::try_from(pad).map_err(|e| format!("config.pad: {e}"))?;
    let pad = "x".repeat(pad);
    let interval = Duration::from_micros(argument.number("interval", 0)?);
    let url = argument.data_url();
    let socket = dial(&url).map_err(|e| format!("cannot dial {url}: {e}"))?;
    Ok(Worker::spawn(move |stop| {
        if let Err(error) = emit(&socket, &pad, interval, stop) {
            eprintln!("bench_nng: bench_rows has ended: {error}");
        }
    }))
}

fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Push0)?;
    socket.set_opt::<SendBufferSize>(QUEUE)?;
    socket.set_opt::<SendTimeout>(Some(STEP))?;
    dial_in_background(&socket, url)?;
    Ok(socket)
}

/// Emits until stopped.
fn emit(socket: &Socket, pad: &str, interval: Duration, stop: &StopFlag) -> Result<(), Error> {
    let mut n = 0;
    let mut text = Vec::new();
    while !stop.is_set() {
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
                Error::TimedOut if stop.is_set() => return Ok(()),
                Error::TimedOut => row = back,
                error => return Err(error),
            }
        }
        if !interval.is_zero() {
            stop.pause(interval);
        }
    }
    Ok(())
}

/// Nanoseconds since the Unix epoch.
fn now() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_nanos()
}
