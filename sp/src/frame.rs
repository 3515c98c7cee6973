//! The wire format: greetings, frames, and a decoder that turns bytes into
//! messages.
//!
//! The decoder accepts the bytes in pieces of any length and needs no socket.
//!
//! - A greeting is 8 bytes: `00 53 50 00`, the protocol number (16 bits,
//!   big-endian), `00 00`.
//! - A frame is the byte 1, the body's length (64 bits, big-endian), and the
//!   body. In REQ and REP the body begins with the request's id (32 bits,
//!   big-endian).

use std::ops::Range;
use std::os::fd::AsFd;

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::ProtocolError;
use crate::keep::Keep;

/// The length in bytes of a frame's header: 0x01 and the body's length.
pub const HEADER: usize = 9;

/// The least number of bytes by which the buffer grows. A read asks for at least
/// a quarter of it.
const PIECE: usize = 64 * 1024;

/// A frame with a longer body has a buffer of its own length.
const LONG: usize = 4 * PIECE;

/// A protocol, with the number that stands for it in a greeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Protocol {
    /// Sends requests: 0x30.
    Req = 0x30,
    /// Answers requests: 0x31.
    Rep = 0x31,
    /// Sends messages one way: 0x50.
    Push = 0x50,
    /// Receives messages one way: 0x51.
    Pull = 0x51,
}

impl Protocol {
    /// Returns the counterpart: the protocol that the peer must speak.
    pub fn peer(self) -> Self {
        match self {
            Self::Req => Self::Rep,
            Self::Rep => Self::Req,
            Self::Push => Self::Pull,
            Self::Pull => Self::Push,
        }
    }

    /// Returns the greeting that a socket of this protocol sends.
    pub fn greeting(self) -> [u8; 8] {
        let [high, low] = (self as u16).to_be_bytes();
        [0, b'S', b'P', 0, high, low, 0, 0]
    }

    /// Checks the greeting that the peer sent.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::NoGreeting`] if the bytes are not a greeting, and
    /// [`ProtocolError::WrongProtocol`] if the peer's protocol is not the
    /// [counterpart](Self::peer) of this one.
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

/// Returns the header of a frame whose body has `length` bytes.
pub fn header(length: usize) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[0] = 1;
    bytes[1..].copy_from_slice(&(length as u64).to_be_bytes());
    bytes
}

/// Returns the length of the body that a frame's header claims.
pub(crate) fn body_length(header: &[u8; HEADER]) -> u64 {
    let [_, length @ ..] = *header;
    u64::from_be_bytes(length)
}

/// Turns the bytes of one connection into messages.
///
/// Memory grows with the bytes that arrive, never with the length that a header
/// claims. Beyond the first few hundred KiB, the free space in the buffer is at
/// most twice the bytes that have arrived.
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
    keep: Keep,
    /// The index in `buffer` at which the next frame begins.
    start: usize,
    /// The length of the longest body that is accepted.
    limit: u64,
}

impl Decoder {
    /// Creates a decoder that accepts bodies of at most `limit` bytes.
    pub fn new(limit: Option<u64>) -> Self {
        // No slice can be longer, so a longer length is false on any machine.
        let longest = (isize::MAX as u64) - HEADER as u64;
        Self {
            buffer: Vec::new(),
            keep: Keep::default(),
            start: 0,
            limit: limit.unwrap_or(longest).min(longest),
        }
    }

    /// Appends received bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// Reads once from `socket` and appends the bytes.
    ///
    /// Returns the number of bytes, which is 0 at the end of the stream, and
    /// whether the read filled the buffer, so that more bytes are likely to be
    /// ready.
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

