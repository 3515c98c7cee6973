//! The host's sockets, on the transport that was chosen.
//!
//! Two transports can carry a host: `ekuiper-sp`, the project's own, and with
//! the feature `nng` NNG's C library, which eKuiper's Python SDK is built on. On
//! both the sockets do the same and fail with the same errors; which one it is
//! is decided once, when a socket is opened.

#[cfg(feature = "nng")]
mod nng;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ekuiper_sp as sp;
use sp::{Error, Options};

/// What carries the messages between the host and the plugin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// The project's own, `ekuiper-sp`.
    #[default]
    Sp,
    /// NNG's C library; needs the feature `nng`.
    Nng,
}

/// Why a transport cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportError {
    /// There is none of this name.
    Unknown {
        /// The name as it was given.
        name: String,
    },
    /// This build has no NNG.
    WithoutNng,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => {
                write!(f, "no transport `{name}` is known; use sp or nng")
            }
            Self::WithoutNng => f.write_str(
                "this mock-kuiper was built without NNG; build it with `--features nng`, or use \
                 the transport sp",
            ),
        }
    }
}

impl std::error::Error for TransportError {}

impl FromStr for Transport {
    type Err = TransportError;

    /// Reads `sp` or `nng`; the latter only where this build has NNG.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let transport = match name {
            "sp" => Self::Sp,
            "nng" => Self::Nng,
            other => {
                return Err(TransportError::Unknown {
                    name: other.to_owned(),
                });
            }
        };
        transport.backend().map(|_| transport)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sp => "sp",
            Self::Nng => "nng",
        })
    }
}

impl Transport {
    /// What opens the sockets, if this build has it.
    pub(crate) fn backend(self) -> Result<Backend, TransportError> {
        match self {
            Self::Sp => Ok(Backend::Sp),
            #[cfg(feature = "nng")]
            Self::Nng => Ok(Backend::Nng),
            #[cfg(not(feature = "nng"))]
            Self::Nng => Err(TransportError::WithoutNng),
        }
    }
}

/// A transport that this build has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    Sp,
    #[cfg(feature = "nng")]
    Nng,
}

/// Makes the current or the next wait of a socket return
/// [`Error::Woken`], once.
///
/// Set what the woken thread shall see before calling [`wake`](Waker::wake).
#[derive(Debug, Clone)]
pub struct Waker(AnyWaker);

#[derive(Debug, Clone)]
enum AnyWaker {
    Sp(sp::Waker),
    #[cfg(feature = "nng")]
    Nng(nng::Waker),
}

impl Waker {
    /// Ends the wait.
    pub fn wake(&self) {
        match &self.0 {
            AnyWaker::Sp(waker) => waker.wake(),
            #[cfg(feature = "nng")]
            AnyWaker::Nng(waker) => waker.wake(),
        }
    }
}

/// The answering end of a request channel; see [`sp::Rep`].
#[derive(Debug)]
#[cfg_attr(
    feature = "nng",
    expect(
        clippy::large_enum_variant,
        reason = "a host has few, and what the usual one would cost a call is what counts"
    )
)]
pub(crate) enum Rep {
    Sp(sp::Rep),
    #[cfg(feature = "nng")]
    Nng(nng::Rep),
}

impl Rep {
    pub(crate) fn listen(backend: Backend, url: &str, options: Options) -> Result<Self, Error> {
        match backend {
            Backend::Sp => sp::Rep::listen(url, options).map(Self::Sp),
            #[cfg(feature = "nng")]
            Backend::Nng => nng::Rep::listen(url, &options).map(Self::Nng),
        }
    }

