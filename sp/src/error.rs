//! The crate's error, and the ways in which a peer can break the protocol.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an operation on a socket failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not a valid socket address.
    Address {
        /// The URL as it was given.
        url: String,
        /// The form that a valid URL has.
        expected: &'static str,
    },
    /// Another socket listens on the address.
    InUse {
        /// The socket's path.
        path: PathBuf,
        /// The process that listens, if the system provides it.
        pid: Option<u32>,
    },
    /// The path holds the socket file of another user, and nobody listens there.
    /// This user may not remove it.
    StaleFile {
        /// The file's path.
        path: PathBuf,
        /// The id of the user that owns it.
        owner: u32,
    },
    /// The path holds a file that is not a socket. The file was left alone.
    NotASocket {
        /// The file's path.
        path: PathBuf,
    },
    /// No connection was made within the time limit.
    Unreachable {
        /// The socket's path.
        path: PathBuf,
        /// Why the last attempt failed; `None` if no attempt has ended yet.
        cause: Option<Box<Error>>,
    },
    /// A system call failed.
    Io {
        /// What was attempted, as in "cannot {doing} PATH".
        doing: &'static str,
        /// The socket's path.
        path: PathBuf,
        /// The error of the system call.
        source: io::Error,
    },
    /// The time limit has passed. No complete message was sent or received.
    TimedOut,
    /// The connection has ended. Messages in transit on it are lost.
    Disconnected,
    /// The socket was closed on this side.
    Closed,
    /// [`Waker::wake`](crate::Waker::wake) ended the wait.
    Woken,
    /// The call does not fit the state of the protocol: an answer without a
    /// request, or a wait for a reply without a request.
    WrongState,
    /// The peer broke the protocol. Its connection is closed.
    Protocol(ProtocolError),
}

/// How a peer broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The first 8 bytes are not a greeting of the Scalability Protocols.
    NoGreeting {
        /// The bytes that were received.
        bytes: [u8; 8],
    },
    /// The peer's protocol is not the counterpart of this socket's protocol.
    WrongProtocol {
        /// The protocol number that was expected, for example 0x31 for REP.
        expected: u16,
        /// The protocol number in the peer's greeting.
        found: u16,
    },
    /// The peer did not send a complete greeting within the time limit.
    GreetingTimedOut,
    /// The first byte of a frame is not 1.
    UnknownFrame {
        /// The byte that was received.
        kind: u8,
    },
    /// A frame is longer than this socket accepts.
    TooLong {
        /// The length that the header claims, in bytes.
        length: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A request or reply has no id in front of its body.
    NoId {
        /// The first bytes of the message, where the id has to be: 4 if the
        /// message has as many.
        bytes: Vec<u8>,
    },
    /// The connection ended inside a frame.
    Truncated {
        /// The number of bytes of the frame that had been received.
        had: u64,
    },
}

impl ProtocolError {
    /// Makes the error for a message without an id.
    pub(crate) fn no_id(message: &[u8]) -> Self {
        let bytes = message[..message.len().min(4)].to_vec();
        Self::NoId { bytes }
    }
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
            Self::StaleFile { path, owner } => write!(
                f,
                "the socket file {} is left over from user {owner}, and nobody listens there: \
                 remove it as that user or as root",
                path.display()
            ),
            Self::NotASocket { path } => write!(
                f,
                "{} exists and is not a socket: move the file or use another name",
                path.display()
            ),
            Self::Unreachable { path, cause } => {
                write!(f, "cannot reach a peer at {}", path.display())?;
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
            Self::TimedOut => f.write_str("timed out"),
            Self::Disconnected => f.write_str("the peer disconnected"),
            Self::Closed => f.write_str("the socket is closed"),
            Self::Woken => f.write_str("the wait was interrupted"),
            Self::WrongState => f.write_str("wrong state: no request is pending"),
            Self::Protocol(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGreeting { bytes } => {
                f.write_str("the peer sent ")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(" instead of a Scalability Protocols greeting")
            }
            Self::WrongProtocol { expected, found } => write!(
                f,
                "the peer speaks {}, expected {}",
                protocol_name(*found),
                protocol_name(*expected)
            ),
            Self::GreetingTimedOut => f.write_str("the peer connected but sent no greeting"),
            Self::UnknownFrame { kind } => {
                write!(f, "a frame begins with byte {kind:#04x}, expected 0x01")
            }
            Self::TooLong { length, limit } => write!(
                f,
                "a frame of {length} bytes exceeds the limit of {limit} bytes"
            ),
            Self::NoId { bytes } => match bytes.len() {
                length @ 0..4 => write!(
                    f,
                    "a message has {length} bytes, expected an id of 4 bytes before it"
                ),
                _ => {
                    f.write_str("a message begins with the bytes")?;
                    for byte in bytes {
                        write!(f, " {byte:02x}")?;
                    }
                    f.write_str(", expected an id, whose first byte is 80 or more")
                }
            },
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_cause_of_an_error_is_its_source() {
        let io = Error::Io {
            doing: "connect to",
            path: "/tmp/x.ipc".into(),
            source: io::ErrorKind::NotFound.into(),
        };
        let unreachable = Error::Unreachable {
            path: "/tmp/x.ipc".into(),
            cause: Some(Box::new(io)),
        };
        let protocol = Error::from(ProtocolError::GreetingTimedOut);

        let cause = unreachable.source().unwrap();
        assert_eq!(
            cause.to_string(),
            "cannot connect to /tmp/x.ipc: entity not found"
        );
        assert_eq!(cause.source().unwrap().to_string(), "entity not found");
        assert_eq!(
            protocol.source().unwrap().to_string(),
            "the peer connected but sent no greeting"
        );
        assert!(Error::TimedOut.source().is_none());
    }
}
