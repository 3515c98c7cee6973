//! What runs, as the ordering thread knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use mock_kuiper::host::{Function, Source};
use mock_kuiper::transport::Waker;

/// A running source, and the thread that reads it.
pub(super) struct Running {
    pub(super) symbol: String,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) rows: Arc<AtomicU64>,
    pub(super) waker: Waker,
    /// Gives the source back; `None` once it is stopped.
    pub(super) thread: Option<JoinHandle<Source>>,
}

/// A running function, and what was asked of it.
pub(super) struct Started {
    pub(super) function: Function,
    pub(super) aggregate: bool,
    pub(super) calls: u64,
}

impl Running {
    pub(super) fn count(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Has the thread end; gives the source back, once.
    pub(super) fn join(&mut self) -> Option<Source> {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake();
        self.wait()
    }

    /// Waits until the thread has read all that a plugin that has ended had
    /// sent; gives the source back, once.
    pub(super) fn wait(&mut self) -> Option<Source> {
        self.thread.take()?.join().ok()
    }
}
