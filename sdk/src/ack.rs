//! The acks of a sink that nobody has read yet.
//!
//! Most hosts never read a sink's acks: 1.14 and all rules without `requireAck`.
//! So what waits must not grow. Acks of rows that are done are all alike and
//! only counted; acks of failed rows are kept up to [`KEPT_FAILURES`], then the
//! oldest is dropped. The order of the rows is kept in all this.
//!
//! No socket is used here: [`Acks::pump`] is given the way to send one.

use std::collections::VecDeque;

use crate::wire;

/// How many acks of failed rows wait for a reader at most.
pub(crate) const KEPT_FAILURES: usize = 4096;

/// Bytes of an error's text that are kept, so that the failures that wait are
/// bounded in memory, too.
const KEPT_TEXT: usize = 2048;

/// Acks that wait, in the order of their rows.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    waiting: VecDeque<Waiting>,
    failures: usize,
    dropped: u64,
}

#[derive(Debug, PartialEq)]
enum Waiting {
    /// So many rows in a row that are done.
    Done(u64),
    /// A failed row: the whole message.
    Failed(Vec<u8>),
}

impl Acks {
    /// Adds the ack of a row that is done.
    pub(crate) fn done(&mut self) {
        self.add_done(1);
    }

    /// Adds the ack of a failed row. Returns how many such acks were dropped
    /// so far where this one pushed out the oldest.
    pub(crate) fn failed(&mut self, text: &str) -> Option<u64> {
        let dropped = (self.failures == KEPT_FAILURES).then(|| {
            self.drop_oldest_failure();
            self.dropped += 1;
            self.dropped
        });
        self.waiting
            .push_back(Waiting::Failed(wire::failed_ack(cut(text))));
        self.failures += 1;
        dropped
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends what waits until `send` returns false. Returns how many were sent.
    pub(crate) fn pump(&mut self, mut send: impl FnMut(&[u8]) -> bool) -> u64 {
        let mut sent = 0;
        while let Some(first) = self.waiting.front_mut() {
            let message = match first {
                Waiting::Done(_) => wire::DONE_ACK,
                Waiting::Failed(message) => message,
            };
            if !send(message) {
                break;
            }
            sent += 1;
            match first {
                Waiting::Done(count) if *count > 1 => *count -= 1,
                Waiting::Done(_) => {
                    self.waiting.pop_front();
                }
                Waiting::Failed(_) => {
                    self.failures -= 1;
                    self.waiting.pop_front();
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

    /// Takes out the first failure; the counts on its two sides become one.
    /// It is the first or the second entry, as counts are never neighbours.
    fn drop_oldest_failure(&mut self) {
        let before = match self.waiting.front() {
            Some(Waiting::Done(count)) => *count,
            _ => 0,
        };
        if before > 0 {
            self.waiting.pop_front();
        }
        self.waiting.pop_front();
        self.failures -= 1;
        if before > 0 {
            match self.waiting.front_mut() {
                Some(Waiting::Done(count)) => *count += before,
                _ => self.waiting.push_front(Waiting::Done(before)),
            }
        }
    }
}

/// Cuts a text to [`KEPT_TEXT`] bytes, at a character's end.
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
    fn acks_leave_in_the_order_of_their_rows() {
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
    fn what_was_not_taken_waits_and_is_sent_once() {
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
    fn the_oldest_failure_is_dropped_after_4096_and_said() {
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
    fn memory_is_bounded_where_failures_and_successes_alternate() {
        let mut acks = Acks::default();

        for _ in 0..20_000 {
            acks.done();
            acks.failed(&"x".repeat(10_000));
        }

        assert_eq!(acks.failures, KEPT_FAILURES);
        assert!(acks.waiting.len() <= 2 * KEPT_FAILURES + 1);
        let Some(Waiting::Failed(last)) = acks.waiting.back() else {
            panic!("the last row failed");
        };
        assert_eq!(last.len(), KEPT_TEXT + r#"{"error":""}"#.len());
    }

    #[test]
    fn a_long_text_is_cut_at_a_characters_end() {
        let text = format!("x{}", "é".repeat(2000));

        let kept = cut(&text);

        assert_eq!(kept.len(), 2047);
        assert!(text.starts_with(kept));
    }
}
