//! Waiting until a locked state has changed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::connection::deadline;

/// Tells threads that wait of the changes of a state. Without such a thread, this
/// needs no system call, which a [`Condvar`] makes each time.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    condvar: Condvar,
    /// How many threads wait. A thread counts itself while it has the lock of the
    /// state, so whoever has changed the state after that sees it.
    waiting: AtomicUsize,
}

impl Changes {
    /// Wakes the threads that wait. To be called after the change, with or without
    /// the lock.
    pub(crate) fn notify_all(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_all();
        }
    }

    fn wait<'a, S>(&self, state: MutexGuard<'a, S>) -> MutexGuard<'a, S> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let state = self.condvar.wait(state);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        state.unwrap_or_else(|held| held.into_inner())
    }

    fn wait_timeout<'a, S>(&self, state: MutexGuard<'a, S>, left: Duration) -> MutexGuard<'a, S> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let waited = self.condvar.wait_timeout(state, left);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        waited.unwrap_or_else(|held| held.into_inner()).0
    }
}

/// Waits on `changed` until `ready` returns a value, and returns that value.
///
/// Returns `None` once `limit` has passed. The lock is released on return. The
/// clock is read only if waiting is necessary.
pub(crate) fn wait_for<S, T>(
    state: &Mutex<S>,
    changed: &Changes,
    limit: Option<Duration>,
    mut ready: impl FnMut(&mut S) -> Option<T>,
) -> Option<T> {
    let mut state = lock(state);
    let mut until = None;
    loop {
        if let Some(found) = ready(&mut state) {
            return Some(found);
        }
        let deadline = *until.get_or_insert_with(|| deadline(limit));
        state = match deadline {
            None => changed.wait(state),
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                changed.wait_timeout(state, left)
            }
        };
    }
}

/// Locks `state`, even if another holder panicked: every critical section in
/// this crate leaves its state consistent.
pub(crate) fn lock<S>(state: &Mutex<S>) -> MutexGuard<'_, S> {
    state.lock().unwrap_or_else(|held| held.into_inner())
}
