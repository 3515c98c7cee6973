//! Fuzz targets: the decoder and the reading sockets, with any bytes in any pieces.
//!
//! Exists only in tests and with `--cfg fuzzing`; `ci/fuzz` runs the targets. Each
//! compares what the crate does with [`Stream`], a second and simpler reading of the
//! wire format, and panics if they differ.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::frame::{Decoder, HEADER, Protocol};
use crate::{Error, Options, ProtocolError, Pull, Rep, Req};

/// A target: its name, and the function that checks an input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets.
pub const TARGETS: &[Target] = &[
    ("sp_frames", frames),
    ("sp_pull", pull),
    ("sp_rep", rep),
    ("sp_req", req),
];

/// How long a socket may take to deliver what was written to it.
const LIMIT: Option<Duration> = Some(Duration::from_secs(10));

/// Any bytes, the pieces in which they arrive, and what they mean.
///
/// The input begins with a limit for messages (a byte; 255 for none), the number of
/// piece lengths (a byte, modulo 8), and these lengths (a byte each, plus 1), which are
/// used again and again.
struct Stream<'a> {
    limit: Option<u64>,
    pieces: Vec<&'a [u8]>,
    messages: Vec<&'a [u8]>,
    /// The error after the messages: a broken frame, or the end inside of one.
    error: Option<ProtocolError>,
}

impl<'a> Stream<'a> {
    /// Returns `None` for an input that is too short.
    fn of(data: &'a [u8]) -> Option<Self> {
        let (&limit, data) = data.split_first()?;
        let (&count, data) = data.split_first()?;
        let (lengths, bytes) = data.split_at_checked(usize::from(count % 8))?;
        let limit = (limit != 255).then_some(u64::from(limit));
        let (messages, error) = meaning(bytes, limit);
        Some(Self {
            limit,
            pieces: pieces(bytes, lengths),
            messages,
            error,
        })
    }

    fn options(&self) -> Options {
        Options {
            max_message: self.limit,
            ..Options::default()
        }
    }
}

/// The most pieces but one. More would block the peer that writes them: the kernel counts
/// some 750 bytes for each, and has room for 208 KiB.
const PIECES: usize = 100;

fn pieces<'a>(mut bytes: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle().take(PIECES) {
        let length = (usize::from(*length) + 1).min(bytes.len());
        let (piece, rest) = bytes.split_at(length);
        pieces.push(piece);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    pieces.push(bytes);
    pieces
}

/// Reads frames without a buffer: all bytes are there.
fn meaning(mut bytes: &[u8], limit: Option<u64>) -> (Vec<&[u8]>, Option<ProtocolError>) {
    let longest = i64::MAX as u64 - HEADER as u64;
    let limit = limit.map_or(longest, |limit| limit.min(longest));
    let mut messages = Vec::new();
    while let Some(&kind) = bytes.first() {
        if kind != 1 {
            return (messages, Some(ProtocolError::UnknownFrame { kind }));
        }
        let had = bytes.len() as u64;
        let Some(length) = bytes.get(1..HEADER) else {
            return (messages, Some(ProtocolError::Truncated { had }));
        };
        let length = length
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        if length > limit {
            return (messages, Some(ProtocolError::TooLong { length, limit }));
        }
        if had - HEADER as u64 >= length {
            let (message, rest) = bytes[HEADER..].split_at(length as usize);
            messages.push(message);
            bytes = rest;
        } else {
            return (messages, Some(ProtocolError::Truncated { had }));
        }
    }
    (messages, None)
}

