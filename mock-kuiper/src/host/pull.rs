//! A channel that the host only reads: a source's rows, a sink's acks.
//!
//! Rules: protocol.md section 4.

use std::sync::Arc;
use std::time::Duration;

use ekuiper_sp::{Error, ProtocolError};

use super::breach::{BreachError, play_to_dialer};
use super::channel::{DYING, patiently};
use super::error::HostError;
use super::failure::{Failure, transport_error};
use super::presence::Peers;
use super::process::ends_within;
use super::shared::{Registered, Shared};
use crate::breach::Breach;
use crate::event::What;
use crate::symbol::{Channel, Side};
use crate::transport::{Pull, Waker};

/// The host's end of a channel that it reads.
#[derive(Debug)]
pub(crate) struct PullChannel {
    channel: Channel,
    /// `None` while the channel is closed.
    socket: Option<Socket>,
    /// The waker of the socket that was opened last.
    waker: Waker,
    /// The peers of the socket that was opened last.
    peers: Arc<Peers>,
    /// How many messages may be cut off: an instance that is stopped or replaced
    /// closes its connection even while it sends.
    may_cut: u32,
    shared: Arc<Shared>,
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
    pub(crate) fn open(channel: Channel, shared: &Arc<Shared>) -> Result<Self, HostError> {
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

    /// Allows one message to be cut off: the sending instance was stopped.
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
    pub(crate) fn reopen(&mut self) -> Result<(), HostError> {
        self.close();
        self.peers = Arc::default();
        let socket = Socket::listen(&self.channel, &self.shared, &self.peers)?;
        self.waker = socket.pull.waker();
        self.socket = Some(socket);
        Ok(())
    }

    /// Breaks the transport's protocol on a plain socket that replaces the
    /// host's for a moment.
    pub(crate) fn breach(&mut self, breach: Breach, limit: Duration) -> Result<(), BreachError> {
        self.close();
        let played = play_to_dialer(breach, &self.channel, &self.shared, limit);
        self.reopen()?;
        played
    }

    /// Waits for a message, at most `limit`; returns it with the channel.
    ///
    /// A message that was cut off by the end of its process or of its instance
    /// gives [`Failure::Woken`]: eKuiper skips it.
    pub(crate) fn recv(&mut self, limit: Option<Duration>) -> Result<(&Channel, &[u8]), Failure> {
        let Some(socket) = &mut self.socket else {
            return Err(Failure::of(&self.channel, Error::Closed));
        };
        match socket.pull.recv(limit) {
            Ok(message) => Ok((&self.channel, message)),
            Err(Error::Protocol(ProtocolError::Truncated { .. })) if self.may_cut > 0 => {
                self.may_cut -= 1;
                Err(Failure::Woken)
            }
            Err(Error::Protocol(ProtocolError::Truncated { .. }))
                if ends_within(self.peers.left(), DYING) =>
            {
                Err(Failure::Woken)
            }
            // A plugin that a debugger has stopped between connection and greeting
            // dials again.
            Err(Error::Protocol(ProtocolError::GreetingTimedOut)) if self.shared.is_attached() => {
                Err(Failure::Woken)
            }
            Err(error) => Err(Failure::of(&self.channel, error)),
        }
    }

    /// Returns the number of connections, as far as the host has accepted them.
    pub(crate) fn connections(&self) -> usize {
        self.peers.connections()
    }

    /// Returns how long nobody has been connected, once the plugin was, and at most
    /// since the last start order of a new process.
    pub(crate) fn gone_for(&self) -> Option<Duration> {
        self.shared.gone_since_start(&self.peers)
    }

    /// Returns the process that disconnected last; 0 for none.
    pub(crate) fn left(&self) -> u32 {
        self.peers.left()
    }

    /// Whether the plugin is or was connected.
    pub(crate) fn has_been_dialed(&self) -> bool {
        self.peers.has_been_dialed()
    }

    /// Returns how many bytes of messages that are not complete have arrived.
    pub(crate) fn incomplete(&self) -> usize {
        let socket = self.socket.as_ref();
        socket.map_or(0, |socket| socket.pull.incomplete())
    }

    /// Returns how many bytes have arrived and were not read.
    pub(crate) fn waiting(&mut self) -> u64 {
        let socket = self.socket.as_mut();
        socket.map_or(0, |socket| socket.pull.waiting())
    }

    /// Whether a message has been read already.
    pub(crate) fn has_buffered(&self) -> bool {
        let socket = self.socket.as_ref();
        socket.is_some_and(|socket| socket.pull.has_buffered())
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Socket {
    fn listen(
        channel: &Channel,
        shared: &Arc<Shared>,
        peers: &Arc<Peers>,
    ) -> Result<Self, HostError> {
        let url = shared.url(channel);
        let pull = patiently(|| {
            let mut options = shared.options(channel);
            peers.watch(&mut options);
            Pull::listen(shared.backend, &url, options)
        })
        .map_err(|error| transport_error(channel, error))?;
        Ok(Self {
            _registered: shared.register(pull.waker()),
            pull,
        })
    }
}
