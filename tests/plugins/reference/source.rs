//! The source `ticks`: growing numbers.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use nng::{
    Error, Message, Protocol, Socket,
    options::{Options, ReconnectMinTime},
};
use serde_json::{Value, json};

use crate::{
    fault,
    orders::{Argument, Worker},
};

/// How often a source that waits looks whether it was stopped.
const STEP: Duration = Duration::from_millis(10);

/// How long a send has waited that the fault of a blocked source does not end.
const BLOCKED: Duration = Duration::from_millis(700);

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
    if fault::has("source-never-dials") && !argument.address.starts_with('_') {
        return Ok(Worker::spawn(move |stopped| pause(Duration::MAX, stopped)));
    }
    let socket = dial(&url).map_err(|e| format!("cannot dial {url}: {e}"))?;
    let meta = json!({ "datasource": datasource_of(&argument.datasource) });
    Ok(Worker::spawn(move |stopped| {
        if fault::has("no-rows") {
            return pause(Duration::MAX, stopped);
        }
        let mut n = 0;
        while !stopped.load(SeqCst) && (count == 0 || n < count) {
            n += 1;
            let mut row = json!({ "message": { "n": n }, "meta": meta });
            if fault::has("no-meta") {
                row = json!({ "message": { "n": n } });
            }
            if fault::has("names-in-capitals") {
                row = json!({ "Message": { "n": n }, "META": meta });
            }
            if !padding.is_empty() {
                row["message"]["padding"] = padding.as_str().into();
            }
            if fault::has("list-rows") && n > 1 {
                row["message"] = json!([n]);
            }
            let mut row = row.to_string().into_bytes();
            if fault::has("rows-not-utf8") {
                fault::spoil(&mut row);
            }
            if let Err(error) = send(&socket, &row, stopped) {
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

/// The fault of instances that share what is theirs: the datasource is that of
/// the other one.
fn datasource_of(datasource: &str) -> String {
    static FIRST: OnceLock<String> = OnceLock::new();
    match fault::has("rows-mixed") {
        true => FIRST.get_or_init(|| datasource.to_owned()).clone(),
        false => datasource.to_owned(),
    }
}

/// Dials; with the fault of a source that dials once, not again within an hour.
fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Push0)?;
    if fault::has("source-dials-once") {
        socket.set_opt::<ReconnectMinTime>(Some(Duration::from_secs(3600)))?;
    }
    socket.dial(url)?;
    Ok(socket)
}

/// Sends one row, for as long as it takes and until a stop. It does not wait in
/// the socket: NNG may abort where a wait ends just as the message goes.
fn send(socket: &Socket, row: &[u8], stopped: &AtomicBool) -> Result<(), Error> {
    let mut message = Message::from(row);
    let began = Instant::now();
    while let Err((back, error)) = socket.try_send(message) {
        if error != Error::TryAgain {
            return Err(error);
        }
        if stopped.load(SeqCst) {
            if fault::has("blocked-stop") && began.elapsed() > BLOCKED {
                fault::hang();
            }
            return Ok(());
        }
        message = back;
        thread::sleep(Duration::from_millis(1));
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
