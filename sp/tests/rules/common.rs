//! Raw peers: plain Unix sockets that send literal bytes.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ekuiper_sp::{Options, Push};
use tempfile::TempDir;

/// Longer than any step takes. Only a failing test waits that long.
pub(crate) const LONG: Duration = Duration::from_secs(20);
pub(crate) const LIMIT: Option<Duration> = Some(LONG);
/// Not to wait at all.
pub(crate) const NEVER: Option<Duration> = Some(Duration::ZERO);
/// How long to wait for something that must not happen.
pub(crate) const SHORT: Option<Duration> = Some(Duration::from_millis(30));

pub(crate) const REQ: &[u8; 8] = b"\0SP\0\0\x30\0\0";
pub(crate) const REP: &[u8; 8] = b"\0SP\0\0\x31\0\0";
pub(crate) const PUSH: &[u8; 8] = b"\0SP\0\0\x50\0\0";
pub(crate) const PULL: &[u8; 8] = b"\0SP\0\0\x51\0\0";

/// An address in a directory that only one test uses.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("x.ipc")
    }

    pub(crate) fn url(&self) -> String {
        format!("ipc://{}", self.path().display())
    }

    pub(crate) fn listen_raw(&self) -> UnixListener {
        let _ = std::fs::remove_file(self.path());
        UnixListener::bind(self.path()).unwrap()
    }

    /// Connects and sends nothing.
    pub(crate) fn connect_raw(&self) -> UnixStream {
        let stream = UnixStream::connect(self.path()).unwrap();
        stream.set_read_timeout(LIMIT).unwrap();
        stream
    }

    /// Connects and exchanges greetings.
    pub(crate) fn dial_raw(&self, greeting: &[u8; 8]) -> UnixStream {
        greet(self.connect_raw(), greeting)
    }
}

/// Dials the place in the background.
pub(crate) fn dial(place: &Place) -> Push {
    Push::dial(&place.url(), Options::default()).unwrap()
}

/// Accepts a peer and exchanges greetings.
pub(crate) fn accept_raw(listener: &UnixListener, greeting: &[u8; 8]) -> UnixStream {
    let stream = listener.accept().unwrap().0;
    stream.set_read_timeout(LIMIT).unwrap();
    greet(stream, greeting)
}

fn greet(mut stream: UnixStream, greeting: &[u8; 8]) -> UnixStream {
    stream.write_all(greeting).unwrap();
    read(&mut stream, 8);
    stream
}

pub(crate) fn read(stream: &mut UnixStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Reads a frame and returns its body.
pub(crate) fn read_frame(stream: &mut UnixStream) -> Vec<u8> {
    let header = read(stream, 9);
    assert_eq!(header[0], 1);
    let length = u64::from_be_bytes(header[1..].try_into().unwrap());
    read(stream, length as usize)
}

/// Returns the frame of a body shorter than 256 bytes.
pub(crate) fn frame(body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    [&[1, 0, 0, 0, 0, 0, 0, 0, length], body].concat()
}

/// Returns how many bytes have arrived that nobody has read.
pub(crate) fn waiting(raw: &UnixStream) -> u64 {
    rustix::io::ioctl_fionread(raw).unwrap()
}

/// Waits until the peer closes the connection, for at most [`LONG`]. Returns
/// whether it did.
pub(crate) fn is_closed(stream: &mut UnixStream) -> bool {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// Waits until `holds` returns true.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
