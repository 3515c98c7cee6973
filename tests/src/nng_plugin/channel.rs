//! The plugin's end of a channel on which the host asks: the control channel, or
//! the channel of a function.
//!
//! The plugin has the REQ socket although the host asks: its first message is a
//! greeting, each order or request is the reply to its previous message, and
//! each answer is its next request. It greets once for each connection, and
//! never because it is idle. An answer must not become the first message of a
//! new connection, so a socket serves one connection only.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use nng::{
    Error, Message, PipeEvent, Protocol, Socket,
    options::{Options, RecvMaxSize, RecvTimeout, SendTimeout, protocol::reqrep::ResendTime},
};

use super::socket;

/// The first message of a plugin; hosts ignore its content.
pub const GREETING: &[u8] = b"handshake";

/// How often a send that waits checks whether its connection is lost.
const STEP: Duration = Duration::from_millis(50);

/// Answers what comes on a channel.
///
/// A closure from a message to its answer is a server. The other methods exist
/// for faults: their defaults follow the protocol.
pub trait Server {
    /// Answers an order or a request.
    fn answer(&mut self, message: &[u8]) -> Vec<u8>;

    /// Waits for the next order or request.
    ///
    /// # Errors
    ///
    /// NNG's error; [`Error::ConnectionReset`] if the connection is lost.
    fn receive(&mut self, connection: &Connection) -> Result<Message, Error> {
        connection.receive()
    }

    /// Decides whether to dial again after a connection was lost.
    fn dials_again(&mut self) -> bool {
        true
    }
}

impl<F: FnMut(&[u8]) -> Vec<u8>> Server for F {
    fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        self(message)
    }
}

/// Greets and answers, on one connection after the other.
///
/// Returns the reason for which it gave up: [`Error::TimedOut`] if the host did
/// not listen for `limit`, at first or after a connection was lost;
/// [`Error::ConnectionReset`] if the server does not want to dial again;
/// otherwise an error of NNG.
pub fn serve(url: &str, limit: Duration, mut server: impl Server) -> Error {
    loop {
        let served =
            Connection::dial(url).and_then(|connection| connection.serve(limit, &mut server));
        let Err(error) = served;
        if error != Error::ConnectionReset || !server.dials_again() {
            return error;
        }
    }
}

/// A REQ socket that takes part in one connection only.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    is_lost: Arc<AtomicBool>,
}

impl Connection {
    /// Dials in the background until the first connection is made.
    fn dial(url: &str) -> Result<Connection, Error> {
        let socket = Socket::new(Protocol::Req0)?;
        socket.set_opt::<RecvMaxSize>(0)?;
        socket.set_opt::<ResendTime>(None)?;
        socket.set_opt::<SendTimeout>(Some(STEP))?;
        let is_lost = Arc::new(AtomicBool::new(false));
        let is_used = AtomicBool::new(false);
        let lost = Arc::clone(&is_lost);
        socket.pipe_notify(move |pipe, event| match event {
            PipeEvent::AddPre if is_used.swap(true, SeqCst) => pipe.close(),
            PipeEvent::RemovePost => lost.store(true, SeqCst),
            _ => {}
        })?;
        socket::dial_in_background(&socket, url)?;
        Ok(Connection { socket, is_lost })
    }

    /// Greets and answers until the connection is lost.
    fn serve(&self, limit: Duration, server: &mut impl Server) -> Result<Infallible, Error> {
        self.send(GREETING, Some(limit))?;
        loop {
            let message = server.receive(self)?;
            self.send(&server.answer(&message), None)?;
        }
    }

    /// Waits for an order or a request.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionReset`] if the connection is lost, or another error of
    /// NNG.
    pub fn receive(&self) -> Result<Message, Error> {
        self.socket.recv()
    }

    /// Waits at most `limit` for an order or a request.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if none came, [`Error::ConnectionReset`] if the
    /// connection is lost, or another error of NNG.
    pub fn receive_within(&self, limit: Duration) -> Result<Message, Error> {
        self.socket.set_opt::<RecvTimeout>(Some(limit))?;
        let received = self.socket.recv();
        self.socket.set_opt::<RecvTimeout>(None)?;
        received
    }

    /// Sends a message; without a connection it waits for one, at most for
    /// `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if there was no connection within the limit,
    /// [`Error::ConnectionReset`] if the connection is lost, or another error of
    /// NNG.
    pub fn send(&self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        // Almost always there is room. A send with a time limit would wake NNG's
        // thread for timeouts each time.
        let mut message = match self.socket.try_send(body) {
            Ok(()) => return Ok(()),
            Err((back, Error::TryAgain)) => back,
            Err((_, error)) => return Err(error),
        };
        let begin = Instant::now();
        loop {
            match self.socket.send(message) {
                Ok(()) => return Ok(()),
                Err((_, Error::TimedOut)) if self.is_lost.load(SeqCst) => {
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
