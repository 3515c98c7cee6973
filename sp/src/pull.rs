//! The PULL socket: receives messages from any number of peers.

use std::ops::Range;
use std::time::Duration;

use crate::connection::deadline;
use crate::frame::Protocol;
use crate::peers::{Departure, Interruption, Peers, Received, is_far};
use crate::{Error, Options, Waker};

/// The receiving end of a one-way channel. It listens.
///
/// Peers are served in turn. Many small messages are read with one system call.
/// Dropping the socket removes its file.
#[derive(Debug)]
pub struct Pull {
    peers: Peers,
    /// Whether the last `recv` that had to wait received a message, so that the
    /// next message is likely to arrive soon.
    flows: bool,
}

impl Pull {
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
        let peers = Peers::listen(url, Protocol::Pull, &options)?;
        Ok(Self {
            peers,
            flows: false,
        })
    }

    /// Waits for the next message of any peer.
    ///
    /// `limit` counts from the call; `None` waits forever. A peer that leaves
    /// between two messages is not an error, because another peer may connect.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], [`Error::Woken`], and [`Error::Protocol`] once for
    /// each peer that broke the protocol. The other peers are still served.
    pub fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        let message = self.next(limit)?;
        Ok(self.peers.bytes(&message))
    }

    /// Does the same as [`recv`](Self::recv), but leaves the message in `buffer`, at the
    /// range that is returned. What `buffer` held is dropped.
    ///
    /// A long message is not copied: the socket takes the memory of `buffer` for the
    /// next one. So keep the buffer, and pass it again.
    ///
    /// # Errors
    ///
    /// The same as those of [`recv`](Self::recv). `buffer` is then as it was.
    pub fn recv_into(
        &mut self,
        buffer: &mut Vec<u8>,
        limit: Option<Duration>,
    ) -> Result<Range<usize>, Error> {
        let message = self.next(limit)?;
        Ok(self.peers.move_into(buffer, message))
    }

    fn next(&mut self, limit: Option<Duration>) -> Result<Received, Error> {
        // A message that is buffered is returned without reading the clock.
        if let Some(message) = self.peers.next_buffered() {
            return Ok(message);
        }
        let deadline = deadline(limit);
        let expected = self.flows && is_far(limit);
        self.flows = false;
        let message = loop {
            match self.peers.next(deadline, expected) {
                Ok(message) => break message,
                Err(Interruption::Left(Departure { broke: None, .. })) => {}
                Err(Interruption::Left(Departure {
                    broke: Some(error), ..
                })) => return Err(error.into()),
                Err(Interruption::Failed(error)) => return Err(error),
            }
        };
        self.flows = true;
        Ok(message)
    }

    /// Returns whether [`recv`](Self::recv) would return without a system call.
    pub fn has_buffered(&self) -> bool {
        self.peers.has_buffered()
    }

    /// Returns how many bytes of messages that are not complete have arrived,
    /// from all peers together.
    pub fn incomplete(&self) -> usize {
        self.peers.incomplete()
    }

    /// Returns how many bytes have arrived that [`recv`](Self::recv) has not read
    /// from the system, from all peers together.
    ///
    /// While nothing is received, it grows until the peers cannot send any more.
    pub fn waiting(&mut self) -> u64 {
        self.peers.waiting()
    }

    /// Returns whether a peer has been greeted that [`recv`](Self::recv) has not looked
    /// at: it may have sent messages already.
    ///
    /// A peer that never sends its greeting counts until its time is up.
    pub fn is_greeting(&self) -> bool {
        self.peers.is_greeting()
    }

    /// Returns a handle that interrupts a wait of this socket from another
    /// thread.
    pub fn waker(&self) -> Waker {
        self.peers.waker()
    }
}
