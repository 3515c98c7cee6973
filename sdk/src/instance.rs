//! A running instance as the control channel sees it, and the pieces that all
//! kinds of instances are made of: the thread, the time limits of a stop, and
//! the decision whether `close` is called.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::journal::{self, Journal};
use crate::span::Span;

/// One running source, sink or function.
pub(crate) trait Instance: Send {
    /// Returns whether the instance still runs. A source has ended when its
    /// `open` has returned, a sink after an error or a panic.
    fn is_running(&self) -> bool;

    /// Tells the instance to stop, without waiting.
    fn begin_stop(&self);

    /// Waits until the rows emitted before the stop are sent, or the limit has
    /// passed. Then ends any wait of the plugin's code for the host.
    fn release(&self, limits: &StopLimits) {
        let _ = limits;
    }

    /// Waits until the instance has stopped. Abandons it at the limit.
    fn finish_stop(self: Box<Self>, limits: &StopLimits);
}

/// The deadlines of a stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StopLimits {
    /// Until when the host may read rows that were emitted before the stop.
    pub(crate) flush: Instant,
    /// Until when the plugin's code must have returned.
    pub(crate) end: Instant,
}

impl StopLimits {
    /// Returns the deadlines for a stop order that comes now: it is answered
    /// within 1 s.
    pub(crate) fn of_an_order() -> Self {
        Self::from_now(Duration::from_millis(300), Duration::from_millis(800))
    }

    /// Returns the deadlines for stopping all instances after a signal that
    /// comes now: the process has exited within 2 s.
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

/// Returns the time left until `end`, or zero if it has passed.
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
    /// Starts the thread. Its name is shown by debuggers; the system shortens it.
    ///
    /// It inherits the journal and the span of this thread.
    pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        let (running, ended) = mpsc::channel();
        // A thread's name must not contain NUL.
        let name = name.replace('\0', "");
        let (journal, span) = (Journal::current(), Span::current());
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _running = running;
            journal::within(journal, || span.within(body));
        })?;
        Ok(Worker { thread, ended })
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until the thread has ended. Returns the worker if the thread still
    /// runs at `end`.
    pub(crate) fn join_until(self, end: Instant) -> Result<(), Self> {
        match self.ended.recv_timeout(left(end)) {
            Err(RecvTimeoutError::Timeout) => Err(self),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                // Panics of the plugin's code are caught in the thread, and the
                // runtime has printed a panic of the SDK.
                let _ = self.thread.join();
                Ok(())
            }
        }
    }
}

/// Decides whether the instance's thread may call `close`, or the stop has given
/// up waiting and abandons the instance. The first of the two wins.
#[derive(Debug, Default)]
pub(crate) struct Phase(AtomicU8);

impl Phase {
    const OPEN: u8 = 0;
    const CLOSING: u8 = 1;
    const ABANDONED: u8 = 2;
    const CLOSED: u8 = 3;

    /// Begins the close. Returns whether `close` may be called: not if the
    /// instance was abandoned.
    pub(crate) fn begin_close(&self) -> bool {
        self.leave_open(Self::CLOSING)
    }

    /// Records that the close, which has begun, has ended.
    pub(crate) fn end_close(&self) {
        self.0.store(Self::CLOSED, Ordering::SeqCst);
    }

    /// Returns whether the close has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::SeqCst) == Self::CLOSED
    }

    /// Abandons the instance. Returns whether that prevents its `close`: not if
    /// the close has begun.
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
    fn an_abandoned_instance_is_not_closed() {
        let phase = Phase::default();

        assert!(phase.abandon());

        assert!(!phase.begin_close());
    }

    #[test]
    fn an_instance_that_closes_cannot_be_abandoned_before_its_close() {
        let phase = Phase::default();

        assert!(phase.begin_close());

        assert!(!phase.abandon());
    }

    #[test]
    fn joining_a_worker_that_does_not_end_returns_it() {
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
