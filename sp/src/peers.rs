//! The peers of a listening socket, and whose turn it is to be heard.

use std::collections::VecDeque;
use std::ops::Range;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::connection::{Connection, wait};
use crate::frame::{Decoder, Protocol};
use crate::listener::Listener;
use crate::{Error, Options, ProtocolError, Waker};

/// A listener with the peers it has accepted.
///
/// Peers are heard in turn: each gets one message out while others have one
/// waiting, and what one of them can have waiting is bounded by what is read at
/// once.
#[derive(Debug)]
pub(crate) struct Peers {
    listener: Listener,
    max_message: Option<u64>,
    peers: Vec<Peer>,
    /// The place in `peers` that is heard next.
    turn: usize,
    next_key: u64,
    /// Peers that broke the protocol before or while being read.
    failures: VecDeque<ProtocolError>,
    /// Whether the last read got all it asked for: then the next one tries
    /// without polling first.
    eager: bool,
}

#[derive(Debug)]
struct Peer {
    key: u64,
    connection: Connection,
    decoder: Decoder,
}

/// A message, by its place.
#[derive(Debug)]
pub(crate) struct Received {
    /// Names the peer as long as it is connected; never used again.
    pub(crate) key: u64,
    index: usize,
    range: Range<usize>,
}

/// What a round of listening ended with, if not with a message.
#[derive(Debug)]
pub(crate) enum Interruption {
    /// A peer is gone.
    Gone,
    /// The wait ended: time limit, waker, or a peer that broke the protocol.
    Failed(Error),
}

impl Peers {
    pub(crate) fn listen(url: &str, protocol: Protocol, options: &Options) -> Result<Self, Error> {
        Ok(Self {
            listener: Listener::open(url, protocol, options)?,
            max_message: options.max_message,
            peers: Vec::new(),
            turn: 0,
            next_key: 0,
            failures: VecDeque::new(),
            eager: false,
        })
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker(self.listener.bell().clone())
    }

    pub(crate) fn bytes(&self, message: &Received) -> &[u8] {
        self.peers[message.index]
            .decoder
            .bytes(message.range.clone())
    }

    pub(crate) fn has_buffered(&self) -> bool {
        self.peers.iter().any(|peer| peer.decoder.has_message())
    }

    pub(crate) fn connection(&self, key: u64) -> Option<&Connection> {
        self.peers
            .iter()
            .find(|peer| peer.key == key)
            .map(|peer| &peer.connection)
    }

    pub(crate) fn remove(&mut self, key: u64) {
        self.peers.retain(|peer| peer.key != key);
    }

    /// Waits for the next message of any peer, until `deadline`.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Result<Received, Interruption> {
        if self.listener.bell().take_woken() {
            return Err(Interruption::Failed(Error::Woken));
        }
        if let Some(message) = self.buffered() {
            return Ok(message);
        }
        loop {
            if let Some(error) = self.failures.pop_front() {
                return Err(Interruption::Failed(error.into()));
            }
            if self.eager && self.peers.len() == 1 {
                self.eager = false;
                self.read(0)?;
            } else {
                self.wait_and_read(deadline)?;
            }
            if let Some(message) = self.buffered() {
                return Ok(message);
            }
        }
    }

    /// Takes a message that is here already, from the peer whose turn it is.
    fn buffered(&mut self) -> Option<Received> {
        let count = self.peers.len();
        for index in (0..count).map(|step| (self.turn + step) % count) {
            match self.peers[index].decoder.next_range() {
                Ok(Some(range)) => {
                    self.turn = index + 1;
                    return Some(Received {
                        key: self.peers[index].key,
                        index,
                        range,
                    });
                }
                Ok(None) => {}
                Err(error) => {
                    self.failures.push_back(error);
                    self.peers.remove(index);
                    return self.buffered();
                }
            }
        }
        None
    }

    /// Polls, takes in new peers, and reads once from each that is ready.
    fn wait_and_read(&mut self, deadline: Option<Instant>) -> Result<(), Interruption> {
        let bell = self.listener.bell();
        let mut waits_for = Vec::with_capacity(1 + self.peers.len());
        waits_for.push(PollFd::new(&**bell, PollFlags::IN));
        waits_for.extend(
            self.peers
                .iter()
                .map(|peer| PollFd::new(&peer.connection, PollFlags::IN)),
        );
        let ready = wait(&mut waits_for, deadline).map_err(|errno| {
            Interruption::Failed(Error::Io {
                doing: "wait at",
                path: self.listener.path().to_owned(),
                source: errno.into(),
            })
        })?;
        if !ready {
            return Err(Interruption::Failed(Error::TimedOut));
        }
        let rung = !waits_for[0].revents().is_empty();
        let ready: Vec<usize> = (1..waits_for.len())
            .filter(|&place| !waits_for[place].revents().is_empty())
            .map(|place| place - 1)
            .collect();
        // From the last to the first, as a peer that is gone is removed.
        let mut gone = None;
        for index in ready.into_iter().rev() {
            if let Err(interruption) = self.read(index) {
                gone = Some(interruption);
            }
        }
        if rung {
            self.take_in();
            if self.listener.bell().take_woken() {
                return Err(Interruption::Failed(Error::Woken));
            }
        }
        gone.map_or(Ok(()), Err)
    }

    /// Reads once; a peer that has ended is removed.
    fn read(&mut self, index: usize) -> Result<(), Interruption> {
        let peer = &mut self.peers[index];
        match peer.decoder.fill(peer.connection.as_fd()) {
            Ok((read, filled)) if read > 0 => {
                self.eager = filled;
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Ok(_) | Err(_) => {
                let peer = self.peers.remove(index);
                self.failures.extend(peer.decoder.truncation());
                Err(Interruption::Gone)
            }
        }
    }

    fn take_in(&mut self) {
        self.listener.bell().hush();
        for arrival in self.listener.arrivals() {
            match arrival {
                Ok(connection) => {
                    self.peers.push(Peer {
                        key: self.next_key,
                        connection,
                        decoder: Decoder::new(self.max_message),
                    });
                    self.next_key += 1;
                }
                Err(error) => self.failures.push_back(error),
            }
        }
    }
}
