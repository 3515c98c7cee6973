//! The queue between the pumps and the writer, in the order of the trace.
//!
//! Its size is bounded: if the disk is slow, the pumps wait, and with them those who
//! write to the sockets.

use std::mem;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use crate::symbol::{Channel, Side};

/// The bytes that may wait for the writer: about as much is lost at a SIGKILL.
const MOST: usize = 1024 * 1024;

/// What an entry counts besides its body.
const OVERHEAD: usize = 128;

/// What goes to the trace as one line.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: Instant,
    pub(super) channel: Option<Arc<Channel>>,
    pub(super) what: What,
}

/// What happened.
#[derive(Debug)]
pub(super) enum What {
    Launch {
        argument: String,
        cwd: PathBuf,
        time: SystemTime,
    },
    Connected {
        dialer: Side,
    },
    Greeting {
        from: Side,
        bytes: [u8; 8],
    },
    /// `length` is that of the body, of which `body` may be the beginning.
    Message {
        from: Side,
        body: Vec<u8>,
        length: u64,
    },
    Closed {
        from: Side,
    },
    Exit {
        status: ExitStatus,
    },
}

impl Entry {
    fn size(&self) -> usize {
        let body = match &self.what {
            What::Message { body, .. } => body.capacity(),
            _ => 0,
        };
        OVERHEAD + body
    }
}

/// The end of the queue at which the pumps are.
#[derive(Debug, Clone, Default)]
pub(super) struct Tape(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when there is something to write, or nothing will follow.
    filled: Condvar,
    /// Notified when there is room.
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    /// The bytes that wait, those that the writer has taken included.
    bytes: usize,
    /// What the writer has taken counts this much.
    taken: usize,
    writer_waits: bool,
    finished: bool,
}

impl Tape {
    /// Appends an entry, after a wait for room.
    pub(super) fn push(&self, channel: Option<&Arc<Channel>>, what: What) {
        let mut state = self.lock();
        while state.bytes >= MOST {
            state = wait(&self.0.room, state);
        }
        // Under the lock, so that times and lines have one order.
        let entry = Entry {
            at: Instant::now(),
            channel: channel.cloned(),
            what,
        };
        state.bytes += entry.size();
        state.entries.push(entry);
        if mem::take(&mut state.writer_waits) {
            self.0.filled.notify_one();
        }
    }

    /// Waits for entries, and moves them to `entries`, which is empty. Those that were
    /// taken before count as written. Returns `false` after the last ones.
    pub(super) fn take(&self, entries: &mut Vec<Entry>) -> bool {
        let mut state = self.lock();
        state.bytes -= mem::take(&mut state.taken);
        self.0.room.notify_all();
        while state.entries.is_empty() {
            if state.finished {
                return false;
            }
            state.writer_waits = true;
            state = wait(&self.0.filled, state);
        }
        mem::swap(entries, &mut state.entries);
        state.taken = state.bytes;
        true
    }

    /// Lets the writer end after what was pushed.
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.0.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition
        .wait(state)
        .unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn push(tape: &Tape, size: usize) {
        let body = vec![0; size];
        tape.push(
            None,
            What::Message {
                from: Side::Host,
                length: size as u64,
                body,
            },
        );
    }

    #[test]
    fn a_full_queue_holds_its_pushers_up_until_its_entries_are_written() {
        let tape = Tape::default();
        push(&tape, MOST);
        let (sender, receiver) = mpsc::channel();
        let pusher = tape.clone();
        thread::spawn(move || {
            push(&pusher, 1);
            sender.send(()).unwrap();
        });
        let mut entries = Vec::new();

        assert!(tape.take(&mut entries));
        let waited = receiver.recv_timeout(Duration::from_millis(50));
        entries.clear();
        assert!(tape.take(&mut entries));

        assert_eq!(waited, Err(mpsc::RecvTimeoutError::Timeout));
        assert_eq!(entries.len(), 1);
        receiver.recv_timeout(Duration::from_secs(20)).unwrap();
    }

    #[test]
    fn what_was_pushed_before_the_end_is_taken() {
        let tape = Tape::default();
        push(&tape, 1);
        tape.finish();
        let mut entries = Vec::new();

        assert!(tape.take(&mut entries));
        entries.clear();
        assert!(!tape.take(&mut entries));
    }
}
