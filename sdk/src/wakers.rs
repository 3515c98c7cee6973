//! The tasks that wait for an event, as std's [`Waker`]s. No runtime is needed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// A list of the tasks that wait for one event.
///
/// No waker is cloned, dropped or woken while the lock is held: each of these may
/// run a runtime's code, which may use the list again.
#[derive(Default)]
pub(crate) struct Wakers {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// The place of one waiting task in a list of [`Wakers`].
#[derive(Debug, Default)]
pub(crate) struct Place(Option<u64>);

impl Wakers {
    /// Puts a task into the list, or replaces its waker.
    ///
    /// The caller must check for the event after this call: an event before the
    /// call wakes nobody.
    pub(crate) fn put(&self, place: &mut Place, waker: &Waker) {
        let waker = waker.clone();
        let mut entries = self.lock();
        let key = *place.0.get_or_insert(entries.next);
        entries.next = entries.next.max(key + 1);
        let replaced = entries.wakers.insert(key, waker);
        drop(entries);
        drop(replaced);
    }

    /// Takes a task out of the list.
    pub(crate) fn take(&self, place: &mut Place) {
        if let Some(key) = place.0.take() {
            let waker = self.lock().wakers.remove(&key);
            drop(waker);
        }
    }

    /// Wakes all tasks and empties the list.
    pub(crate) fn wake_all(&self) {
        let wakers = std::mem::take(&mut self.lock().wakers);
        for waker in wakers.into_values() {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakers")
            .field("waiting", &self.lock().wakers.len())
            .finish()
    }
}
