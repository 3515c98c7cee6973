//! Channels by their names, and messages as bytes: for a conversation that was
//! recorded, of which the host knows no more than its bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::HostError;
use super::failure::Failure;
use super::function::Function;
use super::host::Host;
use super::inner::Inner;
use super::pull::PullChannel;
use super::sink::{Unconnected, connect};
use crate::symbol::{Channel, Purpose};
use crate::transport::{Push, Waker};

/// The pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(10);

/// A channel that the host reads: a source's rows or a sink's acks.
#[derive(Debug)]
pub(crate) struct RawPull {
    channel: PullChannel,
    closing: Arc<AtomicBool>,
}

/// Ends the wait of a [`RawPull`] in another thread.
#[derive(Debug)]
pub(crate) struct Closer {
    closing: Arc<AtomicBool>,
    waker: Waker,
}

impl Closer {
    /// Lets the wait end, and every later one.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.waker.wake();
    }
}

/// A channel of rows to a sink.
#[derive(Debug)]
pub(crate) struct RawPush {
    push: Push,
    host: Arc<Inner>,
}

impl Host {
    /// Opens the channel of a function, and sends no order.
    pub(crate) fn raw_function(&self, symbol: &str) -> Result<Function, HostError> {
        Function::open(&self.inner, symbol)
    }

    /// Listens on a channel of rows or acks.
    pub(crate) fn raw_pull(&self, name: &str, purpose: Purpose) -> Result<RawPull, HostError> {
        let channel = Channel::named(name, purpose);
        self.inner.shared.check_length(&channel)?;
        Ok(RawPull {
            channel: PullChannel::open(channel, &self.inner.shared)?,
            closing: Arc::default(),
        })
    }

    /// Connects to a sink that listens, or begins to within `limit`.
    pub(crate) fn raw_push(&self, name: &str, limit: Duration) -> Result<RawPush, String> {
        let channel = Channel::named(name, Purpose::Sink);
        let shared = &self.inner.shared;
        shared
            .check_length(&channel)
            .map_err(|error| error.to_string())?;
        self.inner.note_file(shared.file(&channel));
        let deadline = Instant::now() + limit;
        loop {
            match connect(shared, &channel) {
                Ok((push, _)) => {
                    return Ok(RawPush {
                        push,
                        host: Arc::clone(&self.inner),
                    });
                }
                Err(Unconnected::Interrupted) => return Err("interrupted".to_owned()),
                Err(Unconnected::Error(error))
                    if Instant::now() >= deadline || shared.has_crashed() =>
                {
                    return Err(error.to_string());
                }
                Err(Unconnected::Error(_)) => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Waits until the plugin's process has exited by itself, at most `limit`.
    pub(crate) fn exits_within(&self, limit: Duration) -> bool {
        self.inner.shared.crashes_within(limit)
    }
}

impl RawPull {
    /// Waits for a message; returns `None` once the channel is to be closed.
    pub(crate) fn recv(&mut self) -> Option<Vec<u8>> {
        while !self.closing.load(Ordering::SeqCst) {
            match self.channel.recv(None) {
                Ok((_, message)) => return Some(message.to_vec()),
                // Another connection may follow, of this process or of the next.
                Err(Failure::Host(_)) => std::thread::sleep(PAUSE),
                Err(_) => {}
            }
        }
        None
    }

    /// Returns what ends [`recv`](Self::recv).
    pub(crate) fn closer(&self) -> Closer {
        Closer {
            closing: Arc::clone(&self.closing),
            waker: self.channel.waker(),
        }
    }
}

impl Drop for RawPull {
    fn drop(&mut self) {
        self.channel.close();
    }
}

impl RawPush {
    /// Sends a row; fails if it is not taken within the release's limit.
    pub(crate) fn send(&self, row: &[u8]) -> Result<(), String> {
        let limit = self.host.shared.send_limit();
        let sent = self.push.send(row, Some(limit));
        sent.map_err(|error| error.to_string())
    }
}

impl Drop for RawPush {
    fn drop(&mut self) {
        // Closing must lose no row that is on its way.
        if !self.host.shared.has_crashed() {
            let _ = self.push.flush(self.host.shared.send_limit());
        }
        self.push.close();
    }
}
