//! The receiving half of NNG's REP and PULL: what NNG's threads hand over, and
//! the one thread that takes it.
//!
//! A receive is always under way; its callback puts the message into the inbox
//! and begins the next one, until enough lies there. Connections that come and
//! go are put into the same inbox, so that each thing has its place in one order
//! and a wait ends for whichever is first.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use ekuiper_sp as sp;
use nng::options::transport::ipc::PeerPid;
use nng::options::{Options as _, RecvMaxSize};
use nng::{Aio, AioResult, Message, Pipe, PipeEvent, Socket};
use sp::{Error, OnPeer, Options, Peer, Presence};

use super::{failed, lock};

/// Messages that lie in the inbox before NNG receives no more.
const MOST_MESSAGES: usize = 256;

/// The same in bytes.
const MOST_BYTES: usize = 1024 * 1024;

/// How long the shortest wait is: what the kernel has taken, connections too,
/// reaches us by NNG's threads, and they need a moment.
const MOMENT: Duration = Duration::from_millis(50);

/// A listening socket, and what came over it.
pub(super) struct Receiver {
    pub(super) socket: Socket,
    pub(super) path: PathBuf,
    aio: Aio,
    inbox: Arc<Inbox>,
    /// What was taken out of the inbox.
    ready: VecDeque<Item>,
    on_peer: Option<OnPeer>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("socket", &self.socket)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What comes over a listening socket.
pub(super) enum Received {
    Message(Message, Pipe),
    /// A peer is gone, and all that it said was received.
    Left(Pipe),
}

/// Ends a wait from another thread.
#[derive(Debug, Clone)]
pub(crate) struct Waker(Arc<Inbox>);

impl Waker {
    pub(crate) fn wake(&self) {
        self.0.woken.store(true, Ordering::SeqCst);
        // Whoever is about to wait holds the lock.
        drop(lock(&self.0.state));
        self.0.changed.notify_all();
    }
}

#[derive(Default)]
struct Inbox {
    state: Mutex<State>,
    changed: Condvar,
    woken: AtomicBool,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// The length of the messages in `items`.
    bytes: usize,
    /// Whether a receive is under way.
    armed: bool,
    /// Whether none is to begin.
    paused: bool,
    /// Whether somebody waits for a change.
    waiting: bool,
    /// Why nothing can be received any more.
    failed: Option<nng::Error>,
    /// Those that are connected and admitted.
    peers: HashMap<Pipe, Connected>,
}

struct Connected {
    peer: Peer,
    /// Whether its coming is in the inbox, or was.
    told: bool,
}

enum Item {
    Came(Peer),
    Message(Message, Pipe),
    Left {
        pipe: Pipe,
        peer: Peer,
        /// Whether what it had said stands before this.
        settled: bool,
    },
}

impl State {
    /// Begins to receive, if there is room.
    fn arm(&mut self, socket: &Socket, aio: &Aio) {
        let room = self.items.len() < MOST_MESSAGES && self.bytes < MOST_BYTES;
        if room && !self.armed && !self.paused {
            // NNG calls back from another thread, which waits for our lock.
            match socket.recv_async(aio) {
                Ok(()) => self.armed = true,
                Err(error) => self.failed = Some(error),
            }
        }
    }

    fn put(&mut self, mut message: Message) {
        // A message always has one.
        let Some(pipe) = message.pipe() else { return };
        self.introduce(pipe);
        self.bytes += message.len();
        self.items.push_back(Item::Message(message, pipe));
    }

    /// Tells of a peer before the first message of it: NNG begins to receive
    /// before it says that a peer was added.
    fn introduce(&mut self, pipe: Pipe) {
        if let Some(connected) = self.peers.get_mut(&pipe)
            && !std::mem::replace(&mut connected.told, true)
        {
            self.items.push_back(Item::Came(connected.peer.clone()));
        }
    }
}

impl Inbox {
    /// Changes the state, and ends the wait of whoever waits.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let waiting = state.waiting;
        drop(state);
        if waiting {
            self.changed.notify_all();
        }
    }

    /// What NNG tells of connections. It admits them here, before they are
    /// greeted: the only place where a peer can be refused.
    fn pipe_event(&self, pipe: Pipe, event: PipeEvent, admit: Option<&sp::Admit>) {
        match event {
            PipeEvent::AddPre => {
                let peer = peer_of(pipe);
                if admit.is_some_and(|admit| !admit(&peer)) {
                    pipe.close();
                    return;
                }
                let connected = Connected { peer, told: false };
                lock(&self.state).peers.insert(pipe, connected);
            }
            PipeEvent::AddPost => self.change(|state| state.introduce(pipe)),
            PipeEvent::RemovePost => self.change(|state| {
                if let Some(Connected { peer, told: true }) = state.peers.remove(&pipe) {
                    let settled = false;
                    state.items.push_back(Item::Left {
                        pipe,
                        peer,
                        settled,
                    });
                }
            }),
            _ => {}
        }
    }
}

/// The process at the other end, where the system tells.
pub(super) fn peer_of(pipe: Pipe) -> Peer {
    let pid = pipe.get_opt::<PeerPid>().ok();
    Peer::new(pid.and_then(|pid| u32::try_from(pid).ok().filter(|pid| *pid > 0)))
}

