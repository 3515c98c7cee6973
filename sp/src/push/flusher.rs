//! The background thread of a PUSH.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::shared::{Shared, whole_frames};
use crate::changes::{lock, wait_for};
use crate::connection::{Backoff, Closing, Connection, GREETING_LIMIT, deadline, wait};
use crate::frame::{HEADER, Protocol, body_length};
use crate::options::Presence;

/// How long a socket keeps the memory of its empty buffers.
const KEPT_FOR: Duration = Duration::from_millis(100);

/// The background thread: dials, watches the peer, writes what was queued.
pub(super) struct Flusher {
    shared: Arc<Shared>,
}

/// The number of connections that must end inside a frame until it is given up.
const MOST_CUTS: u32 = 3;

/// The error of a connection that was lost or could not be made.
struct Lost;

/// What the thread does next.
enum Work {
    /// It attempts to connect.
    Dial,
    /// It waits until there is work or the peer leaves, for a limited time if there
    /// is memory to be given back.
    Watch(Arc<Connection>, Option<Duration>),
    /// It writes the batch from this byte on.
    Write(Arc<Connection>, Vec<u8>, usize),
}

impl Flusher {
    /// Starts the thread. It ends once the socket is closed.
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
        let flusher = Self { shared };
        thread::Builder::new()
            .name("sp-push".to_owned())
            .spawn(move || flusher.run())
    }

    fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            // The causes of earlier rings are found in the state below.
            self.shared.bell.hush();
            let Some(work) = self.next_work() else {
                return;
            };
            let outcome = match work {
                Work::Dial => self.dial(&mut backoff),
                Work::Watch(connection, limit) => self.watch(&connection, limit),
                Work::Write(connection, batch, sent) => self.write(&connection, batch, sent),
            };
            if let Err(Lost) = outcome {
                self.lose();
                let pause = Some(backoff.pause());
                wait_for(&self.shared.state, &self.shared.changed, pause, |state| {
                    state.closed.then_some(())
                });
            }
        }
    }

    /// Decides what to do next, and takes the batch out to write it. Returns `None`
    /// once the socket is closed.
    fn next_work(&self) -> Option<Work> {
        let mut state = lock(&self.shared.state);
        if state.closed {
            return None;
        }
        if state.next_batch(self.shared.queue_bytes) {
            self.shared.changed.notify_all();
        }
        let has_room = state.queue.is_empty() && std::mem::take(&mut state.full);
        let work = match state.connection.clone() {
            None => {
                state.connecting = true;
                Work::Dial
            }
            Some(connection) if state.batch.is_empty() => {
                Work::Watch(connection, state.has_memory().then_some(KEPT_FOR))
            }
            Some(connection) => {
                state.writing = true;
                Work::Write(connection, std::mem::take(&mut state.batch), state.sent)
            }
        };
        drop(state);
        if let (true, Some(on_room)) = (has_room, &self.shared.on_room) {
            on_room();
        }
        Some(work)
    }

    /// Attempts to connect once.
    fn dial(&self, backoff: &mut Backoff) -> Result<(), Lost> {
        let shared = &*self.shared;
        let closing = Closing {
            bell: &shared.bell,
            is_closed: &|| lock(&shared.state).closed,
        };
        let connection = Connection::dial(
            &shared.address,
            Protocol::Push,
            GREETING_LIMIT,
            Some(&closing),
        )
        .map_err(|_| Lost)?;
        backoff.connected();
        let mut state = lock(&shared.state);
        state.connecting = false;
        if !state.closed {
            shared.connected(&mut state, connection);
            shared.changed.notify_all();
        }
        Ok(())
    }

    /// Waits until there is work or the peer leaves. After `limit`, gives memory
    /// back.
    fn watch(&self, connection: &Connection, limit: Option<Duration>) -> Result<(), Lost> {
        let mut waits_for = [
            PollFd::new(connection, PollFlags::IN),
            PollFd::new(&*self.shared.bell, PollFlags::IN),
        ];
        if !wait(&mut waits_for, deadline(limit)).map_err(|_| Lost)? {
            lock(&self.shared.state).give_memory_back();
            return Ok(());
        }
        if waits_for[0].revents().is_empty() {
            return Ok(());
        }
        match recv(connection, &mut [0; 1], RecvFlags::empty()) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            // The end of the stream, or data, which a PULL never sends.
            Ok(_) | Err(_) => Err(Lost),
        }
    }

    /// Writes the batch, and what is queued meanwhile. Puts back what the kernel does
    /// not accept, and waits until it accepts more or the bell rings.
    fn write(
        &self,
        connection: &Connection,
        mut batch: Vec<u8>,
        mut sent: usize,
    ) -> Result<(), Lost> {
        let shared = &*self.shared;
        let error = loop {
            let before = sent;
            let outcome = write_all(connection, &batch, &mut sent);
            let mut state = lock(&shared.state);
            state.attempted(sent - before, outcome.is_ok());
            state.writing = false;
            if state.closed {
                return Ok(());
            }
            state.batch = batch;
            state.sent = sent;
            if let Err(error) = outcome {
                break error;
            }
            state.end_batch();
            let more = state.next_batch(shared.queue_bytes);
            shared.changed.notify_all();
            // Who waits for room is told of it without the lock.
            if !more || state.full {
                return Ok(());
            }
            state.writing = true;
            (batch, sent) = (std::mem::take(&mut state.batch), 0);
        };
        match error {
            Errno::AGAIN => {
                let mut waits_for = [
                    PollFd::new(connection, PollFlags::OUT),
                    PollFd::new(&*shared.bell, PollFlags::IN),
                ];
                wait(&mut waits_for, None).map(drop).map_err(|_| Lost)
            }
            _ => Err(Lost),
        }
    }

    /// Gives the connection up and prepares the batch for the next one.
    ///
    /// Frames that were written completely are dropped. A frame that was written
    /// in part is sent again from its first byte, unless [`MOST_CUTS`]
    /// connections have ended inside it: a reader with a size limit (1 MiB in
    /// eKuiper 1.x) disconnects at each attempt, and the messages after that
    /// frame would never reach it.
    fn lose(&self) {
        let mut state = lock(&self.shared.state);
        state.connecting = false;
        let mut written = whole_frames(&state.batch, state.sent);
        if written > 0 {
            state.cuts = 0;
        }
        if state.sent > written {
            state.cuts += 1;
        }
        if state.cuts == MOST_CUTS {
            state.cuts = 0;
            written += first_frame(&state.batch[written..]);
        }
        state.batch.drain(..written);
        state.sent = 0;
        let lost = state.give_up();
        drop(state);
        self.shared.changed.notify_all();
        if let Some(lost) = lost {
            self.shared.report(&lost, Presence::Left);
        }
    }
}

