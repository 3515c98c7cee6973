//! The source `ticks`: growing numbers.

use std::{
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use ekuiper_tests::nng_plugin::{Argument, StopFlag, Worker};
use nng::{
    Error, Message, Protocol, Socket,
    options::{Options, ReconnectMinTime},
};
use serde_json::json;

use crate::fault;

/// How long a send waits until the fault `blocked-stop` makes it ignore a stop.
const BLOCKED: Duration = Duration::from_millis(700);

/// How long a send waits until the fault `blocked-row-broken` breaks its row:
/// longer than a host is away that starts again, also on a busy machine.
const BLOCKED_LONG: Duration = Duration::from_millis(1500);

/// Reads the configuration, dials the host and emits until stopped.
pub(crate) fn start(argument: &Argument) -> Result<Worker, String> {
    if fault::has("url-needed") && argument.config["url"].is_null() {
        return Err("missing property `url`".to_owned());
    }
    if fault::has("slow-start") {
        thread::sleep(Duration::from_secs(3));
    }
    let number = |name: &str, default: u64| match fault::has("config-taken") {
        true => Ok(default),
        false => argument.number(name, default),
    };
    let interval = Duration::from_millis(number("interval", 10)?);
    let count = number("count", 0)?;
    let padding = "x".repeat(usize::try_from(number("size", 0)?).map_err(|e| e.to_string())?);

    let url = argument.data_url();
    if fault::has("source-never-dials") && !argument.address().starts_with('_') {
        return Ok(Worker::spawn(|stop| stop.pause(Duration::MAX)));
    }
    let socket = dial(&url).map_err(|e| format!("cannot dial {url}: {e}"))?;
    let meta = json!({ "datasource": datasource_of(&argument.datasource) });
    Ok(Worker::spawn(move |stop| {
        if fault::has("no-rows") {
            return stop.pause(Duration::MAX);
        }
        let mut n = 0;
        while !stop.is_set() && (count == 0 || n < count) {
            n += 1 + u64::from(fault::has("row-lost") && n == 20);
            let mut row = json!({ "message": { "n": n }, "meta": meta });
            if fault::has("no-meta") {
                row = json!({ "message": { "n": n } });
            }
            if fault::has("names-in-capitals") {
                row = json!({ "Message": { "n": n }, "META": meta });
            }
            // A source that is stopped at once has not sent as many rows.
            if fault::has("emitting-leaks-files") && n > 100 {
                std::mem::forget(std::fs::File::open("/dev/null"));
            }
            if !padding.is_empty() {
                row["message"]["padding"] = padding.as_str().into();
            }
            if fault::has("list-rows") && n > 1 || fault::has("late-row-a-list") && n == 150 {
                row["message"] = json!([n]);
            }
            let mut row = row.to_string().into_bytes();
            if fault::has("rows-not-utf8") {
                fault::spoil(&mut row);
            }
            if let Err(error) = send(&socket, &row, stop) {
                eprintln!("reference: ticks has ended: {error}");
                return;
            }
            stop.pause(interval);
        }
        if fault::has("rows-after-stop") {
            for _ in 0..100 {
                let row = json!({ "message": { "n": 0 }, "meta": meta });
                _ = socket.try_send(row.to_string().as_bytes());
                thread::sleep(interval);
            }
        }
        // A close of the channel could lose the last rows: it stays open until
        // the stop.
        stop.pause(Duration::MAX);
    }))
}

/// The datasource of an instance; with the fault `rows-mixed`, that of the first
/// instance.
fn datasource_of(datasource: &str) -> String {
    static FIRST: OnceLock<String> = OnceLock::new();
    match fault::has("rows-mixed") {
        true => FIRST.get_or_init(|| datasource.to_owned()).clone(),
        false => datasource.to_owned(),
    }
}

/// Dials the host, which listens already. With the fault `source-dials-once`, a
/// lost connection is dialed again only after an hour.
fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Push0)?;
    if fault::has("source-dials-once") {
        socket.set_opt::<ReconnectMinTime>(Some(Duration::from_secs(3600)))?;
    }
    socket.dial(url)?;
    Ok(socket)
}

/// Sends one row, and waits for room as long as it takes or until a stop.
///
/// It does not wait in the socket: NNG may abort the process if a wait ends at
/// the moment at which the message goes.
fn send(socket: &Socket, row: &[u8], stop: &StopFlag) -> Result<(), Error> {
    let mut message = Message::from(row);
    let began = Instant::now();
    while let Err((back, error)) = socket.try_send(message) {
        if error != Error::TryAgain {
            return Err(error);
        }
        if stop.is_set() {
            if fault::has("blocked-stop") && began.elapsed() > BLOCKED {
                fault::hang();
            }
            return Ok(());
        }
        message = match fault::has("blocked-row-broken") && began.elapsed() > BLOCKED_LONG {
            true => Message::from(&b"{"[..]),
            false => back,
        };
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
