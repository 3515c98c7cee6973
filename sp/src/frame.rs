//! Bytes to messages: the greeting, the frames, and a decoder that takes them
//! in any pieces.
//!
//! No socket is needed here. A greeting is 8 bytes, `00 53 50 00`, the protocol
//! number as 16 bits big-endian, `00 00`. A frame is the byte 1, the body's
//! length as 64 bits big-endian, the body. In REQ and REP the body begins with
//! the request's id, 32 bits big-endian.

use std::ops::Range;
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::ProtocolError;

/// The bytes in front of a frame's body: 0x01 and the length.
pub const HEADER: usize = 9;

/// What is read at least with one call, in bytes.
const PIECE: usize = 64 * 1024;

/// The capacity that an empty buffer may keep, in bytes.
const KEPT: usize = 1024 * 1024;

/// A protocol's number, as greetings carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Protocol {
    /// Asks: 0x30.
    Req = 0x30,
    /// Answers: 0x31.
    Rep = 0x31,
    /// Sends one way: 0x50.
    Push = 0x50,
    /// Receives one way: 0x51.
    Pull = 0x51,
}

impl Protocol {
    /// The protocol that belongs to this one at the other end.
    pub fn peer(self) -> Self {
        match self {
            Self::Req => Self::Rep,
            Self::Rep => Self::Req,
            Self::Push => Self::Pull,
            Self::Pull => Self::Push,
        }
    }

    /// The greeting of a socket of this protocol.
    pub fn greeting(self) -> [u8; 8] {
        let [high, low] = (self as u16).to_be_bytes();
        [0, b'S', b'P', 0, high, low, 0, 0]
    }

    /// Checks the greeting of the other end.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NoGreeting`] where the bytes are no greeting, and
    /// [`ProtocolError::WrongProtocol`] where the peer speaks one that does not
    /// belong to ours.
    pub fn check_peer(self, bytes: [u8; 8]) -> Result<(), ProtocolError> {
        let [0, b'S', b'P', 0, high, low, 0, 0] = bytes else {
            return Err(ProtocolError::NoGreeting { bytes });
        };
        let expected = self.peer() as u16;
        let found = u16::from_be_bytes([high, low]);
        if found == expected {
            Ok(())
        } else {
            Err(ProtocolError::WrongProtocol { expected, found })
        }
    }
}

/// The header of a frame whose body has `length` bytes.
pub fn header(length: usize) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[0] = 1;
    bytes[1..].copy_from_slice(&(length as u64).to_be_bytes());
    bytes
}

/// Turns the bytes of one connection into its messages.
///
/// Memory grows with the bytes that arrive, beyond the first few hundred KiB at
/// most twofold ahead of them, and never with what a header claims.
///
/// ```
/// use ekuiper_sp::frame::Decoder;
///
/// let mut decoder = Decoder::new(None);
/// decoder.extend(b"\x01\0\0\0\0\0\0\0\x02o");
/// assert_eq!(decoder.next_message(), Ok(None));
/// decoder.extend(b"k");
/// assert_eq!(decoder.next_message(), Ok(Some(&b"ok"[..])));
/// ```
#[derive(Debug)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the next frame begins in `buffer`.
    start: usize,
    /// The largest body that is taken.
    limit: u64,
}

impl Decoder {
    /// Makes a decoder that takes bodies of at most `limit` bytes.
    pub fn new(limit: Option<u64>) -> Self {
        // A length beyond what a slice can have is a lie on any machine.
        let longest = (isize::MAX as u64) - HEADER as u64;
        Self {
            buffer: Vec::new(),
            start: 0,
            limit: limit.unwrap_or(longest).min(longest),
        }
    }

    /// Adds bytes that arrived.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// Reads once from `socket` and adds what came.
    ///
    /// Returns the number of bytes, 0 at the end of the stream, and whether as
    /// much as was asked for came, so that more is likely to wait.
    pub(crate) fn fill(
        &mut self,
        socket: impl AsFd,
        flags: RecvFlags,
    ) -> Result<(usize, bool), Errno> {
        self.make_room();
        let asked = self.buffer.capacity() - self.buffer.len();
        let read = recv(socket, spare_capacity(&mut self.buffer), flags)?.1;
        Ok((read, read == asked))
    }