impl Receiver {
    /// Listens with a socket that nobody listens with yet.
    pub(super) fn listen(socket: Socket, url: &str, options: &Options) -> Result<Self, Error> {
        // NNG looks for itself whether an old file is stale, but says of a file
        // in use neither whose it is nor of one that is no socket that it is.
        let claim = sp::claim(url)?;
        let path = super::path(url);
        let failed = |error| failed("listen at", &path, error);
        let inbox = Arc::new(Inbox::default());
        let (notified, admit) = (Arc::clone(&inbox), options.admit.clone());
        let limit = options.max_message.unwrap_or(0);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let aio = {
            let (inbox, socket) = (Arc::clone(&inbox), socket.clone());
            Aio::new(move |aio, result| {
                inbox.change(|state| {
                    state.armed = false;
                    match result {
                        AioResult::Recv(Ok(message)) => {
                            state.put(message);
                            state.arm(&socket, &aio);
                        }
                        AioResult::Recv(Err(nng::Error::Canceled)) => {}
                        AioResult::Recv(Err(error)) => state.failed = Some(error),
                        AioResult::Send(_) | AioResult::Sleep(_) => {}
                    }
                });
            })
            .map_err(failed)?
        };
        let mut receiver = Self {
            socket,
            aio,
            inbox,
            ready: VecDeque::new(),
            on_peer: options.on_peer.clone(),
            path: path.clone(),
        };
        let socket = &mut receiver.socket;
        socket.set_opt::<RecvMaxSize>(limit).map_err(failed)?;
        socket
            .pipe_notify(move |pipe, event| notified.pipe_event(pipe, event, admit.as_ref()))
            .map_err(failed)?;
        match socket.listen(url) {
            Ok(()) => {}
            // Somebody who makes no claims was faster.
            Err(nng::Error::AddressInUse) => return Err(Error::InUse { path, pid: None }),
            Err(error) => return Err(failed(error)),
        }
        drop(claim);
        lock(&receiver.inbox.state).arm(&receiver.socket, &receiver.aio);
        Ok(receiver)
    }

    pub(super) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.inbox))
    }

    pub(super) fn has_buffered(&self) -> bool {
        matches!(self.ready.front(), Some(Item::Message(..)))
    }

    pub(super) fn is_connected(&self, pipe: Pipe) -> bool {
        lock(&self.inbox.state).peers.contains_key(&pipe)
    }

    /// Closes a peer's connection, and says nothing of its leaving.
    pub(super) fn disconnect(&self, pipe: Pipe) {
        lock(&self.inbox.state).peers.remove(&pipe);
        pipe.close();
    }

    /// Waits for what comes next, until `deadline`.
    pub(super) fn next(&mut self, deadline: Option<Instant>) -> Result<Received, Error> {
        let inbox = Arc::clone(&self.inbox);
        if inbox.woken.load(Ordering::Relaxed) && inbox.woken.swap(false, Ordering::SeqCst) {
            return Err(Error::Woken);
        }
        loop {
            if let Some(received) = self.take() {
                return Ok(received);
            }
            self.wait(&inbox, deadline)?;
        }
    }

    /// Takes what was received already.
    fn take(&mut self) -> Option<Received> {
        loop {
            match self.ready.pop_front()? {
                Item::Message(message, pipe) => return Some(Received::Message(message, pipe)),
                Item::Came(peer) => self.tell(&peer, Presence::Connected),
                Item::Left {
                    pipe,
                    peer,
                    settled: true,
                } => {
                    self.tell(&peer, Presence::Left);
                    return Some(Received::Left(pipe));
                }
                Item::Left { pipe, peer, .. } => {
                    self.settle();
                    let is_its = |item: &Item| matches!(item, Item::Message(_, of) if *of == pipe);
                    let behind = self.ready.iter().rposition(is_its).map_or(0, |at| at + 1);
                    let settled = true;
                    let left = Item::Left {
                        pipe,
                        peer,
                        settled,
                    };
                    self.ready.insert(behind, left);
                }
            }
        }
    }

    /// Takes what NNG has received and not handed over yet.
    ///
    /// A message and the end of its connection come by different threads of
    /// NNG's, and may overtake each other.
    fn settle(&mut self) {
        self.pause();
        let received: Vec<_> = std::iter::from_fn(|| self.socket.try_recv().ok()).collect();
        let mut state = lock(&self.inbox.state);
        received.into_iter().for_each(|message| state.put(message));
        self.ready.append(&mut state.items);
        state.bytes = 0;
        state.paused = false;
        state.arm(&self.socket, &self.aio);
    }

    /// Ends the receive that is under way, and waits until its callback is over.
    fn pause(&self) {
        // Under the lock: a callback begins another one before this, or none.
        lock(&self.inbox.state).paused = true;
        self.aio.cancel();
        self.aio.wait();
    }

    /// Waits until something is in the inbox, and takes all of it.
    fn wait(&mut self, inbox: &Inbox, deadline: Option<Instant>) -> Result<(), Error> {
        let deadline = deadline.map(|at| at.max(Instant::now() + MOMENT));
        let mut state = lock(&inbox.state);
        loop {
            if !state.items.is_empty() {
                std::mem::swap(&mut self.ready, &mut state.items);
                state.bytes = 0;
                state.arm(&self.socket, &self.aio);
                return Ok(());
            }
            if inbox.woken.swap(false, Ordering::SeqCst) {
                return Err(Error::Woken);
            }
            state.arm(&self.socket, &self.aio);
            if let Some(error) = state.failed {
                return Err(failed("receive at", &self.path, error));
            }
            state.waiting = true;
            state = match deadline {
                None => inbox.changed.wait(state).unwrap_or_else(|e| e.into_inner()),
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        state.waiting = false;
                        return Err(Error::TimedOut);
                    }
                    let waited = inbox.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(|e| e.into_inner()).0
                }
            };
            state.waiting = false;
        }
    }

    fn tell(&self, peer: &Peer, presence: Presence) {
        if let Some(on_peer) = &self.on_peer {
            on_peer(peer, presence);
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // First, so that the receive's callback does not outlive what it uses.
        self.pause();
        self.socket.close();
    }
}
