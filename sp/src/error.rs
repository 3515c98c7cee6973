//! Why an operation on a socket failed.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an operation on a socket failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The URL cannot be the address of a socket.
    Address {
        /// The URL as it was given.
        url: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Somebody listens on the address already.
    InUse {
        /// The socket's path.
        path: PathBuf,
        /// The process that listens, where the system tells.
        pid: Option<u32>,
    },
    /// The path holds a file that is no socket; it was left alone.
    NotASocket {
        /// The file's path.
        path: PathBuf,
    },
    /// Nobody was reached on the address within the time limit.
    Unreachable {
        /// The socket's path.
        path: PathBuf,
        /// How the last try ended; `None` if none had ended yet.
        cause: Option<Box<Error>>,
    },
    /// The system refused an operation.
    Io {
        /// What was tried, as in "cannot {doing} PATH".
        doing: &'static str,
        /// The socket's path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The time limit passed. Nothing was sent or received.
    TimedOut,
    /// The connection is gone; what was on its way in it is lost.
    Disconnected,
    /// The socket was closed from this side.
    Closed,
    /// [`Waker::wake`](crate::Waker::wake) ended the wait.
    Woken,
    /// The protocol has nothing to send or to wait for now: an answer without a
    /// request, or a wait for a reply to nothing.
    WrongState,
    /// The peer broke the protocol; its connection is closed.
    Protocol(ProtocolError),
}

/// How a peer broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The first 8 bytes are no greeting of the Scalability Protocols.
    NoGreeting {
        /// The bytes that came.
        bytes: [u8; 8],
    },
    /// The peer speaks a protocol that does not belong to ours.
    WrongProtocol {
        /// The protocol number that was expected, e.g. 0x31 for REP.
        expected: u16,
        /// The one in the greeting.
        found: u16,
    },
    /// No whole greeting came within the time limit.
    GreetingTimedOut,
    /// The first byte of a frame is not 1.
    UnknownFrame {
        /// The byte that came.
        kind: u8,
    },
    /// A frame is longer than this side takes.
    TooLong {
        /// The length that the header claims, in bytes.
        length: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A request or reply has no id in front of its body.
    NoId,
    /// The connection ended inside a frame.
    Truncated {
        /// The bytes of the frame that had come.
        had: u64,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { url, expected } => {
                write!(f, "address `{url}`: expected {expected}")
            }
            Self::InUse { path, pid } => {
                write!(f, "address {} is in use", path.display())?;
                match pid {
                    Some(pid) => write!(f, " by process {pid}"),
                    None => Ok(()),
                }
            }
            Self::NotASocket { path } => write!(
                f,
                "{} is in the way: it is no socket; move it or take another name",
                path.display()
            ),
            Self::Unreachable { path, cause } => {
                write!(f, "nobody answers at {}", path.display())?;
                match cause {
                    Some(cause) => write!(f, " ({cause})"),
                    None => Ok(()),
                }
            }
            Self::Io {
                doing,
                path,
                source,
            } => write!(f, "cannot {doing} {}: {source}", path.display()),
            Self::TimedOut => f.write_str("the time limit passed"),
            Self::Disconnected => f.write_str("the peer is gone"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::Woken => f.write_str("the wait was ended"),
            Self::WrongState => f.write_str("wrong state: no request is pending"),
            Self::Protocol(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGreeting { bytes } => {
                f.write_str("the peer sent no greeting of the Scalability Protocols but ")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::WrongProtocol { expected, found } => write!(
                f,
                "the peer speaks {}, expected {}",
                protocol_name(*found),
                protocol_name(*expected)
            ),
            Self::GreetingTimedOut => f.write_str("the peer connected and sent no greeting"),
            Self::UnknownFrame { kind } => {
                write!(f, "a frame began with byte {kind:#04x}, expected 0x01")
            }
            Self::TooLong { length, limit } => write!(
                f,
                "a frame claims {length} bytes, more than the {limit} that are taken"
            ),
            Self::NoId => f.write_str("a request or reply came without its id"),
            Self::Truncated { had } => {
                write!(f, "the connection ended {had} bytes into a frame")
            }
        }
    }
}

fn protocol_name(number: u16) -> String {
    match number {
        0x10 => "PAIR".to_owned(),
        0x20 => "PUB".to_owned(),
        0x21 => "SUB".to_owned(),
        0x30 => "REQ".to_owned(),
        0x31 => "REP".to_owned(),
        0x50 => "PUSH".to_owned(),
        0x51 => "PULL".to_owned(),
        other => format!("protocol {other:#06x}"),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Unreachable {
                cause: Some(cause), ..
            } => Some(cause),
            Self::Protocol(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for ProtocolError {}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}
