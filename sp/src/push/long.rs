//! Sends long messages without a copy: the sending thread writes the whole frame, and
//! waits while the kernel has no room.
//!
//! The queue is for short messages, which are cheap to copy and expensive to write one
//! by one. For a long message it is the other way round.

use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::shared::{Shared, State};
use crate::Error;
use crate::changes::{lock, wait_for};
use crate::connection::{Connection, wait};
use crate::frame::{self, HEADER};

/// The least number of bytes of a long message.
pub(super) const LONG: usize = 32 * 1024;

/// What a thread with a long message does.
enum Turn {
    /// It writes to this connection, and nobody else does meanwhile.
    Write(Arc<Connection>),
    /// The message is queued, as there is no connection.
    Queued,
}

impl Shared {
    /// Writes a long message. Waits until all earlier ones are written, and while the
    /// kernel has no room. Without a connection, queues it like a short one.
    pub(super) fn send_long(&self, body: &[u8]) -> Result<(), Error> {
        let turn = wait_for(&self.state, &self.changed, None, |state| {
            if state.closed {
                return Some(Err(Error::Closed));
            }
            match &state.connection {
                None => self
                    .offer(state, body)
                    .map(|done| done.map(|()| Turn::Queued)),
                Some(connection) if state.is_drained() => {
                    let connection = Arc::clone(connection);
                    state.writing = true;
                    Some(Ok(Turn::Write(connection)))
                }
                Some(_) => None,
            }
        });
        match turn.unwrap_or(Err(Error::Closed))? {
            Turn::Queued => Ok(()),
            Turn::Write(connection) => {
                let sent = write(&connection, body);
                self.finish_long(&mut lock(&self.state), &connection, body, sent)
            }
        }
    }

    /// Hands the connection back after `sent` bytes of a frame were written to it.
    fn finish_long(
        &self,
        state: &mut State,
        connection: &Arc<Connection>,
        body: &[u8],
        sent: usize,
    ) -> Result<(), Error> {
        state.writing = false;
        self.changed.notify_all();
        if sent < HEADER + body.len() {
            if state.closed {
                return Err(Error::Closed);
            }
            // Sent again on the next connection, before what was queued meanwhile.
            state.batch = [&frame::header(body.len()), body].concat();
            state.count_memory();
            let is_current = |current| Arc::ptr_eq(current, connection);
            match state.connection.as_ref().is_some_and(is_current) {
                // The flusher meets the same error, and gives the connection up.
                true => state.sent = sent,
                false => state.cuts = u32::from(sent > 0),
            }
        }
        if !state.is_drained() || state.full {
            self.bell.ring();
        }
        Ok(())
    }
}

/// Writes a frame to the end, and waits for room. Returns how many bytes were written:
/// fewer only if the connection has ended.
fn write(connection: &Connection, body: &[u8]) -> usize {
    let mut sent = 0;
    while sent < HEADER + body.len() {
        match connection.write_frame(&[], body, sent) {
            Ok(written) => sent += written,
            Err(Errno::AGAIN) => {
                let mut waits_for = [PollFd::new(connection, PollFlags::OUT)];
                if wait(&mut waits_for, None).is_err() {
                    return sent;
                }
            }
            Err(_) => return sent,
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::super::shared::tests::connected;
    use super::*;

    #[test]
    fn a_long_message_that_was_written_completely_does_not_wait() {
        let (shared, _peer) = connected();
        let mut state = lock(&shared.state);
        let connection = state.connection.clone().unwrap();
        state.writing = true;

        let sent = shared.finish_long(&mut state, &connection, b"body", 13);

        assert!(sent.is_ok(), "{sent:?}");
        assert!(state.is_drained());
    }

    #[test]
    fn a_connection_that_accepted_nothing_of_a_long_message_does_not_count() {
        for (sent, cuts) in [(0, 0), (1, 1), (12, 1)] {
            let (shared, _peer) = connected();
            let mut state = lock(&shared.state);
            state.writing = true;
            let lost = state.give_up().unwrap();

            let kept = shared.finish_long(&mut state, &lost, b"body", sent);

            assert!(kept.is_ok(), "{kept:?}");
            assert_eq!(state.cuts, cuts);
            assert_eq!(state.batch, b"\x01\0\0\0\0\0\0\0\x04body");
            assert_eq!(state.sent, 0);
        }
    }
}
