//! REQ: asks, and waits for the reply to what it asked last.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, Shutdown, shutdown};

use crate::address::Address;
use crate::connection::{Backoff, Connection, GREETING_LIMIT, deadline, lock, random, wait_for};
use crate::frame::{Decoder, Protocol};
use crate::wake::Bell;
use crate::{Error, Options, ProtocolError};

/// The asking end of a request channel; it dials.
///
/// One thread uses it. A connection is taken explicitly, with
/// [`wait_connected`](Self::wait_connected): a channel that was lost and dialed
/// again may have to be greeted first, so that nothing moves to a new
/// connection by itself. Nothing is sent twice.
#[derive(Debug)]
pub struct Req {
    dialer: Arc<Dialer>,
    /// The thread that dials, or has dialed the connection at hand; `None`
    /// where the system gave no thread.
    thread: Option<JoinHandle<()>>,
    connection: Option<Arc<Connection>>,
    decoder: Decoder,
    max_message: Option<u64>,
    id: u32,
    /// Whether the reply to `id` is awaited.
    asked: bool,
    /// The time limit that is set on the socket.
    socket_limit: Option<Duration>,
}

impl Req {
    /// Dials `url` in the background, again and again until somebody answers.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for a URL that cannot be one, [`Error::Io`] where the
    /// system gives no thread or descriptor.
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
            changed: Condvar::new(),
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

    /// Waits until there is a connection to use; at once where there is one.
    ///
    /// `limit` runs from the call; `None` waits for ever. After
    /// [`Error::Disconnected`] this takes the next connection.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] at `limit`, with the end of the last try,
    /// [`Error::Closed`], and [`Error::Io`] where the system gives no thread to
    /// dial again.
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

    /// Sends a request, and gives up the one before it.
    ///
    /// Blocks while the peer does not read.
    ///
    /// # Errors
    ///
    /// [`Error::Disconnected`] where the connection is gone, or none was taken
    /// yet; the request is lost then. [`Error::Closed`].
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

    /// Waits for the reply to the request that was sent last.
    ///
    /// `limit` runs from the call; `None` waits for ever. Replies to earlier
    /// requests are dropped. After [`Error::TimedOut`] it may be called again.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] where no reply is due, [`Error::TimedOut`],
    /// [`Error::Disconnected`], [`Error::Protocol`] (the connection is gone
    /// then too), [`Error::Closed`].
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
                Ok(Some(range)) => match self.decoder.bytes(range.clone()).first_chunk::<4>() {
                    Some(id) if *id == self.id.to_be_bytes() => break range,
                    Some(_) => {}
                    None => return Err(self.lose(ProtocolError::NoId.into())),
                },
                Ok(None) => {
                    if has_read {
                        left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
                        // Other replies, or a part of ours, do not make it wait
                        // for longer.
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

    /// Gives a handle that ends every wait of this socket for good.
    pub fn closer(&self) -> Closer {
        Closer(Arc::clone(&self.dialer))
    }

    /// Reads once: a blocking read on the caller's thread, which costs one
    /// system call where a poll would cost two.
    fn read(&mut self, left: Option<Duration>) -> Result<(), Error> {
        let Some(connection) = &self.connection else {
            return Err(Error::Disconnected);
        };
        // The kernel would take a limit of 0 for none.
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

    /// Drops the connection, and has the next one dialed.
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
        // Without a thread now, `wait_connected` asks for one again.
        self.thread = self.dialer.start(true).ok();
        error
    }

    fn check_open(&self) -> Result<(), Error> {
        match lock(&self.dialer.state).closed {
            true => Err(Error::Closed),
            false => Ok(()),
        }
    }

    /// Waits for the thread, which has dialed or is told to end.
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

/// Ends every wait of a [`Req`], from any thread.
#[derive(Clone, Debug)]
pub struct Closer(Arc<Dialer>);

impl Closer {
    /// Closes the socket: what waits, and what is called later, gives
    /// [`Error::Closed`].
    pub fn close(&self) {
        let mut state = lock(&self.0.state);
        state.closed = true;
        state.dialed = None;
        if let Some(current) = state.current.take() {
            // Wakes a blocked read or write; one that failed has nothing to wake.
            let _ = shutdown(&*current, Shutdown::Both);
        }
        self.0.bell.ring();
        self.0.changed.notify_all();
    }
}

/// Connects in the background; its thread lives only until that is done.
#[derive(Debug)]
struct Dialer {
    address: Address,
    bell: Arc<Bell>,
    state: Mutex<Dialed>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Dialed {
    closed: bool,
    /// A connection that nobody has taken yet.
    dialed: Option<Arc<Connection>>,
    /// The connection in use, for [`Closer::close`].
    current: Option<Arc<Connection>>,
    /// How the last try ended.
    failure: Option<Error>,
    backoff: Backoff,
}

impl Dialer {
    /// Starts the thread; `again` after a connection that was lost.
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
        let mut connection = Connection::dial(
            &self.address,
            Protocol::Req,
            GREETING_LIMIT,
            Some(&self.bell),
        )?;
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
