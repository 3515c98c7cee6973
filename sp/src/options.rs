//! The settings of a socket, and what they need to know about a peer.

use std::fmt;
use std::sync::Arc;

use crate::budget::Budget;

/// The settings of a socket. A socket ignores the settings that do not apply to
/// its kind.
///
/// ```
/// let mut options = ekuiper_sp::Options::default();
/// options.max_message = Some(1 << 20);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The length in bytes of the longest message that the socket accepts. As
    /// in NNG and mangos, the 4-byte id in front of a request or reply counts.
    ///
    /// `None` means no limit, as in eKuiper from 2.0 on; eKuiper 1.x has a limit
    /// of 1 MiB. A longer message closes the connection.
    pub max_message: Option<u64>,
    /// The number of bytes that may be queued before a send blocks. Applies to
    /// [`Push`](crate::Push).
    ///
    /// An empty queue accepts one message of any size. As many bytes again can
    /// be in the hands of the flusher. Default: 256 KiB.
    pub queue_bytes: usize,
    /// The memory in bytes that the kernel may use for what the peer has not read.
    /// Applies to [`Push`](crate::Push).
    ///
    /// It counts some 800 bytes for a short message that is written alone. The kernel
    /// has a lower limit of a few KiB, and an upper one (`net.core.wmem_max` of Linux).
    /// Default: what the system has set, 208 KiB on Linux.
    pub kernel_bytes: Option<usize>,
    /// The memory that this socket's queue shares with those of other sockets. It
    /// can make the queue shorter than `queue_bytes`, never longer. Applies to
    /// [`Push`](crate::Push). Default: none.
    pub budget: Option<Budget>,
    /// Decides whether a peer may connect: `false` closes the connection.
    /// Applies to [`Rep`](crate::Rep) and [`Pull`](crate::Pull).
    ///
    /// It is called once for each peer, before the greetings, on the thread that
    /// accepts connections. It must not block.
    pub admit: Option<Admit>,
    /// Called for each peer when it has greeted, before its first message is
    /// received, and again when its connection ends. It is not called when the
    /// socket itself is closed or dropped. Applies to [`Rep`](crate::Rep),
    /// [`Pull`](crate::Pull) and [`Push`](crate::Push).
    ///
    /// `Rep` and `Pull` call it on the thread that receives. `Push` calls it on
    /// a background thread; only the first connection of
    /// [`Push::connect`](crate::Push::connect) is reported on the caller's
    /// thread. It must not use the socket.
    pub on_peer: Option<OnPeer>,
    /// Called when a queue that was full has room again. Applies to
    /// [`Push`](crate::Push).
    ///
    /// A queue was full if a send or a [`put`](crate::Push::put) found no room.
    /// It is called on a background thread, once for any number of these, and not
    /// when the socket is closed. It must not block.
    pub on_room: Option<OnRoom>,
}

/// A callback for a queue that has room again; see [`Options::on_room`].
pub type OnRoom = Arc<dyn Fn() + Send + Sync>;

/// A callback for peers that come and go; see [`Options::on_peer`].
pub type OnPeer = Arc<dyn Fn(&Peer, Presence) + Send + Sync>;

/// Whether a peer has connected or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The peer has connected and greeted.
    Connected,
    /// The peer has left, or was disconnected because it broke the protocol.
    Left,
}

/// A callback that decides whether a peer may connect; see [`Options::admit`].
pub type Admit = Arc<dyn Fn(&Peer) -> bool + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            max_message: None,
            queue_bytes: 256 * 1024,
            kernel_bytes: None,
            budget: None,
            admit: None,
            on_peer: None,
            on_room: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_message", &self.max_message)
            .field("queue_bytes", &self.queue_bytes)
            .field("kernel_bytes", &self.kernel_bytes)
            .field("budget", &self.budget)
            .field("admit", &self.admit.is_some())
            .field("on_peer", &self.on_peer.is_some())
            .field("on_room", &self.on_room.is_some())
            .finish()
    }
}

/// The process at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The process id that the kernel recorded when the connection was made;
    /// `None` if the system does not provide it.
    pub pid: Option<u32>,
    /// The user id that the kernel recorded with it; `None` if the system does
    /// not provide it.
    pub uid: Option<u32>,
}

impl Peer {
    /// Creates a peer from a process id, without a user.
    ///
    /// For callers that accept connections without this crate and want to apply
    /// the same [`Options`] to them.
    #[must_use]
    pub fn new(pid: Option<u32>) -> Self {
        Self { pid, uid: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_show_their_values_and_which_callbacks_are_set() {
        let options = Options {
            max_message: Some(7),
            budget: Some(Budget::new(9)),
            on_room: Some(Arc::new(|| {})),
            ..Options::default()
        };

        assert_eq!(
            format!("{options:?}"),
            "Options { max_message: Some(7), queue_bytes: 262144, \
             kernel_bytes: None, budget: Some(Budget { total: 9, used: 0 }), \
             admit: false, on_peer: false, on_room: true }"
        );
    }
}
