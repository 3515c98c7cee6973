//! The messages that are being sent. The observers are told of each once it is sent, and
//! of the exit that it causes after it, although another thread tells them of that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long an exit waits for messages. The end of its connections ends the send of one,
/// unless another process holds them, and an observer may take its time.
const LONGEST: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Sending {
    /// Which of the counts the next message is in: an exit does not wait for those that
    /// begin after it.
    turn: AtomicUsize,
    counts: [AtomicUsize; 2],
    /// Held by the exit that waits.
    waits: Mutex<()>,
}

/// A message that is being sent, or was sent and is not yet told.
#[derive(Debug)]
pub(super) struct UnderWay<'a>(&'a AtomicUsize);

impl Sending {
    pub(super) fn begin(&self) -> UnderWay<'_> {
        let count = &self.counts[self.turn.load(Ordering::SeqCst) % 2];
        count.fetch_add(1, Ordering::SeqCst);
        UnderWay(count)
    }

    /// Waits until no message is under way that has begun before, at most [`LONGEST`].
    pub(super) fn wait(&self) {
        self.wait_at_most(LONGEST);
    }

    fn wait_at_most(&self, limit: Duration) {
        let _waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + limit;
        let before = self.turn.fetch_add(1, Ordering::SeqCst) % 2;
        while self.counts[before].load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_waits_for_the_messages_before_it_and_for_no_others() {
        const LIMIT: Duration = Duration::from_secs(60);
        let sending = Sending::default();
        let begin = Instant::now();

        thread::scope(|scope| {
            let before = sending.begin();
            let exit = scope.spawn(|| sending.wait_at_most(LIMIT));
            while sending.turn.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            let after = sending.begin();
            assert!(!exit.is_finished());

            drop(before);
            exit.join().unwrap();
            drop(after);
        });

        assert!(begin.elapsed() < LIMIT);
    }
}
