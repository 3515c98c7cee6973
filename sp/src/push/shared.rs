//! The state that the sending threads and the flusher of a PUSH share, and the
//! writes that the sending threads do without blocking.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use rustix::net::{Shutdown, shutdown};

use super::burst::Burst;
use crate::Error;
use crate::address::Address;
use crate::connection::Connection;
use crate::frame::{self, HEADER};
use crate::options::{OnPeer, OnRoom, Presence};
use crate::sys::peer_of;
use crate::wake::Bell;

/// The state of a PUSH, with the means to wait for its changes.
pub(super) struct Shared {
    pub(super) address: Address,
    pub(super) queue_bytes: usize,
    pub(super) on_peer: Option<OnPeer>,
    pub(super) on_room: Option<OnRoom>,
    pub(super) state: Mutex<State>,
    /// Notified when the queue has room, when everything is written, and when a
    /// connection is made or lost.
    pub(super) changed: Condvar,
    /// Rings when the flusher has work.
    pub(super) bell: Arc<Bell>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("address", &self.address)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// The connection and the queue.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) connection: Option<Arc<Connection>>,
    /// Complete frames, one after the other.
    pub(super) queue: Vec<u8>,
    /// Whether a message has found no room in the queue since it last had room.
    pub(super) full: bool,
    /// How many bytes of the queue's first frame were written to this
    /// connection.
    pub(super) sent: usize,
    /// Whether the flusher has taken frames that are not written yet.
    pub(super) flushing: bool,
    /// Whether a sending thread is writing a long frame.
    pub(super) writing: bool,
    /// Whether a lost connection has ended inside the first frame of the queue, which
    /// the flusher has not counted yet.
    pub(super) cut: bool,
    pub(super) closed: bool,
    pub(super) burst: Burst,
}

impl State {
    /// Returns whether everything that was sent is written.
    pub(super) fn is_drained(&self) -> bool {
        self.queue.is_empty() && !self.is_busy()
    }

    /// Returns whether a thread is writing without the lock.
    pub(super) fn is_busy(&self) -> bool {
        self.flushing || self.writing
    }

    /// Gives the connection up and returns it. A thread that is writing to it ends.
    pub(super) fn give_up(&mut self) -> Option<Arc<Connection>> {
        let connection = self.connection.take()?;
        if self.writing {
            // It fails only if the connection has ended, which ends the write too.
            let _ = shutdown(&*connection, Shutdown::Both);
        }
        Some(connection)
    }
}

impl Shared {
    pub(super) fn report(&self, connection: &Connection, presence: Presence) {
        if let Some(on_peer) = &self.on_peer {
            on_peer(&peer_of(connection), presence);
        }
    }

    /// Writes or queues a message. Returns `None` if there is no room for it.
    pub(super) fn offer(&self, state: &mut State, body: &[u8]) -> Option<Result<(), Error>> {
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
    pub(super) fn write_or_queue(&mut self, body: &[u8]) -> bool {
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
    pub(super) fn write_queue(&mut self) {
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

    pub(super) fn queue_if_room(&mut self, body: &[u8], room: usize) -> bool {
        let needed = self.queue.len() + HEADER + body.len();
        if needed > room && !self.queue.is_empty() {
            self.full = true;
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

    pub(super) fn queue_frame(&mut self, body: &[u8]) {
        self.burst.queued = self.burst.queued.saturating_add(1);
        self.queue.extend_from_slice(&frame::header(body.len()));
        self.queue.extend_from_slice(body);
    }
}

/// Returns the length of the frames in `batch` that end at or before `end`.
pub(super) fn whole_frames(batch: &[u8], end: usize) -> usize {
    let mut whole = 0;
    while let Some((header, _)) = batch[whole..end].split_first_chunk::<HEADER>() {
        let next = whole + HEADER + frame::body_length(header) as usize;
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
