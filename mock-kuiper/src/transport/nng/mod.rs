//! The host's sockets on NNG's C library, 1.4, as the crate `nng` builds it.
//!
//! They do what those of `ekuiper-sp` do, with the same errors, but for what NNG
//! does not tell or does otherwise:
//!
//! - A peer that breaks the protocol (no greeting, one of a protocol that does
//!   not belong to ours, an unknown frame, a message that is too long, a request
//!   without id) is sent away by NNG without a word. It counts as one that left;
//!   there is no [`Error::Protocol`].
//! - A plugin that connects and leaves before it has greeted may keep NNG's
//!   listener from accepting anybody else.
//! - [`Rep::send`] hands the answer to a queue of NNG's: a peer that does not
//!   read makes no [`Error::TimedOut`].
//! - [`Push::send`] takes one message more than the kernel has room for, where
//!   `ekuiper-sp` has a queue. At a lost connection that one is lost, too.
//! - At close NNG removes the file at the socket's path, whosever it is.
//!
//! REP is NNG's raw one, which shows the ids in front of a request; the cooked
//! one keeps them to itself.

mod inbox;
mod push;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp as sp;
use nng::options::{Options as _, RecvBufferSize, SendTimeout};
use nng::{Message, Pipe, Protocol, RawSocket, Socket};
use sp::{Error, Options};

pub(crate) use self::inbox::Waker;
use self::inbox::{Received, Receiver};
pub(crate) use self::push::Push;

/// The requests that NNG keeps for us beside those in the inbox.
const REQUESTS: i32 = 16;

/// The answering end of a request channel.
#[derive(Debug)]
pub(crate) struct Rep {
    receiver: Receiver,
    /// The request to be answered: who asked, and its header, which goes in
    /// front of the answer.
    asked: Option<(Pipe, Vec<u8>)>,
    /// The peer that was heard last: its leaving is news.
    partner: Option<Pipe>,
    request_id: Option<u32>,
    /// What was received last.
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
        // NNG lets no request pass whose own id is not the last of its header.
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
        self.answer(pipe, &header, body, limit)
    }

    fn answer(
        &mut self,
        pipe: Pipe,
        header: &[u8],
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<(), Error> {
        // NNG throws an answer to nobody away.
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

/// The receiving end of a one-way channel.
#[derive(Debug)]
pub(crate) struct Pull {
    receiver: Receiver,
    /// What was received last.
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

/// The path in a URL; what is wrong with it was said before.
fn path(url: &str) -> PathBuf {
    url.strip_prefix("ipc://").unwrap_or(url).into()
}

fn failed(doing: &'static str, path: &Path, error: nng::Error) -> Error {
    if error == nng::Error::Closed {
        return Error::Closed;
    }
    let source = match error {
        nng::Error::SystemErr(code) => io::Error::from_raw_os_error(code.cast_signed()),
        other => other.into(),
    };
    Error::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// The moment at which a limit that starts now ends.
fn deadline(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
