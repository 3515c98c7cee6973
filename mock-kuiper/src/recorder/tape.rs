//! The way into the trace, which all threads share: one order of lines, through the
//! keeper's pipe.
//!
//! What was flushed is written to the trace even if the recorder is killed. If the disk is
//! slow, the pipe is full, and the threads wait, and with them those who write to the
//! sockets.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::keeper::{Keeper, is_error};
use super::lines::{Lines, What};
use crate::symbol::{Channel, Side};

/// The bytes of lines that wait for more.
const BATCH: usize = 256 * 1024;

/// The end of the way at which the pumps are.
#[derive(Debug, Clone)]
pub(super) struct Tape(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    lines: Lines,
    /// Lines that were not passed on yet.
    batch: Vec<u8>,
    /// `None` once the tape has ended.
    keeper: Option<Keeper>,
    /// Whether the trace can no longer be written.
    is_broken: bool,
}

impl Tape {
    /// Starts the keeper of a trace. `begin` is the time of the trace at which this
    /// launch begins.
    pub(super) fn start(trace: File, begin: Duration, redact: &[String]) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(State {
            lines: Lines::new(begin, Instant::now(), redact),
            batch: Vec::new(),
            keeper: Some(Keeper::start(trace)?),
            is_broken: false,
        }))))
    }

    /// Appends a line that goes to the trace with the next ones.
    pub(super) fn push(&self, channel: Option<&Channel>, what: &What) {
        self.lock().push(channel, what);
    }

    /// Passes on all lines that were pushed, after a wait for room.
    pub(super) fn flush(&self) {
        self.lock().flush();
    }

    /// Appends a line, and passes it on.
    pub(super) fn write(&self, channel: Option<&Channel>, what: &What) {
        let mut state = self.lock();
        state.push(channel, what);
        state.flush();
    }

    /// Names a channel whose socket file the recorder may replace, and who listens there.
    pub(super) fn note(&self, name: &str, listens: Side) {
        if let Some(keeper) = &mut self.lock().keeper {
            keeper.note(name, listens);
        }
    }

    /// Waits until everything is written and the keeper has tidied up.
    pub(super) fn finish(&self) {
        let mut state = self.lock();
        state.flush();
        state.keeper = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, channel: Option<&Channel>, what: &What) {
        if self.is_broken {
            return;
        }
        // Now, so that times and lines have one order.
        let now = Instant::now();
        let line = self.lines.append(&mut self.batch, now, channel, what);
        self.is_broken = is_error(line);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        if let Some(keeper) = &mut self.keeper
            && !self.is_broken
        {
            self.is_broken = is_error(keeper.write(&self.batch));
        }
        self.batch.clear();
        self.batch.shrink_to(2 * BATCH);
    }
}
