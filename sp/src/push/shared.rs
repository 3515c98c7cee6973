//! The state that the sending threads and the flusher of a PUSH share, and the
//! writes that the sending threads do without blocking.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::net::{Shutdown, shutdown};

use super::burst::Burst;
use crate::Error;
use crate::address::Address;
use crate::budget::Share;
use crate::changes::Changes;
use crate::connection::Connection;
use crate::frame::{self, HEADER};
use crate::options::{OnPeer, OnRoom, Presence};
use crate::sys::peer_of;
use crate::wake::Bell;

/// The state of a PUSH, with the means to wait for its changes.
pub(super) struct Shared {
    pub(super) address: Address,
    pub(super) queue_bytes: usize,
    pub(super) kernel_bytes: Option<usize>,
    pub(super) on_peer: Option<OnPeer>,
    pub(super) on_room: Option<OnRoom>,
    pub(super) state: Mutex<State>,
    /// Notified when the queue has room, when everything is written, and when a
    /// connection is made or lost.
    pub(super) changed: Changes,
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

/// The connection, and what waits to be written.
///
/// Messages wait in two buffers, so that more can be queued while the flusher
/// writes without the lock: `batch` is written first, then `queue`.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) connection: Option<Arc<Connection>>,
    /// Whether the flusher is about to connect, or the peer has not yet greeted. After
    /// an attempt that has failed, the flusher pauses.
    pub(super) connecting: bool,
    /// Complete frames, one after the other, of which some bytes may be written.
    /// The flusher takes it out while it writes.
    pub(super) batch: Vec<u8>,
    /// How many bytes of `batch` were written to this connection.
    pub(super) sent: usize,
    /// How many connections in a row ended inside the first frame of `batch`.
    pub(super) cuts: u32,
    /// Whether a thread writes without the lock: the flusher, which has taken `batch`
    /// out, or the sender of a long message, while nothing waits.
    pub(super) writing: bool,
    /// Complete frames, one after the other.
    pub(super) queue: Vec<u8>,
    /// The memory of `queue` and `batch`.
    pub(super) share: Share,
    /// Whether a message has found no room in the queue since it last had room.
    pub(super) full: bool,
    /// Since when the kernel has had no room, if it had none at the last attempt to
    /// write what waits. The flusher then waits for room.
    pub(super) stalled: Option<Instant>,
    pub(super) closed: bool,
    pub(super) burst: Burst,
}

impl State {
    /// Returns whether everything that was sent is written.
    pub(super) fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.batch.is_empty() && !self.writing
    }

    /// Makes the queue the next batch if the last batch is written. Returns whether
    /// the queue has room now.
    pub(super) fn next_batch(&mut self, most: usize) -> bool {
        if !self.batch.is_empty() || self.writing || self.queue.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.batch, &mut self.queue);
        // Other sockets may need the memory of an empty buffer.
        if self.queue.capacity() > self.share.room(most) {
            self.queue = Vec::new();
        }
        self.count_memory();
        true
    }

    /// Empties the batch, which is written.
    pub(super) fn end_batch(&mut self) {
        self.batch.clear();
        self.sent = 0;
        self.cuts = 0;
    }

    /// Records an attempt to write what waits: how many bytes the kernel has accepted,
    /// and whether those were all.
    pub(super) fn attempted(&mut self, accepted: usize, all: bool) {
        if accepted > 0 {
            self.stalled = None;
        }
        if !all {
            self.stalled.get_or_insert_with(Instant::now);
        }
    }

    /// Gives the connection up and returns it. A thread that is writing to it ends.
    pub(super) fn give_up(&mut self) -> Option<Arc<Connection>> {
        self.stalled = None;
        let connection = self.connection.take()?;
        if self.writing {
            // It fails only if the connection has ended, which ends the write too.
            let _ = shutdown(&*connection, Shutdown::Both);
        }
        Some(connection)
    }

    /// Drops the memory of both buffers if nothing waits.
    pub(super) fn give_memory_back(&mut self) {
        if self.is_drained() {
            self.drop_buffers();
        }
    }

    /// Drops what waits to be written.
    pub(super) fn drop_buffers(&mut self) {
        self.queue = Vec::new();
        self.batch = Vec::new();
        self.sent = 0;
        self.count_memory();
    }

    /// Returns whether there is memory to be given back.
    pub(super) fn has_memory(&self) -> bool {
        self.queue.capacity() + self.batch.capacity() > 0
    }

    /// Counts the memory of both buffers. Not to be called while the flusher has
    /// one of them.
    pub(super) fn count_memory(&mut self) {
        self.share
            .set(self.queue.capacity() + self.batch.capacity());
    }
}

