//! Finds the messages in bytes that are passed on.
//!
//! No byte waits here: the caller passes on what it has, and gets each message when its
//! last byte has come. Memory grows with the bytes that arrive, up to a limit: of a
//! longer message only the beginning is kept.

use std::mem;

/// The bytes of a greeting.
const GREETING: usize = 8;

/// The bytes of a frame's header.
const HEADER: usize = 9;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The transport's greeting.
    Greeting([u8; GREETING]),
    /// A message. `length` is that of its body, of which `body` may be the beginning.
    Message { body: Vec<u8>, length: u64 },
    /// Bytes that are no frame; what follows cannot be read.
    Unreadable,
}

/// Finds messages in the bytes of one direction of a connection.
#[derive(Debug)]
pub(super) struct Frames {
    state: State,
    /// The bytes of a body that are kept.
    limit: usize,
}

#[derive(Debug)]
enum State {
    Greeting {
        bytes: [u8; GREETING],
        have: usize,
    },
    Header {
        bytes: [u8; HEADER],
        have: usize,
    },
    Body {
        body: Vec<u8>,
        length: u64,
        left: u64,
    },
    Unreadable,
}

impl Frames {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: State::Greeting {
                bytes: [0; GREETING],
                have: 0,
            },
            limit,
        }
    }

    /// Reads the next bytes, and calls `found` for what they complete.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(Found)) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Greeting { bytes: all, have } => {
                    fill(all, have, &mut bytes);
                    if *have == GREETING {
                        found(Found::Greeting(*all));
                        self.state = no_header();
                    }
                }
                State::Header { bytes: all, have } => {
                    fill(all, have, &mut bytes);
                    let [kind, length @ ..] = *all;
                    if kind != 1 {
                        found(Found::Unreadable);
                        self.state = State::Unreadable;
                    } else if *have == HEADER {
                        let length = u64::from_be_bytes(length);
                        self.state = State::Body {
                            body: Vec::new(),
                            length,
                            left: length,
                        };
                        self.end_of_body(&mut found);
                    }
                }
                State::Body { body, left, .. } => {
                    let take =
                        usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    let (taken, rest) = bytes.split_at(take);
                    let room = self.limit - body.len();
                    body.extend_from_slice(&taken[..taken.len().min(room)]);
                    *left -= take as u64;
                    bytes = rest;
                    self.end_of_body(&mut found);
                }
                State::Unreadable => return,
            }
        }
    }

    /// Returns the length of the message that is incomplete, and how much of it came.
    pub(super) fn incomplete(&self) -> Option<(u64, u64)> {
        match self.state {
            State::Body { length, left, .. } => Some((length, length - left)),
            _ => None,
        }
    }

    /// Returns how many bytes have come since the last message was complete.
    pub(super) fn begun(&self) -> usize {
        match self.state {
            State::Greeting { have, .. } | State::Header { have, .. } => have,
            State::Body { length, left, .. } => {
                usize::try_from(length - left).map_or(usize::MAX, |body| body + HEADER)
            }
            State::Unreadable => 0,
        }
    }

    fn end_of_body(&mut self, found: &mut impl FnMut(Found)) {
        if let State::Body {
            body,
            length,
            left: 0,
        } = &mut self.state
        {
            found(Found::Message {
                body: mem::take(body),
                length: *length,
            });
            self.state = no_header();
        }
    }
}

fn no_header() -> State {
    State::Header {
        bytes: [0; HEADER],
        have: 0,
    }
}

/// Moves bytes into an array that is not full.
fn fill<const N: usize>(all: &mut [u8; N], have: &mut usize, bytes: &mut &[u8]) {
    let take = (N - *have).min(bytes.len());
    let (taken, rest) = bytes.split_at(take);
    all[*have..*have + take].copy_from_slice(taken);
    *have += take;
    *bytes = rest;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(frames: &mut Frames, bytes: &[u8]) -> Vec<Found> {
        let mut all = Vec::new();
        frames.feed(bytes, |found| all.push(found));
        all
    }

    fn message(body: &[u8], length: u64) -> Found {
        Found::Message {
            body: body.to_vec(),
            length,
        }
    }

    #[test]
    fn messages_are_found_in_pieces_of_any_length() {
        let stream =
            b"\0SP\0\0\x50\0\0\x01\0\0\0\0\0\0\0\x02ok\x01\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01x";

        for piece in 1..=stream.len() {
            let mut frames = Frames::new(100);
            let all: Vec<_> = stream
                .chunks(piece)
                .flat_map(|piece| found(&mut frames, piece))
                .collect();

            assert_eq!(
                all,
                [
                    Found::Greeting(*b"\0SP\0\0\x50\0\0"),
                    message(b"ok", 2),
                    message(b"", 0),
                    message(b"x", 1),
                ]
            );
        }
    }

    #[test]
    fn of_a_long_message_the_beginning_is_kept() {
        let mut frames = Frames::new(3);
        found(&mut frames, b"\0SP\0\0\x50\0\0\x01\0\0\0\0\0\0\0\x07");

        assert_eq!(found(&mut frames, b"abcd"), []);
        assert_eq!(found(&mut frames, b"efg\x01"), [message(b"abc", 7)]);
    }

    #[test]
    fn an_endless_message_takes_no_more_memory_than_the_limit() {
        let mut frames = Frames::new(1000);
        found(
            &mut frames,
            b"\0SP\0\0\x50\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff",
        );

        for _ in 0..100 {
            assert_eq!(found(&mut frames, &[7; 1000]), []);
        }

        let State::Body { body, .. } = &frames.state else {
            panic!("not in a body");
        };
        assert_eq!(body.len(), 1000);
        assert_eq!(frames.incomplete(), Some((u64::MAX, 100_000)));
    }

    #[test]
    fn bytes_that_are_no_frame_end_the_reading() {
        let mut frames = Frames::new(10);

        assert_eq!(
            found(&mut frames, b"\0SP\0\0\x50\0\0\x02\x01\0\0\0\0\0\0\0\x01x"),
            [Found::Greeting(*b"\0SP\0\0\x50\0\0"), Found::Unreadable]
        );
        assert_eq!(found(&mut frames, b"\x01\0\0\0\0\0\0\0\x01x"), []);
    }
}
