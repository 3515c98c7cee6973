//! NNG's sockets, against which the transport is measured, and raw peers that can
//! misbehave.

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

/// How long a test waits before it fails.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The greeting of a REQ socket, protocol 0x30.
pub const GREETING_REQ: [u8; 8] = *b"\0SP\0\0\x30\0\0";
/// The greeting of a REP socket, protocol 0x31.
pub const GREETING_REP: [u8; 8] = *b"\0SP\0\0\x31\0\0";
/// The greeting of a PUSH socket, protocol 0x50.
pub const GREETING_PUSH: [u8; 8] = *b"\0SP\0\0\x50\0\0";
/// The greeting of a PULL socket, protocol 0x51.
pub const GREETING_PULL: [u8; 8] = *b"\0SP\0\0\x51\0\0";

/// An address that only one test uses; its directory is removed when dropped.
#[derive(Debug)]
pub struct Address {
    directory: TempDir,
}

impl Address {
    /// Creates the directory; nobody listens yet.
    ///
    /// # Panics
    ///
    /// If the temporary directory cannot be created.
    #[expect(clippy::new_without_default, reason = "it creates a directory")]
    pub fn new() -> Address {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Address { directory }
    }

    /// The path of the socket.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("socket.ipc")
    }

    /// The path as a URL.
    pub fn url(&self) -> String {
        format!("ipc://{}", self.path().display())
    }

    /// Opens an NNG socket that dials this address in the background.
    ///
    /// # Panics
    ///
    /// If NNG refuses.
    pub fn nng_dials(&self, protocol: Protocol) -> Socket {
        let socket = nng_socket(protocol);
        socket.dial_async(&self.url()).expect("NNG to dial");
        socket
    }

    /// Opens an NNG socket that listens on this address.
    ///
    /// # Panics
    ///
    /// If NNG refuses, for example because somebody already listens.
    pub fn nng_listens(&self, protocol: Protocol) -> Socket {
        let socket = nng_socket(protocol);
        socket.listen(&self.url()).expect("NNG to listen");
        socket
    }

    /// Dials this address and greets; the test then writes any bytes it likes.
    ///
    /// # Panics
    ///
    /// If nobody listens, or the listener does not greet.
    pub fn raw_dials(&self, greeting: [u8; 8]) -> UnixStream {
        let stream = UnixStream::connect(self.path()).expect("a listener");
        greet(stream, greeting)
    }

    /// Listens, and greets the first peer that dials.
    ///
    /// The listener and its file are removed before this returns.
    ///
    /// # Panics
    ///
    /// If the peer does not greet.
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

/// Opens a socket without a size limit and without resending, whose waits end
/// after [`LIMIT`].
fn nng_socket(protocol: Protocol) -> Socket {
    let socket = Socket::new(protocol).expect("a socket of NNG");
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

/// A body whose bytes differ from place to place, so that a lost or moved part
/// shows.
pub fn body(size: usize) -> Vec<u8> {
    (0..size)
        .map(|i| (i % 251) as u8 ^ (i >> 16) as u8)
        .collect()
}
