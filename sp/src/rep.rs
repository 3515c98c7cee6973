//! The REP socket: receives requests and sends each answer to the peer that
//! asked.

use std::mem;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::connection::{deadline, wait};
use crate::frame::{HEADER, Protocol};
use crate::peers::{Departure, Interruption, Peers, is_far};
use crate::{Error, Options, ProtocolError, Waker};

/// The answering end of a request channel. It listens.
///
/// The caller's thread reads the requests and writes the answers. Dropping the
/// socket removes its file.
#[derive(Debug)]
pub struct Rep {
    peers: Peers,
    /// The request that waits for an answer.
    asked: Option<Request>,
    /// Whether an answer was sent and nothing was received since.
    answered: bool,
    /// The peer of the last request. [`recv`](Rep::recv) reports when it leaves.
    partner: Option<u64>,
    request_id: Option<u32>,
}

/// The address of an answer: the peer, and the ids in front of its request.
#[derive(Debug)]
struct Request {
    peer: u64,
    ids: Ids,
}

/// The ids in front of a request: one for each device that it passed through,
/// then its own, whose high bit is set.
#[derive(Clone, Copy, Debug)]
struct Ids {
    bytes: [u8; 4 * Ids::HOPS],
    length: usize,
}

impl Ids {
    /// The largest number of ids; NNG and mangos have the same limit.
    const HOPS: usize = 8;

    fn of(request: &[u8]) -> Option<Self> {
        let words = request.chunks_exact(4).take(Self::HOPS);
        let last = words.clone().position(|word| word[0] & 0x80 != 0)?;
        let length = 4 * (last + 1);
        let mut bytes = [0; 4 * Self::HOPS];
        bytes[..length].copy_from_slice(&request[..length]);
        Some(Self { bytes, length })
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Returns these ids with the request's own id replaced by an earlier one.
    fn stale(&self) -> Self {
        let mut bytes = self.bytes;
        bytes[self.length - 1] = bytes[self.length - 1].wrapping_sub(1);
        Self { bytes, ..*self }
    }

    /// Returns the request's own id, which is the last one.
    fn own(&self) -> u32 {
        let last = &self.bytes[self.length - 4..self.length];
        last.iter().fold(0, |id, byte| id << 8 | u32::from(*byte))
    }
}

impl Rep {
    /// Listens at `url` and accepts peers in the background.
    ///
    /// A stale socket file, on which no socket listens, is removed first.
    ///
    /// # Errors
    ///
    /// [`Error::Address`] for an invalid URL, [`Error::InUse`] if another socket
    /// listens there, [`Error::NotASocket`] if another kind of file is there,
    /// and [`Error::Io`] if a system call fails.
    pub fn listen(url: &str, options: Options) -> Result<Self, Error> {
        Ok(Self {
            peers: Peers::listen(url, Protocol::Rep, &options)?,
            asked: None,
            answered: false,
            partner: None,
            request_id: None,
        })
    }

    /// Waits for the next request of any peer.
    ///
    /// A new request replaces an earlier one that was not answered. `limit`
    /// counts from the call; `None` waits forever.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], [`Error::Woken`], [`Error::Disconnected`] once if
    /// the peer of the last request leaves, and [`Error::Protocol`] once for
    /// each peer that broke the protocol. The socket can still be used after any
    /// of them.
    pub fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        let deadline = deadline(limit);
        let expected = mem::take(&mut self.answered) && is_far(limit);
        let request = loop {
            match self.peers.next(deadline, expected) {
                Ok(request) => break request,
                Err(Interruption::Failed(error)) => return Err(error),
                Err(Interruption::Left(Departure { key, broke })) => {
                    let asked_last = key.is_some() && key == self.partner;
                    match broke {
                        Some(error) => return Err(error.into()),
                        None if asked_last => return Err(Error::Disconnected),
                        None => {}
                    }
                }
            }
        };
        let bytes = self.peers.bytes(&request);
        let Some(ids) = Ids::of(bytes) else {
            let error = ProtocolError::no_id(bytes);
            self.peers.remove(request.key);
            return Err(error.into());
        };
        self.partner = Some(request.key);
        self.request_id = Some(ids.own());
        self.asked = Some(Request {
            peer: request.key,
            ids,
        });
        Ok(&self.peers.bytes(&request)[ids.length..])
    }

    /// Returns the id of the last request that was received, answered or not.
    pub fn request_id(&self) -> Option<u32> {
        self.request_id
    }

    /// Answers the last request.
    ///
    /// Waits while the peer does not read. `limit` counts from the call; `None`
    /// waits forever.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] if no request waits for an answer,
    /// [`Error::Disconnected`] if the peer that asked has left, and
    /// [`Error::TimedOut`]. If a part of the answer was written when the time
    /// limit passed, the peer's connection is closed; otherwise the request can
    /// still be answered.
    pub fn send(&mut self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let Request { peer, ids } = self.asked.take().ok_or(Error::WrongState)?;
        let written = self.write(peer, &ids, body, limit);
        match written {
            Ok(()) => self.answered = true,
            Err(Error::TimedOut) if self.peers.connection(peer).is_some() => {
                self.asked = Some(Request { peer, ids });
            }
            Err(_) => {}
        }
        written
    }

    /// Sends an answer under an earlier id, as if the peer had given up that
    /// request. The request that waits can still be answered.
    ///
    /// For tests: the peer's REQ socket must drop such an answer.
    ///
    /// # Errors
    ///
    /// The errors of [`send`](Self::send). After [`Error::Disconnected`] no
    /// request waits any more.
    pub fn send_stale(&mut self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let Request { peer, ids } = self.asked.as_ref().ok_or(Error::WrongState)?;
        let (peer, stale) = (*peer, ids.stale());
        let written = self.write(peer, &stale, body, limit);
        if self.peers.connection(peer).is_none() {
            self.asked = None;
        }
        written
    }

    /// Writes a frame. Removes a peer whose connection fails, or that has
    /// received only a part of the frame when the time limit passes.
    fn write(
        &mut self,
        peer: u64,
        ids: &Ids,
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<(), Error> {
        let connection = self.peers.connection(peer).ok_or(Error::Disconnected)?;
        let mut until = None;
        let length = HEADER + ids.length + body.len();
        let mut sent = 0;
        while sent < length {
            let failure = match connection.write_frame(ids.bytes(), body, sent) {
                Ok(written) => {
                    sent += written;
                    continue;
                }
                Err(Errno::AGAIN) => {
                    let deadline = *until.get_or_insert_with(|| deadline(limit));
                    match wait(&mut [PollFd::new(connection, PollFlags::OUT)], deadline) {
                        Ok(true) => continue,
                        Ok(false) => Error::TimedOut,
                        Err(_) => Error::Disconnected,
                    }
                }
                Err(_) => Error::Disconnected,
            };
            if sent > 0 || !matches!(failure, Error::TimedOut) {
                // The caller reports the loss now. `recv` does not, as it learns
                // only of peers that leave by themselves.
                self.peers.remove(peer);
            }
            return Err(failure);
        }
        Ok(())
    }

    /// Closes the connection of the peer of the last request, which can no
    /// longer be answered. The peer may connect again.
    ///
    /// [`Options::on_peer`] is not called.
    pub fn disconnect(&mut self) {
        self.asked = None;
        if let Some(peer) = self.partner.take() {
            drop(self.peers.take_by_key(peer));
        }
    }

    /// Returns a handle that interrupts a wait of this socket from another
    /// thread.
    pub fn waker(&self) -> Waker {
        self.peers.waker()
    }
}
