//! The plugin's end of a channel that carries orders: a REQ socket that greets.
//!
//! The plugin is the requesting side although the host gives the orders: its
//! first message is a greeting, each order is the reply to the message before,
//! each answer the next request. It greets once for each connection, and never
//! because it is idle. An answer must not become the first message of a new
//! connection, so a socket serves one connection, and the next has a new one.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use crate::fault;
use nng::{
    Error, PipeEvent, Protocol, Socket,
    options::{
        Options, ReconnectMaxTime, ReconnectMinTime, RecvMaxSize, RecvTimeout, SendTimeout,
        protocol::reqrep::ResendTime,
    },
};

/// What the plugin says first; no host looks at it.
const GREETING: &[u8] = b"handshake";

/// How often a send that waits looks whether its connection is gone.
const STEP: Duration = Duration::from_millis(50);

/// Greets and answers orders, on one connection after the other.
///
/// Returns why it gave up: a host that was not there for `limit`, at first or
/// after a connection was lost, or an error of NNG's.
pub(crate) fn serve(url: &str, limit: Duration, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> Error {
    loop {
        let ended = Connection::dial(url).and_then(|connection| {
            connection.send(GREETING, Some(limit))?;
            let mut first = true;
            loop {
                let order = connection.receive(url, first)?;
                first = false;
                connection.send(&answer(&order), None)?;
            }
        });
        match ended {
            Ok(never) => never,
            Err(error @ Error::ConnectionReset) => {
                let control = url.contains("/plugin_");
                let path = url.trim_start_matches("ipc://");
                // The host closes its end, and after that removes the file.
                let is_gone = || {
                    thread::sleep(STEP);
                    !Path::new(path).exists()
                };
                if fault::has("leaves-with-host") && control
                    || fault::has("dials-once") && !control
                    || fault::has("looks-once") && control && is_gone()
                {
                    return error;
                }
            }
            Err(error) => return error,
        }
    }
}

/// A REQ socket that takes part in one connection only.
struct Connection {
    socket: Socket,
    lost: Arc<AtomicBool>,
}

impl Connection {
    /// Starts to dial, again and again until the first connection stands.
    fn dial(url: &str) -> Result<Connection, Error> {
        let socket = Socket::new(Protocol::Req0)?;
        socket.set_opt::<RecvMaxSize>(0)?;
        socket.set_opt::<ResendTime>(None)?;
        socket.set_opt::<SendTimeout>(Some(STEP))?;
        socket.set_opt::<ReconnectMinTime>(Some(Duration::from_millis(10)))?;
        socket.set_opt::<ReconnectMaxTime>(Some(Duration::from_millis(100)))?;
        let lost = Arc::new(AtomicBool::new(false));
        let used = AtomicBool::new(false);
        let flag = Arc::clone(&lost);
        socket.pipe_notify(move |pipe, event| match event {
            PipeEvent::AddPre if used.swap(true, SeqCst) => pipe.close(),
            PipeEvent::RemovePost => flag.store(true, SeqCst),
            _ => {}
        })?;
        socket.dial_async(url)?;
        Ok(Connection { socket, lost })
    }

    /// Receives an order or a request.
    fn receive(&self, url: &str, first: bool) -> Result<nng::Message, Error> {
        let control = url.contains("/plugin_");
        let deaf = fault::has("deaf-control") && control
            || fault::has("deaf-function") && !control && first;
        let greets = fault::has("idle-greeting") && control;
        let limit = (deaf || greets).then(fault::idle);
        self.socket.set_opt::<RecvTimeout>(limit)?;
        loop {
            match self.socket.recv() {
                Err(Error::TimedOut) if deaf => fault::hang(),
                Err(Error::TimedOut) => self.send(GREETING, None)?,
                received => return received,
            }
        }
    }

    /// Sends on this connection, or waits at most `limit` for it to stand.
    fn send(&self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let begin = Instant::now();
        let mut message = nng::Message::from(body);
        loop {
            match self.socket.send(message) {
                Ok(()) => return Ok(()),
                Err((_, Error::TimedOut)) if self.lost.load(SeqCst) => {
                    return Err(Error::ConnectionReset);
                }
                Err((back, Error::TimedOut)) if limit.is_none_or(|l| begin.elapsed() < l) => {
                    message = back;
                }
                Err((_, error)) => return Err(error),
            }
        }
    }
}
