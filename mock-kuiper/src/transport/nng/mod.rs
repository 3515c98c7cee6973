//! The host's sockets on NNG's C library 1.4, as the crate `nng` builds it.
//!
//! They behave like those of `ekuiper-sp` and fail with the same errors, except
//! where NNG does not report something or acts differently:
//!
//! - NNG silently disconnects a peer that breaks the protocol (no greeting, the
//!   greeting of a protocol that does not match, an unknown frame, a message that
//!   is too long, a request without an id). The peer counts as one that left;
//!   there is no [`Error::Protocol`].
//! - A plugin that connects and leaves before its greeting may prevent NNG's
//!   listener from accepting other connections.
//! - [`Rep::send`] puts the answer into a queue of NNG, so there is no
//!   [`Error::TimedOut`] if the peer does not read.
//! - [`Push::send`] accepts one message more than the kernel has room for;
//!   `ekuiper-sp` has a queue. That message is lost if the connection is lost.
//! - When a socket is closed, NNG removes the file at its path, even if the file
//!   belongs to another socket.
//!
//! REP is a raw socket of NNG, which shows the ids in front of a request. A normal
//! one hides them.

mod inbox;
mod push;
mod support;

use std::time::Duration;

use ekuiper_sp as sp;
use nng::options::{Options as _, RecvBufferSize, SendTimeout};
use nng::{Message, Pipe, Protocol, RawSocket, Socket};
use sp::{Error, Options};

pub(crate) use self::inbox::Waker;
use self::inbox::{Received, Receiver};
pub(crate) use self::push::Push;
use self::support::{deadline, failed, path};

/// How many requests NNG keeps, besides those in the inbox.
const REQUESTS: i32 = 16;

/// The host's end of a control or function channel.
#[derive(Debug)]
pub(crate) struct Rep {
    receiver: Receiver,
    /// The request to be answered: the peer that sent it, and its header, which
    /// is put in front of the answer.
    asked: Option<(Pipe, Vec<u8>)>,
    /// The peer that sent the last message. [`Error::Disconnected`] is about it.
    partner: Option<Pipe>,
    request_id: Option<u32>,
    /// The message that was received last.
    current: Option<Message>,
}

impl Rep {
    pub(crate) fn listen(url: &str, options: &Options) -> Result<Self, Error> {
        let failed = |error| failed("open a socket for", &path(url), error);
        let socket = RawSocket::new(Protocol::Rep0).map_err(failed)?.socket;
        socket.set_opt::<RecvBufferSize>(REQUESTS).map_err(failed)?;
        Ok(Self {
            receiver: Receiver::listen(socket, url, options)?,
            asked: None,
            partner: None,
            request_id: None,
            current: None,
        })
    }

    pub(crate) fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        let deadline = deadline(limit);
        let (message, pipe) = loop {
            match self.receiver.next(deadline)? {
                Received::Message(message, pipe) => break (message, pipe),
                Received::Left(pipe) if self.partner == Some(pipe) => {
                    self.partner = None;
                    return Err(Error::Disconnected);
                }
                Received::Left(_) => {}
            }
        };
        let header = message.as_header().as_slice();
        // NNG drops a request whose own id is not the last one in its header.
        self.request_id = header.last_chunk().map(|id| u32::from_be_bytes(*id));
        self.asked = Some((pipe, header.to_vec()));
        self.partner = Some(pipe);
        Ok(self.current.insert(message).as_slice())
    }

    pub(crate) fn request_id(&self) -> Option<u32> {
        self.request_id
    }

    pub(crate) fn send(&mut self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let (pipe, header) = self.asked.take().ok_or(Error::WrongState)?;
        let sent = self.answer(pipe, &header, body, limit);
        if matches!(sent, Err(Error::TimedOut)) {
            self.asked = Some((pipe, header));
        }
        sent
    }

    pub(crate) fn send_stale(&mut self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let (pipe, mut header) = self.asked.clone().ok_or(Error::WrongState)?;
        if let Some(last) = header.last_mut() {
            *last = last.wrapping_sub(1);
        }
        let sent = self.answer(pipe, &header, body, limit);
        if matches!(sent, Err(Error::Disconnected)) {
            self.asked = None;
        }
        sent
    }

    fn answer(
        &mut self,
        pipe: Pipe,
        header: &[u8],
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<(), Error> {
        // NNG silently drops an answer to a peer that has left.
        if !self.receiver.is_connected(pipe) {
            self.partner = None;
            return Err(Error::Disconnected);
        }
        let mut message = Message::from(body);
        message.as_mut_header().push_back(header);
        let socket = &self.receiver.socket;
        socket
            .set_opt::<SendTimeout>(limit)
            .and_then(|()| socket.send(message).map_err(|(_, error)| error))
            .map_err(|error| match error {
                nng::Error::TimedOut => Error::TimedOut,
                error => failed("answer at", &self.receiver.path, error),
            })
    }

    pub(crate) fn disconnect(&mut self) {
        self.asked = None;
        if let Some(pipe) = self.partner.take() {
            self.receiver.disconnect(pipe);
        }
    }

    pub(crate) fn waker(&self) -> Waker {
        self.receiver.waker()
    }
}

/// The host's end of a channel of rows or acks from the plugin.
#[derive(Debug)]
pub(crate) struct Pull {
    receiver: Receiver,
    /// The message that was received last.
    current: Option<Message>,
}

impl Pull {
    pub(crate) fn listen(url: &str, options: &Options) -> Result<Self, Error> {
        let socket = Socket::new(Protocol::Pull0)
            .map_err(|error| failed("open a socket for", &path(url), error))?;
        Ok(Self {
            receiver: Receiver::listen(socket, url, options)?,
            current: None,
        })
    }

    pub(crate) fn recv(&mut self, limit: Option<Duration>) -> Result<&[u8], Error> {
        let deadline = deadline(limit);
        loop {
            if let Received::Message(message, _) = self.receiver.next(deadline)? {
                return Ok(self.current.insert(message).as_slice());
            }
        }
    }

    pub(crate) fn has_buffered(&self) -> bool {
        self.receiver.has_buffered()
    }

    pub(crate) fn waker(&self) -> Waker {
        self.receiver.waker()
    }
}
