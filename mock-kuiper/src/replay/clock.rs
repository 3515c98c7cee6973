//! The times of a trace, from one launch on.

use std::time::{Duration, Instant};

/// How often a wait checks whether it was interrupted.
const GLANCE: Duration = Duration::from_millis(50);

/// When the trace's clock began.
pub(super) struct Clock {
    began: Instant,
    /// The time of the trace at that moment, in seconds.
    at: f64,
}

impl Clock {
    /// Begins now at a time of the trace.
    pub(super) fn begin(at: f64) -> Self {
        let began = Instant::now();
        Self { began, at }
    }

    /// Waits until a time of the trace, or until the wait is interrupted.
    pub(super) fn wait_until(&self, t: f64, interrupted: &dyn Fn() -> bool) {
        let after = (t - self.at).clamp(0.0, 1e9);
        let at = self.began + Duration::from_secs_f64(after);
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() || interrupted() {
                return;
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}
