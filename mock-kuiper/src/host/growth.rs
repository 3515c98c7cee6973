//! Stops a plugin whose memory grows without end.
//!
//! The growth counts from the greeting, and again from the first start of each
//! symbol, which may load what it needs. A plugin may hold a message of the host
//! several times.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::exit::Exit;
use crate::event::{Event, Observer, What};
use crate::symbol::Side;

/// The time between two measurements.
const PERIOD: Duration = Duration::from_millis(250);

/// How often a plugin may hold the largest message: its bytes, its text, its
/// decoded values, and what a garbage collector has not freed.
const COPIES: u64 = 8;

/// By how much a plugin may grow.
#[derive(Debug)]
pub(super) struct GrowthLimit {
    bytes: u64,
    /// The symbols that were started in the present process.
    started: Mutex<BTreeSet<String>>,
    /// Whether the growth counts anew from now on.
    anew: AtomicBool,
    /// The size of the largest message of the host.
    largest: AtomicU64,
}

/// A growth beyond the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grown {
    /// The bytes that the plugin had before.
    pub(super) before: u64,
    /// The bytes that it has now.
    pub(super) after: u64,
}

impl GrowthLimit {
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            bytes,
            started: Mutex::default(),
            anew: AtomicBool::new(true),
            largest: AtomicU64::new(0),
        }
    }

    /// Measures until the growth exceeds the limit; returns `None` if the process
    /// exits first. `memory` is `None` before the greeting.
    pub(super) fn watch(&self, exit: &Exit, memory: impl Fn() -> Option<u64>) -> Option<Grown> {
        let mut base = None;
        while exit.wait(PERIOD).is_none() {
            let Some(after) = memory() else { continue };
            let anew = self.anew.swap(false, Ordering::SeqCst);
            let before = *base.get_or_insert(after);
            let allowed = self.bytes + COPIES * self.largest.load(Ordering::Relaxed);
            if anew {
                base = Some(after);
            } else if after > before + allowed {
                return Some(Grown { before, after });
            }
        }
        None
    }
}

impl Observer for GrowthLimit {
    fn event(&self, event: &Event<'_>) {
        let started = || self.started.lock().unwrap_or_else(PoisonError::into_inner);
        match event.what {
            What::Launched { .. } => {
                started().clear();
                self.anew.store(true, Ordering::SeqCst);
            }
            What::Started { kind, symbol } if started().insert(format!("{kind} {symbol}")) => {
                self.anew.store(true, Ordering::SeqCst);
            }
            What::Message(message) if message.from == Side::Host => {
                let size = message.body.len() as u64;
                self.largest.fetch_max(size, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}
