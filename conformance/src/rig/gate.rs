//! Bounds how many plugins are launched at the same time.
//!
//! A check mostly waits, so that many can run at once. A launch needs a processor,
//! and its greeting has a time limit: many launches at once would each take longer
//! than eKuiper's one.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use mock_kuiper::engine::isolate;

/// Launches for each processor.
const EACH: usize = 2;

/// What a launch has to pass.
#[derive(Debug)]
pub(super) struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

/// The right to launch, until it is dropped.
#[derive(Debug)]
pub(super) struct Pass<'g>(&'g Gate);

impl Default for Gate {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            free: Mutex::new(EACH * processors),
            freed: Condvar::new(),
        }
    }
}

impl Gate {
    /// Waits until a plugin may be launched. `None` if hosts take turns: a host
    /// that waits for its turn must not keep the one whose turn it is from
    /// launching.
    pub(super) fn enter(&self) -> Option<Pass<'_>> {
        if isolate::refused().is_some() {
            return None;
        }
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(free, |free| *free == 0);
        *waited.unwrap_or_else(PoisonError::into_inner) -= 1;
        Some(Pass(self))
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let free = self.0.free.lock();
        *free.unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_launches_pass_at_once_than_are_free() {
        let gate = Gate {
            free: Mutex::new(2),
            freed: Condvar::new(),
        };
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));

        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let _pass = gate.enter();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });

        assert_eq!(*gate.free.lock().unwrap(), 2);
        if isolate::refused().is_none() {
            assert!(most.into_inner() <= 2);
        }
    }
}
