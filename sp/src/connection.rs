//! One connection: connecting, exchanging greetings, writing frames.
//!
//! Also the helpers that the sockets share: the pauses between attempts to
//! connect, and polling with a deadline. Reading is in `frame`.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::{
    Timeout, set_socket_send_buffer_size, set_socket_timeout, socket_send_buffer_size,
};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, connect, recv, send, sendmsg};

use crate::address::Address;
use crate::frame::{self, Protocol};
use crate::sys::{self, SEND};
use crate::wake::Bell;
use crate::{Error, ProtocolError};

/// How long a peer may take to send its greeting, counted from the moment it
/// connected. NNG has the same limit.
pub(crate) const GREETING_LIMIT: Duration = Duration::from_secs(10);

/// A connection whose greetings have been exchanged. It does not block unless
/// [`block`](Connection::block) is called.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    /// The flags of every write.
    write: SendFlags,
}

/// Ends an attempt to connect if the socket is closed meanwhile.
pub(crate) struct Closing<'a> {
    /// Rings when the socket is closed. It may ring for other reasons, which the caller
    /// looks for after the attempt: to end it then would be a peer that leaves before
    /// its greeting, after which NNG 1.4 accepts no more peers.
    pub(crate) bell: &'a Bell,
    pub(crate) is_closed: &'a dyn Fn() -> bool,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Connection {
    /// Connects once and exchanges greetings.
    ///
    /// `limit` counts from the call; a limit above [`GREETING_LIMIT`] is
    /// shortened to it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if no socket listens, [`Error::Protocol`] if the peer's
    /// greeting is wrong or late, [`Error::Disconnected`] if the peer leaves
    /// before its greeting, [`Error::Closed`] once the socket is closed.
    pub(crate) fn dial(
        address: &Address,
        protocol: Protocol,
        limit: Duration,
        closing: Option<&Closing<'_>>,
    ) -> Result<Self, Error> {
        let failed = |doing, errno: Errno| Error::Io {
            doing,
            path: address.path().to_owned(),
            source: errno.into(),
        };
        let socket = sys::socket().map_err(|errno| failed("open a socket for", errno))?;
        // The socket does not block: if the listener's backlog is full, this
        // fails with EAGAIN.
        connect(&socket, address.kernel()).map_err(|errno| failed("connect to", errno))?;
        let mut greeting = Greeting::new(socket, protocol);
        let deadline = Instant::now() + limit.min(GREETING_LIMIT);
        loop {
            match greeting.proceed()? {
                Progress::Done => return Ok(greeting.finish()),
                Progress::Waits => {}
            }
            let mut waits_for = vec![PollFd::new(&greeting, PollFlags::IN)];
            waits_for.extend(closing.map(|closing| PollFd::new(closing.bell, PollFlags::IN)));
            if !wait(&mut waits_for, Some(deadline)).map_err(|errno| failed("wait for", errno))? {
                return Err(ProtocolError::GreetingTimedOut.into());
            }
            let rings = waits_for.len() > 1 && !waits_for[1].revents().is_empty();
            if let Some(closing) = closing.filter(|_| rings) {
                closing.bell.hush();
                if (closing.is_closed)() {
                    return Err(Error::Closed);
                }
            }
        }
    }

    /// Makes reads and writes block from now on.
    pub(crate) fn block(&mut self) -> Result<(), Errno> {
        self.write = SEND;
        ioctl_fionbio(&self.socket, false)
    }

    /// Asks the kernel for room for `bytes` more that the peer has not read. The
    /// kernel limits it (`net.core.wmem_max` of Linux).
    pub(crate) fn add_room(&self, bytes: usize) {
        if let Ok(room) = socket_send_buffer_size(&self.socket) {
            let _ = set_socket_send_buffer_size(&self.socket, room + bytes);
        }
    }

    /// Limits the memory that the kernel uses for what the peer has not read.
    pub(crate) fn limit_room(&self, bytes: usize) {
        // Linux doubles what it is asked for.
        let _ = set_socket_send_buffer_size(&self.socket, bytes / 2);
    }

    /// Makes a read without [`RecvFlags::DONTWAIT`] wait for the shortest time
    /// that the kernel can wait: one tick of its clock, 1 to 10 ms.
    pub(crate) fn block_reads_for_a_tick(&self) -> Result<(), Errno> {
        set_socket_timeout(&self.socket, Timeout::Recv, Some(Duration::from_micros(1)))?;
        ioctl_fionbio(&self.socket, false)
    }

    /// Writes as much of a frame as the kernel accepts now, from byte `sent` on,
    /// with one system call. `id` is written between header and body.
    pub(crate) fn write_frame(&self, id: &[u8], body: &[u8], sent: usize) -> Result<usize, Errno> {
        let length = id.len() + body.len();
        // Copying a short frame is cheaper than a vectored write of three parts.
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

    /// Writes a frame of at most `N` bytes, header included.
    fn write_copy<const N: usize>(&self, id: &[u8], body: &[u8]) -> Result<usize, Errno> {
        let length = id.len() + body.len();
        let mut frame = [0; N];
        frame[..frame::HEADER].copy_from_slice(&frame::header(length));
        frame[frame::HEADER..][..id.len()].copy_from_slice(id);
        frame[frame::HEADER + id.len()..][..body.len()].copy_from_slice(body);
        self.write(&frame[..frame::HEADER + length])
    }

    /// Writes as many of `bytes` as the kernel accepts now.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        retry(|| send(&self.socket, bytes, self.write))
    }
}

