//! The stop of an instance, and the ways to wait for it: a flag, a sleep, a
//! callback, a future.
//!
//! Nothing here knows the instance. A callback must not panic: the contexts catch
//! the panics of the plugin's code.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::wakers::{Place, Wakers};

type Callback = Box<dyn FnOnce() + Send>;

/// Tells the threads and tasks of an instance that it was stopped.
#[derive(Default)]
pub(crate) struct StopSignal {
    stopped: AtomicBool,
    callbacks: Mutex<Callbacks>,
    woken: Condvar,
    tasks: Wakers,
}

#[derive(Default)]
struct Callbacks {
    next: u64,
    waiting: BTreeMap<u64, Callback>,
}

impl StopSignal {
    /// Sets the signal, wakes all that wait for it, and runs the callbacks in the
    /// order in which they were registered.
    pub(crate) fn set(&self) {
        self.set_with(|| ());
    }

    /// Does the same as [`set`](Self::set), and calls `wake` before the callbacks,
    /// which are the plugin's code and may be slow.
    pub(crate) fn set_with(&self, wake: impl FnOnce()) {
        self.stopped.store(true, Ordering::SeqCst);
        // With the lock taken, no sleeper is between its check of `stopped` and
        // its wait, where it would miss the notification.
        drop(self.lock());
        self.woken.notify_all();
        self.tasks.wake_all();
        wake();
        // One at a time and without the lock: a callback may drop the guard of
        // another one, or register a further one.
        while let Some(callback) = self.next_callback() {
            callback();
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Waits for `duration` or until the stop. Returns false once stopped.
    pub(crate) fn sleep(&self, duration: Duration) -> bool {
        drop(
            self.woken
                .wait_timeout_while(self.lock(), duration, |_| !self.is_set())
                .unwrap_or_else(PoisonError::into_inner),
        );
        !self.is_set()
    }

    /// Registers a callback. Runs it at once if the signal is set.
    pub(crate) fn on_stop(self: &Arc<Self>, callback: impl FnOnce() + Send + 'static) -> StopGuard {
        let mut callbacks = self.lock();
        if self.is_set() {
            drop(callbacks);
            callback();
            return StopGuard { registered: None };
        }
        let key = callbacks.next;
        callbacks.next += 1;
        callbacks.waiting.insert(key, Box::new(callback));
        StopGuard {
            registered: Some((Arc::clone(self), key)),
        }
    }

    /// Returns a future that is ready once the signal is set.
    pub(crate) fn until_set(self: &Arc<Self>) -> UntilStopped {
        UntilStopped {
            stop: Arc::clone(self),
            place: Place::default(),
        }
    }

    fn next_callback(&self) -> Option<Callback> {
        let first = self.lock().waiting.pop_first();
        first.map(|(_, callback)| callback)
    }

    fn lock(&self) -> MutexGuard<'_, Callbacks> {
        self.callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopSignal")
            .field("stopped", &self.is_set())
            .finish_non_exhaustive()
    }
}

/// A callback that is registered for the stop of an instance. Dropping the guard
/// deregisters it.
///
/// The drop never waits. If the callback runs on another thread at that moment,
/// it finishes there, after the guard is gone.
#[must_use = "the callback is deregistered when the guard is dropped"]
pub struct StopGuard {
    /// `None` if the callback ran at once.
    registered: Option<(Arc<StopSignal>, u64)>,
}

impl Drop for StopGuard {
    fn drop(&mut self) {
        if let Some((stop, key)) = self.registered.take() {
            // Dropped after the lock: the callback may own another guard.
            let callback = stop.lock().waiting.remove(&key);
            drop(callback);
        }
    }
}

impl fmt::Debug for StopGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopGuard").finish_non_exhaustive()
    }
}

/// A future that is ready once an instance was stopped.
///
/// It needs no runtime: it works in every executor. It can be dropped at any time
/// and polled again after it was ready.
#[must_use = "a future does nothing unless it is awaited"]
pub struct UntilStopped {
    stop: Arc<StopSignal>,
    place: Place,
}

impl Future for UntilStopped {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let UntilStopped { stop, place } = &mut *self;
        if stop.is_set() {
            return Poll::Ready(());
        }
        stop.tasks.put(place, cx.waker());
        // A stop before `put` has woken nobody.
        match stop.is_set() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Drop for UntilStopped {
    fn drop(&mut self) {
        self.stop.tasks.take(&mut self.place);
    }
}

impl fmt::Debug for UntilStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntilStopped")
            .field("stopped", &self.stop.is_set())
            .finish()
    }
}

#[cfg(test)]
mod tests;
