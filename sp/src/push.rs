//! PUSH: sends messages one way, and never more than the other end takes.
//!
//! Two threads write, never at the same time. While nothing is queued the
//! sender writes, without blocking, so that a single row goes out at once. What
//! the kernel refuses is queued, the rest of a frame included; until the queue
//! is empty again the flusher alone writes, all that has piled up in one system
//! call. So it does with a long [`Burst`], too, though the reader keeps up. The
//! flusher also dials, and notices a peer that leaves.

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

/// The sending end of a one-way channel; it dials.
///
/// Any number of threads may send. A message is sent once and whole: where the
/// connection breaks in the middle of one, all of it goes out on the next. One
/// that three connections in a row broke on is given up: its reader takes none
/// of that length.
/// What the kernel had taken whole by then is lost, as with NNG and mangos.
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
    /// Told when there is room, all is written, or the connection comes or goes.
    changed: Condvar,
    /// Rings when the flusher has something to do.
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
    /// Whole frames, one behind the other.
    queue: Vec<u8>,
    /// How much of the queue's first frame is out on this connection.
    sent: usize,
    /// Whether the flusher has frames of its own to write.
    flushing: bool,
    closed: bool,
    burst: Burst,
}

impl State {
    fn is_drained(&self) -> bool {
        self.queue.is_empty() && !self.flushing
    }
}

/// The capacity that an empty queue may keep, in bytes.
const KEPT: usize = 1024 * 1024;

impl Push {
    /// Dials `url` in the background, and again whenever the peer leaves.
    ///
    /// Messages queue up until somebody answers; see [`Options::queue_bytes`].
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for a URL that cannot be one, [`Error::Io`] where the
    /// system gives no thread or descriptor.
    pub fn dial(url: &str, options: Options) -> Result<Self, Error> {
        Self::start(Address::parse(url)?, &options, None)
    }

    /// Connects to `url` now, once; reconnects in the background later.
    ///
    /// `limit` runs from the call, and counts for the peer's greeting.
    ///
    /// # Errors
    ///
    /// As [`dial`](Self::dial), and [`Error::Unreachable`] where nobody listens
    /// or the greetings fail.
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

    /// Writes a message, or queues it where the kernel has no room.
    ///
    /// Waits while the queue is full. `limit` runs from the call; `None` waits
    /// for as long as it takes, and `Some(Duration::ZERO)` never waits. The
    /// order of one thread's messages is kept.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`]: the message was not taken. [`Error::Closed`].
    pub fn send(&self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let shared = &*self.shared;
        wait_for(&shared.state, &shared.changed, limit, |state| {
            shared.offer(state, body)
        })
        .unwrap_or(Err(Error::TimedOut))
    }

    /// Puts a message behind what waits, to go out with [`write_out`](Self::write_out).
    ///
    /// Never waits. `false` where the queue is full: the message was not taken.
    /// Others that send meanwhile may send it, too.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`].
    pub fn put(&self, body: &[u8]) -> Result<bool, Error> {
        let mut state = lock(&self.shared.state);
        match state.closed {
            true => Err(Error::Closed),
            false => Ok(state.queue_if_room(body, self.shared.queue_bytes)),
        }
    }

    /// Writes what was [put](Self::put), with one system call; what the kernel
    /// refuses goes out as that of [`send`](Self::send) does.
    pub fn write_out(&self) {
        let mut state = lock(&self.shared.state);
        // While it flushes, or dials, the flusher looks at the queue afterwards.
        if !state.queue.is_empty() && !state.flushing && state.connection.is_some() {
            state.write_queue();
            if !state.queue.is_empty() {
                self.shared.bell.ring();
            }
        }
    }

    /// Waits until the kernel has taken all that was sent.
    ///
    /// `limit` runs from the call.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], [`Error::Closed`], and [`Error::Disconnected`]
    /// where something is queued and nobody is connected to take it.
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

    /// Closes the socket: sends that wait, and later ones, give
    /// [`Error::Closed`]; what is queued is dropped. Dropping the socket closes
    /// it too.
    pub fn close(&self) {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        state.queue = Vec::new();
        state.connection = None;
        drop(state);
        self.shared.changed.notify_all();
        self.shared.bell.ring();
    }

    /// Whether there is a connection now, as far as is known.
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
    fn tell(&self, connection: &Connection, presence: Presence) {
        if let Some(on_peer) = &self.on_peer {
            on_peer(&peer_of(connection), presence);
        }
    }

