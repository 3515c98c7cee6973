//! The background thread of a PUSH.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::shared::{Shared, whole_frames};
use crate::connection::{Backoff, Connection, GREETING_LIMIT, lock, wait, wait_for};
use crate::frame::{HEADER, Protocol, body_length};
use crate::options::Presence;

/// The largest capacity in bytes that an empty batch keeps.
const KEPT: usize = 1024 * 1024;

/// The background thread: dials, watches the peer, writes what was queued.
pub(super) struct Flusher {
    shared: Arc<Shared>,
    /// Frames taken from the queue, not all of them written yet.
    batch: Vec<u8>,
    /// How many bytes of `batch` were written to this connection.
    sent: usize,
    /// How many connections in a row ended inside the first frame of `batch`.
    cuts: u32,
}

/// The number of connections that must end inside a frame until it is given up.
const MOST_CUTS: u32 = 3;

/// The error of a connection that was lost or could not be made.
struct Lost;

impl Flusher {
    /// Starts the thread. It ends once the socket is closed.
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
        let flusher = Self {
            shared,
            batch: Vec::new(),
            sent: 0,
            cuts: 0,
        };
        thread::Builder::new()
            .name("sp-push".to_owned())
            .spawn(move || flusher.run())
    }

    fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            // The causes of earlier rings are found in the state below.
            self.shared.bell.hush();
            let Some(connection) = self.take_batch() else {
                return;
            };
            let outcome = match connection {
                None => self.dial(&mut backoff),
                Some(connection) if self.batch.is_empty() => self.idle(&connection),
                Some(connection) => self.write(&connection),
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

    /// Takes the queue as the next batch if the last batch is written. Returns
    /// the connection, or `None` once the socket is closed.
    #[expect(
        clippy::option_option,
        reason = "the outer `None` means closed, the inner one not connected"
    )]
    fn take_batch(&mut self) -> Option<Option<Arc<Connection>>> {
        let mut state = lock(&self.shared.state);
        if state.closed {
            return None;
        }
        if self.batch.is_empty() && !state.writing {
            if self.batch.capacity() > KEPT {
                self.batch = Vec::new();
            }
            std::mem::swap(&mut self.batch, &mut state.queue);
            self.sent = std::mem::take(&mut state.sent);
            self.cuts += u32::from(std::mem::take(&mut state.cut));
            state.flushing = !self.batch.is_empty();
            self.shared.changed.notify_all();
        }
        let has_room = state.queue.is_empty() && !state.writing && std::mem::take(&mut state.full);
        let connection = state.connection.clone();
        drop(state);
        if let (true, Some(on_room)) = (has_room, &self.shared.on_room) {
            on_room();
        }
        Some(connection)
    }

    /// Attempts to connect once.
    fn dial(&self, backoff: &mut Backoff) -> Result<(), Lost> {
        let shared = &*self.shared;
        let connection = Connection::dial(
            &shared.address,
            Protocol::Push,
            GREETING_LIMIT,
            Some(&shared.bell),
        )
        .map_err(|_| Lost)?;
        backoff.connected();
        let mut state = lock(&shared.state);
        if !state.closed {
            shared.report(&connection, Presence::Connected);
            state.connection = Some(Arc::new(connection));
            shared.changed.notify_all();
        }
        Ok(())
    }

    /// Waits until there is work or the peer leaves.
    fn idle(&self, connection: &Connection) -> Result<(), Lost> {
        let mut waits_for = [
            PollFd::new(connection, PollFlags::IN),
            PollFd::new(&*self.shared.bell, PollFlags::IN),
        ];
        wait(&mut waits_for, None).map_err(|_| Lost)?;
        if waits_for[0].revents().is_empty() {
            return Ok(());
        }
        match recv(connection, &mut [0; 1], RecvFlags::empty()) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            // The end of the stream, or data, which a PULL never sends.
            Ok(_) | Err(_) => Err(Lost),
        }
    }

    /// Writes the batch. Waits while the kernel accepts nothing, but returns when
    /// the bell rings.
    fn write(&mut self, connection: &Connection) -> Result<(), Lost> {
        while self.sent < self.batch.len() {
            match connection.write(&self.batch[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(Errno::AGAIN) => {
                    let mut waits_for = [
                        PollFd::new(connection, PollFlags::OUT),
                        PollFd::new(&*self.shared.bell, PollFlags::IN),
                    ];
                    wait(&mut waits_for, None).map_err(|_| Lost)?;
                    if !waits_for[1].revents().is_empty() {
                        return Ok(());
                    }
                }
                Err(_) => return Err(Lost),
            }
        }
        self.batch.clear();
        self.cuts = 0;
        Ok(())
    }

    /// Gives the connection up and prepares the batch for the next one.
    ///
    /// Frames that were written completely are dropped. A frame that was written
    /// in part is sent again from its first byte, unless [`MOST_CUTS`]
    /// connections have ended inside it: a reader with a size limit (1 MiB in
    /// eKuiper 1.x) disconnects at each attempt, and the messages after that
    /// frame would never reach it.
    fn lose(&mut self) {
        let mut written = whole_frames(&self.batch, self.sent);
        if written > 0 {
            self.cuts = 0;
        }
        if self.sent > written {
            self.cuts += 1;
        }
        if self.cuts == MOST_CUTS {
            self.cuts = 0;
            written += first_frame(&self.batch[written..]);
        }
        self.batch.drain(..written);
        self.sent = 0;
        let mut state = lock(&self.shared.state);
        let lost = state.give_up();
        state.cut |= std::mem::take(&mut state.sent) > 0;
        drop(state);
        self.shared.changed.notify_all();
        if let Some(lost) = lost {
            self.shared.report(&lost, Presence::Left);
        }
    }
}

/// Returns the length of the first frame in `frames`, including its header.
fn first_frame(frames: &[u8]) -> usize {
    let header = frames.first_chunk();
    header.map_or(0, |header| HEADER + body_length(header) as usize)
}