    /// Takes the next message, or `None` until more bytes arrive.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnknownFrame`] and [`ProtocolError::TooLong`]; the
    /// stream has no further meaning then.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, ProtocolError> {
        Ok(self.next_range()?.map(|range| &self.buffer[range]))
    }

    /// As [`next_message`](Self::next_message), by place: what
    /// [`bytes`](Self::bytes) shows until the next bytes arrive.
    pub(crate) fn next_range(&mut self) -> Result<Option<Range<usize>>, ProtocolError> {
        let Some(body) = self.complete()? else {
            return Ok(None);
        };
        self.start = body.end;
        Ok(Some(body))
    }

    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Whether a whole message waits. A broken frame counts: it is due too.
    pub fn has_message(&self) -> bool {
        !matches!(self.complete(), Ok(None))
    }

    /// The error of a stream that ends now: `None` between two frames.
    pub fn truncation(&self) -> Option<ProtocolError> {
        let had = (self.buffer.len() - self.start) as u64;
        (had > 0).then_some(ProtocolError::Truncated { had })
    }

    /// The body of the next frame, if all of it is here.
    fn complete(&self) -> Result<Option<Range<usize>>, ProtocolError> {
        let waiting = &self.buffer[self.start..];
        match waiting.first() {
            None => return Ok(None),
            Some(1) => {}
            Some(&kind) => return Err(ProtocolError::UnknownFrame { kind }),
        }
        let Some((header, body)) = waiting.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [_, length @ ..] = *header;
        let length = u64::from_be_bytes(length);
        if length > self.limit {
            return Err(ProtocolError::TooLong {
                length,
                limit: self.limit,
            });
        }
        if (body.len() as u64) < length {
            return Ok(None);
        }
        let from = self.start + HEADER;
        Ok(Some(from..from + length as usize))
    }

    /// Makes room for the next read.
    ///
    /// What waits is moved only where it has to be. A part of a long frame would
    /// be moved with almost every read, so that there is room for a few of them.
    fn make_room(&mut self) {
        let room = |buffer: &Vec<u8>| buffer.capacity() - buffer.len();
        if self.start < self.buffer.len() && room(&self.buffer) >= PIECE / 4 {
            return;
        }
        self.compact();
        if room(&self.buffer) < PIECE / 4 {
            let waits = self.buffer.len();
            // At least twofold: a long frame is moved a constant number of times.
            let wanted = (2 * waits).max((4 * waits).min(4 * PIECE)).max(PIECE);
            self.buffer.reserve_exact(wanted);
        }
    }

    /// Forgets the frames that were taken, and the memory of a long one.
    fn compact(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            if self.buffer.capacity() > KEPT {
                self.buffer = Vec::new();
            }
        } else {
            self.buffer.drain(..self.start);
        }
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_with_what_arrives_and_not_with_what_is_claimed() {
        let mut decoder = Decoder::new(None);
        decoder.extend(b"\x01\0\0\0\x40\0\0\0\0"); // 256 GiB

        for arrived in 1..=2048 {
            decoder.extend(&[7; 1024]);
            assert_eq!(decoder.next_message(), Ok(None));
            assert!(decoder.buffer.capacity() <= 2 * (HEADER + 1024 * arrived));
        }
    }

    #[test]
    fn the_memory_of_a_long_message_is_given_back() {
        let mut decoder = Decoder::new(None);
        decoder.extend(&header(3 * KEPT));
        decoder.extend(&vec![7; 3 * KEPT]);
        assert!(decoder.next_message().is_ok_and(|long| long.is_some()));

        decoder.extend(&header(0));

        assert!(decoder.buffer.capacity() <= KEPT);
        assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
    }
}
