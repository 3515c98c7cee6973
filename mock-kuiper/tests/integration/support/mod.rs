//! What several of the groups need.

pub(crate) mod probe;
#[cfg(feature = "cli")]
pub(crate) mod processes;
pub(crate) mod running;

use std::thread;
use std::time::{Duration, Instant};

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn wait_until_within(limit: Duration, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} does not happen");
        thread::sleep(Duration::from_millis(2));
    }
}
