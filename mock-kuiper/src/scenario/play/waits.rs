//! Time limits of steps.

use std::time::{Duration, Instant};

/// How often something that cannot wake a waiter is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// A limit that counts from its making.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    end: Instant,
}

impl Deadline {
    /// Makes a limit that ends after `limit`.
    pub(super) fn after(limit: Duration) -> Self {
        Self {
            end: Instant::now() + limit,
        }
    }

    /// Returns the time that is left.
    pub(super) fn left(self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Whether no time is left.
    pub(super) fn has_passed(self) -> bool {
        self.left().is_zero()
    }

    /// Sleeps until the next look, or returns `false` if no time is left.
    pub(super) fn pause(self) -> bool {
        let left = self.left();
        std::thread::sleep(left.min(LOOK));
        !left.is_zero()
    }
}
