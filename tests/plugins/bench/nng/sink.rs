//! The sink `bench_take`: counts rows, and those that are not in order.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use nng::{
    Aio, AioResult, Error, Message, Protocol, Socket,
    options::{Options, RecvMaxSize},
};
use serde::Deserialize;

use crate::{
    channel,
    orders::{Argument, Stop},
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
pub(crate) fn start(argument: &Argument) -> Result<Stop, String> {
    let (data, acks) = (argument.data(), argument.acks());
    let socket = listen(&data).map_err(|e| format!("cannot listen at {data}: {e}"))?;
    let acker = dial(&acks).map_err(|e| format!("cannot dial {acks}: {e}"))?;
    let acker = (argument.config["requireAck"] == true).then_some(acker);
    let stopped = Arc::new(AtomicBool::new(false));
    let aio = take(socket, acker, Arc::clone(&stopped)).map_err(|e| format!("bench_take: {e}"))?;
    Ok(Box::new(move || {
        stopped.store(true, Relaxed);
        aio.cancel();
        aio.wait();
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

/// Takes a row, acks it with `acker`, and so on until stopped. The sockets
/// close when the last handle of the operation is dropped.
///
/// All of it happens in NNG's own threads: to wake one of ours for each row
/// takes longer than to read it.
fn take(socket: Socket, acker: Option<Socket>, stopped: Arc<AtomicBool>) -> Result<Aio, Error> {
    let last = AtomicU64::new(0);
    let rows = socket.clone();
    let next = move |aio: &Aio, done| match done {
        _ if stopped.load(Relaxed) => Ok(()),
        AioResult::Recv(Ok(row)) => {
            count(&row, &last);
            match &acker {
                Some(acker) => send(acker, aio, (*b"{}").into()),
                None => rows.recv_async(aio),
            }
        }
        AioResult::Send(Err((ack, Error::TimedOut))) => match &acker {
            Some(acker) => send(acker, aio, ack),
            None => Ok(()),
        },
        AioResult::Recv(Err(Error::TimedOut)) | AioResult::Send(Ok(())) => rows.recv_async(aio),
        AioResult::Recv(Err(error)) | AioResult::Send(Err((_, error))) => Err(error),
        AioResult::Sleep(slept) => slept,
    };
    let aio = Aio::new(move |aio, done| {
        if let Err(error) = next(&aio, done) {
            eprintln!("bench_nng: bench_take ends: {error}");
        }
    })?;
    aio.set_timeout(Some(channel::STEP))?;
    socket.recv_async(&aio)?;
    Ok(aio)
}

fn send(socket: &Socket, aio: &Aio, message: Message) -> Result<(), Error> {
    socket.send_async(aio, message).map_err(|(_, error)| error)
}

/// Counts a row; `last` is the number of the one before.
fn count(row: &Message, last: &AtomicU64) {
    match serde_json::from_slice::<[Row<'_>; 1]>(row) {
        Ok([Row { n, .. }]) if last.swap(n, Relaxed).wrapping_add(1) == n => {}
        _ => _ = WRONG.fetch_add(1, Relaxed),
    }
    ROWS.fetch_add(1, Relaxed);
}
