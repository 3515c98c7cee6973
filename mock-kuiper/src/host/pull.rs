//! A channel that the host only reads: a source's rows, a sink's acks.
//!
//! Rules: protocol.md section 4.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use ekuiper_sp::{Error, Peer, Presence, ProtocolError};

use super::breach::{Breach, BreachError};
use super::channel::{DYING, patiently};
use super::process::ends_within;
use super::shared::{Registered, Shared};
use crate::event::What;
use crate::symbol::{Channel, Side};
use crate::transport::{Pull, Waker};

/// The host's end of a channel that it reads.
#[derive(Debug)]
pub(crate) struct PullChannel {
    channel: Channel,
    /// `None` while the channel is closed.
    socket: Option<Socket>,
    /// Of the socket that was opened last.
    waker: Waker,
    /// The same.
    peers: Arc<Peers>,
    /// How many messages may end in the middle: an instance that is stopped or
    /// replaced closes its connection whatever it is sending.
    may_cut: u32,
    shared: Arc<Shared>,
}

/// Who is connected, as far as the host has looked.
#[derive(Debug, Default)]
struct Peers {
    /// How many are.
    count: AtomicUsize,
    /// The process that left last; 0 is none.
    left: AtomicU32,
}

impl Peers {
    fn note(&self, peer: &Peer, presence: Presence) {
        match presence {
            Presence::Connected => {
                self.count.fetch_add(1, Ordering::SeqCst);
            }
            Presence::Left => {
                self.count.fetch_sub(1, Ordering::SeqCst);
                self.left.store(peer.pid.unwrap_or(0), Ordering::SeqCst);
            }
        }
    }
}

#[derive(Debug)]
struct Socket {
    pull: Pull,
    _registered: Registered,
}

impl PullChannel {
    /// Listens where `channel` is.
    ///
    /// An address in use is tried 5 more times, 100 ms apart, as eKuiper does.
    pub(crate) fn open(channel: Channel, shared: &Arc<Shared>) -> Result<Self, Error> {
        let peers = Arc::default();
        let socket = Socket::listen(&channel, shared, &peers)?;
        Ok(Self {
            channel,
            peers,
            waker: socket.pull.waker(),
            socket: Some(socket),
            may_cut: 0,
            shared: Arc::clone(shared),
        })
    }

    /// Notes that the instance which sends was told to end.
    pub(crate) fn allow_cut(&mut self) {
        self.may_cut += 1;
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Stops listening, and removes the socket's file.
    pub(crate) fn close(&mut self) {
        if self.socket.take().is_some() {
            self.shared.tell(What::Closed {
                channel: &self.channel,
                from: Side::Host,
            });
        }
    }

    /// Listens again where the channel was closed.
    pub(crate) fn reopen(&mut self) -> Result<(), Error> {
        self.close();
        self.peers = Arc::default();
        let socket = Socket::listen(&self.channel, &self.shared, &self.peers)?;
        self.waker = socket.pull.waker();
        self.socket = Some(socket);
        Ok(())
    }

    /// Breaks the transport's protocol on a plain socket in the place of the
    /// host's.
    pub(crate) fn breach(&mut self, breach: Breach, limit: Duration) -> Result<(), BreachError> {
        self.close();
        let played = breach.to_dialer(&self.channel, &self.shared, limit);
        self.reopen()?;
        played
    }

    /// Waits for a message; see [`Pull::recv`]. Gives the channel beside it.
    ///
    /// A message that was cut by the end of its process or of its instance is
    /// told with [`Error::Woken`]: eKuiper passes over it.
    pub(crate) fn recv(&mut self, limit: Option<Duration>) -> Result<(&Channel, &[u8]), Error> {
        let Some(socket) = &mut self.socket else {
            return Err(Error::Closed);
        };
        match socket.pull.recv(limit) {
            Ok(message) => Ok((&self.channel, message)),
            Err(Error::Protocol(ProtocolError::Truncated { .. })) if self.may_cut > 0 => {
                self.may_cut -= 1;
                Err(Error::Woken)
            }
            Err(Error::Protocol(ProtocolError::Truncated { .. }))
                if ends_within(self.peers.left.load(Ordering::SeqCst), DYING) =>
            {
                Err(Error::Woken)
            }
            Err(error) => Err(error),
        }
    }

    /// How many connections there are, as far as the host has looked.
    pub(crate) fn connections(&self) -> usize {
        self.peers.count.load(Ordering::SeqCst)
    }

    /// Whether a message is here already.
    pub(crate) fn has_buffered(&self) -> bool {
        let socket = self.socket.as_ref();
        socket.is_some_and(|socket| socket.pull.has_buffered())
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Socket {
    fn listen(channel: &Channel, shared: &Arc<Shared>, peers: &Arc<Peers>) -> Result<Self, Error> {
        let url = shared.url(channel);
        let pull = patiently(|| {
            let mut options = shared.options(channel);
            let (told, peers) = (options.on_peer.take(), Arc::clone(peers));
            options.on_peer = Some(Arc::new(move |peer, presence| {
                peers.note(peer, presence);
                if let Some(told) = &told {
                    told(peer, presence);
                }
            }));
            Pull::listen(shared.backend, &url, options)
        })?;
        Ok(Self {
            _registered: shared.register(pull.waker()),
            pull,
        })
    }
}
