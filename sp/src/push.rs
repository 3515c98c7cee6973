//! The PUSH socket: sends messages one way, as fast as the peer reads them.
//!
//! Bursts are batched; single messages are sent immediately. Two threads write,
//! never at the same time. While the queue is empty, the sending thread writes
//! without blocking. What the kernel does not accept is queued, including the
//! rest of a frame. Until the queue is empty again, only the flusher writes, and
//! it writes everything that has queued up with one system call. During a long
//! [`Burst`] the flusher writes too, even if the reader keeps up. The flusher
//! also dials, and notices a peer that leaves.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::address::Address;
use crate::connection::{Backoff, Connection, GREETING_LIMIT, lock, wait, wait_for};
use crate::frame::{self, HEADER, Protocol};
use crate::options::{OnPeer, Presence};
use crate::sys::peer_of;
use crate::wake::Bell;
use crate::{Error, Options};

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

struct Shared {
    address: Address,
    queue_bytes: usize,
    on_peer: Option<OnPeer>,
    state: Mutex<State>,
    /// Notified when the queue has room, when everything is written, and when a
    /// connection is made or lost.
    changed: Condvar,
    /// Rings when the flusher has work.
    bell: Arc<Bell>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("address", &self.address)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// Complete frames, one after the other.
    queue: Vec<u8>,
    /// How many bytes of the queue's first frame were written to this
    /// connection.
    sent: usize,
    /// Whether the flusher has taken frames that are not written yet.
    flushing: bool,
    closed: bool,
    burst: Burst,
}

impl State {
    fn is_drained(&self) -> bool {
        self.queue.is_empty() && !self.flushing
    }
}