/// A connection that is exchanging greetings.
#[derive(Debug)]
pub(crate) struct Greeting {
    socket: OwnedFd,
    protocol: Protocol,
    /// Whether this side's greeting was sent.
    sent: bool,
    /// The peer's greeting, as far as it was received.
    received: [u8; 8],
    length: usize,
}

/// How far the exchange of greetings is.
pub(crate) enum Progress {
    /// Both greetings have been exchanged.
    Done,
    /// The peer's greeting has not been received completely.
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
            sent: false,
            received: [0; 8],
            length: 0,
        }
    }

    /// Sends and receives as much as possible without waiting.
    pub(crate) fn proceed(&mut self) -> Result<Progress, Error> {
        if !self.sent {
            // A new socket's buffer is empty and accepts 8 bytes at once. EPIPE
            // means that the peer has left; its messages can still be read.
            match retry(|| send(&self.socket, &self.protocol.greeting(), SEND)) {
                Ok(8) | Err(Errno::PIPE) => self.sent = true,
                _ => return Err(Error::Disconnected),
            }
        }
        // Reads no further than the greeting: the decoder reads what follows.
        while self.length < self.received.len() {
            let rest = &mut self.received[self.length..];
            match recv(&self.socket, rest, RecvFlags::empty()) {
                Ok((_, 0)) => return Err(Error::Disconnected),
                Ok((_, read)) => self.length += read,
                Err(Errno::AGAIN) => return Ok(Progress::Waits),
                Err(Errno::INTR) => {}
                Err(_) => return Err(Error::Disconnected),
            }
        }
        self.protocol.check_peer(self.received)?;
        Ok(Progress::Done)
    }

    pub(crate) fn finish(self) -> Connection {
        Connection {
            socket: self.socket,
            write: SEND.union(SendFlags::DONTWAIT),
        }
    }
}

/// The pauses between attempts to connect: 10 ms at first, doubling up to
/// 500 ms.
///
/// Each pause is shortened at random by up to a quarter, so that plugins that
/// lost the same host do not reconnect at the same moment. A connection that
/// lasted longer than the longest pause starts the series again. A shorter one
/// does not, so that a peer that closes every connection is not dialed in a
/// tight loop.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    connected: Option<Instant>,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_millis(500);

    /// Records that a connection was made.
    pub(crate) fn connected(&mut self) {
        self.connected = Some(Instant::now());
    }

    /// Returns the pause before the next attempt.
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

