//! The acks of a sink that wait to be sent.
//!
//! Most hosts never read a sink's acks: eKuiper 1.14, and every rule without
//! `requireAck`. So the memory for waiting acks must be bounded. The acks of
//! successful rows are all equal and are only counted. The acks of failed rows
//! are kept, up to [`KEPT_FAILURES`]; beyond that the oldest is dropped. The
//! acks stay in the order of their rows.
//!
//! The acks of a sink that works in batches are held until the batch is flushed,
//! and with them all later ones.
//!
//! No socket is used here: the caller of [`Acks::pump`] sends them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::wire;

/// The largest number of acks of failed rows that wait.
pub(crate) const KEPT_FAILURES: usize = 4096;

/// How many bytes of an error's text are kept, which bounds the memory for
/// failures.
const KEPT_TEXT: usize = 2048;

/// The largest number of entries for held acks, and those after them, until the
/// batch must be flushed. Consecutive held acks are one entry.
const MOST_HELD: usize = 1024;

/// The waiting acks, in the order of their rows.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    waiting: VecDeque<Waiting>,
    /// The first held ack, and all after it.
    held: Vec<Held>,
    /// The number of [`Waiting::Failed`].
    failures: usize,
    dropped: u64,
}

/// An ack that can be sent.
#[derive(Debug, PartialEq)]
enum Waiting {
    /// A number of consecutive successful rows.
    Done(u64),
    /// A number of consecutive rows that failed for one reason, with the complete
    /// message of their acks.
    Failed { ack: Arc<[u8]>, count: u64 },
}

/// An ack that cannot be sent yet.
#[derive(Debug, PartialEq)]
enum Held {
    /// A number of consecutive rows whose outcome is that of the flush.
    Open(u64),
    /// A successful row after them.
    Done,
    /// A failed row after them.
    Failed(Arc<[u8]>),
}

impl Acks {
    /// Adds the ack of a successful row.
    pub(crate) fn done(&mut self) {
        if self.held.is_empty() {
            self.add_done(1);
        } else {
            self.held.push(Held::Done);
        }
    }

    /// Adds the ack of a failed row. If older ones had to be dropped for it,
    /// returns how many were dropped so far.
    pub(crate) fn failed(&mut self, text: &str) -> Option<u64> {
        let ack = failed_ack(text);
        if self.held.is_empty() {
            self.add_failed(ack, 1)
        } else {
            self.held.push(Held::Failed(ack));
            None
        }
    }

    /// Adds the ack of a row whose outcome is that of the next flush.
    pub(crate) fn hold(&mut self) {
        match self.held.last_mut() {
            Some(Held::Open(count)) => *count += 1,
            _ => self.held.push(Held::Open(1)),
        }
    }

    /// Returns whether the batch must be flushed to bound the memory for held
    /// acks.
    pub(crate) fn holds_too_many(&self) -> bool {
        self.held.len() >= MOST_HELD
    }

    /// Releases the held acks with the outcome of the flush. If older ones had to
    /// be dropped for them, returns how many were dropped so far.
    pub(crate) fn release(&mut self, outcome: Result<(), &str>) -> Option<u64> {
        let failure = outcome.err().map(failed_ack);
        let before = self.dropped;
        for held in std::mem::take(&mut self.held) {
            match (held, &failure) {
                (Held::Open(count), None) => self.add_done(count),
                (Held::Open(count), Some(ack)) => {
                    self.add_failed(Arc::clone(ack), count);
                }
                (Held::Done, _) => self.add_done(1),
                (Held::Failed(ack), _) => {
                    self.add_failed(ack, 1);
                }
            }
        }
        (self.dropped > before).then_some(self.dropped)
    }

    /// Returns whether no ack can be sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends waiting acks until `send` returns false. Returns how many were sent.
    pub(crate) fn pump(&mut self, mut send: impl FnMut(&[u8]) -> bool) -> u64 {
        let mut sent = 0;
        while let Some(first) = self.waiting.front_mut() {
            let (ack, count) = match first {
                Waiting::Done(count) => (wire::DONE_ACK, count),
                Waiting::Failed { ack, count } => (&**ack, count),
            };
            if !send(ack) {
                break;
            }
            sent += 1;
            *count -= 1;
            if *count == 0 {
                if let Some(Waiting::Failed { .. }) = self.waiting.pop_front() {
                    self.failures -= 1;
                }
            }
        }
        sent
    }

