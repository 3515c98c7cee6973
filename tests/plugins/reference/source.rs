//! The source `ticks`: growing numbers.

use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use nng::{
    Error, Message, Protocol, Socket,
    options::{Options, SendTimeout},
};
use serde_json::{Value, json};

use crate::{
    fault,
    orders::{Argument, Worker},
};

/// How often a source that waits looks whether it was stopped.
const STEP: Duration = Duration::from_millis(50);

/// Reads the configuration, dials the host and emits until stopped.
pub(crate) fn start(argument: &Argument) -> Result<Worker, String> {
    let number = |name: &str, default: u64| match &argument.config[name] {
        Value::Null => Ok(default),
        _ if fault::has("config-taken") => Ok(default),
        value => value
            .as_u64()
            .ok_or_else(|| format!("config.{name}: expected a whole number, got {value}")),
    };
    let interval = Duration::from_millis(number("interval", 10)?);
    let count = number("count", 0)?;
    let padding = "x".repeat(usize::try_from(number("size", 0)?).map_err(|e| e.to_string())?);

    let url = format!("ipc:///tmp/{}.ipc", argument.address);
    let socket = dial(&url).map_err(|e| format!("cannot dial {url}: {e}"))?;
    let meta = json!({ "datasource": argument.datasource });
    Ok(Worker::spawn(move |stopped| {
        if fault::has("no-rows") {
            return pause(Duration::MAX, stopped);
        }
        let mut n = 0;
        while !stopped.load(SeqCst) && (count == 0 || n < count) {
            n += 1;
            let mut row = json!({ "message": { "n": n }, "meta": meta });
            if !padding.is_empty() {
                row["message"]["padding"] = padding.as_str().into();
            }
            if fault::has("list-rows") && n > 2 {
                row["message"] = json!([n]);
            }
            if let Err(error) = send(&socket, row.to_string().as_bytes(), stopped) {
                eprintln!("reference: ticks ends: {error}");
                return;
            }
            pause(interval, stopped);
        }
        if fault::has("rows-after-stop") {
            for _ in 0..40 {
                let row = json!({ "message": { "n": 0 }, "meta": meta });
                _ = socket.try_send(row.to_string().as_bytes());
                thread::sleep(interval);
            }
        }
        // The channel stays open until the stop: the last rows are on their way.
        pause(Duration::MAX, stopped);
    }))
}

fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Push0)?;
    socket.set_opt::<SendTimeout>(Some(STEP))?;
    socket.dial(url)?;
    Ok(socket)
}

/// Sends one row, for as long as it takes and until a stop.
fn send(socket: &Socket, row: &[u8], stopped: &AtomicBool) -> Result<(), Error> {
    let mut message = Message::from(row);
    while let Err((back, error)) = socket.send(message) {
        match error {
            Error::TimedOut if fault::has("blocked-stop") => message = back,
            Error::TimedOut if stopped.load(SeqCst) => return Ok(()),
            Error::TimedOut => message = back,
            error => return Err(error),
        }
    }
    Ok(())
}

/// Waits `time`, or until a stop.
fn pause(time: Duration, stopped: &AtomicBool) {
    let begin = Instant::now();
    while !stopped.load(SeqCst) {
        let left = time.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(STEP));
    }
}
