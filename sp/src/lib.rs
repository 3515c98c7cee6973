//! nanomsg's Scalability Protocols over `ipc://` sockets: blocking, pure Rust,
//! no `unsafe`.
//!
//! The crate has the four sockets that eKuiper and its portable plugins use,
//! each in the one role that it has there. They interoperate with NNG and
//! mangos.
//!
//! | socket | role | used for |
//! |---|---|---|
//! | [`Req`] | dials | the plugin's end of the control and function channels |
//! | [`Rep`] | listens | the host's end of the control and function channels |
//! | [`Push`] | dials | sending a source's rows, a sink's acks, the host's rows for a sink |
//! | [`Pull`] | listens | receiving those rows and acks |
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
//! The caller's thread reads replies and writes rows itself, because handing
//! them over to another thread would cost as much as the call. Background
//! threads do what can take long: a dialer (for [`Req`] only while it has no
//! connection), an acceptor for each listener, and for [`Push`] a flusher that
//! writes what the kernel did not accept at once.
//!
//! Receiving borrows: a message stays in the socket's buffer until the next
//! call, so receiving a row allocates nothing.
//!
//! The peer's bytes are not trusted. A false length, an unknown frame type or a
//! wrong greeting closes that connection with an [`Error::Protocol`]. Memory
//! grows with the bytes that arrive, never with the length that a header claims.

#![forbid(unsafe_code)]

mod address;
mod budget;
mod changes;
mod connection;
mod error;
pub mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod keep;
mod listed;
mod listener;
mod options;
mod peers;
mod pull;
mod push;
mod rep;
mod req;
mod sys;
mod wake;

pub use budget::Budget;
pub use error::{Error, ProtocolError};
#[doc(hidden)]
pub use keep::Keep;
pub use listed::listed;
pub use listener::{Claim, claim};
pub use options::{Admit, OnPeer, OnRoom, Options, Peer, Presence};
pub use pull::Pull;
pub use push::Push;
pub use rep::Rep;
pub use req::{Closer, Req};
pub use wake::Waker;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
