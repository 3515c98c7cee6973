//! The host's sockets. Each is opened on a backend and used like those of
//! `ekuiper-sp`.

use std::time::Duration;

use ekuiper_sp as sp;
use sp::{Error, Options};

use super::choice::Backend;
#[cfg(feature = "nng")]
use super::nng;

/// Ends a wait on a socket from another thread, see [`wake`](Waker::wake).
#[derive(Debug, Clone)]
pub struct Waker(AnyWaker);

#[derive(Debug, Clone)]
enum AnyWaker {
    Sp(sp::Waker),
    #[cfg(feature = "nng")]
    Nng(nng::Waker),
}

impl Waker {
    /// Ends the socket's current wait, or its next one if it waits for nothing
    /// now.
    ///
    /// Whatever the woken thread is to see must be written before the call.
    pub fn wake(&self) {
        match &self.0 {
            AnyWaker::Sp(waker) => waker.wake(),
            #[cfg(feature = "nng")]
            AnyWaker::Nng(waker) => waker.wake(),
        }
    }
}

/// The host's end of a control or function channel; see [`sp::Rep`].
#[derive(Debug)]
#[cfg_attr(
    feature = "nng",
    expect(
        clippy::large_enum_variant,
        reason = "a host has few sockets, and a box would slow down every call"
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

    /// Sends an answer under an id of no request; see [`sp::Rep::send_stale`].
    pub(crate) fn send_stale(&mut self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        match self {
            Self::Sp(rep) => rep.send_stale(body, limit),
            #[cfg(feature = "nng")]
            Self::Nng(rep) => rep.send_stale(body, limit),
        }
    }

    /// Closes the connection of the peer that sent the last message.
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

/// The host's end of a channel of rows or acks from the plugin; see [`sp::Pull`].
#[derive(Debug)]
#[cfg_attr(
    feature = "nng",
    expect(
        clippy::large_enum_variant,
        reason = "a host has few sockets, and a box would slow down every call"
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

    /// Returns how many bytes of messages that are not complete have arrived.
    /// NNG does not tell.
    pub(crate) fn incomplete(&self) -> usize {
        match self {
            Self::Sp(pull) => pull.incomplete(),
            #[cfg(feature = "nng")]
            Self::Nng(_) => 0,
        }
    }

    /// Returns how many bytes have arrived and were not read. NNG reads at once
    /// and does not tell.
    pub(crate) fn waiting(&mut self) -> u64 {
        match self {
            Self::Sp(pull) => pull.waiting(),
            #[cfg(feature = "nng")]
            Self::Nng(_) => 0,
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

/// The host's end of a channel of rows to a sink; see [`sp::Push`].
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

    /// Returns the inode of the connection's socket. NNG does not tell.
    pub(crate) fn inode(&self) -> Option<u64> {
        match self {
            Self::Sp(push) => push.inode(),
            #[cfg(feature = "nng")]
            Self::Nng(_) => None,
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
