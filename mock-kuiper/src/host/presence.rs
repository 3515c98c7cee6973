//! Who is connected to a channel, and since when nobody is.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp::{Options, Peer, Presence};

/// How long a data channel that the plugin has closed may stay closed: an SDK
/// dials again, or listens again, within some 100 ms.
pub const RESTORE: Duration = Duration::from_secs(1);

/// The peers of one socket, as far as the host has noticed them.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// The number of connections.
    count: AtomicUsize,
    /// The process that disconnected last; 0 for none.
    left: AtomicU32,
    /// When the last connection was lost.
    left_at: Mutex<Option<Instant>>,
}

impl Peers {
    /// Lets a socket report its connections.
    pub(super) fn watch(self: &Arc<Self>, options: &mut Options) {
        let (told, peers) = (options.on_peer.take(), Arc::clone(self));
        options.on_peer = Some(Arc::new(move |peer, presence| {
            peers.note(peer, presence);
            if let Some(told) = &told {
                told(peer, presence);
            }
        }));
    }

    fn note(&self, peer: &Peer, presence: Presence) {
        match presence {
            Presence::Connected => {
                self.count.fetch_add(1, Ordering::SeqCst);
            }
            Presence::Left => {
                let left_at = self.left_at.lock();
                *left_at.unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                self.left.store(peer.pid.unwrap_or(0), Ordering::SeqCst);
                self.count.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Returns the number of connections.
    pub(super) fn connections(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Returns the process that disconnected last; 0 for none.
    pub(super) fn left(&self) -> u32 {
        self.left.load(Ordering::SeqCst)
    }

    /// Returns how long nobody has been connected, once somebody was.
    pub(super) fn gone_for(&self) -> Option<Duration> {
        if self.connections() > 0 {
            return None;
        }
        let left_at = self.left_at.lock();
        left_at
            .unwrap_or_else(PoisonError::into_inner)
            .map(|left_at| left_at.elapsed())
    }

    /// Whether somebody is or was connected.
    pub(super) fn has_been_dialed(&self) -> bool {
        self.connections() > 0 || self.gone_for().is_some()
    }
}
