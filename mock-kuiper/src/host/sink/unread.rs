//! How much of what was sent on a socket its peer has not read.
//!
//! The kernel tells through netlink (`sock_diag(7)`), without `unsafe` and without
//! privileges.

use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const AF_UNIX: u8 = 1;
/// `UDIAG_SHOW_RQLEN`: the lengths of both queues.
const SHOW_QUEUES: u32 = 0x10;
/// `UNIX_DIAG_RQLEN`: two 32-bit numbers, what was received and what was sent.
const QUEUES: u16 = 4;
/// The lengths of `nlmsghdr`, `unix_diag_req` and `unix_diag_msg`.
const HEADER: usize = 16;
const REQUEST: usize = 24;
const ANSWER: usize = 16;

/// Returns the memory of what was sent on the Unix socket with this inode and not
/// read yet; `None` if the system does not tell.
pub(super) fn unread(inode: u64) -> Option<u32> {
    let inode = u32::try_from(inode).ok()?;
    let mut answer = [0; 512];
    let length = ask(inode, &mut answer).ok()?;
    sent_queue(&answer[..length])
}

fn ask(inode: u32, answer: &mut [u8]) -> Result<usize, Errno> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(SOCK_DIAG),
    )?;
    let mut request = Vec::with_capacity(HEADER + REQUEST);
    request.extend(((HEADER + REQUEST) as u32).to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    // Sequence and port, then family, protocol and padding.
    request.extend([0; 8]);
    request.extend([AF_UNIX, 0, 0, 0]);
    // Any state and any cookie.
    for field in [u32::MAX, inode, SHOW_QUEUES, u32::MAX, u32::MAX] {
        request.extend(field.to_ne_bytes());
    }
    sendto(
        &socket,
        &request,
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    // The kernel answers during the call.
    Ok(recv(&socket, answer, RecvFlags::DONTWAIT)?.0)
}

/// Finds the length of what was sent in an answer.
fn sent_queue(answer: &[u8]) -> Option<u32> {
    let kind = answer.get(4..6)?;
    if kind != SOCK_DIAG_BY_FAMILY.to_ne_bytes() {
        return None;
    }
    let mut attributes = answer.get(HEADER + ANSWER..)?;
    loop {
        let (length, rest) = attributes.split_first_chunk()?;
        let (kind, value) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        if u16::from_ne_bytes(*kind) == QUEUES {
            return Some(u32::from_ne_bytes(value.get(4..8)?.try_into().ok()?));
        }
        // Padded to four bytes; shorter than its own header is not possible.
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn inode(socket: &UnixStream) -> u64 {
        let socket: OwnedFd = socket.as_fd().try_clone_to_owned().unwrap();
        File::from(socket).metadata().unwrap().ino()
    }

    #[test]
    fn what_the_peer_has_not_read_is_known() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let inode = inode(&ours);

        let before = unread(inode);
        ours.write_all(b"row").unwrap();
        let sent = unread(inode);
        theirs.read_exact(&mut [0; 3]).unwrap();
        let after = unread(inode);

        assert_eq!(before, Some(0));
        assert!(sent > Some(0), "{sent:?}");
        assert_eq!(after, Some(0));
    }

    #[test]
    fn a_socket_that_does_not_exist_has_no_queue() {
        assert_eq!(unread(u64::from(u32::MAX)), None);
    }
}
