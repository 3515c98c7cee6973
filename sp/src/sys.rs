//! Creates sockets that do not block, are not inherited by child processes, and
//! raise no SIGPIPE. Linux and the BSDs set this with flags, macOS afterwards
//! with further calls.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

use crate::Peer;

#[cfg(not(target_vendor = "apple"))]
const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
#[cfg(target_vendor = "apple")]
const FLAGS: SocketFlags = SocketFlags::empty();

/// The flags of every send.
#[cfg(not(target_vendor = "apple"))]
pub(crate) const SEND: SendFlags = SendFlags::NOSIGNAL;
/// The flags of every send.
#[cfg(target_vendor = "apple")]
pub(crate) const SEND: SendFlags = SendFlags::empty();

pub(crate) fn socket() -> Result<OwnedFd, Errno> {
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
    set_up(&socket)?;
    Ok(socket)
}

pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (one, other) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
    set_up(&one)?;
    set_up(&other)?;
    Ok((one, other))
}

pub(crate) fn accept(listener: impl AsFd) -> Result<OwnedFd, Errno> {
    #[cfg(not(target_vendor = "apple"))]
    let socket = rustix::net::accept_with(listener, FLAGS)?;
    #[cfg(target_vendor = "apple")]
    let socket = rustix::net::accept(listener)?;
    set_up(&socket)?;
    Ok(socket)
}

#[cfg(not(target_vendor = "apple"))]
fn set_up(_: &OwnedFd) -> Result<(), Errno> {
    Ok(())
}

#[cfg(target_vendor = "apple")]
fn set_up(socket: &OwnedFd) -> Result<(), Errno> {
    rustix::io::ioctl_fionbio(socket, true)?;
    rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::net::sockopt::set_socket_nosigpipe(socket, true)
}

/// Returns the process at the other end of `socket`, and its user.
///
/// Both are `None` for a process in a pid namespace that this process cannot
/// see: the kernel reports the pid 0, which rustix's type cannot represent.
#[cfg(target_os = "linux")]
pub(crate) fn peer_of(socket: impl AsFd) -> Peer {
    let credentials = rustix::net::sockopt::socket_peercred(socket).ok();
    Peer {
        pid: credentials.map(|peer| peer.pid.as_raw_nonzero().get() as u32),
        uid: credentials.map(|peer| peer.uid.as_raw()),
    }
}

/// Returns the process at the other end of `socket`, without its pid and user:
/// only Linux is supported.
#[cfg(not(target_os = "linux"))]
pub(crate) fn peer_of(_: impl AsFd) -> Peer {
    Peer {
        pid: None,
        uid: None,
    }
}
