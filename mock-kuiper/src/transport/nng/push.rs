//! The sending end of a one-way channel, on NNG.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ekuiper_sp as sp;
use nng::options::{
    Options as _, ReconnectMaxTime, ReconnectMinTime, SendBufferSize, SendFd, SendTimeout,
};
use nng::{Message, PipeEvent, Protocol, Socket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use sp::{Error, OnPeer, Options, Peer, Presence, ProtocolError};

use super::inbox::peer_of;
use super::{failed, lock, path};

/// The pause before the first try to connect again, and the longest: those of
/// `ekuiper-sp`.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// The sending end of a one-way channel.
pub(crate) struct Push {
    socket: Socket,
    path: PathBuf,
    shared: Arc<Shared>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("socket", &self.socket)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

struct Shared {
    state: Mutex<State>,
    on_peer: Option<OnPeer>,
}

#[derive(Default)]
struct State {
    peer: Option<Peer>,
    /// Whether there ever was one.
    connected: bool,
    /// Whether nobody is to be told of peers any more.
    closed: bool,
}

impl Shared {
    fn pipe_event(&self, pipe: nng::Pipe, event: PipeEvent) {
        let mut state = lock(&self.state);
        if state.closed {
            return;
        }
        match event {
            PipeEvent::AddPost => {
                let peer = peer_of(pipe);
                self.tell(&peer, Presence::Connected);
                state.peer = Some(peer);
                state.connected = true;
            }
            PipeEvent::RemovePost => {
                if let Some(peer) = state.peer.take() {
                    self.tell(&peer, Presence::Left);
                }
            }
            _ => {}
        }
    }

    fn tell(&self, peer: &Peer, presence: Presence) {
        if let Some(on_peer) = &self.on_peer {
            on_peer(peer, presence);
        }
    }
}

impl Push {
    pub(crate) fn connect(url: &str, options: &Options, limit: Duration) -> Result<Self, Error> {
        let path = path(url);
        let failed = |error| failed("open a socket for", &path, error);
        let socket = Socket::new(Protocol::Push0).map_err(failed)?;
        socket
            .set_opt::<ReconnectMinTime>(Some(RECONNECT.0))
            .and_then(|()| socket.set_opt::<ReconnectMaxTime>(Some(RECONNECT.1)))
            // Without a buffer the socket is ready to send when all is written.
            .and_then(|()| socket.set_opt::<SendBufferSize>(0))
            .map_err(failed)?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            on_peer: options.on_peer.clone(),
        });
        let notified = Arc::clone(&shared);
        socket
            .pipe_notify(move |pipe, event| notified.pipe_event(pipe, event))
            .map_err(failed)?;
        let mut push = Self {
            socket,
            path,
            shared,
        };
        match push.dial(url, limit) {
            Ok(()) => Ok(push),
            Err(cause) => Err(Error::Unreachable {
                path: push.path.clone(),
                cause: Some(Box::new(cause)),
            }),
        }
    }

    /// Dials once, and waits for the peer's greeting.
    ///
    /// NNG has no time limit for it but its own, 10 s, so that it waits on a
    /// thread of its own: closing the socket ends it.
    fn dial(&mut self, url: &str, limit: Duration) -> Result<(), Error> {
        let (tell, told) = mpsc::channel();
        let (socket, url) = (self.socket.clone(), url.to_owned());
        let path = self.path.clone();
        let io = |doing, source| Error::Io {
            doing,
            path: path.clone(),
            source,
        };
        let dialer = thread::Builder::new()
            .name("nng-dial".to_owned())
            .spawn(move || tell.send(socket.dial(&url)))
            .map_err(|source| io("start a thread for", source))?;
        let dialed = told.recv_timeout(limit);
        if dialed.is_err() {
            self.close();
        }
        let _ = dialer.join();
        match dialed {
            // NNG's dialer greets; its PUSH then refuses what is no PULL.
            Ok(Ok(())) if lock(&self.shared.state).connected => Ok(()),
            Ok(Ok(()) | Err(nng::Error::Protocol)) => {
                let what = "NNG refused the peer's greeting";
                Err(io("connect to", io::Error::other(what)))
            }
            Ok(Err(error)) => Err(failed("connect to", &path, error)),
            Err(_) => Err(ProtocolError::GreetingTimedOut.into()),
        }
    }

    pub(crate) fn send(&self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        self.socket
            .set_opt::<SendTimeout>(limit)
            .and_then(|()| {
                self.socket
                    .send(Message::from(body))
                    .map_err(|(_, error)| error)
            })
            .map_err(|error| match error {
                nng::Error::TimedOut => Error::TimedOut,
                other => failed("send to", &self.path, other),
            })
    }

    /// Waits until the kernel has taken all that was sent.
    pub(crate) fn flush(&self, limit: Duration) -> Result<(), Error> {
        let ready = (self.socket.get_opt::<SendFd>())
            .map_err(|error| failed("wait for", &self.path, error))?;
        // SAFETY: NNG closes the descriptor with the socket, and the socket is
        // closed by `close` alone, which cannot be called while we are borrowed.
        let ready = unsafe { BorrowedFd::borrow_raw(ready) };
        let deadline = Instant::now() + limit;
        loop {
            if lock(&self.shared.state).peer.is_none() {
                return Err(Error::Disconnected);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(&mut [PollFd::new(&ready, PollFlags::IN)], Some(&left)) {
                Ok(0) => return Err(Error::TimedOut),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    return Err(Error::Io {
                        doing: "wait for",
                        path: self.path.clone(),
                        source: errno.into(),
                    });
                }
            }
        }
    }

    pub(crate) fn close(&mut self) {
        lock(&self.shared.state).closed = true;
        self.socket.close();
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        self.close();
    }
}
