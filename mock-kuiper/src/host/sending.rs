//! The messages that are being sent. The observers are told of each once it is sent, and
//! of the exit that it causes after it, although another thread tells them of that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long an exit waits for messages. One that a plugin takes is told at once; one that
/// nobody reads may be sent for hours.
const LONGEST: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct Sending(AtomicUsize);

/// A message that is being sent, or was sent and is not yet told.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a Sending);

impl Sending {
    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        UnderWay(self)
    }

    /// Waits until no message is under way, at most [`LONGEST`].
    pub(super) fn wait(&self) {
        let deadline = Instant::now() + LONGEST;
        while self.0.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}
