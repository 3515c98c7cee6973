//! Ends a run early.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::{Host, Interrupter};

/// Ends a run early, from any thread: see [`stop`](Self::stop).
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    stopped: AtomicBool,
    hosts: Mutex<Vec<(u64, Interrupter)>>,
    next: AtomicU64,
}

/// Names a host that is to be interrupted, until it is dropped.
#[derive(Debug)]
pub(super) struct Watched {
    stop: Stop,
    number: u64,
}

impl Stop {
    /// Ends the cases that run, without a verdict, and begins no others.
    pub fn stop(&self) {
        let hosts = self.hosts();
        self.0.stopped.store(true, Ordering::SeqCst);
        // Twice: an answer to an order is not awaited either.
        for (_, interrupter) in hosts.iter() {
            interrupter.interrupt();
            interrupter.interrupt();
        }
    }

    /// Whether the run was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Interrupts a host when the run is stopped; at once if it was.
    pub(super) fn watch(&self, host: &Host) -> Watched {
        let interrupter = host.interrupter();
        let mut hosts = self.hosts();
        if self.is_stopped() {
            interrupter.interrupt();
            interrupter.interrupt();
        }
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        hosts.push((number, interrupter));
        Watched {
            stop: self.clone(),
            number,
        }
    }

    fn hosts(&self) -> MutexGuard<'_, Vec<(u64, Interrupter)>> {
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop
            .hosts()
            .retain(|(number, _)| *number != self.number);
    }
}
