//! The PUSH socket: sends messages one way, as fast as the peer reads them.
//!
//! Bursts are batched; single messages are sent immediately. Two threads write,
//! never at the same time. While the queue is empty, the sending thread writes
//! without blocking. What the kernel does not accept is queued, including the
//! rest of a frame. Until the queue is empty again, the flusher writes everything
//! that has queued up with one system call. During a long burst the flusher writes
//! too, even if the reader keeps up. A sending thread that finds the queue full
//! writes it if the flusher does not. A long message is written by the sending thread
//! to its end. The flusher also dials, and notices a peer that leaves.
//!
//! The state that the threads share is in `shared`, the rule for bursts in
//! `burst`, long messages in `long`, and the background thread in `flusher`.

mod burst;
mod flusher;
mod long;
mod shared;

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::budget::Share;
use crate::changes::{Changes, lock, wait_for};
use crate::connection::Connection;
use crate::frame::Protocol;
use crate::wake::Bell;
use crate::{Error, Options};

use flusher::Flusher;
use long::LONG;
use shared::{Shared, State};

/// The sending end of a one-way channel. It dials.
///
/// Any number of threads may send. A message is sent once and whole: if the
/// connection breaks in the middle of a message, the whole message is sent again
/// on the next connection. A message is given up when three connections in a row
/// broke during it, because its reader most likely rejects its length. Messages
/// that the kernel had accepted completely when a connection broke are lost, as
/// in NNG and mangos.
#[derive(Debug)]
pub struct Push {
    shared: Arc<Shared>,
    flusher: Option<JoinHandle<()>>,
}

