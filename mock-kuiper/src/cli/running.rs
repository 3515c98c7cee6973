//! The sources and functions that run, as the thread that gives the orders knows
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use mock_kuiper::engine::transport::Waker;
use mock_kuiper::{Function, Source};

/// A running source, and the thread that reads it.
pub(super) struct Running {
    pub(super) symbol: String,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) rows: Arc<AtomicU64>,
    pub(super) waker: Waker,
    /// Returns the source at its end; `None` once the source is stopped.
    pub(super) thread: Option<JoinHandle<Source>>,
}

/// A running function, and how often it was called.
pub(super) struct Started {
    pub(super) function: Function,
    pub(super) aggregate: bool,
    pub(super) calls: u64,
    /// The calls that it answered with an error.
    pub(super) errors: u64,
}

impl Running {
    /// Returns how many rows were read so far.
    pub(super) fn count(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Ends the thread, and returns the source, once.
    pub(super) fn join(&mut self) -> Option<Source> {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake();
        self.wait()
    }

    /// Waits until the thread has ended by itself, and returns the source, once.
    pub(super) fn wait(&mut self) -> Option<Source> {
        self.thread.take()?.join().ok()
    }
}