/// The decoder gives the messages and the error of the reference for any pieces, in
/// memory that grows with the bytes; greetings are recognized exactly.
pub fn frames(data: &[u8]) {
    if let Some(greeting) = data.first_chunk::<8>() {
        for own in [Protocol::Req, Protocol::Rep, Protocol::Push, Protocol::Pull] {
            let is_peer = *greeting == own.peer().greeting();
            assert_eq!(own.check_peer(*greeting).is_ok(), is_peer);
        }
    }
    let Some(stream) = Stream::of(data) else {
        return;
    };
    let mut decoder = Decoder::new(stream.limit);
    let mut arrived = 0;
    let mut seen = 0;
    for piece in &stream.pieces {
        decoder.extend(piece);
        arrived += piece.len();
        assert!(decoder.capacity() <= 2 * arrived + 64);
        loop {
            let has_message = decoder.has_message();
            match decoder.next_message() {
                Ok(Some(message)) => {
                    assert_eq!(Some(&message), stream.messages.get(seen));
                    seen += 1;
                }
                Ok(None) => {
                    assert!(!has_message);
                    break;
                }
                Err(error) => {
                    assert_eq!(Some(error), stream.error);
                    assert_eq!(seen, stream.messages.len());
                    return;
                }
            }
            assert!(has_message);
        }
    }
    assert_eq!(seen, stream.messages.len());
    assert_eq!(decoder.truncation(), stream.error);
}

/// A PULL socket delivers the messages of the reference, then its error.
pub fn pull(data: &[u8]) {
    let Some(stream) = Stream::of(data) else {
        return;
    };
    let place = Place::new();
    let mut pull = Pull::listen(&place.url(), stream.options()).expect("a free address");
    let mut peer = place.connect(Protocol::Push);
    for piece in &stream.pieces {
        // The socket may have closed the connection after an error.
        let _ = peer.write_all(piece);
    }
    drop(peer);
    for message in &stream.messages {
        assert_eq!(pull.recv(LIMIT).expect("a message"), *message);
    }
    if let Some(expected) = stream.error {
        expect_error(&pull.recv(LIMIT), &expected);
    }
}

/// A REP socket delivers the bodies after the ids, and answers under these ids; a
/// request without an id is the end.
pub fn rep(data: &[u8]) {
    let Some(stream) = Stream::of(data) else {
        return;
    };
    let place = Place::new();
    let mut rep = Rep::listen(&place.url(), stream.options()).expect("a free address");
    let mut peer = place.connect(Protocol::Req);
    for piece in &stream.pieces {
        let _ = peer.write_all(piece);
    }
    let _ = peer.shutdown(std::net::Shutdown::Write);
    for message in &stream.messages {
        let words = message.chunks_exact(4).take(8);
        let own = words.into_iter().position(|word| word[0] >= 0x80);
        let Some(own) = own else {
            let start = message[..message.len().min(4)].to_vec();
            let found = rep.recv(LIMIT).map(<[u8]>::to_vec);
            assert!(
                matches!(&found, Err(Error::Protocol(ProtocolError::NoId { bytes })) if *bytes == start),
                "{found:?}"
            );
            return;
        };
        let (ids, body) = message.split_at(4 * (own + 1));
        assert_eq!(rep.recv(LIMIT).expect("a request"), body);
        rep.send(body, LIMIT).expect("the peer reads");
        let mut answer = vec![0; HEADER + message.len()];
        peer.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer[..HEADER], crate::frame::header(message.len()));
        assert_eq!(
            (
                &answer[HEADER..][..ids.len()],
                &answer[HEADER + ids.len()..]
            ),
            (ids, body)
        );
    }
    if let Some(expected) = stream.error {
        expect_error(&rep.recv(LIMIT), &expected);
    }
}

