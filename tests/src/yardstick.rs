//! NNG's sockets as eKuiper's peers set them, and raw peers that misbehave.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    time::Duration,
};

use nng::{
    Protocol, Socket,
    options::{
        Options, ReconnectMaxTime, ReconnectMinTime, RecvMaxSize, RecvTimeout, SendTimeout,
        protocol::reqrep::ResendTime,
    },
};
use tempfile::TempDir;

/// How long anything may take before a test gives up.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The greetings of the four sockets: protocols 0x30, 0x31, 0x50 and 0x51.
pub const GREETING_REQ: [u8; 8] = *b"\0SP\0\0\x30\0\0";
/// See [`GREETING_REQ`].
pub const GREETING_REP: [u8; 8] = *b"\0SP\0\0\x31\0\0";
/// See [`GREETING_REQ`].
pub const GREETING_PUSH: [u8; 8] = *b"\0SP\0\0\x50\0\0";
/// See [`GREETING_REQ`].
pub const GREETING_PULL: [u8; 8] = *b"\0SP\0\0\x51\0\0";

/// An address of a test's own; its directory is removed when dropped.
#[derive(Debug)]
pub struct Address {
    directory: TempDir,
}

impl Address {
    /// Makes the directory; nobody listens yet.
    ///
    /// # Panics
    ///
    /// Where there is no room for a temporary directory.
    #[expect(clippy::new_without_default, reason = "it has an effect")]
    pub fn new() -> Address {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Address { directory }
    }

    /// The socket's path.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("socket.ipc")
    }

    /// The path as the sockets take it.
    pub fn url(&self) -> String {
        format!("ipc://{}", self.path().display())
    }

    /// An NNG socket that dials here in the background.
    ///
    /// # Panics
    ///
    /// Where NNG refuses.
    pub fn nng_dials(&self, protocol: Protocol) -> Socket {
        let socket = nng_socket(protocol);
        socket.dial_async(&self.url()).expect("NNG to dial");
        socket
    }

    /// An NNG socket that listens here.
    ///
    /// # Panics
    ///
    /// Where NNG refuses, for example because somebody listens already.
    pub fn nng_listens(&self, protocol: Protocol) -> Socket {
        let socket = nng_socket(protocol);
        socket.listen(&self.url()).expect("NNG to listen");
        socket
    }

    /// A peer that has dialed and greeted, and may now say what it likes.
    ///
    /// # Panics
    ///
    /// Where nobody listens, or does not greet.
    pub fn raw_dials(&self, greeting: [u8; 8]) -> UnixStream {
        let stream = UnixStream::connect(self.path()).expect("a listener");
        greet(stream, greeting)
    }

    /// Listens, and greets the first peer that dials.
    ///
    /// The listener is gone when this returns, its file too.
    ///
    /// # Panics
    ///
    /// Where the peer does not greet.
    pub fn raw_listens(&self, greeting: [u8; 8]) -> UnixStream {
        let listener = UnixListener::bind(self.path()).expect("a free address");
        let (stream, _) = listener.accept().expect("a peer");
        std::fs::remove_file(self.path()).expect("the socket's file");
        greet(stream, greeting)
    }
}

fn greet(mut stream: UnixStream, greeting: [u8; 8]) -> UnixStream {
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    stream.write_all(&greeting).expect("to greet");
    stream.read_exact(&mut [0; 8]).expect("the peer's greeting");
    stream
}

/// A socket without a size limit, without resending, that never waits for ever.
fn nng_socket(protocol: Protocol) -> Socket {
    let socket = Socket::new(protocol).expect("a socket of NNG's");
    let set = || {
        socket.set_opt::<RecvMaxSize>(0)?;
        socket.set_opt::<RecvTimeout>(Some(LIMIT))?;
        socket.set_opt::<SendTimeout>(Some(LIMIT))?;
        socket.set_opt::<ReconnectMinTime>(Some(Duration::from_millis(10)))?;
        socket.set_opt::<ReconnectMaxTime>(Some(Duration::from_millis(100)))?;
        match protocol {
            Protocol::Req0 => socket.set_opt::<ResendTime>(None),
            _ => Ok(()),
        }
    };
    set().expect("NNG to take the options");
    socket
}

/// Bytes that differ from place to place, so that what is lost or moved shows.
pub fn body(size: usize) -> Vec<u8> {
    (0..size)
        .map(|i| (i % 251) as u8 ^ (i >> 16) as u8)
        .collect()
}
