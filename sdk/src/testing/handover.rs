//! The channel between a source under test and its test.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::EmitError;
use crate::instance::left;
use crate::source::Outlet;
use crate::wakers::Wakers;

/// How many rows [`Handover::try_send`] accepts before the test takes one.
const ROOM: usize = 1024;

/// Hands rows to the test.
///
/// `emit` waits until the test has taken its row, so that a source cannot run
/// ahead of its test. `try_emit` does not wait, and finds room for [`ROOM`] rows.
#[derive(Default)]
pub(super) struct Handover {
    state: Mutex<State>,
    changed: Condvar,
    room: Wakers,
}

#[derive(Default)]
struct State {
    rows: VecDeque<Vec<u8>>,
    /// How many rows were put into `rows` so far.
    put: u64,
    /// How many rows the test has taken so far.
    taken: u64,
    ended: bool,
}

impl State {
    /// Puts a row. Returns how many were put so far.
    fn put(&mut self, row: &[u8]) -> u64 {
        self.rows.push_back(row.to_vec());
        self.put += 1;
        self.put
    }
}

/// No row came within the limit.
pub(super) struct TimedOut;

impl Handover {
    /// Takes the next row. Returns `None` if the source has ended.
    pub(super) fn take(&self, end: Instant) -> Result<Option<Vec<u8>>, TimedOut> {
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), left(end), |state| {
                state.rows.is_empty() && !state.ended
            })
            .unwrap_or_else(PoisonError::into_inner);
        let Some(row) = state.rows.pop_front() else {
            return if state.ended { Ok(None) } else { Err(TimedOut) };
        };
        state.taken += 1;
        drop(state);
        self.changed.notify_all();
        self.room.wake_all();
        Ok(Some(row))
    }

    /// Ends the channel: no row is accepted any more.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet for Handover {
    fn send(&self, row: &[u8]) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        let ticket = state.put(row);
        self.changed.notify_all();
        let state = self
            .changed
            .wait_while(state, |state| state.taken < ticket && !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        state.taken >= ticket
    }

    fn try_send(&self, row: &[u8]) -> Result<(), EmitError> {
        let mut state = self.lock();
        match (state.ended, state.rows.len()) {
            (true, _) => Err(EmitError::Stopped),
            (false, ROOM..) => Err(EmitError::Full),
            (false, _) => {
                state.put(row);
                drop(state);
                self.changed.notify_all();
                Ok(())
            }
        }
    }

    fn room(&self) -> &Wakers {
        &self.room
    }
}