/// Writes the bytes of `batch` after the first `sent`, which it counts up.
fn write_all(connection: &Connection, batch: &[u8], sent: &mut usize) -> Result<(), Errno> {
    while *sent < batch.len() {
        *sent += connection.write(&batch[*sent..])?;
    }
    Ok(())
}

/// Returns the length of the first frame in `frames`, including its header.
fn first_frame(frames: &[u8]) -> usize {
    let header = frames.first_chunk();
    header.map_or(0, |header| HEADER + body_length(header) as usize)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::shared::tests::connected;
    use super::*;

    #[test]
    fn a_stall_goes_on_if_the_kernel_accepts_no_more_of_a_frame() {
        let (shared, _unread) = connected();
        let connection = lock(&shared.state).connection.clone().unwrap();
        while connection.write(&[7; 1024]).is_ok() {}
        let since = Instant::now();
        // A stall that began later would have another time.
        while since.elapsed().is_zero() {}
        lock(&shared.state).stalled = Some(since);
        // Ends the wait for room, which would last forever.
        shared.bell.ring();
        let flusher = Flusher {
            shared: Arc::new(shared),
        };

        let outcome = flusher.write(&connection, b"\x01\0\0\0\0\0\0\0\x03row".to_vec(), 10);

        assert!(outcome.is_ok());
        let state = lock(&flusher.shared.state);
        assert_eq!(state.stalled, Some(since));
        assert_eq!(state.sent, 10);
        assert_eq!(state.batch, b"\x01\0\0\0\0\0\0\0\x03row");
    }
}
