//! A host that breaks the transport's protocol, on a plain socket at a
//! channel's address.
//!
//! Rules: protocol.md section 10, the frames.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use ekuiper_sp::Error;
use rustix::net::sockopt::socket_peercred;

use super::shared::Shared;
use crate::event::What;
use crate::symbol::{Channel, Side};

/// How long the plugin has for hanging up, which it need not.
const HOLD: Duration = Duration::from_millis(200);

/// How often a wait looks whether the plugin has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// A way to break the transport's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Breach {
    /// A frame that ends in the middle of its body, with the connection.
    CutFrame,
    /// A frame that claims more bytes than any memory holds.
    LyingLength,
    /// A greeting of another protocol: PAIR.
    WrongGreeting,
    /// Bytes that are no greeting at all.
    NoGreeting,
}

impl Breach {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::CutFrame,
        Self::LyingLength,
        Self::WrongGreeting,
        Self::NoGreeting,
    ];

    /// Says what the host does, for people.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::CutFrame => "a frame that is cut in the middle",
            Self::LyingLength => "a frame that claims 4 EiB",
            Self::WrongGreeting => "a greeting of PAIR",
            Self::NoGreeting => "bytes that are no greeting",
        }
    }

    /// What the host's end of a channel says, from the connection's beginning.
    fn bytes(self, channel: &Channel) -> Vec<u8> {
        let greeting = |protocol: u8| [0, b'S', b'P', 0, 0, protocol, 0, 0];
        let frame = |length: u64, body: &[u8]| {
            let mut bytes = greeting(channel.socket(Side::Host)).to_vec();
            bytes.push(1);
            bytes.extend(length.to_be_bytes());
            bytes.extend(body);
            bytes
        };
        match self {
            Self::CutFrame => frame(100, b"\x80\0\0\x01{\"cmd\":"),
            Self::LyingLength => frame(1 << 62, b"\x80\0\0\x01{\"cmd\":"),
            Self::WrongGreeting => greeting(0x10).to_vec(),
            Self::NoGreeting => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        }
    }

    /// Waits on a plain socket until the plugin comes, at most `limit`, and
    /// breaks the protocol. The host does not listen there meanwhile.
    pub(super) fn to_dialer(
        self,
        channel: &Channel,
        shared: &Shared,
        limit: Duration,
    ) -> Result<(), BreachError> {
        let file = shared.file(channel);
        let listener = UnixListener::bind(&file)?;
        let accepted = self.accept(&listener, channel, shared, limit);
        drop(listener);
        fs::remove_file(&file)?;
        self.play(accepted?, channel, shared)
    }

    /// Comes to a sink that listens, as a sender beside the host, and breaks
    /// the protocol.
    pub(super) fn to_listener(self, channel: &Channel, shared: &Shared) -> Result<(), BreachError> {
        let stream = UnixStream::connect(shared.file(channel))?;
        self.play(stream, channel, shared)
    }

    fn accept(
        self,
        listener: &UnixListener,
        channel: &Channel,
        shared: &Shared,
        limit: Duration,
    ) -> Result<UnixStream, BreachError> {
        listener.set_nonblocking(true)?;
        let deadline = Instant::now() + limit;
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    let peer = socket_peercred(&stream).map_err(io::Error::from)?;
                    let pid = u32::try_from(peer.pid.as_raw_nonzero().get()).ok();
                    if shared.admits(channel, pid) {
                        return Ok(stream);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if shared.crashes_within(GLANCE) {
                        return Err(BreachError::Exited);
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if Instant::now() >= deadline {
                return Err(BreachError::NobodyCame);
            }
        }
    }

    /// Says the wrong thing, and gives the plugin a moment to hang up.
    fn play(
        self,
        mut stream: UnixStream,
        channel: &Channel,
        shared: &Shared,
    ) -> Result<(), BreachError> {
        shared.tell(What::Breached {
            channel,
            breach: self,
        });
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(GLANCE))?;
        // It may hang up at the first byte.
        if stream.write_all(&self.bytes(channel)).is_err() || self == Self::CutFrame {
            return Ok(());
        }
        let deadline = Instant::now() + HOLD;
        let mut heard = [0; 4096];
        while Instant::now() < deadline {
            match stream.read(&mut heard) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }
}

/// Why a breach could not be played.
#[derive(Debug)]
pub(crate) enum BreachError {
    /// Nobody dialed in time.
    NobodyCame,
    /// The plugin's process has ended.
    Exited,
    /// The transport failed.
    Transport(Error),
    /// The system's answer.
    System(io::Error),
}

impl From<Error> for BreachError {
    fn from(error: Error) -> Self {
        Self::Transport(error)
    }
}

impl From<io::Error> for BreachError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}