/// Returns an unpredictable number. Not for secrets.
pub(crate) fn random() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as u32
}

/// Polls until a descriptor is ready. Returns `false` if `deadline` passes first.
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

/// Returns the moment at which a limit that starts now ends. Returns `None` for
/// no limit, and for one that ends later than the clock can express.
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_frame_goes_on_at_any_byte() {
        let (socket, mut peer) = UnixStream::pair().unwrap();
        let connection = Greeting::new(socket.into(), Protocol::Rep).finish();
        for length in [0, 3, 115, 116, 2035, 2036] {
            let body = vec![7; length];
            let frame = [&frame::header(4 + length)[..], b"\x80\0\0\x01", &body].concat();

            for sent in [0, 1, 8, 9, 10, 13, frame.len() - 1] {
                let written = connection.write_frame(b"\x80\0\0\x01", &body, sent);

                assert_eq!(written, Ok(frame.len() - sent));
                let mut bytes = vec![0; frame.len() - sent];
                peer.read_exact(&mut bytes).unwrap();
                assert_eq!(bytes, frame[sent..]);
            }
        }
    }

    #[test]
    fn only_the_end_of_its_socket_ends_an_attempt_to_connect() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.ipc");
        let listener = UnixListener::bind(&path).unwrap();
        let address = Address::parse(&format!("ipc://{}", path.display())).unwrap();
        let bell = Bell::new().unwrap();
        let dial = |is_closed: &dyn Fn() -> bool| {
            let closing = Closing {
                bell: &bell,
                is_closed,
            };
            Connection::dial(&address, Protocol::Push, GREETING_LIMIT, Some(&closing))
        };

        bell.ring();
        let asked = std::cell::Cell::new(0);
        let greeted = std::thread::scope(|scope| {
            let (ask, answer) = std::sync::mpsc::channel();
            let listener = &listener;
            scope.spawn(move || {
                let mut peer = listener.accept().unwrap().0;
                answer.recv().unwrap();
                peer.write_all(b"\0SP\0\0\x51\0\0").unwrap();
            });
            dial(&|| {
                asked.set(asked.get() + 1);
                ask.send(()).unwrap();
                false
            })
        });
        bell.ring();
        let closed = dial(&|| true);

        assert!(greeted.is_ok(), "{greeted:?}");
        assert_eq!(asked.get(), 1);
        assert!(matches!(closed, Err(Error::Closed)), "{closed:?}");
    }

    #[test]
    fn pauses_double_up_to_half_a_second_and_vary_by_a_quarter() {
        let mut backoff = Backoff::default();

        for longest in [10, 20, 40, 80, 160, 320, 500, 500].map(Duration::from_millis) {
            let pause = backoff.pause();
            assert!(pause <= longest && pause > longest * 3 / 4, "{pause:?}");
        }

        let pauses: Vec<Duration> = (0..100).map(|_| backoff.pause()).collect();
        let half = Duration::from_micros(437_500);
        assert!(pauses.iter().any(|pause| *pause > half), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause < half), "{pauses:?}");
    }

    #[test]
    fn only_a_connection_that_lasted_starts_the_pauses_again() {
        let mut backoff = Backoff::default();
        backoff.pause();

        // In the future: it has not lasted at all, however busy the machine is.
        backoff.connected = Some(Instant::now() + Duration::from_secs(60));
        let short = backoff.pause();
        backoff.connected();
        backoff.connected = backoff.connected.map(|since| since - 2 * Backoff::LONGEST);
        let long = backoff.pause();
        let after = backoff.pause();

        assert!(short > Duration::from_millis(15), "{short:?}");
        assert!(long <= Duration::from_millis(10), "{long:?}");
        assert!(after > Duration::from_millis(15), "{after:?}");
    }
}
