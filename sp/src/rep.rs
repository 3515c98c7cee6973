//! REP: receives requests and answers the peer that asked.

use std::mem;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::connection::{deadline, wait};
use crate::frame::{HEADER, Protocol};
use crate::peers::{Departure, Interruption, Peers, is_far};
use crate::{Error, Options, ProtocolError, Waker};

/// The answering end of a request channel; it listens.
///
/// One thread uses it; requests and answers are read and written by the caller.
/// Dropping it removes the socket's file.
#[derive(Debug)]
pub struct Rep {
    peers: Peers,
    /// The request to be answered.
    asked: Option<Request>,
    /// Whether nothing was received since the last answer.
    answered: bool,
    /// The peer that was heard last: its leaving is news.
    partner: Option<u64>,
    request_id: Option<u32>,
}

/// Where an answer goes: the peer, and the ids in front of its request.
#[derive(Debug)]
struct Request {
    peer: u64,
    ids: Ids,
}

/// The ids in front of a request: its own, whose high bit is set, and before it
/// one for each device that it came through.
#[derive(Clone, Copy, Debug)]
struct Ids {
    bytes: [u8; 4 * Ids::HOPS],
    length: usize,
}

impl Ids {
    /// As many as NNG and mangos let a request pass.
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

    /// The same but for another id of the request's own.
    fn stale(&self) -> Self {
        let mut bytes = self.bytes;
        bytes[self.length - 1] = bytes[self.length - 1].wrapping_sub(1);
        Self { bytes, ..*self }
    }

    /// The request's own id: the last, behind those of devices.
    fn own(&self) -> u32 {
        let last = &self.bytes[self.length - 4..self.length];
        last.iter().fold(0, |id, byte| id << 8 | u32::from(*byte))
    }
}

impl Rep {
    /// Listens at `url`; peers are accepted in the background.
    ///
    /// A socket file that nobody answers on is removed first.
    ///
    /// # Errors
    ///
    /// [`Error::Address`], [`Error::InUse`] where somebody listens there,
    /// [`Error::NotASocket`] where another file is in the way, [`Error::Io`].
    pub fn listen(url: &str, options: Options) -> Result<Self, Error> {
        Ok(Self {
            peers: Peers::listen(url, Protocol::Rep, &options)?,
            asked: None,
            answered: false,
            partner: None,
            request_id: None,
        })
    }

    /// Waits for the next request of any peer; once it is here, the one before
    /// it can no longer be answered.
    ///
    /// `limit` runs from the call; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], [`Error::Woken`], [`Error::Disconnected`] where the
    /// peer that was heard last leaves, [`Error::Protocol`] once for each peer
    /// that broke the protocol, and then alone for it. The socket can be used
    /// on after each of them.
    pub fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        let deadline = deadline(limit);
        let expected = mem::take(&mut self.answered) && is_far(limit);
        let request = loop {
            match self.peers.next(deadline, expected) {
                Ok(request) => break request,
                Err(Interruption::Failed(error)) => return Err(error),
                Err(Interruption::Left(Departure { key, broke })) => {
                    let is_news = key.is_some() && key == self.partner;
                    if is_news {
                        self.partner = None;
                    }
                    match broke {
                        Some(error) => return Err(error.into()),
                        None if is_news => return Err(Error::Disconnected),
                        None => {}
                    }
                }
            }
        };
        let Some(ids) = Ids::of(self.peers.bytes(&request)) else {
            self.remove(request.key);
            return Err(ProtocolError::NoId.into());
        };
        self.partner = Some(request.key);
        self.request_id = Some(ids.own());
        self.asked = Some(Request {
            peer: request.key,
            ids,
        });
        Ok(&self.peers.bytes(&request)[ids.length..])
    }

    /// Returns the id of the request that was received last; it stays when the
    /// request is answered.
    pub fn request_id(&self) -> Option<u32> {
        self.request_id
    }

    /// Answers the request that was received last.
    ///
    /// `limit` runs from the call; `None` waits for as long as the peer does
    /// not read.
    ///
    /// # Errors
    ///
    /// [`Error::WrongState`] where no request waits for an answer,
    /// [`Error::Disconnected`] where the peer that asked is gone, and
    /// [`Error::TimedOut`]; where half of the answer was out by then, that
    /// peer's connection is closed.
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

    /// Sends what looks like the answer to a request that the peer has given
    /// up: under another id than that of the one that waits, which can still be
    /// answered.
    ///
    /// For tests: a REQ socket has to drop it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_stale(&mut self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let Request { peer, ids } = self.asked.as_ref().ok_or(Error::WrongState)?;
        let (peer, stale) = (*peer, ids.stale());
        self.write(peer, &stale, body, limit)
    }

    /// Writes a frame; a peer that fails, or that has half of it at the limit,
    /// is removed.
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
                self.remove(peer);
            }
            return Err(failure);
        }
        Ok(())
    }

    /// Closes the connection of the peer that was heard last; a request of its
    /// can no longer be answered. It may come again.
    ///
    /// [`Options::on_peer`] is not told of it.
    pub fn disconnect(&mut self) {
        self.asked = None;
        if let Some(peer) = self.partner.take() {
            self.peers.close(peer);
        }
    }

    /// Closes a peer's connection, which the caller is told of now.
    fn remove(&mut self, peer: u64) {
        self.peers.remove(peer);
        if self.partner == Some(peer) {
            self.partner = None;
        }
    }

    /// Gives a handle that ends a wait of this socket from another thread.
    pub fn waker(&self) -> Waker {
        self.peers.waker()
    }
}
