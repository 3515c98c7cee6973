//! Memory that the queues of several PUSH sockets share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound for the memory of the queues of several [`Push`](crate::Push) sockets.
///
/// Each socket whose [`Options::budget`](crate::Options::budget) is a clone of it
/// may use an eighth of what the others have left, at most its
/// [`queue_bytes`](crate::Options::queue_bytes), and always 32 KiB. So a few
/// sockets have all they can use, and many sockets share. An empty queue still
/// accepts one message of any size.
///
/// ```
/// use ekuiper_sp::{Budget, Options};
///
/// let mut options = Options::default();
/// options.budget = Some(Budget::new(4 << 20));
/// ```
#[derive(Clone, Debug)]
pub struct Budget {
    total: usize,
    used: Arc<AtomicUsize>,
}

/// How many bytes of memory a queue may always have.
const LEAST: usize = 32 * 1024;

/// The part of the free memory that one queue may have: with one part in eight,
/// ten sockets still have nearly as much as one.
const PART: usize = 8;

impl Budget {
    /// Creates a budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            total: bytes,
            used: Arc::default(),
        }
    }

    /// Returns how many bytes the queues have now, whether or not they are full.
    ///
    /// It can be more than the budget, because each socket may always have 32 KiB
    /// for what is queued, and as much for what is being written.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// What one socket uses of a budget. Dropping it gives that back.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Option<Budget>,
    used: usize,
}

impl Share {
    pub(crate) fn of(budget: Option<Budget>) -> Self {
        Self { budget, used: 0 }
    }

    /// Returns how many bytes of memory a queue may have now, if it may never have
    /// more than `most`.
    pub(crate) fn room(&self, most: usize) -> usize {
        let Some(budget) = &self.budget else {
            return most;
        };
        let others = budget.used().saturating_sub(self.used);
        let left = budget.total.saturating_sub(others);
        (left / PART).max(LEAST).min(most)
    }

    /// Records how many bytes of memory the socket's queue has.
    pub(crate) fn set(&mut self, bytes: usize) {
        if let Some(budget) = self.budget.as_ref().filter(|_| bytes != self.used) {
            // Two sockets may grow at the same time, and then both a little too far.
            budget.used.fetch_add(bytes, Ordering::Relaxed);
            budget.used.fetch_sub(self.used, Ordering::Relaxed);
            self.used = bytes;
        }
    }

    /// Records that the socket's queue has `bytes` more.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.set(self.used + bytes);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Default for Share {
    fn default() -> Self {
        Self::of(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;
    const MIB: usize = 1024 * KIB;

    #[test]
    fn a_queue_may_have_an_eighth_of_what_is_free_and_never_less_than_the_least() {
        let budget = Budget::new(4 * MIB);
        let one = Share::of(Some(budget.clone()));
        let mut other = Share::of(Some(budget.clone()));

        assert_eq!(one.room(MIB), 512 * KIB);
        assert_eq!(one.room(4 * KIB), 4 * KIB);
        other.set(2 * MIB);
        assert_eq!(one.room(MIB), 256 * KIB);
        other.set(8 * MIB);
        assert_eq!(one.room(MIB), LEAST);
    }

    #[test]
    fn what_a_socket_has_itself_leaves_its_queue_no_less() {
        let budget = Budget::new(4 * MIB);
        let mut one = Share::of(Some(budget.clone()));
        let other = Share::of(Some(budget));

        one.set(MIB);

        assert_eq!(one.room(MIB), 512 * KIB);
        assert_eq!(other.room(MIB), 384 * KIB);
    }

    #[test]
    fn a_socket_that_is_dropped_gives_its_memory_back() {
        let budget = Budget::new(4 * MIB);
        let mut share = Share::of(Some(budget.clone()));
        share.set(MIB);
        share.set(2 * MIB);
        assert_eq!(budget.used(), 2 * MIB);

        drop(share);

        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_socket_without_a_budget_has_all_it_may_have() {
        assert_eq!(Share::default().room(MIB), MIB);
    }
}
