//! The peers of a listening socket, served in turn.
//!
//! Shared by REP and PULL. It owns the connections and reads their messages;
//! accepting peers is in `listener`.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ioctl_fionread};
use rustix::net::RecvFlags;

use crate::connection::{Connection, wait};
use crate::frame::{Decoder, Protocol};
use crate::listener::Listener;
use crate::options::{OnPeer, Presence};
use crate::sys::peer_of;
use crate::{Error, Options, ProtocolError, Waker};

/// A listener and its accepted peers.
///
/// Peers are served in turn, one message each. The size of one read bounds how
/// much of one peer is buffered ahead of the others.
pub(crate) struct Peers {
    listener: Listener,
    max_message: Option<u64>,
    on_peer: Option<OnPeer>,
    peers: Vec<ConnectedPeer>,
    /// The index in `peers` that is served next.
    turn: usize,
    next_key: u64,
    /// Peers that have left and were not reported yet.
    departures: VecDeque<Departure>,
    /// Whether the last read filled the buffer. Then the next read is tried
    /// without polling first.
    eager: bool,
    /// The indices that the last poll found ready; empty between two rounds.
    ready: Vec<usize>,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers")
            .field("listener", &self.listener)
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}

/// A peer that has greeted.
#[derive(Debug)]
pub(crate) struct ConnectedPeer {
    key: u64,
    connection: Connection,
    decoder: Decoder,
}

/// A received message; [`Peers::bytes`] returns its bytes.
#[derive(Debug)]
pub(crate) struct Received {
    /// Identifies the peer while it is connected. Keys are never reused.
    pub(crate) key: u64,
    index: usize,
    range: Range<usize>,
}

/// Why a wait ended without a message.
#[derive(Debug)]
pub(crate) enum Interruption {
    /// A peer has left.
    Left(Departure),
    /// The time limit has passed, a waker was used, or a system call failed.
    Failed(Error),
}

/// A peer that has left.
#[derive(Debug)]
pub(crate) struct Departure {
    /// The peer's key; `None` for a peer whose greeting failed.
    pub(crate) key: Option<u64>,
    /// How the peer broke the protocol, if it did.
    pub(crate) broke: Option<ProtocolError>,
}

/// Returns whether a limit is many times a tick of the kernel's clock; see
/// [`Peers::next`].
pub(crate) fn is_far(limit: Option<Duration>) -> bool {
    limit.is_none_or(|limit| limit >= Duration::from_millis(100))
}

