//! A channel that the host only reads: a source's rows, a sink's acks.
//!
//! Rules: protocol.md section 4.

use std::sync::Arc;
use std::time::Duration;

use ekuiper_sp::Error;

use super::breach::{Breach, BreachError};
use super::channel::patiently;
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
    pub(crate) fn open(channel: Channel, shared: &Arc<Shared>) -> Result<Self, Error> {
        let socket = Socket::listen(&channel, shared)?;
        Ok(Self {
            channel,
            waker: socket.pull.waker(),
            socket: Some(socket),
            shared: Arc::clone(shared),
        })
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
        let socket = Socket::listen(&self.channel, &self.shared)?;
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
    pub(crate) fn recv(&mut self, limit: Option<Duration>) -> Result<(&Channel, &[u8]), Error> {
        match &mut self.socket {
            Some(socket) => Ok((&self.channel, socket.pull.recv(limit)?)),
            None => Err(Error::Closed),
        }
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
    fn listen(channel: &Channel, shared: &Arc<Shared>) -> Result<Self, Error> {
        let url = shared.url(channel);
        let pull = patiently(|| Pull::listen(shared.backend, &url, shared.options(channel)))?;
        Ok(Self {
            _registered: shared.register(pull.waker()),
            pull,
        })
    }
}
