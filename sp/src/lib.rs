//! nanomsg's Scalability Protocols over `ipc://` sockets: blocking, pure Rust,
//! without `unsafe`.
//!
//! The four sockets that eKuiper and its portable plugins use, each in the role
//! it has there, and on the wire what NNG and mangos say and understand:
//!
//! | socket | role | for |
//! |---|---|---|
//! | [`Req`] | dials | a plugin's control and function channels |
//! | [`Rep`] | listens | the host's end of them |
//! | [`Push`] | dials | a source's rows and a sink's acks; the host's rows for a sink |
//! | [`Pull`] | listens | the other end of those |
//!
//! ```
//! use std::time::Duration;
//! use ekuiper_sp::{Options, Pull, Push};
//!
//! # fn main() -> Result<(), ekuiper_sp::Error> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let url = format!("ipc://{}/rows.ipc", dir.path().display());
//! let mut pull = Pull::listen(&url, Options::default())?;
//! let push = Push::dial(&url, Options::default())?;
//!
//! push.send(b"a row", None)?;
//!
//! assert_eq!(pull.recv(Some(Duration::from_secs(5)))?, b"a row");
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//!
//! What costs time is done by the caller's thread: a reply is awaited, and a row
//! written, without a hand-over to another thread. Background threads do what
//! may take long: a dialer (for [`Req`] only while it has no connection), an
//! acceptor for each listener, and for [`Push`] a flusher that writes what the
//! kernel did not take at once.
//!
//! Receiving borrows: the message stands in the socket's buffer until the next
//! call, so that no row costs an allocation.
//!
//! What the other side sends is not trusted: a length that lies, an unknown
//! frame type or a wrong greeting ends that connection with an
//! [`Error::Protocol`], and memory grows with the bytes that arrive, never with
//! what a header claims.

#![forbid(unsafe_code)]

mod address;
mod connection;
mod error;
pub mod frame;
mod listener;
mod options;
mod peers;
mod pull;
mod push;
mod rep;
mod req;
mod sys;
mod wake;

pub use error::{Error, ProtocolError};
pub use listener::{Claim, claim};
pub use options::{Admit, OnPeer, Options, Peer, Presence};
pub use pull::Pull;
pub use push::Push;
pub use rep::Rep;
pub use req::{Closer, Req};
pub use wake::Waker;