impl Peers {
    pub(crate) fn listen(url: &str, protocol: Protocol, options: &Options) -> Result<Self, Error> {
        Ok(Self {
            listener: Listener::open(url, protocol, options)?,
            max_message: options.max_message,
            on_peer: options.on_peer.clone(),
            peers: Vec::new(),
            turn: 0,
            next_key: 0,
            departures: VecDeque::new(),
            eager: false,
            ready: Vec::new(),
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

    /// See [`Decoder::move_into`].
    pub(crate) fn move_into(&mut self, buffer: &mut Vec<u8>, message: Received) -> Range<usize> {
        let peer = &mut self.peers[message.index];
        peer.decoder.move_into(buffer, message.range)
    }

    pub(crate) fn has_buffered(&self) -> bool {
        self.peers.iter().any(|peer| peer.decoder.has_message())
    }

    pub(crate) fn incomplete(&self) -> usize {
        let peers = self.peers.iter();
        peers.map(|peer| peer.decoder.incomplete()).sum()
    }

    /// Returns whether a peer has been greeted and not taken in.
    pub(crate) fn is_greeting(&self) -> bool {
        self.listener.is_greeting()
    }

    /// Takes in new peers, and returns how many bytes the kernel holds for this
    /// socket. A connection that does not tell counts as empty.
    pub(crate) fn waiting(&mut self) -> u64 {
        self.take_in();
        let waiting = |peer: &ConnectedPeer| ioctl_fionread(&peer.connection).unwrap_or(0);
        self.peers.iter().map(waiting).sum()
    }

    pub(crate) fn connection(&self, key: u64) -> Option<&Connection> {
        self.peers
            .iter()
            .find(|peer| peer.key == key)
            .map(|peer| &peer.connection)
    }

    /// Closes the connection of a peer that failed or broke the protocol, and
    /// reports that it left.
    pub(crate) fn remove(&mut self, key: u64) {
        if let Some(peer) = self.take_by_key(key) {
            self.report(&peer.connection, Presence::Left);
        }
    }

    /// Takes a peer out of the list. Dropping it closes its connection.
    pub(crate) fn take_by_key(&mut self, key: u64) -> Option<ConnectedPeer> {
        let index = self.peers.iter().position(|peer| peer.key == key)?;
        Some(self.take_out(index))
    }

    /// Waits for the next message of any peer, until `deadline`.
    ///
    /// `expected` means that the next message is likely to arrive at once, and
    /// that the deadline is far away. With a single peer, its connection is then
    /// first read for one tick of the kernel's clock without polling, because a
    /// poll would be the most expensive part of a round trip. A waker or a new
    /// peer may be noticed one tick later.
    pub(crate) fn next(
        &mut self,
        deadline: Option<Instant>,
        expected: bool,
    ) -> Result<Received, Interruption> {
        if self.listener.bell().take_woken() {
            return Err(Interruption::Failed(Error::Woken));
        }
        let mut has_read = false;
        let mut has_waited = false;
        loop {
            if let Some(departure) = self.departures.pop_front() {
                return Err(Interruption::Left(departure));
            }
            if let Some(message) = self.buffered() {
                return Ok(message);
            }
            if !self.departures.is_empty() {
                continue;
            }
            // A part of a message does not extend the wait.
            if has_read && deadline.is_some_and(|at| Instant::now() >= at) {
                return Err(Interruption::Failed(Error::TimedOut));
            }
            let alone = self.peers.len() == 1 && !self.listener.bell().is_rung();
            has_read |= if alone && self.eager {
                self.eager = false;
                self.read(0, RecvFlags::DONTWAIT);
                true
            } else if alone && expected && !has_read {
                self.read(0, RecvFlags::empty());
                true
            } else {
                // One round in addition to the limit, because a peer that has
                // just been taken in may have sent a message.
                let read = self.wait_and_read(deadline)?;
                std::mem::replace(&mut has_waited, true) || read
            };
        }
    }

    /// Takes a buffered message, if [`next`](Self::next) would return one now.
    pub(crate) fn next_buffered(&mut self) -> Option<Received> {
        let is_woken = self.listener.bell().is_woken();
        if is_woken || !self.departures.is_empty() {
            return None;
        }
        self.buffered()
    }

    /// Takes a buffered message, beginning with the peer whose turn it is.
    fn buffered(&mut self) -> Option<Received> {
        for _ in 0..self.peers.len() {
            let index = self.turn % self.peers.len();
            match self.peers[index].decoder.next_range() {
                Ok(Some(range)) => {
                    self.turn = index + 1;
                    return Some(Received {
                        key: self.peers[index].key,
                        index,
                        range,
                    });
                }
                Ok(None) => self.turn = index + 1,
                Err(error) => self.depart(index, Some(error)),
            }
        }
        None
    }

    /// Polls, takes in new peers, and reads once from each peer that is ready.
    /// Returns whether one was ready.
    fn wait_and_read(&mut self, deadline: Option<Instant>) -> Result<bool, Interruption> {
        let bell = self.listener.bell();
        let mut waits_for = Vec::with_capacity(1 + self.peers.len());
        waits_for.push(PollFd::new(&**bell, PollFlags::IN));
        waits_for.extend(
            self.peers
                .iter()
                .map(|peer| PollFd::new(&peer.connection, PollFlags::IN)),
        );
        match wait(&mut waits_for, deadline) {
            Ok(true) => {}
            Ok(false) => return Err(Interruption::Failed(Error::TimedOut)),
            Err(errno) => {
                return Err(Interruption::Failed(Error::Io {
                    doing: "wait at",
                    path: self.listener.path().to_owned(),
                    source: errno.into(),
                }));
            }
        }
        let is_ready = |place: &PollFd<'_>| !place.revents().is_empty();
        let rung = is_ready(&waits_for[0]);
        self.ready
            .extend((0..self.peers.len()).filter(|index| is_ready(&waits_for[1 + index])));
        let has_read = !self.ready.is_empty();
        // From the last to the first, because a peer that has left is removed.
        while let Some(index) = self.ready.pop() {
            self.read(index, RecvFlags::DONTWAIT);
        }
        if rung {
            self.take_in();
            if self.listener.bell().take_woken() {
                return Err(Interruption::Failed(Error::Woken));
            }
        }
        Ok(has_read)
    }

    /// Reads once from a peer. Removes it if its connection has ended.
    fn read(&mut self, index: usize, flags: RecvFlags) {
        let peer = &mut self.peers[index];
        match peer.decoder.fill(&peer.connection, flags) {
            Ok((read, filled)) if read > 0 => self.eager = filled,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => {
                let broke = peer.decoder.truncation();
                self.depart(index, broke);
            }
        }
    }

    fn depart(&mut self, index: usize, broke: Option<ProtocolError>) {
        let peer = self.take_out(index);
        self.report(&peer.connection, Presence::Left);
        let key = Some(peer.key);
        self.departures.push_back(Departure { key, broke });
    }

    /// Removes a peer without changing whose turn it is.
    fn take_out(&mut self, index: usize) -> ConnectedPeer {
        if index < self.turn {
            self.turn -= 1;
        }
        self.peers.remove(index)
    }

    fn report(&self, connection: &Connection, presence: Presence) {
        if let Some(on_peer) = &self.on_peer {
            on_peer(&peer_of(connection), presence);
        }
    }

    fn take_in(&mut self) {
        self.listener.bell().hush();
        for arrival in self.listener.take_arrivals() {
            match arrival {
                Ok(connection) => {
                    // If this fails, reads do not wait.
                    let _ = connection.block_reads_for_a_tick();
                    self.report(&connection, Presence::Connected);
                    self.peers.push(ConnectedPeer {
                        key: self.next_key,
                        connection,
                        decoder: Decoder::new(self.max_message),
                    });
                    self.next_key += 1;
                }
                Err(error) => self.departures.push_back(Departure {
                    key: None,
                    broke: Some(error),
                }),
            }
        }
    }
}
