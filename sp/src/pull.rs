//! PULL: receives messages from any number of peers.

use std::time::Duration;

use crate::connection::deadline;
use crate::frame::Protocol;
use crate::peers::{Departure, Interruption, Peers, is_far};
use crate::{Error, Options, Waker};

/// The receiving end of a one-way channel; it listens.
///
/// Fair over its peers, and reads in large pieces: many small messages cost one
/// system call. Dropping it removes the socket's file.
#[derive(Debug)]
pub struct Pull {
    peers: Peers,
    /// Whether the last wait ended with a message: the next is likely to come
    /// soon.
    flows: bool,
}

impl Pull {
    /// Listens at `url`; peers are accepted in the background.
    ///
    /// A socket file that nobody answers on is removed first.
    ///
    /// # Errors
    ///
    /// [`Error::Address`], [`Error::InUse`] where somebody listens there,
    /// [`Error::NotASocket`] where another file is in the way, [`Error::Io`].
    pub fn listen(url: &str, options: Options) -> Result<Self, Error> {
        let peers = Peers::listen(url, Protocol::Pull, &options)?;
        Ok(Self {
            peers,
            flows: false,
        })
    }

    /// Waits for the next message of any peer.
    ///
    /// `limit` runs from the call; `None` waits for ever. A peer that leaves
    /// between two messages is no error: another may come.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], [`Error::Woken`], and [`Error::Protocol`] once for
    /// each peer that broke the protocol; the other peers are served on.
    pub fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        // No clock is looked at for what is here already.
        if let Some(message) = self.peers.next_buffered() {
            return Ok(self.peers.bytes(&message));
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
        Ok(self.peers.bytes(&message))
    }

    /// Whether [`recv`](Self::recv) would give a message without a system call.
    pub fn has_buffered(&self) -> bool {
        self.peers.has_buffered()
    }

    /// Gives a handle that ends a wait of this socket from another thread.
    pub fn waker(&self) -> Waker {
        self.peers.waker()
    }
}
