//! Rows and acks, which the plugin sends when it likes: read in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::host::{Closer, RawPull};

/// The messages that wait to be compared; the plugin waits with more.
const WAITING: usize = 10_000;

/// How often a wait checks whether it has become useless.
const GLANCE: Duration = Duration::from_millis(20);

/// A channel that is read in the background.
#[derive(Debug)]
pub(super) struct Incoming {
    messages: Option<Receiver<Vec<u8>>>,
    total: Arc<AtomicU64>,
    closer: Closer,
    thread: Option<JoinHandle<()>>,
    /// Whether a message did not come in time; the next is not awaited.
    pub(super) is_silent: bool,
}

impl Incoming {
    /// Begins to read. Only the first `kept` messages can be waited for; more are
    /// counted.
    pub(super) fn new(mut pull: RawPull, kept: u64) -> std::io::Result<Self> {
        let (sender, messages) = sync_channel(WAITING);
        let total = Arc::<AtomicU64>::default();
        let (closer, counted) = (pull.closer(), Arc::clone(&total));
        let read = move || {
            while let Some(message) = pull.recv() {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                if number < kept && sender.send(message).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("replay".to_owned())
            .spawn(read)?;
        Ok(Self {
            messages: Some(messages),
            total,
            closer,
            thread: Some(thread),
            is_silent: false,
        })
    }

    /// Waits for the next message, at most `limit` or until `stop` says so.
    pub(super) fn next(&self, limit: Duration, stop: impl Fn() -> bool) -> Option<Vec<u8>> {
        let messages = self.messages.as_ref()?;
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match messages.recv_timeout(left.min(GLANCE)) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if left.is_zero() || stop() => {
                    // It may have come just before.
                    return messages.try_recv().ok();
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Returns how many messages have come.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.messages = None;
        self.closer.close();
        if let Some(thread) = self.thread.take() {
            // It has nothing left to do.
            let _ = thread.join();
        }
    }
}
