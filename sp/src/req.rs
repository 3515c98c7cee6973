//! The REQ socket: sends requests and waits for the reply to the last one.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, Shutdown, shutdown};

use crate::address::Address;
use crate::changes::{Changes, lock, wait_for};
use crate::connection::{Backoff, Closing, Connection, GREETING_LIMIT, deadline, random};
use crate::frame::{Decoder, Protocol};
use crate::wake::Bell;
use crate::{Error, Options, ProtocolError};

/// The asking end of a request channel. It dials.
///
/// The user takes each connection explicitly, with
/// [`wait_connected`](Self::wait_connected). No request moves to a new
/// connection by itself, because a plugin must send its greeting first there. No
/// request is sent twice.
#[derive(Debug)]
pub struct Req {
    dialer: Arc<Dialer>,
    /// The thread that dials, or that has dialed the current connection; `None`
    /// if the system provided no thread.
    thread: Option<JoinHandle<()>>,
    connection: Option<Arc<Connection>>,
    decoder: Decoder,
    max_message: Option<u64>,
    id: u32,
    /// Whether the reply to the request `id` is due.
    asked: bool,
    /// The receive timeout that is set on the kernel's socket.
    socket_limit: Option<Duration>,
}

impl Req {
    /// Dials `url` in the background, repeatedly until a connection is made.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for an invalid URL, [`Error::Io`] if the system
    /// provides no thread or descriptor.
    pub fn dial(url: &str, options: Options) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let bell = Bell::new().map_err(|errno| Error::Io {
            doing: "open a socket for",
            path: address.path().to_owned(),
            source: errno.into(),
        })?;
        let dialer = Arc::new(Dialer {
            address,
            bell,
            state: Mutex::default(),
            changed: Changes::default(),
        });
        let thread = Some(dialer.start(false)?);
        Ok(Self {
            dialer,
            thread,
            connection: None,
            decoder: Decoder::new(options.max_message),
            max_message: options.max_message,
            id: random(),
            asked: false,
            socket_limit: None,
        })
    }

    /// Waits for a connection and takes it. Returns at once if there is one.
    ///
    /// `limit` counts from the call; `None` waits forever. After
    /// [`Error::Disconnected`] this takes the next connection.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] when `limit` has passed, with the failure of the
    /// last attempt, [`Error::Closed`], and [`Error::Io`] if the system provides
    /// no thread to dial again.
    pub fn wait_connected(&mut self, limit: Option<Duration>) -> Result<(), Error> {
        self.check_open()?;
        if self.connection.is_some() {
            return Ok(());
        }
        if self.thread.is_none() {
            self.thread = Some(self.dialer.start(true)?);
        }
        let dialed = wait_for(
            &self.dialer.state,
            &self.dialer.changed,
            limit,
            |state| match state.closed {
                true => Some(Err(Error::Closed)),
                false => state.dialed.take().map(Ok),
            },
        );
        let connection = dialed.unwrap_or_else(|| {
            Err(Error::Unreachable {
                path: self.dialer.address.path().to_owned(),
                cause: lock(&self.dialer.state).failure.take().map(Box::new),
            })
        })?;
        self.connection = Some(connection);
        self.decoder = Decoder::new(self.max_message);
        self.asked = false;
        self.socket_limit = None;
        Ok(())
    }

    /// Sends a request, and gives up the earlier one if it was not answered.
    ///
    /// Blocks while the peer does not read.
    ///
    /// # Errors
    ///
    /// [`Error::Disconnected`] if the connection has ended, or if none was taken
    /// yet; the request is lost. [`Error::Closed`] if the socket is closed.
    pub fn send(&mut self, body: &[u8]) -> Result<(), Error> {
        self.check_open()?;
        let Some(connection) = &self.connection else {
            return Err(Error::Disconnected);
        };
        self.id = self.id.wrapping_add(1) | 0x8000_0000;
        let id = self.id.to_be_bytes();
        let length = crate::frame::HEADER + id.len() + body.len();
        let mut sent = 0;
        while sent < length {
            match connection.write_frame(&id, body, sent) {
                Ok(written) => sent += written,
                Err(_) => return Err(self.lose(Error::Disconnected)),
            }
        }
        self.asked = true;
        Ok(())
    }

    /// Waits for the reply to the last request.
    ///
    /// `limit` counts from the call; `None` waits forever. Replies to earlier
    /// requests are dropped. After [`Error::TimedOut`] it may be called again.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] if no reply is due, [`Error::TimedOut`],
    /// [`Error::Closed`], and [`Error::Disconnected`] or [`Error::Protocol`],
    /// both of which end the connection.
    pub fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        self.check_open()?;
        if !self.asked {
            return Err(match self.connection {
                Some(_) => Error::WrongState,
                None => Error::Disconnected,
            });
        }
        let deadline = deadline(limit);
        let mut left = deadline.and(limit);
        let mut has_read = false;
        let reply = loop {
            match self.decoder.next_range() {
                Ok(Some(range)) => {
                    let bytes = self.decoder.bytes(range.clone());
                    match bytes.first_chunk::<4>() {
                        Some(id) if *id == self.id.to_be_bytes() => break range,
                        Some(_) => {}
                        None => {
                            let error = ProtocolError::no_id(bytes);
                            return Err(self.lose(error.into()));
                        }
                    }
                }
                Ok(None) => {
                    if has_read {
                        left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                        // Other replies, or a part of this one, do not extend
                        // the wait.
                        if left == Some(Duration::ZERO) {
                            return Err(Error::TimedOut);
                        }
                    }
                    self.read(left)?;
                    has_read = true;
                }
                Err(error) => return Err(self.lose(error.into())),
            }
        };
        self.asked = false;
        Ok(self.decoder.bytes(reply.start + 4..reply.end))
    }

    /// Returns a handle that closes this socket from another thread.
    pub fn closer(&self) -> Closer {
        Closer(Arc::clone(&self.dialer))
    }

    /// Reads once with a blocking read, which is one system call; polling first
    /// would be two.
    fn read(&mut self, left: Option<Duration>) -> Result<(), Error> {
        let Some(connection) = &self.connection else {
            return Err(Error::Disconnected);
        };
        // The kernel takes a timeout of 0 for no timeout.
        let flags = match left {
            Some(Duration::ZERO) => RecvFlags::DONTWAIT,
            _ => RecvFlags::empty(),
        };
        if flags.is_empty() && left != self.socket_limit {
            if set_socket_timeout(connection, Timeout::Recv, left).is_err() {
                return Err(self.lose(Error::Disconnected));
            }
            self.socket_limit = left;
        }
        match self.decoder.fill(connection, flags) {
            Ok((0, _)) => {
                let end = self.decoder.truncation();
                Err(self.lose(end.map_or(Error::Disconnected, Error::Protocol)))
            }
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(Errno::AGAIN) => Err(Error::TimedOut),
            Err(_) => Err(self.lose(Error::Disconnected)),
        }
    }

    /// Drops the connection and starts to dial the next one. Returns the error
    /// for the caller.
    fn lose(&mut self, error: Error) -> Error {
        self.connection = None;
        self.asked = false;
        let mut state = lock(&self.dialer.state);
        state.current = None;
        if state.closed {
            return Error::Closed;
        }
        drop(state);
        self.join();
        // If there is no thread, `wait_connected` tries again to start one.
        self.thread = self.dialer.start(true).ok();
        error
    }

    fn check_open(&self) -> Result<(), Error> {
        match lock(&self.dialer.state).closed {
            true => Err(Error::Closed),
            false => Ok(()),
        }
    }

    /// Waits for the thread, which has dialed or was told to end.
    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Req {
    fn drop(&mut self) {
        self.closer().close();
        self.join();
    }
}