    /// Takes a message if there is a place for it now.
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
            // While there is no connection the flusher is making one, and
            // looks at the queue when it has.
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
    /// Writes without blocking, and queues what the kernel refuses: `false`.
    ///
    /// A connection that fails is left to the flusher, which meets the same
    /// failure when it writes: one place alone gives connections up.
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

    /// Writes the queue without blocking; what the kernel refuses stays there.
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
        // No more than is ever used: a plugin may have hundreds of these.
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

/// Tells whether messages come so fast that it pays to write them together.
///
/// Where [`Burst::LONG`] messages were written directly within
/// [`Burst::SHORT`], the next is queued for the flusher. While it wakes and
/// writes, others join; where none does [`Burst::ALONE`] times in a row, they are
/// not as fast as that, and are written directly again. So a single message and a
/// short burst never take the way over the other thread, and of messages that
/// wait for an answer each few do.
#[derive(Debug, Default)]
struct Burst {
    /// When the messages began that are counted now.
    since: Option<Instant>,
    written: u32,
    goes_on: bool,
    /// How many were queued since the queue was last found empty.
    queued: u32,
    /// How many were queued alone, one after the other.
    alone: u32,
}

impl Burst {
    /// More than a kernel's buffer holds of the smallest: the reader keeps up.
    const LONG: u32 = 512;
    /// 10 µs a message: a few times what writing one takes.
    const SHORT: Duration = Duration::from_millis(5);
    /// The flusher may have been quick.
    const ALONE: u32 = 8;

    /// Asked for each message that finds the queue empty: whether to queue it.
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

/// The background half: dials, watches the peer, writes what has queued up.
struct Flusher {
    shared: Arc<Shared>,
    /// Frames taken from the queue, not all of them written yet.
    batch: Vec<u8>,
    /// How much of `batch` is out on this connection.
    sent: usize,
    /// How many connections in a row ended inside the first frame of `batch`.
    cuts: u32,
}

/// Connections that may end inside one frame before it is given up.
const MOST_CUTS: u32 = 3;

/// There is no connection, or no longer.
struct Lost;

impl Flusher {
    fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            // What rang so far is seen in the state.
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

    /// Takes what has queued up, if the batch before it is written, and gives
    /// the connection; `None` once the socket is closed.
    #[expect(
        clippy::option_option,
        reason = "closed and not connected are two things"
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

    /// Tries to connect once.
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
            shared.tell(&connection, Presence::Connected);
            state.connection = Some(Arc::new(connection));
            shared.changed.notify_all();
        }
        Ok(())
    }

    /// Waits for something to do, and for the peer to leave.
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
            // The end of the stream, or data where a PULL has nothing to say.
            Ok(_) | Err(_) => Err(Lost),
        }
    }

    /// Writes what the kernel takes of the batch, waiting until it takes some.
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

    /// Gives the connection up. Frames that it took whole are gone; the one
    /// that it took half goes out whole on the next.
    ///
    /// Unless that has been tried often enough: a reader with a size limit (an
    /// eKuiper 1.x has one of 1 MiB) hangs up on a longer message each time, and
    /// would otherwise never get another.
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
            self.shared.tell(&lost, Presence::Left);
        }
    }
}

/// The length of the first frame in `frames`, with its header.
fn first_frame(frames: &[u8]) -> usize {
    frames
        .first_chunk()
        .map_or(0, |&[_, length @ ..]: &[u8; HEADER]| {
            HEADER + u64::from_be_bytes(length) as usize
        })
}

/// The bytes of the frames in `batch` that lie whole before `end`.
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

    /// A burst so long, a microsecond between its messages; and when it ends.
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
    fn what_comes_behind_a_long_burst_is_queued_as_long_as_others_join() {
        let (mut burst, now) = burst(Burst::LONG);
        assert!(burst.goes_on(now));

        // It, and two that found it in the queue.
        burst.queued = 3;

        assert!(burst.goes_on(now));
    }

    #[test]
    fn messages_that_none_joined_end_the_burst() {
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
    fn messages_that_took_longer_are_written_directly() {
        let (mut burst, now) = burst(Burst::LONG);

        assert!(!burst.goes_on(now + Burst::SHORT));
        assert!(!burst.goes_on(now + Burst::SHORT));
    }

    #[test]
    fn a_frame_that_was_cut_is_sent_again_from_its_first_byte() {
        let batch = b"\x01\0\0\0\0\0\0\0\x01a\x01\0\0\0\0\0\0\0\x02bc";

        let kept: Vec<usize> = (0..=batch.len())
            .map(|end| whole_frames(batch, end))
            .collect();

        assert_eq!(kept[..10], [0; 10]);
        assert_eq!(kept[10..21], [10; 11]);
        assert_eq!(kept[21], 21);
    }
}
