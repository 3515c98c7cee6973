//! The host's sockets, on the transport that was chosen.
//!
//! Two transports can carry a host: `ekuiper-sp`, and with the feature `nng` NNG's
//! C library, on which eKuiper's Python SDK is built. Sockets of both behave alike
//! and fail with the same errors. The choice is made once, when a socket is
//! opened.

mod choice;
#[cfg(feature = "nng")]
mod nng;
mod socket;
#[cfg(test)]
mod tests;

pub(crate) use choice::Backend;
pub use choice::{Transport, UnavailableTransport};
pub use socket::Waker;
pub(crate) use socket::{Pull, Push, Rep};