    fn add_done(&mut self, rows: u64) {
        match self.waiting.back_mut() {
            Some(Waiting::Done(count)) => *count += rows,
            _ => self.waiting.push_back(Waiting::Done(rows)),
        }
    }

    fn add_failed(&mut self, ack: Arc<[u8]>, count: u64) -> Option<u64> {
        let dropped = (self.failures == KEPT_FAILURES).then(|| {
            self.dropped += self.drop_oldest_failure();
            self.dropped
        });
        self.waiting.push_back(Waiting::Failed { ack, count });
        self.failures += 1;
        dropped
    }

    /// Drops the oldest failure and merges the counts on both sides of it. It is
    /// the first or the second entry, because two counts are never adjacent.
    /// Returns how many acks were dropped.
    fn drop_oldest_failure(&mut self) -> u64 {
        let before = match self.waiting.front() {
            Some(Waiting::Done(count)) => *count,
            _ => 0,
        };
        if before > 0 {
            self.waiting.pop_front();
        }
        let dropped = match self.waiting.pop_front() {
            Some(Waiting::Failed { count, .. }) => count,
            _ => 0,
        };
        self.failures -= 1;
        if before > 0 {
            match self.waiting.front_mut() {
                Some(Waiting::Done(count)) => *count += before,
                _ => self.waiting.push_front(Waiting::Done(before)),
            }
        }
        dropped
    }
}

fn failed_ack(text: &str) -> Arc<[u8]> {
    wire::failed_ack(cut(text)).into()
}