    /// Takes the next message. Returns `None` if more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnknownFrame`] and [`ProtocolError::TooLong`]. The rest
    /// of the stream cannot be decoded after such an error.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, ProtocolError> {
        Ok(self.next_range()?.map(|range| &self.buffer[range]))
    }

    /// Takes the next message as a range to pass to [`bytes`](Self::bytes). The
    /// range is valid until more bytes are appended.
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

    /// Returns whether [`next_message`](Self::next_message) would return a
    /// message or an error.
    pub fn has_message(&self) -> bool {
        !matches!(self.complete(), Ok(None))
    }

    /// Returns how much memory the buffer has, in bytes.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Returns how many bytes have arrived that were not taken as messages.
    pub(crate) fn incomplete(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Returns the error for a stream that ends now; `None` between two frames.
    pub fn truncation(&self) -> Option<ProtocolError> {
        let had = self.incomplete() as u64;
        (had > 0).then_some(ProtocolError::Truncated { had })
    }

    /// Returns the range of the next frame's body if it is complete.
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
        let length = body_length(header);
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
    /// Bytes are moved only when room is needed. An incomplete long frame would
    /// be moved at almost every read, so the room is enough for several reads.
    fn make_room(&mut self) {
        let room = |buffer: &Vec<u8>| buffer.capacity() - buffer.len();
        let missing = self.missing_of_long();
        let enough = missing.map_or(PIECE / 4, |missing| missing.min(PIECE / 4));
        if self.start < self.buffer.len() && room(&self.buffer) >= enough {
            return;
        }
        self.compact();
        if room(&self.buffer) < enough {
            let held = self.buffer.len();
            // At least doubled, so that each byte of a long frame is moved a
            // constant number of times on average.
            let wanted = (2 * held).max((4 * held).min(4 * PIECE)).max(PIECE);
            // A long frame fills its buffer. So a read ends with it, the next one
            // begins where it began, and none is moved. A smaller buffer also stays
            // in the processor's cache.
            let wanted = missing.map_or(wanted, |missing| missing.min(wanted));
            self.buffer.reserve_exact(wanted);
        }
    }

    /// Returns how many bytes of an incomplete frame have not arrived, if the frame is
    /// longer than [`LONG`] and its header has arrived.
    fn missing_of_long(&self) -> Option<usize> {
        let held = &self.buffer[self.start..];
        let length = usize::try_from(body_length(held.first_chunk()?)).ok()?;
        let missing = length.checked_add(HEADER)?.checked_sub(held.len())?;
        (length > LONG && missing > 0).then_some(missing)
    }

    /// Drops the frames that were taken, and memory that they needed and others do
    /// not.
    fn compact(&mut self) {
        if self.start == self.buffer.len() {
            self.keep.empty(&mut self.buffer);
        } else if self.start > 0 {
            self.buffer.drain(..self.start);
        }
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_with_received_bytes_not_with_the_claimed_length() {
        let mut decoder = Decoder::new(None);
        decoder.extend(b"\x01\0\0\0\x40\0\0\0\0"); // 256 GiB

        for arrived in 1..=2048 {
            decoder.extend(&[7; 1024]);
            assert_eq!(decoder.next_message(), Ok(None));
            assert!(decoder.buffer.capacity() <= 2 * (HEADER + 1024 * arrived));
        }
    }

    #[test]
    fn the_memory_of_a_long_message_is_released_after_short_ones() {
        const SIZE: usize = 3 * 1024 * 1024;
        let mut decoder = Decoder::new(None);
        decoder.extend(&header(SIZE));
        decoder.extend(&vec![7; SIZE]);
        assert!(decoder.next_message().is_ok_and(|long| long.is_some()));

        decoder.extend(&header(0));
        assert!(decoder.buffer.capacity() >= SIZE);
        for _ in 0..17 {
            assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
            decoder.extend(&header(0));
        }

        assert!(decoder.buffer.capacity() <= SIZE / 3);
        assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
    }

    /// Reads all of `bytes` from a socket on which they have arrived. Returns what
    /// each read returned.
    fn read_all(decoder: &mut Decoder, bytes: &[u8]) -> Vec<(usize, bool)> {
        let (receiver, mut sender) = std::os::unix::net::UnixStream::pair().unwrap();
        std::io::Write::write_all(&mut sender, bytes).unwrap();
        let (mut reads, mut taken) = (Vec::new(), 0);
        while taken < bytes.len() {
            let read = decoder.fill(&receiver, RecvFlags::DONTWAIT).unwrap();
            assert!(read.0 > 0, "this would be the end of the stream");
            reads.push(read);
            taken += read.0;
        }
        reads
    }

    #[test]
    fn many_messages_are_read_at_once() {
        let mut decoder = Decoder::new(None);

        let reads = read_all(&mut decoder, &header(0).repeat(7000));

        assert_eq!(reads, [(63_000, false)]);
        for _ in 0..7000 {
            assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
        }
        assert_eq!(decoder.next_message(), Ok(None));
    }

    #[test]
    fn what_follows_a_message_of_up_to_256_kib_is_read_with_it() {
        const SIZE: usize = 256 * 1024;
        let mut decoder = Decoder::new(None);
        let frames = [&header(SIZE)[..], &[7; SIZE], &header(2), b"ok"].concat();
        let (first, rest) = frames.split_at(200_000);

        let first = read_all(&mut decoder, first);
        let rest = read_all(&mut decoder, rest);

        assert_eq!(first, [(65_536, true), (134_464, false)]);
        assert_eq!(rest, [(62_164, false)]);
        assert_eq!(decoder.next_message(), Ok(Some(&[7; SIZE][..])));
        assert_eq!(decoder.next_message(), Ok(Some(&b"ok"[..])));
    }

    #[test]
    fn a_buffer_grows_when_less_than_16_kib_are_free() {
        let mut decoder = Decoder::new(None);
        let frame = [&header(100_000)[..], &[7; 100_000]].concat();

        read_all(&mut decoder, &frame[..49_152]);
        read_all(&mut decoder, &frame[49_152..49_153]);
        assert_eq!(decoder.capacity(), 65_536);
        read_all(&mut decoder, &frame[49_153..]);

        assert_eq!(decoder.capacity(), 5 * 49_153);
        assert_eq!(decoder.next_message(), Ok(Some(&[7; 100_000][..])));
    }

    #[test]
    fn bytes_are_moved_only_when_room_is_needed() {
        let mut decoder = Decoder::new(None);

        read_all(&mut decoder, &[&header(2)[..], b"ok", &header(3)].concat());
        assert_eq!(decoder.next_range(), Ok(Some(9..11)));
        read_all(&mut decoder, b"yes");
        assert_eq!(decoder.next_range(), Ok(Some(20..23)));

        // Now there is nothing to move.
        read_all(&mut decoder, &header(1));
        read_all(&mut decoder, b"x");
        assert_eq!(decoder.next_range(), Ok(Some(9..10)));
    }

    #[test]
    fn the_buffer_of_a_long_message_grows_a_few_times() {
        const SIZE: usize = 4 * 1024 * 1024;
        let mut decoder = Decoder::new(None);
        let (mut capacities, mut last) = (Vec::new(), Vec::new());
        let frame = [&header(SIZE)[..], &vec![7; SIZE]].concat();

        for piece in frame.chunks(50_000) {
            last = read_all(&mut decoder, piece);
            capacities.push(decoder.capacity());
        }

        capacities.dedup();
        // With 50,000 bytes in it, the first buffer has no room for 16 KiB more.
        assert_eq!(
            capacities,
            [65_536, 250_000, 750_000, 2_250_000, HEADER + SIZE]
        );
        assert_eq!(last, [(44_313, true)]);
        assert!(decoder.has_message());
    }

    #[test]
    fn more_is_read_while_a_long_message_waits_to_be_taken() {
        let mut decoder = Decoder::new(None);
        let long = vec![7; 300_000];
        read_all(&mut decoder, &header(long.len()));
        for piece in long.chunks(50_000) {
            read_all(&mut decoder, piece);
        }

        let reads = read_all(&mut decoder, &header(0));

        assert_eq!(reads, [(9, false)]);
        assert_eq!(decoder.next_message(), Ok(Some(&long[..])));
        assert_eq!(decoder.next_message(), Ok(Some(&b""[..])));
    }

    #[test]
    fn long_messages_are_not_moved() {
        const SIZE: usize = 1024 * 1024;
        let (receiver, mut sender) = std::os::unix::net::UnixStream::pair().unwrap();
        let sending = std::thread::spawn(move || {
            for number in 0..8 {
                let frame = [&header(SIZE)[..], &vec![number; SIZE]].concat();
                std::io::Write::write_all(&mut sender, &frame).unwrap();
            }
        });
        let mut decoder = Decoder::new(None);

        for number in 0..8 {
            while !decoder.has_message() {
                let read = decoder.fill(&receiver, RecvFlags::empty());
                assert!(read.is_ok_and(|(read, _)| read > 0));
            }
            let range = decoder.next_range().unwrap().unwrap();

            assert_eq!(range, HEADER..HEADER + SIZE);
            assert!(decoder.bytes(range).iter().all(|byte| *byte == number));
            assert_eq!(decoder.buffer.capacity(), HEADER + SIZE);
            assert_eq!(decoder.incomplete(), 0);
        }
        sending.join().unwrap();
    }
}
