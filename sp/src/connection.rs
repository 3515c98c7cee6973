//! One connection: made, greeted, written to, read from.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, connect, recv, send, sendmsg};

use crate::address::Address;
use crate::frame::{self, Protocol};
use crate::sys::{self, SEND};
use crate::wake::Bell;
use crate::{Error, ProtocolError};

/// How long a peer may take for its greeting, from the moment it connected.
/// NNG's limit.
pub(crate) const GREETING_LIMIT: Duration = Duration::from_secs(10);

/// A greeted connection. It does not block, unless it is made to.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    /// What a write is called with.
    write: SendFlags,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Connection {
    /// Connects once and exchanges greetings.
    ///
    /// `limit` runs from the call and is at most [`GREETING_LIMIT`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where nobody listens, [`Error::Protocol`] where the peer
    /// greets wrongly or not in time, [`Error::Disconnected`] where it goes at
    /// once, [`Error::Closed`] once `bell` rings.
    pub(crate) fn dial(
        address: &Address,
        protocol: Protocol,
        limit: Duration,
        bell: Option<&Bell>,
    ) -> Result<Self, Error> {
        let failed = |doing, errno: Errno| Error::Io {
            doing,
            path: address.path().to_owned(),
            source: errno.into(),
        };
        let socket = sys::socket().map_err(|errno| failed("open a socket for", errno))?;
        // Without blocking: a listener whose backlog is full answers EAGAIN.
        connect(&socket, address.kernel()).map_err(|errno| failed("connect to", errno))?;
        let mut greeting = Greeting::new(socket, protocol);
        let deadline = Instant::now() + limit.min(GREETING_LIMIT);
        loop {
            match greeting.proceed()? {
                Progress::Done => return Ok(greeting.finish()),
                Progress::Waits => {}
            }
            let mut waits_for = vec![PollFd::new(&greeting, PollFlags::IN)];
            waits_for.extend(bell.map(|bell| PollFd::new(bell, PollFlags::IN)));
            if !wait(&mut waits_for, Some(deadline)).map_err(|errno| failed("wait for", errno))? {
                return Err(ProtocolError::GreetingTimedOut.into());
            }
            if waits_for.len() > 1 && !waits_for[1].revents().is_empty() {
                return Err(Error::Closed);
            }
        }
    }

    /// Lets reads and writes block from now on.
    pub(crate) fn block(&mut self) -> Result<(), Errno> {
        self.write = SEND;
        ioctl_fionbio(&self.socket, false)
    }

    /// Lets a read without [`RecvFlags::DONTWAIT`] wait for the shortest time
    /// that the kernel knows: a tick of its clock, 1 to 10 ms.
    pub(crate) fn block_reads_for_a_tick(&self) -> Result<(), Errno> {
        set_socket_timeout(&self.socket, Timeout::Recv, Some(Duration::from_micros(1)))?;
        ioctl_fionbio(&self.socket, false)
    }

    /// Writes as much of a frame as the kernel takes now, from byte `sent` on.
    ///
    /// `id` goes between header and body. One system call.
    pub(crate) fn write_frame(&self, id: &[u8], body: &[u8], sent: usize) -> Result<usize, Errno> {
        let length = id.len() + body.len();
        // For short ones a copy is cheaper than a vector of three parts.
        match frame::HEADER + length {
            ..=128 if sent == 0 => return self.write_copy::<128>(id, body),
            ..=2048 if sent == 0 => return self.write_copy::<2048>(id, body),
            _ => {}
        }
        let header = frame::header(length);
        let mut parts = [IoSlice::new(&header), IoSlice::new(id), IoSlice::new(body)];
        let mut rest = &mut parts[..];
        IoSlice::advance_slices(&mut rest, sent);
        retry(|| {
            sendmsg(
                &self.socket,
                rest,
                &mut SendAncillaryBuffer::default(),
                self.write,
            )
        })
    }

    /// Writes a frame of at most `N` bytes, header and all.
    fn write_copy<const N: usize>(&self, id: &[u8], body: &[u8]) -> Result<usize, Errno> {
        let length = id.len() + body.len();
        let mut frame = [0; N];
        frame[..frame::HEADER].copy_from_slice(&frame::header(length));
        frame[frame::HEADER..][..id.len()].copy_from_slice(id);
        frame[frame::HEADER + id.len()..][..body.len()].copy_from_slice(body);
        self.write(&frame[..frame::HEADER + length])
    }

    /// Writes as many of `bytes` as the kernel takes now.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        retry(|| send(&self.socket, bytes, self.write))
    }
}