impl Shared {
    /// Takes a new connection over.
    pub(super) fn connected(&self, state: &mut State, connection: Connection) {
        if let Some(bytes) = self.kernel_bytes {
            connection.limit_room(bytes);
        }
        self.report(&connection, Presence::Connected);
        state.connection = Some(Arc::new(connection));
    }

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
                    state.queue_frame(body, self.queue_bytes);
                    false
                }
                false => state.write_or_queue(body, self.queue_bytes),
            };
            // Without a connection the flusher is making one, and looks at the
            // queue afterwards.
            if !written && state.connection.is_some() {
                self.bell.ring();
            }
            return Some(Ok(()));
        }
        let queued = state.queue_if_room(body, self.queue_bytes)
            // The flusher may wait for a processor, among the threads of many
            // sockets.
            || (self.write_waiting(state) && state.queue_if_room(body, self.queue_bytes));
        state.full |= !queued;
        queued.then_some(Ok(()))
    }

    /// Writes what waits, without blocking, unless the flusher is writing. Returns
    /// whether that has made room in the queue.
    pub(super) fn write_waiting(&self, state: &mut State) -> bool {
        let Some(connection) = state.connection.clone().filter(|_| !state.writing) else {
            return false;
        };
        let was_stalled = state.stalled.is_some();
        let mut has_room = state.next_batch(self.queue_bytes);
        while state.sent < state.batch.len() {
            match connection.write(&state.batch[state.sent..]) {
                Ok(written) => {
                    state.sent += written;
                    state.attempted(written, true);
                }
                // The flusher meets the same error, and handles it.
                Err(_) => {
                    state.attempted(0, false);
                    break;
                }
            }
            if state.sent == state.batch.len() {
                state.end_batch();
                has_room |= state.next_batch(self.queue_bytes);
            }
        }
        if has_room || state.is_drained() {
            self.changed.notify_all();
        }
        // The flusher waits for room in the kernel, and reports that a full queue has
        // room again.
        let stalls_now = state.stalled.is_some() && !was_stalled;
        if stalls_now || (has_room && state.full) {
            self.bell.ring();
        }
        has_room
    }
}

impl State {
    /// Writes a message without blocking. Queues what the kernel does not accept
    /// and then returns `false`.
    ///
    /// A write error is not handled here: the flusher meets the same error when
    /// it writes the batch, and is the only place that gives a connection up.
    fn write_or_queue(&mut self, body: &[u8], most: usize) -> bool {
        let sent = match &self.connection {
            Some(connection) => connection.write_frame(&[], body, 0).unwrap_or(0),
            None => 0,
        };
        if sent == HEADER + body.len() {
            return true;
        }
        self.burst.piles_up();
        self.queue_frame(body, most);
        if sent > 0 {
            self.next_batch(most);
            self.sent = sent;
        }
        false
    }

    /// Queues a message if there is room for it in a queue of at most `most` bytes.
    pub(super) fn queue_if_room(&mut self, body: &[u8], most: usize) -> bool {
        let needed = self.queue.len() + HEADER + body.len();
        if needed > self.queue.capacity()
            && needed > self.share.room(most)
            && !self.queue.is_empty()
        {
            return false;
        }
        self.queue_frame(body, most);
        true
    }

    /// Queues a message, even if there is no room for it.
    fn queue_frame(&mut self, body: &[u8], most: usize) {
        let needed = self.queue.len() + HEADER + body.len();
        let before = self.queue.capacity();
        if needed > before {
            // Grows to the room at most: a plugin can have hundreds of queues.
            let doubled = (2 * needed).min(self.share.room(most)).max(needed);
            self.queue.reserve_exact(doubled - self.queue.len());
            self.share.grow(self.queue.capacity() - before);
        }
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
pub(super) mod tests;