    pub(crate) fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        match self {
            Self::Sp(rep) => rep.recv(limit),
            #[cfg(feature = "nng")]
            Self::Nng(rep) => rep.recv(limit),
        }
    }

    pub(crate) fn send(&mut self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        match self {
            Self::Sp(rep) => rep.send(body, limit),
            #[cfg(feature = "nng")]
            Self::Nng(rep) => rep.send(body, limit),
        }
    }

    /// Answers under an id that nobody has asked under; see
    /// [`sp::Rep::send_stale`].
    pub(crate) fn send_stale(&mut self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        match self {
            Self::Sp(rep) => rep.send_stale(body, limit),
            #[cfg(feature = "nng")]
            Self::Nng(rep) => rep.send_stale(body, limit),
        }
    }

    /// Closes the connection of the peer that was heard last.
    pub(crate) fn disconnect(&mut self) {
        match self {
            Self::Sp(rep) => rep.disconnect(),
            #[cfg(feature = "nng")]
            Self::Nng(rep) => rep.disconnect(),
        }
    }

    pub(crate) fn request_id(&self) -> Option<u32> {
        match self {
            Self::Sp(rep) => rep.request_id(),
            #[cfg(feature = "nng")]
            Self::Nng(rep) => rep.request_id(),
        }
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker(match self {
            Self::Sp(rep) => AnyWaker::Sp(rep.waker()),
            #[cfg(feature = "nng")]
            Self::Nng(rep) => AnyWaker::Nng(rep.waker()),
        })
    }
}

/// The receiving end of a one-way channel; see [`sp::Pull`].
#[derive(Debug)]
#[cfg_attr(
    feature = "nng",
    expect(
        clippy::large_enum_variant,
        reason = "a host has few, and what the usual one would cost a call is what counts"
    )
)]
pub(crate) enum Pull {
    Sp(sp::Pull),
    #[cfg(feature = "nng")]
    Nng(nng::Pull),
}

impl Pull {
    pub(crate) fn listen(backend: Backend, url: &str, options: Options) -> Result<Self, Error> {
        match backend {
            Backend::Sp => sp::Pull::listen(url, options).map(Self::Sp),
            #[cfg(feature = "nng")]
            Backend::Nng => nng::Pull::listen(url, &options).map(Self::Nng),
        }
    }

    #[inline]
    pub(crate) fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        match self {
            Self::Sp(pull) => pull.recv(limit),
            #[cfg(feature = "nng")]
            Self::Nng(pull) => pull.recv(limit),
        }
    }

    #[inline]
    pub(crate) fn has_buffered(&self) -> bool {
        match self {
            Self::Sp(pull) => pull.has_buffered(),
            #[cfg(feature = "nng")]
            Self::Nng(pull) => pull.has_buffered(),
        }
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker(match self {
            Self::Sp(pull) => AnyWaker::Sp(pull.waker()),
            #[cfg(feature = "nng")]
            Self::Nng(pull) => AnyWaker::Nng(pull.waker()),
        })
    }
}

/// The sending end of a one-way channel; see [`sp::Push`].
#[derive(Debug)]
pub(crate) enum Push {
    Sp(sp::Push),
    #[cfg(feature = "nng")]
    Nng(nng::Push),
}

impl Push {
    pub(crate) fn connect(
        backend: Backend,
        url: &str,
        options: Options,
        limit: Duration,
    ) -> Result<Self, Error> {
        match backend {
            Backend::Sp => sp::Push::connect(url, options, limit).map(Self::Sp),
            #[cfg(feature = "nng")]
            Backend::Nng => nng::Push::connect(url, &options, limit).map(Self::Nng),
        }
    }

    pub(crate) fn send(&self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        match self {
            Self::Sp(push) => push.send(body, limit),
            #[cfg(feature = "nng")]
            Self::Nng(push) => push.send(body, limit),
        }
    }

    pub(crate) fn flush(&self, limit: Duration) -> Result<(), Error> {
        match self {
            Self::Sp(push) => push.flush(limit),
            #[cfg(feature = "nng")]
            Self::Nng(push) => push.flush(limit),
        }
    }

    pub(crate) fn close(&mut self) {
        match self {
            Self::Sp(push) => push.close(),
            #[cfg(feature = "nng")]
            Self::Nng(push) => push.close(),
        }
    }
}

#[cfg(test)]
mod tests;
