//! What a caller may set on a socket, and what is known of a peer.

use std::fmt;
use std::sync::Arc;

/// Settings of a socket; those that do not concern its kind are not looked at.
///
/// ```
/// let mut options = ekuiper_sp::Options::default();
/// options.max_message = Some(1 << 20);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The longest message that is received, in bytes, with the id of 4 bytes
    /// that stands in front of a request or reply, as NNG and mangos count.
    /// `None`: no limit, as in eKuiper from 2.0 on; 1.x has 1 MiB.
    pub max_message: Option<u64>,
    /// [`Push`](crate::Push): the bytes that may wait before a send blocks.
    ///
    /// One message always may, whatever its size; as many bytes again may be on
    /// their way in the flusher. Default: 256 KiB.
    pub queue_bytes: usize,
    /// [`Rep`](crate::Rep), [`Pull`](crate::Pull): asked once for each peer that
    /// connects, before it is greeted. `false` closes the connection. It is
    /// called on the thread that accepts, and must not wait.
    pub admit: Option<Admit>,
    /// [`Rep`](crate::Rep), [`Pull`](crate::Pull), [`Push`](crate::Push): told
    /// of each peer that has greeted, before a message of it is received, and
    /// when its connection is over; not when the socket is closed or dropped.
    ///
    /// Those that listen call it on the thread that receives, `Push` on one of
    /// its own but for the first connection of
    /// [`Push::connect`](crate::Push::connect). It must not use the socket.
    pub on_peer: Option<OnPeer>,
}

/// Takes note of a peer; see [`Options::on_peer`].
pub type OnPeer = Arc<dyn Fn(&Peer, Presence) + Send + Sync>;

/// Whether a peer has come or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has connected and greeted.
    Connected,
    /// It has left, or broke the protocol and was sent away.
    Left,
}

/// Decides whether a peer may connect; see [`Options::admit`].
pub type Admit = Arc<dyn Fn(&Peer) -> bool + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self {
            max_message: None,
            queue_bytes: 256 * 1024,
            admit: None,
            on_peer: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_message", &self.max_message)
            .field("queue_bytes", &self.queue_bytes)
            .field("admit", &self.admit.is_some())
            .field("on_peer", &self.on_peer.is_some())
            .finish()
    }
}

/// The process at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// Its process id as the kernel noted it when the connection was made;
    /// `None` where the system does not tell.
    pub pid: Option<u32>,
}

impl Peer {
    /// Describes a peer of a socket that is not this crate's, to ask the same
    /// [`Options`] about it.
    #[must_use]
    pub fn new(pid: Option<u32>) -> Self {
        Self { pid }
    }
}