/// A connection whose greetings are on their way.
#[derive(Debug)]
pub(crate) struct Greeting {
    socket: OwnedFd,
    protocol: Protocol,
    said: bool,
    heard: [u8; 8],
    length: usize,
}

pub(crate) enum Progress {
    /// Both greetings are exchanged.
    Done,
    /// The peer's has not come yet.
    Waits,
}

impl AsFd for Greeting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Greeting {
    pub(crate) fn new(socket: OwnedFd, protocol: Protocol) -> Self {
        Self {
            socket,
            protocol,
            said: false,
            heard: [0; 8],
            length: 0,
        }
    }

    /// Does what can be done without waiting.
    pub(crate) fn proceed(&mut self) -> Result<Progress, Error> {
        if !self.said {
            // A new socket's buffer is empty and takes 8 bytes at once. A peer
            // that has gone may have left messages, which are read all the same.
            match retry(|| send(&self.socket, &self.protocol.greeting(), SEND)) {
                Ok(8) | Err(Errno::PIPE) => self.said = true,
                _ => return Err(Error::Disconnected),
            }
        }
        // Never beyond the greeting: what follows is the decoder's.
        while self.length < self.heard.len() {
            let rest = &mut self.heard[self.length..];
            match recv(&self.socket, rest, RecvFlags::empty()) {
                Ok((_, 0)) => return Err(Error::Disconnected),
                Ok((_, read)) => self.length += read,
                Err(Errno::AGAIN) => return Ok(Progress::Waits),
                Err(Errno::INTR) => {}
                Err(_) => return Err(Error::Disconnected),
            }
        }
        self.protocol.check_peer(self.heard)?;
        Ok(Progress::Done)
    }

    pub(crate) fn finish(self) -> Connection {
        Connection {
            socket: self.socket,
            write: SEND.union(SendFlags::DONTWAIT),
        }
    }
}

/// The pauses before a try to connect again: 10 ms, doubling to 500 ms, each
/// shortened by up to a quarter at random, so that many plugins that lost one
/// host do not come back in step.
///
/// A connection that lasted starts the series anew; one that ended at once does
/// not, so that a peer that hangs up on everybody is not dialed in a tight loop.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    connected: Option<Instant>,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_millis(500);

    /// Notes that a connection was made.
    pub(crate) fn connected(&mut self) {
        self.connected = Some(Instant::now());
    }

    /// The pause before the next try.
    pub(crate) fn pause(&mut self) -> Duration {
        let lasted = self.connected.take().map(|since| since.elapsed());
        if lasted.is_some_and(|lasted| lasted > Self::LONGEST) {
            self.next = Self::FIRST;
        }
        let pause = self.next;
        self.next = (pause * 2).min(Self::LONGEST);
        pause - pause / 4 * (random() % 1024) / 1024
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            next: Self::FIRST,
            connected: None,
        }
    }
}

/// A number that nobody foresees; not for secrets.
pub(crate) fn random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as u32
}

/// Polls until something is ready, or `deadline`: then `false`.
pub(crate) fn wait(waits_for: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<bool, Errno> {
    loop {
        let limit = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let limit = limit.map(|limit| Timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        match poll(waits_for, limit.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The moment at which a limit that starts now ends; none if it is too far off
/// to be told.
pub(crate) fn deadline(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

fn retry(mut call: impl FnMut() -> Result<usize, Errno>) -> Result<usize, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Waits on `changed` for `ready` to give something, for at most `limit`.
///
/// Gives `None` when the time is over. The lock is not held afterwards, and the
/// clock is not read where there is nothing to wait for.
pub(crate) fn wait_for<S, T>(
    state: &Mutex<S>,
    changed: &Condvar,
    limit: Option<Duration>,
    mut ready: impl FnMut(&mut S) -> Option<T>,
) -> Option<T> {
    let mut state = lock(state);
    let mut until = None;
    loop {
        if let Some(found) = ready(&mut state) {
            return Some(found);
        }
        let deadline = *until.get_or_insert_with(|| deadline(limit));
        state = match deadline {
            None => changed.wait(state).unwrap_or_else(|held| held.into_inner()),
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                changed
                    .wait_timeout(state, left)
                    .unwrap_or_else(|held| held.into_inner())
                    .0
            }
        };
    }
}

/// Locks `state`. A panic of another holder is not passed on: every critical
/// section here leaves the state whole.
pub(crate) fn lock<S>(state: &Mutex<S>) -> std::sync::MutexGuard<'_, S> {
    state.lock().unwrap_or_else(|held| held.into_inner())
}
