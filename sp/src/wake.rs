//! Interrupts a wait from another thread.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv, send};

use crate::sys::{self, SEND};

/// Interrupts a `recv` from another thread: the current or the next one returns
/// [`Error::Woken`](crate::Error::Woken), once.
///
/// Anything that the woken thread must see has to be written before
/// [`wake`](Waker::wake) is called.
#[derive(Clone, Debug)]
pub struct Waker(pub(crate) Arc<Bell>);

impl Waker {
    /// Interrupts the current or the next `recv`.
    pub fn wake(&self) {
        self.0.woken.store(true, Ordering::SeqCst);
        self.0.ring();
    }
}

/// A file descriptor that becomes readable when [`ring`](Bell::ring) is called.
/// Threads poll it together with their connections.
#[derive(Debug)]
pub(crate) struct Bell {
    inside: OwnedFd,
    outside: OwnedFd,
    /// Whether the bell was rung since the last [`hush`](Bell::hush). With it a
    /// second ring needs no system call, and neither does
    /// [`is_rung`](Bell::is_rung).
    rung: AtomicBool,
    /// Whether [`Waker::wake`] was called and not yet reported.
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

    /// Makes the bell readable until [`hush`](Bell::hush) is called.
    pub(crate) fn ring(&self) {
        if self.rung.swap(true, Ordering::SeqCst) {
            return;
        }
        // Both ends live in this value, so the only possible failure is a full
        // buffer, and then the bell is readable already.
        while send(&self.outside, &[1], SEND) == Err(Errno::INTR) {}
    }

    /// Makes the bell unreadable again.
    ///
    /// Callers must look for the causes of the rings after this call, not
    /// before. A ring that comes while this runs may write no byte, but the look
    /// that follows finds its cause.
    pub(crate) fn hush(&self) {
        let mut bytes = [0_u8; 64];
        while let Ok((_, 64)) | Err(Errno::INTR) =
            recv(&self.inside, &mut bytes, RecvFlags::empty())
        {}
        self.rung.store(false, Ordering::SeqCst);
    }

    /// Returns whether the bell is readable, without a system call.
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed)
    }

    /// Returns whether [`Waker::wake`] was called since the last
    /// [`take_woken`](Self::take_woken).
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Returns whether [`Waker::wake`] was called, and resets that.
    pub(crate) fn take_woken(&self) -> bool {
        self.is_woken() && self.woken.swap(false, Ordering::SeqCst)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inside.as_fd()
    }
}