/// The largest capacity in bytes that an empty queue keeps.
const KEPT: usize = 1024 * 1024;

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
        if let (Some(connection), Some(on_peer)) = (&connection, &options.on_peer) {
            on_peer(&peer_of(connection), Presence::Connected);
        }
        let shared = Arc::new(Shared {
            address: address.clone(),
            queue_bytes: options.queue_bytes,
            on_peer: options.on_peer.clone(),
            state: Mutex::new(State {
                connection: connection.map(Arc::new),
                ..State::default()
            }),
            changed: Condvar::new(),
            bell,
        });
        let flusher = Flusher {
            shared: Arc::clone(&shared),
            batch: Vec::new(),
            sent: 0,
            cuts: 0,
        };
        let flusher = thread::Builder::new()
            .name("sp-push".to_owned())
            .spawn(move || flusher.run())
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
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the queue stayed full; the message is not sent.
    /// [`Error::Closed`] if the socket is closed.
    pub fn send(&self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let shared = &*self.shared;
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
        match state.closed {
            true => Err(Error::Closed),
            false => Ok(state.queue_if_room(body, self.shared.queue_bytes)),
        }
    }

    /// Writes the messages queued by [`put`](Self::put) with one system call.
    ///
    /// Never waits. What the kernel does not accept is written in the background.
    pub fn write_out(&self) {
        let mut state = lock(&self.shared.state);
        // A flusher that is writing or dialing looks at the queue afterwards.
        if !state.queue.is_empty() && !state.flushing && state.connection.is_some() {
            state.write_queue();
            if !state.queue.is_empty() {
                self.shared.bell.ring();
            }
        }
    }

    /// Waits until the kernel has accepted all messages sent so far.
    ///
    /// `limit` counts from the call.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], [`Error::Closed`], and [`Error::Disconnected`] if
    /// messages are queued and there is no connection.
    pub fn flush(&self, limit: Duration) -> Result<(), Error> {
        let shared = &*self.shared;
        wait_for(&shared.state, &shared.changed, Some(limit), |state| {
            if state.closed {
                Some(Err(Error::Closed))
            } else if state.is_drained() {
                Some(Ok(()))
            } else if state.connection.is_none() {
                Some(Err(Error::Disconnected))
            } else {
                None
            }
        })
        .unwrap_or(Err(Error::TimedOut))
    }

    /// Closes the socket and drops the messages that are queued.
    ///
    /// Waiting and later sends return [`Error::Closed`]. Dropping the socket
    /// closes it too.
    pub fn close(&self) {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        state.queue = Vec::new();
        state.connection = None;
        drop(state);
        self.shared.changed.notify_all();
        self.shared.bell.ring();
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

impl Shared {
    fn report(&self, connection: &Connection, presence: Presence) {
        if let Some(on_peer) = &self.on_peer {
            on_peer(&peer_of(connection), presence);
        }
    }

    /// Writes or queues a message. Returns `None` if there is no room for it.
    fn offer(&self, state: &mut State, body: &[u8]) -> Option<Result<(), Error>> {
        if state.closed {
            return Some(Err(Error::Closed));
        }
        if state.is_drained() {
            let written = match state.connection.is_some() && state.burst.goes_on(Instant::now()) {
                true => {
                    state.queue_frame(body);
                    false
                }
                false => state.write_or_queue(body),
            };
            // Without a connection the flusher is making one, and looks at the
            // queue afterwards.
            if !written && state.connection.is_some() {
                self.bell.ring();
            }
            return Some(Ok(()));
        }
        state
            .queue_if_room(body, self.queue_bytes)
            .then_some(Ok(()))
    }
}

impl State {
    /// Writes a message without blocking. Queues what the kernel does not accept
    /// and then returns `false`.
    ///
    /// A write error is not handled here: the flusher meets the same error when
    /// it writes the queue, and is the only place that gives a connection up.
    fn write_or_queue(&mut self, body: &[u8]) -> bool {
        self.sent = match &self.connection {
            Some(connection) => connection.write_frame(&[], body, 0).unwrap_or(0),
            None => 0,
        };
        if self.sent == HEADER + body.len() {
            self.sent = 0;
            return true;
        }
        self.queue_frame(body);
        false
    }

    /// Writes the queue without blocking, and keeps what the kernel does not
    /// accept.
    fn write_queue(&mut self) {
        let written = match &self.connection {
            Some(connection) => connection.write(&self.queue[self.sent..]).unwrap_or(0),
            None => 0,
        };
        let whole = whole_frames(&self.queue, self.sent + written);
        self.sent += written;
        self.sent -= whole;
        self.queue.drain(..whole);
        self.burst.queued = 0;
    }

    fn queue_if_room(&mut self, body: &[u8], room: usize) -> bool {
        let needed = self.queue.len() + HEADER + body.len();
        if needed > room && !self.queue.is_empty() {
            return false;
        }
        // Grows to `room` at most: a plugin can have hundreds of queues.
        if needed > self.queue.capacity() {
            let doubled = (2 * needed).min(room).max(needed);
            self.queue.reserve_exact(doubled - self.queue.len());
        }
        self.queue_frame(body);
        true
    }

    fn queue_frame(&mut self, body: &[u8]) {
        self.burst.queued = self.burst.queued.saturating_add(1);
        self.queue.extend_from_slice(&frame::header(body.len()));
        self.queue.extend_from_slice(body);
    }
}

/// Decides whether messages come fast enough to be written in batches.
///
/// After [`Burst::LONG`] messages were written directly within
/// [`Burst::SHORT`], the next message is queued for the flusher. More messages
/// can join it while the flusher wakes and writes. If none joins
/// [`Burst::ALONE`] times in a row, the burst is over and messages are written
/// directly again. So single messages and short bursts never go through the
/// flusher, and messages that are answered one by one do so only now and then.
#[derive(Debug, Default)]
struct Burst {
    /// When the current count of `written` began.
    since: Option<Instant>,
    /// How many messages were written directly since then.
    written: u32,
    goes_on: bool,
    /// How many messages were queued since the queue was last found empty.
    queued: u32,
    /// How many times in a row a message was queued and none joined it.
    alone: u32,
}

impl Burst {
    /// More messages than fit in a kernel buffer, even the smallest ones: the
    /// reader keeps up.
    const LONG: u32 = 512;
    /// 10 µs per message: a few times as long as it takes to write one.
    const SHORT: Duration = Duration::from_millis(5);
    /// More than one, because the flusher may have been fast by chance.
    const ALONE: u32 = 8;

    /// Returns whether to queue the next message. Called for each message that
    /// finds the queue empty.
    fn goes_on(&mut self, now: Instant) -> bool {
        if self.goes_on {
            self.alone = match std::mem::take(&mut self.queued) {
                1 => self.alone + 1,
                _ => 0,
            };
            if self.alone < Self::ALONE {
                return true;
            }
            self.alone = 0;
        }
        let since = *self.since.get_or_insert(now);
        self.written += 1;
        self.goes_on = self.written > Self::LONG && now - since < Self::SHORT;
        if self.written > Self::LONG {
            self.written = 0;
            self.since = None;
        }
        self.goes_on
    }
}

/// The background thread: dials, watches the peer, writes what was queued.
struct Flusher {
    shared: Arc<Shared>,
    /// Frames taken from the queue, not all of them written yet.
    batch: Vec<u8>,
    /// How many bytes of `batch` were written to this connection.
    sent: usize,
    /// How many connections in a row ended inside the first frame of `batch`.
    cuts: u32,
}

/// The number of connections that must end inside a frame until it is given up.
const MOST_CUTS: u32 = 3;

/// The error of a connection that was lost or could not be made.
struct Lost;

impl Flusher {
    fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            // The causes of earlier rings are found in the state below.
            self.shared.bell.hush();
            let Some(connection) = self.take_batch() else {
                return;
            };
            let outcome = match connection {
                None => self.dial(&mut backoff),
                Some(connection) if self.batch.is_empty() => self.idle(&connection),
                Some(connection) => self.write(&connection),
            };
            if let Err(Lost) = outcome {
                self.lose();
                let pause = Some(backoff.pause());
                wait_for(&self.shared.state, &self.shared.changed, pause, |state| {
                    state.closed.then_some(())
                });
            }
        }
    }

    /// Takes the queue as the next batch if the last batch is written. Returns
    /// the connection, or `None` once the socket is closed.
    #[expect(
        clippy::option_option,
        reason = "the outer `None` means closed, the inner one not connected"
    )]
    fn take_batch(&mut self) -> Option<Option<Arc<Connection>>> {
        let mut state = lock(&self.shared.state);
        if state.closed {
            return None;
        }
        if self.batch.is_empty() {
            if self.batch.capacity() > KEPT {
                self.batch = Vec::new();
            }
            std::mem::swap(&mut self.batch, &mut state.queue);
            self.sent = std::mem::take(&mut state.sent);
            state.flushing = !self.batch.is_empty();
            self.shared.changed.notify_all();
        }
        Some(state.connection.clone())
    }

    /// Attempts to connect once.
    fn dial(&self, backoff: &mut Backoff) -> Result<(), Lost> {
        let shared = &*self.shared;
        let connection = Connection::dial(
            &shared.address,
            Protocol::Push,
            GREETING_LIMIT,
            Some(&shared.bell),
        )
        .map_err(|_| Lost)?;
        backoff.connected();
        let mut state = lock(&shared.state);
        if !state.closed {
            shared.report(&connection, Presence::Connected);
            state.connection = Some(Arc::new(connection));
            shared.changed.notify_all();
        }
        Ok(())
    }

    /// Waits until there is work or the peer leaves.
    fn idle(&self, connection: &Connection) -> Result<(), Lost> {
        let mut waits_for = [
            PollFd::new(connection, PollFlags::IN),
            PollFd::new(&*self.shared.bell, PollFlags::IN),
        ];
        wait(&mut waits_for, None).map_err(|_| Lost)?;
        if waits_for[0].revents().is_empty() {
            return Ok(());
        }
        match recv(connection, &mut [0; 1], RecvFlags::empty()) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            // The end of the stream, or data, which a PULL never sends.
            Ok(_) | Err(_) => Err(Lost),
        }
    }

    /// Writes the batch. Waits while the kernel accepts nothing, but returns when
    /// the bell rings.
    fn write(&mut self, connection: &Connection) -> Result<(), Lost> {
        while self.sent < self.batch.len() {
            match connection.write(&self.batch[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(Errno::AGAIN) => {
                    let mut waits_for = [
                        PollFd::new(connection, PollFlags::OUT),
                        PollFd::new(&*self.shared.bell, PollFlags::IN),
                    ];
                    wait(&mut waits_for, None).map_err(|_| Lost)?;
                    if !waits_for[1].revents().is_empty() {
                        return Ok(());
                    }
                }
                Err(_) => return Err(Lost),
            }
        }
        self.batch.clear();
        Ok(())
    }

    /// Gives the connection up and prepares the batch for the next one.
    ///
    /// Frames that were written completely are dropped. A frame that was written
    /// in part is sent again from its first byte, unless [`MOST_CUTS`]
    /// connections have ended inside it: a reader with a size limit (1 MiB in
    /// eKuiper 1.x) disconnects at each attempt, and the messages after that
    /// frame would never reach it.
    fn lose(&mut self) {
        let mut written = whole_frames(&self.batch, self.sent);
        if written > 0 {
            self.cuts = 0;
        }
        if self.sent > written {
            self.cuts += 1;
        }
        if self.cuts == MOST_CUTS {
            self.cuts = 0;
            written += first_frame(&self.batch[written..]);
        }
        self.batch.drain(..written);
        self.sent = 0;
        let mut state = lock(&self.shared.state);
        let lost = state.connection.take();
        state.sent = 0;
        drop(state);
        self.shared.changed.notify_all();
        if let Some(lost) = lost {
            self.shared.report(&lost, Presence::Left);
        }
    }
}

