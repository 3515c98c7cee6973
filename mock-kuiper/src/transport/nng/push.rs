//! PUSH on NNG, with a new socket for each connection.
//!
//! NNG 1.4's PUSH may put a closed connection back into the list of those that are
//! ready for a message, and still free it. The next message on that socket, or its
//! next connection, then writes to freed memory, and NNG aborts the process.
//! Therefore nothing is sent on a socket after NNG has reported that its
//! connection ends, and the socket is not connected again.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ekuiper_sp as sp;
use nng::options::{Options as _, ReconnectMinTime, SendBufferSize, SendFd, SendTimeout};
use nng::{Message, PipeEvent, Protocol, Socket};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use sp::{Error, OnPeer, Options, Peer, Presence, ProtocolError};

use super::inbox::peer_of;
use super::support::{deadline, failed, lock, path};

/// The pause before the first attempt to reconnect, and the longest one. They are
/// those of `ekuiper-sp`.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// The pause before NNG itself reconnects a socket: long after it was closed.
const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// How long NNG may wait for room in a send before [`Line::wait`] takes over.
/// NNG cannot report the end of the connection in the meantime.
const SLICE: Duration = Duration::from_millis(10);

/// The host's end of a channel of rows to a sink.
pub(crate) struct Push {
    shared: Arc<PushShared>,
    /// Connects and reconnects.
    dialer: Option<JoinHandle<()>>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}

struct PushShared {
    url: String,
    path: PathBuf,
    state: Mutex<PushState>,
    changed: Condvar,
    on_peer: Option<OnPeer>,
}

#[derive(Default)]
struct PushState {
    /// The socket that is connecting or connected.
    line: Option<Line>,
    /// Dropped when the connection ends, which ends [`Line::wait`].
    alive: Option<UnixStream>,
    /// The connected peer. Without one nothing may be sent.
    peer: Option<Peer>,
    /// Whether the socket in `line` was connected at any time.
    connected: bool,
    /// Whether the socket had no room at the last attempt to send.
    full: bool,
    /// Whether the socket was closed. No peer is reported after that.
    closed: bool,
}

#[derive(Clone)]
struct Line {
    socket: Socket,
    /// Becomes readable when the connection ends.
    gone: Arc<UnixStream>,
}

impl Line {
    /// Waits until NNG has passed everything to the kernel. Returns `false` if
    /// the connection ends first.
    fn wait(&self, path: &Path, deadline: Option<Instant>) -> Result<bool, Error> {
        let ready =
            (self.socket.get_opt::<SendFd>()).map_err(|error| failed("wait for", path, error))?;
        // SAFETY: NNG closes the descriptor when the last clone of the socket is
        // dropped, and `self` is one. Only `Push::close` closes it earlier, which
        // needs `&mut` and so cannot be called during a wait.
        let ready = unsafe { BorrowedFd::borrow_raw(ready) };
        loop {
            let left = deadline.map(|deadline| {
                let left = deadline.saturating_duration_since(Instant::now());
                Timespec {
                    tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                    tv_nsec: left.subsec_nanos().into(),
                }
            });
            let mut both = [
                PollFd::new(&ready, PollFlags::IN),
                PollFd::from_borrowed_fd(self.gone.as_fd(), PollFlags::IN),
            ];
            match poll(&mut both, left.as_ref()) {
                Ok(0) => return Err(Error::TimedOut),
                Ok(_) => return Ok(both[1].revents().is_empty()),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    return Err(Error::Io {
                        doing: "wait for",
                        path: path.to_owned(),
                        source: errno.into(),
                    });
                }
            }
        }
    }
}

impl PushShared {
    /// Handles what NNG reports about the connection of one socket. NNG reports
    /// its end before it frees anything.
    fn pipe_event(&self, pipe: nng::Pipe, event: PipeEvent) {
        let mut state = lock(&self.state);
        match event {
            // The removal of a short-lived connection may be reported first.
            PipeEvent::AddPost if state.alive.is_some() => {
                let peer = peer_of(pipe);
                self.tell(&state, &peer, Presence::Connected);
                state.peer = Some(peer);
                state.connected = true;
            }
            PipeEvent::RemovePost => {
                state.alive = None;
                if let Some(peer) = state.peer.take() {
                    self.tell(&state, &peer, Presence::Left);
                }
            }
            _ => return,
        }
        drop(state);
        self.changed.notify_all();
    }

    fn tell(&self, state: &PushState, peer: &Peer, presence: Presence) {
        if let Some(on_peer) = &self.on_peer
            && !state.closed
        {
            on_peer(peer, presence);
        }
    }

