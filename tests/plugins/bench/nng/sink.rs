//! The sink `bench_take`: counts the rows that it takes, and the wrong ones.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use ekuiper_tests::nng_plugin::{Argument, StopFlag, Worker, dial_in_background, listen};
use nng::{Aio, AioResult, Error, Message, Protocol, Socket};
use serde::Deserialize;

use crate::STEP;

/// How many rows the sinks of the process took.
static ROWS: AtomicU64 = AtomicU64::new(0);

/// How many of them were not JSON, or not in order.
static WRONG: AtomicU64 = AtomicU64::new(0);

/// The number of rows that the sinks took, and of the wrong ones among them.
pub(crate) fn taken() -> [u64; 2] {
    [ROWS.load(Relaxed), WRONG.load(Relaxed)]
}

#[derive(Deserialize)]
struct Taken<'a> {
    n: u64,
    #[serde(borrow, rename = "pad")]
    _pad: Cow<'a, str>,
}

/// Listens, and takes rows until stopped.
///
/// It listens before it returns: the host dials as soon as it has read `ok`. It
/// dials the ack channel in the background: some hosts have none.
pub(crate) fn start(argument: &Argument) -> Result<Worker, String> {
    let (data, acks) = (argument.data_url(), argument.ack_url());
    let socket = listen(&data).map_err(|e| format!("cannot listen at {data}: {e}"))?;
    let acker = dial(&acks).map_err(|e| format!("cannot dial {acks}: {e}"))?;
    let acker = (argument.config["requireAck"] == true).then_some(acker);
    let stop = StopFlag::default();
    let operation = take(socket, acker, stop.clone()).map_err(|e| format!("bench_take: {e}"))?;
    Ok(Worker::of_operation(operation, stop))
}

fn dial(url: &str) -> Result<Socket, Error> {
    let socket = Socket::new(Protocol::Push0)?;
    dial_in_background(&socket, url)?;
    Ok(socket)
}

/// Starts to take rows, and to send an ack for each with `acker`, until stopped.
/// The sockets close when the last handle of the operation is dropped.
///
/// All of it happens in NNG's own threads: to wake another thread for each row
/// takes longer than to read the row.
fn take(socket: Socket, acker: Option<Socket>, stop: StopFlag) -> Result<Aio, Error> {
    let last = AtomicU64::new(0);
    let rows = socket.clone();
    let next = move |aio: &Aio, done| match done {
        _ if stop.is_set() => Ok(()),
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
            eprintln!("bench_nng: bench_take has ended: {error}");
        }
    })?;
    aio.set_timeout(Some(STEP))?;
    socket.recv_async(&aio)?;
    Ok(aio)
}

fn send(socket: &Socket, aio: &Aio, message: Message) -> Result<(), Error> {
    socket.send_async(aio, message).map_err(|(_, error)| error)
}

/// Counts a row; `last` is the number of the previous row.
fn count(row: &Message, last: &AtomicU64) {
    match serde_json::from_slice::<[Taken<'_>; 1]>(row) {
        Ok([Taken { n, .. }]) if last.swap(n, Relaxed).wrapping_add(1) == n => {}
        _ => _ = WRONG.fetch_add(1, Relaxed),
    }
    ROWS.fetch_add(1, Relaxed);
}
