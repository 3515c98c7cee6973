//! Ending a wait from another thread.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};

/// Makes the current or the next `recv` of a socket return
/// [`Error::Woken`](crate::Error::Woken), once.
///
/// Set what the woken thread shall see before calling [`wake`](Waker::wake).
#[derive(Clone, Debug)]
pub struct Waker(pub(crate) Arc<Bell>);

impl Waker {
    /// Ends the wait.
    pub fn wake(&self) {
        self.0.woken.store(true, Ordering::SeqCst);
        self.0.ring();
    }
}

/// A descriptor that becomes readable when it is rung: what a thread polls
/// beside its connections.
#[derive(Debug)]
pub(crate) struct Bell {
    inside: OwnedFd,
    outside: OwnedFd,
    woken: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> Result<Arc<Self>, Errno> {
        let (inside, outside) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )?;
        Ok(Arc::new(Self {
            inside,
            outside,
            woken: AtomicBool::new(false),
        }))
    }

    /// Makes the bell readable until it is [`hush`](Bell::hush)ed.
    pub(crate) fn ring(&self) {
        // A full pipe rings already; any other failure would mean that the
        // other end, which lives in the same value, is gone.
        let _ = send(&self.outside, &[1], SendFlags::NOSIGNAL);
    }

    /// Takes back every ring so far.
    pub(crate) fn hush(&self) {
        let mut bytes = [0_u8; 64];
        while let Ok((_, 64)) = recv(&self.inside, &mut bytes, RecvFlags::empty()) {}
    }

    /// Whether [`Waker::wake`] was called since the last time this was asked.
    pub(crate) fn take_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed) && self.woken.swap(false, Ordering::SeqCst)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inside.as_fd()
    }
}