/// Shortens a text to at most [`KEPT_TEXT`] bytes, at the end of a character.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(KEPT_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(acks: &mut Acks) -> Vec<String> {
        let mut sent = Vec::new();
        acks.pump(|message| {
            sent.push(String::from_utf8(message.to_vec()).unwrap());
            true
        });
        sent
    }

    #[test]
    fn acks_are_sent_in_the_order_of_their_rows() {
        let mut acks = Acks::default();
        acks.done();
        acks.done();
        acks.failed("disk full");
        acks.done();

        let sent = drain(&mut acks);

        assert_eq!(sent, ["{}", "{}", r#"{"error":"disk full"}"#, "{}"]);
        assert!(acks.is_empty());
    }

    #[test]
    fn an_ack_that_could_not_be_sent_waits_and_is_sent_once() {
        let mut acks = Acks::default();
        acks.done();
        acks.failed("x");
        acks.done();
        let mut room = 1;

        let sent = acks.pump(|_| {
            room -= 1;
            room >= 0
        });

        assert_eq!(sent, 1);
        assert_eq!(drain(&mut acks), [r#"{"error":"x"}"#, "{}"]);
    }

    #[test]
    fn a_million_unread_acks_are_one_counter() {
        let mut acks = Acks::default();

        for _ in 0..1_000_000 {
            acks.done();
        }

        assert_eq!(acks.waiting, [Waiting::Done(1_000_000)]);
    }

    #[test]
    fn beyond_4096_failures_the_oldest_is_dropped_and_reported() {
        let mut acks = Acks::default();
        acks.done();
        for row in 0..4096 {
            assert_eq!(acks.failed(&format!("row {row}")), None);
        }
        acks.done();

        let first = acks.failed("row 4096");
        let second = acks.failed("row 4097");

        assert_eq!((first, second), (Some(1), Some(2)));
        let sent = drain(&mut acks);
        assert_eq!(sent.len(), 1 + 4096 + 1);
        assert_eq!(sent[0], "{}");
        assert_eq!(sent[1], r#"{"error":"row 2"}"#);
        assert_eq!(sent[4095], "{}");
        assert_eq!(sent[4097], r#"{"error":"row 4097"}"#);
    }

    #[test]
    fn successes_around_a_dropped_failure_are_kept() {
        let mut acks = Acks::default();
        for _ in 0..3 {
            acks.done();
        }
        acks.failed("dropped");
        acks.done();
        acks.done();
        for _ in 0..4096 {
            acks.failed("x");
        }

        let sent = drain(&mut acks);

        assert_eq!(sent.len(), 5 + 4096);
        assert_eq!(sent[..5], ["{}"; 5]);
        assert_eq!(sent[5], r#"{"error":"x"}"#);
    }

    #[test]
    fn memory_is_bounded_when_failures_and_successes_alternate() {
        let mut acks = Acks::default();

        for _ in 0..20_000 {
            acks.done();
            acks.failed(&"x".repeat(10_000));
        }

        assert_eq!(acks.failures, KEPT_FAILURES);
        assert!(acks.waiting.len() <= 2 * KEPT_FAILURES + 1);
        let Some(Waiting::Failed { ack, .. }) = acks.waiting.back() else {
            panic!("the last row failed");
        };
        assert_eq!(ack.len(), KEPT_TEXT + r#"{"error":""}"#.len());
    }

    #[test]
    fn held_acks_and_all_after_them_wait_for_the_flush() {
        let mut acks = Acks::default();
        acks.done();
        acks.hold();
        acks.hold();
        acks.failed("not JSON");
        acks.done();
        acks.hold();

        assert_eq!(drain(&mut acks), ["{}"]);
        assert!(acks.is_empty());
        assert_eq!(acks.release(Ok(())), None);

        assert_eq!(
            drain(&mut acks),
            ["{}", "{}", r#"{"error":"not JSON"}"#, "{}", "{}"]
        );
    }

    #[test]
    fn a_failed_flush_fails_the_held_rows_and_no_others() {
        let mut acks = Acks::default();
        acks.hold();
        acks.hold();
        acks.failed("not JSON");
        acks.done();
        acks.hold();

        acks.release(Err("disk full"));
        acks.done();

        let failed = r#"{"error":"disk full"}"#;
        let other = r#"{"error":"not JSON"}"#;
        assert_eq!(
            drain(&mut acks),
            [failed, failed, other, "{}", failed, "{}"]
        );
        assert_eq!(acks.failures, 0);
    }

    #[test]
    fn a_million_held_acks_are_one_counter_whatever_the_outcome() {
        let mut acks = Acks::default();
        for _ in 0..1_000_000 {
            acks.hold();
        }
        assert_eq!(acks.held, [Held::Open(1_000_000)]);
        assert!(!acks.holds_too_many());

        acks.release(Err("disk full"));

        assert_eq!(acks.waiting.len(), 1);
        assert_eq!(acks.pump(|_| true), 1_000_000);
    }

    #[test]
    fn held_acks_that_cannot_be_counted_together_ask_for_a_flush() {
        let mut acks = Acks::default();
        for _ in 0..511 {
            acks.hold();
            acks.failed("x");
        }
        assert!(!acks.holds_too_many());

        acks.hold();
        acks.failed("x");

        assert!(acks.holds_too_many());
    }

    #[test]
    fn failures_that_a_flush_releases_are_bounded_like_all_others() {
        let mut acks = Acks::default();
        for row in 0..4095 {
            acks.failed(&format!("row {row}"));
        }
        acks.hold();
        acks.failed("a");
        acks.hold();

        assert_eq!(acks.release(Err("b")), Some(2));

        assert_eq!(acks.failures, KEPT_FAILURES);
        let sent = drain(&mut acks);
        assert_eq!(sent[0], r#"{"error":"row 2"}"#);
        assert_eq!(
            sent[4093..],
            ["b", "a", "b"].map(|text| format!(r#"{{"error":"{text}"}}"#))
        );
    }

    #[test]
    fn a_long_text_is_shortened_at_the_end_of_a_character() {
        let text = format!("x{}", "é".repeat(2000));

        let kept = cut(&text);

        assert_eq!(kept.len(), 2047);
        assert!(text.starts_with(kept));
    }
}
