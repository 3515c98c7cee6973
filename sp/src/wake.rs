//! Ending a wait from another thread.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv, send};

use crate::sys::{self, SEND};

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
    /// Rung since the last [`hush`](Bell::hush): a second ring costs no system
    /// call, and looking costs none either.
    rung: AtomicBool,
    woken: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> Result<Arc<Self>, Errno> {
        let (inside, outside) = sys::pair()?;
        Ok(Arc::new(Self {
            inside,
            outside,
            rung: AtomicBool::new(false),
            woken: AtomicBool::new(false),
        }))
    }

    /// Makes the bell readable until it is [`hush`](Bell::hush)ed.
    pub(crate) fn ring(&self) {
        if self.rung.swap(true, Ordering::SeqCst) {
            return;
        }
        // The other end lives in the same value, so that this cannot fail but
        // for a full buffer, and a full buffer rings.
        while send(&self.outside, &[1], SEND) == Err(Errno::INTR) {}
    }

    /// Takes back every ring so far; look only afterwards what it was for.
    ///
    /// A ring that comes between the two steps is not written, and its cause is
    /// seen by that look.
    pub(crate) fn hush(&self) {
        let mut bytes = [0_u8; 64];
        while let Ok((_, 64)) | Err(Errno::INTR) =
            recv(&self.inside, &mut bytes, RecvFlags::empty())
        {}
        self.rung.store(false, Ordering::SeqCst);
    }

    /// Whether it was rung and not hushed, without a system call.
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed)
    }

    /// Whether [`Waker::wake`] was called since it was last taken.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// The same, and takes it.
    pub(crate) fn take_woken(&self) -> bool {
        self.is_woken() && self.woken.swap(false, Ordering::SeqCst)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inside.as_fd()
    }
}