/// Returns the length of the first frame in `frames`, including its header.
fn first_frame(frames: &[u8]) -> usize {
    frames
        .first_chunk()
        .map_or(0, |&[_, length @ ..]: &[u8; HEADER]| {
            HEADER + u64::from_be_bytes(length) as usize
        })
}

/// Returns the length of the frames in `batch` that end at or before `end`.
fn whole_frames(batch: &[u8], end: usize) -> usize {
    let mut whole = 0;
    while let Some((header, _)) = batch[whole..end].split_first_chunk::<HEADER>() {
        let [_, length @ ..] = *header;
        let next = whole + HEADER + u64::from_be_bytes(length) as usize;
        if next > end {
            break;
        }
        whole = next;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records a burst of messages one microsecond apart; returns it with the
    /// time of the next message.
    fn burst(messages: u32) -> (Burst, Instant) {
        let mut burst = Burst::default();
        let mut now = Instant::now();
        for message in 0..messages {
            assert!(!burst.goes_on(now), "message {message} was queued");
            now += Duration::from_micros(1);
        }
        (burst, now)
    }

    #[test]
    fn messages_after_a_long_burst_are_queued_as_long_as_others_join() {
        let (mut burst, now) = burst(Burst::LONG);
        assert!(burst.goes_on(now));

        // This message, and two that were queued after it.
        burst.queued = 3;

        assert!(burst.goes_on(now));
    }

    #[test]
    fn a_burst_ends_when_no_message_joins_the_queued_ones() {
        let (mut burst, now) = burst(Burst::LONG);
        assert!(burst.goes_on(now));

        for _ in 1..Burst::ALONE {
            burst.queued = 1;
            assert!(burst.goes_on(now));
        }
        burst.queued = 1;

        assert!(!burst.goes_on(now));
    }

    #[test]
    fn messages_that_come_more_slowly_are_written_directly() {
        let (mut burst, now) = burst(Burst::LONG);

        assert!(!burst.goes_on(now + Burst::SHORT));
        assert!(!burst.goes_on(now + Burst::SHORT));
    }

    #[test]
    fn only_completely_written_frames_count_as_sent() {
        let batch = b"\x01\0\0\0\0\0\0\0\x01a\x01\0\0\0\0\0\0\0\x02bc";

        let kept: Vec<usize> = (0..=batch.len())
            .map(|end| whole_frames(batch, end))
            .collect();

        assert_eq!(kept[..10], [0; 10]);
        assert_eq!(kept[10..21], [10; 11]);
        assert_eq!(kept[21], 21);
    }
}