    /// Waits while a condition holds, at most until `deadline`.
    fn wait_while(
        &self,
        deadline: Option<Instant>,
        condition: impl Fn(&mut PushState) -> bool,
    ) -> MutexGuard<'_, PushState> {
        let state = lock(&self.state);
        let waited = match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.changed
                    .wait_timeout_while(state, left, condition)
                    .map(|(state, _)| state)
                    .map_err(|poisoned| PoisonError::new(poisoned.into_inner().0))
            }
            None => self.changed.wait_while(state, condition),
        };
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects, and reconnects until the socket is closed. Gives up if the first
    /// attempt fails.
    fn keep_connected(self: &Arc<Self>, first: &mpsc::Sender<Result<(), Error>>) {
        let dialed = self.dial();
        let mut is_connected = dialed.is_ok();
        let _ = first.send(dialed);
        while is_connected {
            drop(self.wait_while(None, |state| state.peer.is_some() && !state.closed));
            is_connected = self.connect_again();
        }
        self.hang_up();
    }

    /// Dials until it is connected. Returns `false` if it was closed before.
    fn connect_again(self: &Arc<Self>) -> bool {
        let mut pause = RECONNECT.0;
        loop {
            self.hang_up();
            let end = Some(Instant::now() + pause);
            if self.wait_while(end, |state| !state.closed).closed {
                return false;
            }
            if self.dial().is_ok() {
                return true;
            }
            pause = (pause * 2).min(RECONNECT.1);
        }
    }

    /// Dials once, with a new socket.
    ///
    /// NNG waits 10 s for the peer's greeting, and the limit cannot be changed.
    /// Closing the socket ends the wait.
    fn dial(self: &Arc<Self>) -> Result<(), Error> {
        let open = |error| failed("open a socket for", &self.path, error);
        let socket = Socket::new(Protocol::Push0).map_err(open)?;
        socket
            .set_opt::<ReconnectMinTime>(Some(NEVER))
            .and_then(|()| socket.set_opt::<SendTimeout>(Some(SLICE)))
            // Without a buffer, "ready to send" means that everything is written.
            .and_then(|()| socket.set_opt::<SendBufferSize>(0))
            .map_err(open)?;
        let (alive, gone) =
            UnixStream::pair().map_err(|source| self.io("open a socket for", source))?;
        let shared = Arc::clone(self);
        socket
            .pipe_notify(move |pipe, event| shared.pipe_event(pipe, event))
            .map_err(open)?;
        {
            let mut state = lock(&self.state);
            if state.closed {
                return Err(Error::Closed);
            }
            state.line = Some(Line {
                socket: socket.clone(),
                gone: Arc::new(gone),
            });
            state.alive = Some(alive);
            state.connected = false;
            state.full = false;
        }
        match socket.dial(&self.url) {
            Ok(()) if lock(&self.state).connected => Ok(()),
            // NNG's dialer greets, and its PUSH then refuses anything except PULL.
            Ok(()) | Err(nng::Error::Protocol) => {
                let what = "NNG refused the peer's greeting";
                Err(self.io("connect to", io::Error::other(what)))
            }
            Err(error) => Err(failed("connect to", &self.path, error)),
        }
    }

    /// Closes the socket as soon as no thread uses it.
    fn hang_up(&self) {
        // NNG reports the end of the connection, which needs the lock.
        let line = lock(&self.state).line.take();
        drop(line);
    }

    fn io(&self, doing: &'static str, source: io::Error) -> Error {
        Error::Io {
            doing,
            path: self.path.clone(),
            source,
        }
    }
}

impl Push {
    pub(crate) fn connect(url: &str, options: &Options, limit: Duration) -> Result<Self, Error> {
        let shared = Arc::new(PushShared {
            url: url.to_owned(),
            path: path(url),
            state: Mutex::default(),
            changed: Condvar::new(),
            on_peer: options.on_peer.clone(),
        });
        let (tell, told) = mpsc::channel();
        let dialing = Arc::clone(&shared);
        let dialer = thread::Builder::new()
            .name("nng-dial".to_owned())
            .spawn(move || dialing.keep_connected(&tell))
            .map_err(|source| shared.io("start a thread for", source))?;
        let push = Self {
            shared,
            dialer: Some(dialer),
        };
        told.recv_timeout(limit)
            .unwrap_or_else(|_| Err(ProtocolError::GreetingTimedOut.into()))
            .map_err(|cause| Error::Unreachable {
                path: push.shared.path.clone(),
                cause: Some(Box::new(cause)),
            })?;
        Ok(push)
    }

    pub(crate) fn send(&self, body: &[u8], limit: Option<Duration>) -> Result<(), Error> {
        let deadline = deadline(limit);
        let at_once = limit.is_some_and(|limit| limit < SLICE);
        let mut message = None;
        loop {
            let mut state = self
                .shared
                .wait_while(deadline, |state| state.peer.is_none() && !state.closed);
            let line = match &state.line {
                Some(line) if state.peer.is_some() => line,
                _ if state.closed => return Err(Error::Closed),
                _ => return Err(Error::TimedOut),
            };
            // NNG takes a copy of the message even if it has no room.
            if !state.full {
                let copy = message.take().unwrap_or_else(|| Message::from(body));
                // The lock prevents NNG from freeing the connection meanwhile.
                let sent = match at_once {
                    true => line.socket.try_send(copy),
                    false => line.socket.send(copy),
                };
                match sent {
                    Ok(()) => return Ok(()),
                    Err((back, nng::Error::TryAgain | nng::Error::TimedOut)) => {
                        message = Some(back);
                    }
                    Err((_, error)) => return Err(failed("send to", &self.shared.path, error)),
                }
            }
            let line = line.clone();
            state.full = true;
            drop(state);
            line.wait(&self.shared.path, deadline)?;
            lock(&self.shared.state).full = false;
        }
    }

    /// Waits until the kernel has everything that was sent.
    pub(crate) fn flush(&self, limit: Duration) -> Result<(), Error> {
        let line = {
            let state = lock(&self.shared.state);
            match &state.line {
                Some(line) if state.peer.is_some() => line.clone(),
                _ if state.closed => return Err(Error::Closed),
                _ => return Err(Error::Disconnected),
            }
        };
        if line.wait(&self.shared.path, deadline(Some(limit)))? {
            Ok(())
        } else {
            Err(Error::Disconnected)
        }
    }

    pub(crate) fn close(&mut self) {
        let line = {
            let mut state = lock(&self.shared.state);
            state.closed = true;
            state.line.take()
        };
        self.shared.changed.notify_all();
        if let Some(line) = line {
            line.socket.close();
        }
        if let Some(dialer) = self.dialer.take() {
            let _ = dialer.join();
        }
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        self.close();
    }
}
