//! The acks of a sink that wait to be sent.
//!
//! Most hosts never read a sink's acks: eKuiper 1.14, and every rule without
//! `requireAck`. So the memory for waiting acks must be bounded. The acks of
//! successful rows are all equal and are only counted. The acks of failed rows
//! are kept, up to [`KEPT_FAILURES`]; beyond that the oldest is dropped. The
//! acks stay in the order of their rows.
//!
//! No socket is used here: the caller of [`Acks::pump`] sends them.

use std::collections::VecDeque;

use crate::wire;

/// The largest number of acks of failed rows that wait.
pub(crate) const KEPT_FAILURES: usize = 4096;

/// How many bytes of an error's text are kept, which bounds the memory for
/// failures.
const KEPT_TEXT: usize = 2048;

/// The waiting acks, in the order of their rows.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    waiting: VecDeque<Waiting>,
    failures: usize,
    dropped: u64,
}

#[derive(Debug, PartialEq)]
enum Waiting {
    /// A number of consecutive successful rows.
    Done(u64),
    /// A failed row, with the complete message of its ack.
    Failed(Vec<u8>),
}

impl Acks {
    /// Adds the ack of a successful row.
    pub(crate) fn done(&mut self) {
        match self.waiting.back_mut() {
            Some(Waiting::Done(count)) => *count += 1,
            _ => self.waiting.push_back(Waiting::Done(1)),
        }
    }

    /// Adds the ack of a failed row. If the oldest one had to be dropped for it,
    /// returns how many were dropped so far.
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

    /// Returns whether no ack waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends waiting acks until `send` returns false. Returns how many were sent.
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

    /// Drops the oldest failure and merges the counts on both sides of it. It is
    /// the first or the second entry, because two counts are never adjacent.
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
    fn memory_is_bounded_when_failures_and_successes_alternate() {
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
    fn a_long_text_is_shortened_at_the_end_of_a_character() {
        let text = format!("x{}", "é".repeat(2000));

        let kept = cut(&text);

        assert_eq!(kept.len(), 2047);
        assert!(text.starts_with(kept));
    }
}
