//! Sinks that have closed their channel, and are not seen to listen again.

use std::collections::HashMap;

use super::super::channel::MOST;
use crate::symbol::Symbol;

/// Seconds that a sink may be gone: the second in which an SDK listens again, and the one
/// in which the host dials.
const RESTORE: f64 = 2.0;

/// The sinks of a trace, by channel.
#[derive(Debug, Default)]
pub(super) struct Gone {
    rows: HashMap<String, u64>,
    closed: HashMap<String, Closed>,
}

/// A channel that the plugin has closed.
#[derive(Debug)]
pub(super) struct Closed {
    /// The line of the end.
    pub(super) at: (u64, f64),
    pub(super) sink: Symbol,
    /// The rows that it got before.
    pub(super) rows: u64,
}

impl Gone {
    /// Counts a row for a sink.
    pub(super) fn row(&mut self, channel: &str) {
        if let Some(rows) = self.rows.get_mut(channel) {
            *rows += 1;
        } else if self.rows.len() < MOST {
            self.rows.insert(channel.to_owned(), 1);
        }
    }

    /// The plugin has closed the channel of a sink that runs.
    pub(super) fn close(&mut self, channel: &str, at: (u64, f64), sink: Symbol) {
        if self.closed.len() < MOST {
            let rows = self.rows.get(channel).copied().unwrap_or_default();
            self.closed
                .insert(channel.to_owned(), Closed { at, sink, rows });
        }
    }

    /// The channel has a connection again.
    pub(super) fn is_back(&mut self, channel: &str) {
        self.closed.remove(channel);
    }

    /// The sink is not expected to be there any more.
    pub(super) fn end(&mut self, channel: &str) {
        self.closed.remove(channel);
        self.rows.remove(channel);
    }

    /// The process has ended, and with it each sink.
    pub(super) fn end_all(&mut self) {
        self.closed.clear();
    }

    /// Takes those that have been gone for too long at this time, in the order of the lines.
    pub(super) fn take(&mut self, now: f64) -> Vec<Closed> {
        let late = |closed: &Closed| now - closed.at.1 >= RESTORE;
        let taken = self.closed.extract_if(|_, closed| late(closed));
        let mut taken: Vec<_> = taken.map(|(_, closed)| closed).collect();
        taken.sort_by_key(|closed| closed.at.0);
        taken
    }
}
