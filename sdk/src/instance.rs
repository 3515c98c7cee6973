//! A running instance as the control channel sees it, and the thread behind it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// One running source, sink or function.
pub(crate) trait Instance: Send {
    /// Returns whether it still runs: a source's `open` has not returned, a
    /// sink has not ended by an error or a panic.
    fn is_running(&self) -> bool;

    /// Tells it to stop, without waiting.
    fn begin_stop(&self);

    /// Frees its code where that waits for the host, once the rows emitted
    /// before the stop are sent, and at the limit in any case.
    fn release(&self, limits: &StopLimits) {
        let _ = limits;
    }

    /// Waits until it is stopped; at the limit, leaves it behind.
    fn finish_stop(self: Box<Self>, limits: &StopLimits);
}

/// Until when a stop waits for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopLimits {
    /// For rows that were emitted before the stop to be read by the host.
    pub(crate) flush: Instant,
    /// For the author's code to return.
    pub(crate) end: Instant,
}

impl StopLimits {
    /// The limits of a stop order, from now: it is answered within 1 s.
    pub(crate) fn of_an_order() -> Self {
        Self::from_now(Duration::from_millis(300), Duration::from_millis(800))
    }

    /// The limits for all instances together when the process ends, from now:
    /// it is gone within 2 s of the signal.
    pub(crate) fn of_the_process() -> Self {
        Self::from_now(Duration::from_millis(500), Duration::from_millis(1200))
    }

    fn from_now(flush: Duration, end: Duration) -> Self {
        let now = Instant::now();
        StopLimits {
            flush: now + flush,
            end: now + end,
        }
    }
}

/// The time left until `end`; zero afterwards.
pub(crate) fn left(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}

/// The thread of an instance.
#[derive(Debug)]
pub(crate) struct Worker {
    thread: JoinHandle<()>,
    /// Disconnected when the thread ends.
    ended: Receiver<()>,
}

impl Worker {
    /// Starts the thread. Its name is for debuggers; the system cuts it.
    pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        let (running, ended) = mpsc::channel();
        // A name with a NUL inside is no name for a thread.
        let name = name.replace('\0', "");
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _running = running;
            body();
        })?;
        Ok(Worker { thread, ended })
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until the thread has ended; gives the worker back at `end`.
    pub(crate) fn join_until(self, end: Instant) -> Result<(), Self> {
        match self.ended.recv_timeout(left(end)) {
            Err(RecvTimeoutError::Timeout) => Err(self),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                // The author's panics are caught; one of ours was printed.
                let _ = self.thread.join();
                Ok(())
            }
        }
    }
}

/// Decides between the thread, which is about to call `close`, and the stop,
/// which gives up waiting: only one of them gets its way.
#[derive(Debug, Default)]
pub(crate) struct Phase(AtomicU8);

impl Phase {
    const OPEN: u8 = 0;
    const CLOSING: u8 = 1;
    const ABANDONED: u8 = 2;

    /// Returns whether `close` may be called.
    pub(crate) fn begin_close(&self) -> bool {
        self.leave_open(Self::CLOSING)
    }

    /// Returns whether the instance was left behind before its `close`.
    pub(crate) fn abandon(&self) -> bool {
        self.leave_open(Self::ABANDONED)
    }

    fn leave_open(&self, next: u8) -> bool {
        self.0
            .compare_exchange(Self::OPEN, next, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_behind_is_not_closed() {
        let phase = Phase::default();

        assert!(phase.abandon());

        assert!(!phase.begin_close());
    }

    #[test]
    fn what_closes_is_not_left_behind_before_its_close() {
        let phase = Phase::default();

        assert!(phase.begin_close());

        assert!(!phase.abandon());
    }

    #[test]
    fn a_worker_that_does_not_end_is_given_back() {
        let (end, wait) = mpsc::channel::<()>();
        let worker = Worker::spawn("a\0b", move || {
            let _ = wait.recv();
        })
        .unwrap();

        let worker = worker.join_until(Instant::now()).unwrap_err();
        drop(end);

        assert!(
            worker
                .join_until(Instant::now() + Duration::from_secs(30))
                .is_ok()
        );
    }
}