/// How often [`Push::flush_while_read`] at most looks whether the kernel has no more
/// room.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Push {
    /// Dials `url` in the background, and again whenever the peer leaves.
    ///
    /// Messages are queued until a connection is made; see
    /// [`Options::queue_bytes`].
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for an invalid URL, [`Error::Io`] if the system
    /// provides no thread or descriptor.
    pub fn dial(url: &str, options: Options) -> Result<Self, Error> {
        Self::start(Address::parse(url)?, &options, None)
    }

    /// Connects to `url` with a single attempt, and later reconnects in the
    /// background.
    ///
    /// `limit` counts from the call and includes the wait for the peer's
    /// greeting.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] if no socket listens or the greetings fail,
    /// [`Error::Address`] for an invalid URL, [`Error::Io`] if the system
    /// provides no thread or descriptor.
    pub fn connect(url: &str, options: Options, limit: Duration) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let connection =
            Connection::dial(&address, Protocol::Push, limit, None).map_err(|cause| {
                Error::Unreachable {
                    path: address.path().to_owned(),
                    cause: Some(Box::new(cause)),
                }
            })?;
        Self::start(address, &options, Some(connection))
    }

    fn start(
        address: Address,
        options: &Options,
        connection: Option<Connection>,
    ) -> Result<Self, Error> {
        let failed = |doing, source| Error::Io {
            doing,
            path: address.path().to_owned(),
            source,
        };
        let bell = Bell::new().map_err(|errno| failed("open a socket for", errno.into()))?;
        let shared = Arc::new(Shared {
            address: address.clone(),
            queue_bytes: options.queue_bytes,
            kernel_bytes: options.kernel_bytes,
            on_peer: options.on_peer.clone(),
            on_room: options.on_room.clone(),
            state: Mutex::new(State {
                connecting: connection.is_none(),
                share: Share::of(options.budget.clone()),
                ..State::default()
            }),
            changed: Changes::default(),
            bell,
        });
        if let Some(connection) = connection {
            shared.connected(&mut lock(&shared.state), connection);
        }
        let flusher = Flusher::start(Arc::clone(&shared))
            .map_err(|source| failed("start a thread for", source))?;
        Ok(Self {
            shared,
            flusher: Some(flusher),
        })
    }

    /// Writes a message, or queues it if the kernel has no room.
    ///
    /// Waits while the queue is full. `limit` counts from the call; `None` waits
    /// forever, and `Some(Duration::ZERO)` does not wait. The messages of one
    /// thread are sent in order.
    ///
    /// Without a limit, a message of at least 32 KiB is not queued while there is a
    /// connection: this waits until the kernel has accepted all of it.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the queue stayed full; the message is not sent.
    /// [`Error::Closed`] if the socket is closed.
    pub fn send(&self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let shared = &*self.shared;
        if limit.is_none() && body.len() >= LONG {
            return shared.send_long(body);
        }
        wait_for(&shared.state, &shared.changed, limit, |state| {
            shared.offer(state, body)
        })
        .unwrap_or(Err(Error::TimedOut))
    }

    /// Appends a message to the queue, to be sent by
    /// [`write_out`](Self::write_out).
    ///
    /// Never waits. Returns `false` if the queue is full; the message is then not
    /// queued. A [`send`](Self::send) by another thread may send the message
    /// earlier.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the socket is closed.
    pub fn put(&self, body: &[u8]) -> Result<bool, Error> {
        let mut state = lock(&self.shared.state);
        if state.closed {
            return Err(Error::Closed);
        }
        let queued = state.queue_if_room(body, self.shared.queue_bytes);
        state.full |= !queued;
        Ok(queued)
    }

    /// Writes the messages queued by [`put`](Self::put) with one system call.
    ///
    /// Never waits. What the kernel does not accept is written in the background.
    pub fn write_out(&self) {
        let mut state = lock(&self.shared.state);
        // A flusher that is writing or dialing, or waits for room, looks at the queue
        // afterwards.
        let is_idle = !state.writing && state.stalled.is_none();
        if !state.queue.is_empty() && is_idle && state.connection.is_some() {
            self.shared.write_waiting(&mut state);
            state.burst.queued = 0;
        }
    }

    /// Waits until the kernel has accepted all messages sent so far.
    ///
    /// `limit` counts from the call. Waits for an attempt to connect that is under way.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], [`Error::Closed`], and [`Error::Disconnected`] if
    /// messages are queued, there is no connection, and the last attempt to connect
    /// has failed.
    pub fn flush(&self, limit: Duration) -> Result<(), Error> {
        let shared = &*self.shared;
        wait_for(&shared.state, &shared.changed, Some(limit), |state| {
            if state.closed {
                Some(Err(Error::Closed))
            } else if state.is_drained() {
                Some(Ok(()))
            } else if state.connection.is_none() && !state.connecting {
                Some(Err(Error::Disconnected))
            } else {
                None
            }
        })
        .unwrap_or(Err(Error::TimedOut))
    }

    /// Does the same as [`flush`](Self::flush), but ends once the peer has read nothing
    /// for as long as `patience`. That counts from the moment when the kernel had no
    /// more room, so there is no wait if it was long before the call.
    ///
    /// `limit` counts from the call. A message of at least 32 KiB counts as read only
    /// when the kernel has accepted all of it.
    ///
    /// # Errors
    ///
    /// The same as those of [`flush`](Self::flush).
    pub fn flush_while_read(&self, limit: Duration, patience: Duration) -> Result<(), Error> {
        let begin = Instant::now();
        let stalled = || lock(&self.shared.state).stalled;
        loop {
            let before = stalled();
            let patient = match before {
                Some(since) => patience.saturating_sub(since.elapsed()),
                None => patience.max(LOOK_AGAIN),
            };
            let left = limit.saturating_sub(begin.elapsed());
            match self.flush(left.min(patient)) {
                Err(Error::TimedOut)
                    if patient < left && (before.is_none() || stalled() != before) => {}
                outcome => return outcome,
            }
        }
    }

    /// Does the same as [`flush`](Self::flush) for the last messages of this socket:
    /// the kernel is asked for as much room as they need, and this thread writes
    /// them if the background thread does not. So the wait is short even if the peer
    /// reads slowly.
    ///
    /// The kernel may have less room than that.
    ///
    /// # Errors
    ///
    /// The same as those of [`flush`](Self::flush).
    pub fn finish(&self, limit: Duration) -> Result<(), Error> {
        let shared = &*self.shared;
        let mut state = lock(&shared.state);
        if let Some(connection) = state.connection.clone().filter(|_| !state.is_drained()) {
            connection.add_room(2 * shared.queue_bytes);
            shared.write_waiting(&mut state);
            // A flusher that writes, or waits for room, tries again.
            if !state.is_drained() {
                shared.bell.ring();
            }
        }
        drop(state);
        self.flush(limit)
    }

    /// Closes the socket and drops the messages that are queued.
    ///
    /// Waiting and later sends return [`Error::Closed`]. Dropping the socket
    /// closes it too.
    pub fn close(&self) {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        state.drop_buffers();
        state.give_up();
        drop(state);
        self.shared.changed.notify_all();
        self.shared.bell.ring();
    }

    /// Returns the inode of the connection's socket, by which the system knows it;
    /// `None` if there is no connection.
    pub fn inode(&self) -> Option<u64> {
        let connection = lock(&self.shared.state).connection.clone()?;
        let socket = connection.as_fd().try_clone_to_owned().ok()?;
        let metadata = File::from(socket).metadata().ok()?;
        Some(metadata.ino())
    }

    /// Returns whether the kernel had no room at the last attempt to write, because the
    /// peer does not read.
    pub fn is_stalled(&self) -> bool {
        lock(&self.shared.state).stalled.is_some()
    }

    /// Returns whether there is a connection, as far as is known.
    pub fn is_connected(&self) -> bool {
        lock(&self.shared.state).connection.is_some()
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        self.close();
        if let Some(flusher) = self.flusher.take() {
            let _ = flusher.join();
        }
    }
}
