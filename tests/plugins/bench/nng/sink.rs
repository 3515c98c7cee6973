//! The sink `bench_take`: counts rows, and those that are not in order.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use nng::{
    Error, Protocol, Socket,
    options::{Options, RecvMaxSize},
};
use serde::Deserialize;

use crate::{
    channel,
    orders::{Argument, Worker},
};

/// What all sinks of the process took.
static ROWS: AtomicU64 = AtomicU64::new(0);

/// How many of them were no JSON, or not in order.
static WRONG: AtomicU64 = AtomicU64::new(0);

/// What the sinks took: rows, and how many of them were wrong.
pub(crate) fn taken() -> [u64; 2] {
    [ROWS.load(Relaxed), WRONG.load(Relaxed)]
}

#[derive(Deserialize)]
struct Row<'a> {
    n: u64,
    #[serde(borrow, rename = "pad")]
    _pad: std::borrow::Cow<'a, str>,
}

/// Listens, and takes rows until stopped.
///
/// It listens before it returns, for the host dials as soon as it reads `ok`.
/// The ack channel is dialed in the background: some hosts have none.
pub(crate) fn start(argument: &Argument) -> Result<Worker, String> {
    let acked = argument.config["requireAck"] == true;
    let (data, acks) = (argument.data(), argument.acks());
    let socket = listen(&data).map_err(|e| format!("cannot listen at {data}: {e}"))?;
    let acker = dial(&acks).map_err(|e| format!("cannot dial {acks}: {e}"))?;
    let sockets = vec![socket.clone(), acker.clone()];
    Ok(Worker::spawn("bench_take", sockets, move || match acked {
        true => take(&socket, || acker.send(*b"{}").map_err(|(_, error)| error)),
        false => take(&socket, || Ok(())),
    }))
}

fn listen(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Pull0)?;
    socket.set_opt::<RecvMaxSize>(0)?;
    socket.listen(url)?;
    Ok(socket)
}

fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Push0)?;
    channel::dial_in_background(&socket, url)?;
    Ok(socket)
}

/// Takes rows until a socket fails, as they do at a stop.
fn take(socket: &Socket, ack: impl Fn() -> Result<(), Error>) -> Error {
    let mut last = 0;
    loop {
        let row = match socket.recv() {
            Ok(row) => row,
            Err(error) => return error,
        };
        let n = match serde_json::from_slice::<[Row<'_>; 1]>(&row) {
            Ok([Row { n, .. }]) => Some(n),
            Err(_) => None,
        };
        if n != Some(last + 1) {
            WRONG.fetch_add(1, Relaxed);
        }
        last = n.unwrap_or(last);
        ROWS.fetch_add(1, Relaxed);
        if let Err(error) = ack() {
            return error;
        }
    }
}