/// Closes a [`Req`] from another thread.
#[derive(Clone, Debug)]
pub struct Closer(Arc<Dialer>);

impl Closer {
    /// Closes the socket. Waiting and later calls return [`Error::Closed`].
    pub fn close(&self) {
        let mut state = lock(&self.0.state);
        state.closed = true;
        state.dialed = None;
        if let Some(current) = state.current.take() {
            // Ends a blocked read or write. It fails only on a connection that
            // has ended, on which nothing blocks.
            let _ = shutdown(&*current, Shutdown::Both);
        }
        self.0.bell.ring();
        self.0.changed.notify_all();
    }
}

/// Connects in the background. Its thread ends once it has connected.
#[derive(Debug)]
struct Dialer {
    address: Address,
    bell: Arc<Bell>,
    state: Mutex<Dialed>,
    changed: Changes,
}

#[derive(Debug, Default)]
struct Dialed {
    closed: bool,
    /// A connection that [`Req::wait_connected`] has not taken yet.
    dialed: Option<Arc<Connection>>,
    /// The latest connection, for [`Closer::close`].
    current: Option<Arc<Connection>>,
    /// Why the last attempt failed.
    failure: Option<Error>,
    backoff: Backoff,
}

impl Dialer {
    /// Starts the thread. `again` makes it pause before the first attempt, for
    /// use after a connection was lost.
    fn start(self: &Arc<Self>, again: bool) -> Result<JoinHandle<()>, Error> {
        let dialer = Arc::clone(self);
        thread::Builder::new()
            .name("sp-dial".to_owned())
            .spawn(move || dialer.run(again))
            .map_err(|source| Error::Io {
                doing: "start a thread for",
                path: self.address.path().to_owned(),
                source,
            })
    }

    fn run(&self, again: bool) {
        let mut pause_first = again;
        loop {
            if pause_first {
                let pause = lock(&self.state).backoff.pause();
                let closed = wait_for(&self.state, &self.changed, Some(pause), |state| {
                    state.closed.then_some(())
                });
                if closed.is_some() {
                    return;
                }
            }
            pause_first = true;
            match self.try_once() {
                Ok(()) | Err(Error::Closed) => return,
                Err(failure) => lock(&self.state).failure = Some(failure),
            }
        }
    }

    fn try_once(&self) -> Result<(), Error> {
        let closing = Closing {
            bell: &self.bell,
            is_closed: &|| lock(&self.state).closed,
        };
        let mut connection =
            Connection::dial(&self.address, Protocol::Req, GREETING_LIMIT, Some(&closing))?;
        connection.block().map_err(|errno| Error::Io {
            doing: "set up the connection to",
            path: self.address.path().to_owned(),
            source: errno.into(),
        })?;
        let connection = Arc::new(connection);
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Error::Closed);
        }
        state.current = Some(Arc::clone(&connection));
        state.dialed = Some(connection);
        state.failure = None;
        state.backoff.connected();
        self.changed.notify_all();
        Ok(())
    }
}
