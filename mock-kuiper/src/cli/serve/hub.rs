//! Bounded buffers of events between a plugin and its observers.
//!
//! Whoever adds an event never waits: the oldest events make room. Each reader
//! remembers the number of the last event that it has read, and learns how many it
//! has missed. A number is valid for one hub only, so it is given out with the hub's
//! tag.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The bytes that a reader takes at once.
const BATCH: usize = 64 << 10;

/// What an entry takes besides its text.
const OVERHEAD: usize = 64;

/// A bounded buffer of events.
#[derive(Debug)]
pub(super) struct Hub {
    tag: String,
    limit: usize,
    ring: Mutex<Ring>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The number of the last entry.
    last: u64,
    has_ended: bool,
}

/// An event in a hub.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its number, from 1.
    pub(super) number: u64,
    /// The channel that it is about.
    pub(super) channel: Option<Arc<str>>,
    /// Whether a reader may skip it: there are many of its kind.
    pub(super) is_row: bool,
    /// How many like it, on the same channel, were skipped since the last one.
    pub(super) skipped: u64,
    /// The event as JSON.
    pub(super) data: Arc<str>,
}

/// What a reader gets.
#[derive(Debug)]
pub(super) struct Batch {
    /// How many entries were dropped before it could read them.
    pub(super) lost: u64,
    pub(super) entries: Vec<Entry>,
    /// Whether there will be no more.
    pub(super) has_ended: bool,
}

impl Hub {
    /// Makes a hub that keeps at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            tag: std::iter::repeat_with(fastrand::alphanumeric)
                .take(6)
                .collect(),
            limit,
            ring: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Adds an event.
    pub(super) fn push(&self, channel: Option<Arc<str>>, is_row: bool, skipped: u64, data: String) {
        let mut ring = self.ring();
        if ring.has_ended {
            return;
        }
        ring.last += 1;
        ring.bytes += data.len() + OVERHEAD;
        let number = ring.last;
        ring.entries.push_back(Entry {
            number,
            channel,
            is_row,
            skipped,
            data: data.into(),
        });
        while ring.bytes > self.limit && ring.entries.len() > 1 {
            if let Some(oldest) = ring.entries.pop_front() {
                ring.bytes -= oldest.data.len() + OVERHEAD;
            }
        }
        drop(ring);
        self.changed.notify_waiters();
    }

    /// Ends all streams of this hub.
    pub(super) fn end(&self) {
        self.ring().has_ended = true;
        self.changed.notify_waiters();
    }

    /// Returns the id of an event, for the reader.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{}.{number}", self.tag)
    }

    /// Returns the number that an id stands for; 0, before the first, for that of
    /// another hub.
    pub(super) fn number(&self, id: &str) -> u64 {
        let number = id.split_once('.').filter(|(tag, _)| *tag == self.tag);
        let number = number.and_then(|(_, number)| number.parse().ok());
        number
            .filter(|number| *number <= self.ring().last)
            .unwrap_or(0)
    }

    /// Returns the number of the last event.
    pub(super) fn last(&self) -> u64 {
        self.ring().last
    }

    /// Waits for events after the one with this number.
    pub(super) async fn after(&self, number: u64) -> Batch {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // Before the look, so that no change in between is missed.
            changed.as_mut().enable();
            let batch = self.read(number);
            if !batch.entries.is_empty() || batch.has_ended {
                return batch;
            }
            changed.await;
        }
    }

    fn read(&self, number: u64) -> Batch {
        let ring = self.ring();
        let first = ring.last - ring.entries.len() as u64 + 1;
        let lost = first.saturating_sub(number + 1);
        let begin = (number + 1).saturating_sub(first) as usize;
        let mut entries = Vec::new();
        let mut bytes = 0;
        for entry in ring.entries.iter().skip(begin) {
            bytes += entry.data.len();
            entries.push(entry.clone());
            if bytes >= BATCH {
                break;
            }
        }
        Batch {
            lost,
            has_ended: ring.has_ended && entries.is_empty(),
            entries,
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(batch: &Batch) -> Vec<&str> {
        batch.entries.iter().map(|entry| &*entry.data).collect()
    }

    #[test]
    fn a_reader_that_is_too_slow_learns_how_much_it_has_missed() {
        let hub = Hub::new(3 * (1 + OVERHEAD));
        for text in ["a", "b", "c", "d", "e"] {
            hub.push(None, false, 0, text.to_owned());
        }

        let all = hub.read(0);
        let rest = hub.read(4);

        assert_eq!((all.lost, texts(&all)), (2, vec!["c", "d", "e"]));
        assert_eq!((rest.lost, texts(&rest)), (0, vec!["e"]));
    }

    #[test]
    fn an_event_beyond_the_limit_is_kept_alone() {
        let hub = Hub::new(10);

        hub.push(None, false, 0, "a".to_owned());
        hub.push(None, false, 0, "b".repeat(100));

        let batch = hub.read(0);
        assert_eq!((batch.lost, texts(&batch)), (1, vec![&*"b".repeat(100)]));
    }

    #[test]
    fn the_id_of_another_hub_stands_for_the_beginning() {
        let (hub, other) = (Hub::new(100), Hub::new(100));
        hub.push(None, false, 0, "a".to_owned());

        assert_eq!(hub.number(&hub.id(1)), 1);
        assert_eq!(hub.number(&other.id(1)), 0);
        assert_eq!(hub.number(&hub.id(2)), 0);
        assert_eq!(hub.number("x"), 0);
    }
}
