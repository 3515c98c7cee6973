//! The host's end of the wire: greetings and frames on plain Unix sockets.
//!
//! It does not use `ekuiper-sp`, so that no plugin shares code with the host.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Protocol numbers of the Scalability Protocols.
pub(crate) const REP: u8 = 0x31;
pub(crate) const PUSH: u8 = 0x50;
pub(crate) const PULL: u8 = 0x51;

/// The length of a frame's header, which precedes the body.
pub(crate) const HEADER: usize = 9;

/// The limit for everything that is not measured.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A listening socket; its file is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Listens; first removes a socket file on which nobody listens.
    pub(crate) fn bind(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let bound = UnixListener::bind(&path).or_else(|error| {
            if error.kind() != io::ErrorKind::AddrInUse || UnixStream::connect(&path).is_ok() {
                return Err(error);
            }
            std::fs::remove_file(&path)?;
            UnixListener::bind(&path)
        });
        let listener = bound.map_err(|error| named(&path, &error))?;
        Ok(Self { listener, path })
    }

    /// Waits for a peer and its greeting.
    pub(crate) fn accept(&self, protocol: u8, limit: Duration) -> io::Result<UnixStream> {
        let time = Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: limit.subsec_nanos().into(),
        };
        let mut waits_for = [PollFd::new(&self.listener, PollFlags::IN)];
        if poll(&mut waits_for, Some(&time))? == 0 {
            return Err(named(&self.path, &"the plugin did not dial"));
        }
        let (mut stream, _) = self.listener.accept()?;
        greet(&mut stream, protocol).map_err(|error| named(&self.path, &error))?;
        Ok(stream)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Dials a plugin that listens.
pub(crate) fn dial(path: &Path, protocol: u8) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path).and_then(|mut stream| {
        greet(&mut stream, protocol)?;
        Ok(stream)
    });
    stream.map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

fn greet(stream: &mut UnixStream, protocol: u8) -> io::Result<()> {
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(&[0, b'S', b'P', 0, 0, protocol, 0, 0])?;
    let mut heard = [0; 8];
    stream.read_exact(&mut heard)?;
    // REQ and REP, PUSH and PULL: the numbers differ in the last bit.
    match heard == [0, b'S', b'P', 0, 0, protocol ^ 1, 0, 0] {
        true => Ok(()),
        false => Err(io::Error::other(format!("the greeting was {heard:02x?}"))),
    }
}

/// Builds a frame, with its header, whose body consists of these parts.
pub(crate) fn frame(parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = Vec::with_capacity(HEADER + length);
    frame.push(1);
    frame.extend_from_slice(&(length as u64).to_be_bytes());
    for part in parts {
        frame.extend_from_slice(part);
    }
    frame
}

/// A buffer that splits received bytes into the bodies of frames.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Frames {
    /// Makes a buffer of `piece` bytes; it grows if a frame is longer.
    pub(crate) fn new(piece: usize) -> Self {
        Self {
            buffer: vec![0; piece],
            start: 0,
            end: 0,
        }
    }

    /// Reads once and returns the number of bytes, 0 at the end of the stream.
    pub(crate) fn fill(&mut self, mut stream: &UnixStream) -> io::Result<usize> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        let read = stream.read(&mut self.buffer[self.end..])?;
        self.end += read;
        Ok(read)
    }

    /// The body of the next frame, if it has arrived as a whole.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        Ok(self.next_range()?.map(|range| &self.buffer[range]))
    }

    /// The range of the next frame's body, if it has arrived as a whole; valid
    /// until the next [`fill`](Self::fill).
    pub(crate) fn next_range(&mut self) -> io::Result<Option<Range<usize>>> {
        let held = &self.buffer[self.start..self.end];
        let Some(header) = held.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [kind, length @ ..] = *header;
        if kind != 1 {
            return Err(io::Error::other(format!("the type of a frame was {kind}")));
        }
        let length = u64::from_be_bytes(length) as usize;
        if held.len() < HEADER + length {
            return Ok(None);
        }
        let from = self.start + HEADER;
        self.start = from + length;
        Ok(Some(from..self.start))
    }

    /// The bytes of a range that [`next_range`](Self::next_range) returned.
    pub(crate) fn taken(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer[range.clone()]
    }
}
