//! Lets a stop go first: meanwhile, sources that emit rows leave the processors to it.
//!
//! A stop waits for the rows that its source is emitting. Among a hundred sources
//! that emit without a pause, the thread of that source would wait for a processor
//! for as long as all others have work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::instance::left;

/// The gate of all sources of this process.
pub(crate) static GATE: Gate = Gate::new();

/// How long a stop may keep the other sources waiting. It ends a deadlock, too: code of
/// the plugin may wait for another source while it is stopped.
const LONGEST: Duration = Duration::from_millis(5);

/// Holds threads up while it is closed.
pub(crate) struct Gate {
    closed: AtomicBool,
    /// When the gate opens by itself.
    until: Mutex<Option<Instant>>,
    opened: Condvar,
}

/// Opens the gate again when it is dropped.
pub(crate) struct Closed<'a>(&'a Gate);

impl Gate {
    const fn new() -> Self {
        Self {
            closed: AtomicBool::new(false),
            until: Mutex::new(None),
            opened: Condvar::new(),
        }
    }

    /// Closes the gate for a while.
    pub(crate) fn close(&self) -> Closed<'_> {
        *self.lock() = Some(Instant::now() + LONGEST);
        self.closed.store(true, Ordering::SeqCst);
        Closed(self)
    }

    /// Waits until the gate is opened, unless this thread's source is the one that
    /// stops. Does not wait longer if the gate is closed again meanwhile, because the
    /// next stop may be that of this source.
    pub(crate) fn pass(&self, is_stopped: impl FnOnce() -> bool) {
        // A source is told to stop before the gate is closed, so whoever sees the gate
        // closed also sees that. A thread that does not see it at once emits one row.
        if self.closed.load(Ordering::Acquire) && !is_stopped() {
            self.wait();
        }
    }

    #[cold]
    fn wait(&self) {
        let until = self.lock();
        let closing = *until;
        let limit = closing.map_or(Duration::ZERO, left);
        let (until, ended) = self
            .opened
            .wait_timeout_while(until, limit, |until| until.is_some() && *until == closing)
            .unwrap_or_else(PoisonError::into_inner);
        if ended.timed_out() && until.is_some_and(|until| left(until).is_zero()) {
            self.closed.store(false, Ordering::SeqCst);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        let Self(gate) = self;
        gate.closed.store(false, Ordering::SeqCst);
        *gate.lock() = None;
        gate.opened.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_gate_holds_nobody_up() {
        let gate = Gate::new();

        gate.pass(|| false);
        drop(gate.close());
        gate.pass(|| false);

        assert!(!gate.closed.load(Ordering::SeqCst));
    }

    #[test]
    fn a_gate_that_is_opened_lets_waiting_threads_pass() {
        let gate = Gate::new();
        let closed = gate.close();
        *gate.lock() = Some(Instant::now() + Duration::from_secs(3600));

        std::thread::scope(|scope| {
            let waits = scope.spawn(|| gate.pass(|| false));
            assert!(!waits.is_finished());
            drop(closed);
        });
    }

    #[test]
    fn a_source_that_stops_is_not_held_up_by_its_own_stop() {
        let gate = Gate::new();
        let _closed = gate.close();
        *gate.lock() = Some(Instant::now() + Duration::from_secs(3600));

        gate.pass(|| true);
    }

    #[test]
    fn a_gate_that_nobody_opens_opens_by_itself() {
        let gate = Gate::new();
        let closed = gate.close();

        gate.pass(|| false);

        assert!(!gate.closed.load(Ordering::SeqCst));
        drop(closed);
    }
}