/// A REQ socket takes the first message that has the id of its request, and drops
/// others. In the input, `ID!!` stands for that id.
pub fn req(data: &[u8]) {
    let Some(stream) = Stream::of(data) else {
        return;
    };
    let place = Place::new();
    let listener = UnixListener::bind(&place.0).expect("a free address");
    let mut req = Req::dial(&place.url(), stream.options()).expect("an address");
    let (mut peer, _) = listener.accept().expect("a peer");
    peer.write_all(&Protocol::Rep.greeting())
        .expect("the peer reads");
    req.wait_connected(LIMIT).expect("a connection");
    req.send(b"").expect("the peer reads");
    let mut asked = [0; 8 + HEADER + 4];
    peer.read_exact(&mut asked).expect("a request");
    let [.., a, b, c, d] = asked;
    for piece in &stream.pieces {
        let _ = peer.write_all(&with_id(piece, [a, b, c, d]));
    }
    drop(peer);
    let found = req.recv(LIMIT).map(<[u8]>::to_vec);
    // An id that two pieces share was not put in: compare the bytes that were sent.
    let sent = stream
        .pieces
        .iter()
        .flat_map(|piece| with_id(piece, [a, b, c, d]));
    let sent: Vec<u8> = sent.collect();
    let (messages, error) = meaning(&sent, stream.limit);
    let first = messages
        .iter()
        .find(|message| message.len() < 4 || message[..4] == [a, b, c, d]);
    match (first, error) {
        (Some(message), _) if message.len() >= 4 => {
            assert_eq!(found.expect("a reply"), message[4..]);
        }
        (Some(message), _) => assert!(
            matches!(&found, Err(Error::Protocol(ProtocolError::NoId { bytes })) if bytes == message),
            "{found:?}"
        ),
        (None, Some(expected)) => expect_error(&found, &expected),
        (None, None) => assert!(matches!(found, Err(Error::Disconnected)), "{found:?}"),
    }
}

/// Fails unless a peer has broken the protocol in this way.
fn expect_error(found: &Result<impl std::fmt::Debug, Error>, expected: &ProtocolError) {
    assert!(
        matches!(found, Err(Error::Protocol(error)) if error == expected),
        "{found:?} instead of {expected:?}"
    );
}

fn with_id(bytes: &[u8], id: [u8; 4]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(at) = bytes.windows(4).position(|word| word == b"ID!!") {
        bytes[at..at + 4].copy_from_slice(&id);
    }
    bytes
}

/// An address that no other input and no other process uses.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sp-fuzz-{}-{next}.ipc", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn url(&self) -> String {
        format!("ipc://{}", self.0.display())
    }

    /// Connects as a raw peer, and sends its greeting.
    fn connect(&self, protocol: Protocol) -> UnixStream {
        let mut peer = UnixStream::connect(&self.0).expect("the socket listens");
        peer.write_all(&protocol.greeting())
            .expect("the socket reads");
        let mut greeting = [0; 8];
        peer.read_exact(&mut greeting).expect("a greeting");
        assert_eq!(greeting, protocol.peer().greeting());
        peer
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No limit, in pieces of 1 and 8 bytes.
    const HEAD: &[u8] = b"\xff\x02\x00\x07";

    #[test]
    fn frames_in_pieces_pass() {
        for rest in [
            &b"\x01\0\0\0\0\0\0\0\x02ok\x01\0\0\0\0\0\0\0\0"[..],
            b"\x01\0\0\0\0\0\0\0\x02o",
            b"\x01\0\0\0\0\0\0\0\0\x02",
            b"\x01\x7f\xff\xff\xff\xff\xff\xff\xff",
        ] {
            let input = [HEAD, rest].concat();
            frames(&input);
            pull(&input);
            rep(&input);
            req(&input);
        }
    }

    #[test]
    fn requests_and_replies_with_and_without_ids_pass() {
        rep(&[HEAD, b"\x01\0\0\0\0\0\0\0\x0a\0\0\0\x07\x80\0\0\x01ok"].concat());
        rep(&[HEAD, b"\x01\0\0\0\0\0\0\0\x05\0\0\0\x07\x80"].concat());
        req(&[b"\xff\x00", &b"\x01\0\0\0\0\0\0\0\x06ID!!ok"[..]].concat());
        req(&[b"\xff\x00", &b"\x01\0\0\0\0\0\0\0\x03ID!"[..]].concat());
    }
}
