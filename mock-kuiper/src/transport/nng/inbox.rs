//! The receiving half of NNG's REP and PULL: an inbox that NNG's threads fill and
//! one thread of the host empties.
//!
//! A receive is always pending. Its callback puts the message into the inbox and
//! starts the next receive, until the inbox is full. Connections that open and
//! close are put into the same inbox, so that there is one order of events and a
//! wait ends with the first of them.

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

use super::support::{failed, lock, path};

/// How many messages the inbox holds before NNG stops receiving.
const MOST_MESSAGES: usize = 256;

/// How many bytes the messages in the inbox may have before NNG stops receiving.
const MOST_BYTES: usize = 1024 * 1024;

/// How many peers are remembered that have left early.
const MOST_EARLY: usize = 64;

/// The shortest wait. Messages and connections that the kernel already has arrive
/// through NNG's threads, which need a moment.
const MOMENT: Duration = Duration::from_millis(50);

/// A listening socket, and what arrived on it.
pub(super) struct Receiver {
    pub(super) socket: Socket,
    pub(super) path: PathBuf,
    aio: Aio,
    inbox: Arc<Inbox>,
    /// Items that were taken out of the inbox.
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

/// What arrives on a listening socket.
pub(super) enum Received {
    Message(Message, Pipe),
    /// A peer has left, and all its messages were received.
    Left(Pipe),
}

/// Ends a wait from another thread.
#[derive(Debug, Clone)]
pub(crate) struct Waker(Arc<Inbox>);

impl Waker {
    pub(crate) fn wake(&self) {
        self.0.woken.store(true, Ordering::SeqCst);
        // A thread that is about to wait holds the lock.
        drop(lock(&self.0.state));
        self.0.changed.notify_all();
    }
}

#[derive(Default)]
struct Inbox {
    state: Mutex<InboxState>,
    changed: Condvar,
    woken: AtomicBool,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct InboxState {
    items: VecDeque<Item>,
    /// The total length of the messages in `items`.
    bytes: usize,
    /// Whether a receive is pending.
    armed: bool,
    /// Whether no receive may be started.
    paused: bool,
    /// Whether a thread waits for a change.
    waiting: bool,
    /// Why nothing more can be received.
    failed: Option<nng::Error>,
    /// The peers that are connected and admitted.
    peers: HashMap<Pipe, Connected>,
    /// The last peers that NNG has removed before it reported that they were added,
    /// which it does next: two of its threads report the two. One that it refuses, since
    /// it is no partner of the socket, is only removed.
    early: VecDeque<(Pipe, Peer)>,
}

struct Connected {
    peer: Peer,
    /// Whether `Came` was put into the inbox for it.
    told: bool,
}

enum Item {
    Came(Peer),
    Message(Message, Pipe),
    Left {
        pipe: Pipe,
        peer: Peer,
        /// Whether all its messages are before this item.
        settled: bool,
    },
}

impl InboxState {
    /// Starts a receive if there is room.
    fn arm(&mut self, socket: &Socket, aio: &Aio) {
        let room = self.items.len() < MOST_MESSAGES && self.bytes < MOST_BYTES;
        if room && !self.armed && !self.paused {
            // NNG calls back from another thread, which waits for this lock.
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

    /// Puts `Came` before the first message of a peer: NNG may receive a message
    /// before it reports that the peer was added.
    fn introduce(&mut self, pipe: Pipe) {
        if let Some(connected) = self.peers.get_mut(&pipe) {
            if !std::mem::replace(&mut connected.told, true) {
                self.items.push_back(Item::Came(connected.peer.clone()));
            }
        } else if let Some(at) = self.early.iter().position(|(early, _)| *early == pipe)
            && let Some((_, peer)) = self.early.remove(at)
        {
            self.items.push_back(Item::Came(peer.clone()));
            self.leave(pipe, peer);
        }
    }

    /// Notes that a peer was removed.
    fn remove(&mut self, pipe: Pipe) {
        match self.peers.remove(&pipe) {
            Some(Connected { peer, told: true }) => self.leave(pipe, peer),
            Some(Connected { peer, told: false }) => {
                if self.early.len() == MOST_EARLY {
                    self.early.pop_front();
                }
                self.early.push_back((pipe, peer));
            }
            None => {}
        }
    }

    fn leave(&mut self, pipe: Pipe, peer: Peer) {
        let settled = false;
        self.items.push_back(Item::Left {
            pipe,
            peer,
            settled,
        });
    }
}

impl Inbox {
    /// Changes the state, and wakes the thread that waits.
    fn change(&self, change: impl FnOnce(&mut InboxState)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let waiting = state.waiting;
        drop(state);
        if waiting {
            self.changed.notify_all();
        }
    }

    /// Handles what NNG reports about a connection. A peer can be refused only
    /// here, before the greeting.
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
            PipeEvent::RemovePost => self.change(|state| state.remove(pipe)),
            _ => {}
        }
    }
}

/// Returns the process at the other end, if the system names it, and its user.
pub(super) fn peer_of(pipe: Pipe) -> Peer {
    let pid = pipe.get_opt::<PeerPid>().ok();
    let mut peer = Peer::new(pid.and_then(|pid| u32::try_from(pid).ok().filter(|pid| *pid > 0)));
    peer.uid = peer.pid.and_then(user_of);
    peer
}

/// Returns the effective user of a process. NNG's option for it cannot be read in Rust.
fn user_of(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("Uid:"))?;
    line.split_whitespace().nth(2)?.parse().ok()
}

impl Receiver {
    /// Makes a new socket listen.
    pub(super) fn listen(socket: Socket, url: &str, options: &Options) -> Result<Self, Error> {
        // NNG replaces a stale file by itself. But it neither names the process
        // that uses a file, nor does it report a file that is not a socket.
        let claim = sp::claim(url)?;
        let path = path(url);
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
            // A process that makes no claims was faster.
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

    /// Closes a peer's connection without an item in the inbox.
    pub(super) fn disconnect(&self, pipe: Pipe) {
        lock(&self.inbox.state).peers.remove(&pipe);
        pipe.close();
    }

    /// Waits until `deadline` for the next message or the end of a connection.
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

    /// Takes the next item that was received already.
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
                    let after = self.ready.iter().rposition(is_its).map_or(0, |at| at + 1);
                    let settled = true;
                    let left = Item::Left {
                        pipe,
                        peer,
                        settled,
                    };
                    self.ready.insert(after, left);
                }
            }
        }
    }

    /// Takes what NNG has received but not put into the inbox yet.
    ///
    /// A message and the end of its connection are reported by different threads
    /// of NNG and may overtake each other.
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

    /// Cancels the pending receive, and waits until its callback has returned.
    fn pause(&self) {
        // Under the lock: no callback starts another receive after this.
        lock(&self.inbox.state).paused = true;
        self.aio.cancel();
        self.aio.wait();
    }

    /// Waits until the inbox has an item, and takes all of them.
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
        // First, so that the callback does not outlive what it uses.
        self.pause();
        self.socket.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_peer_whose_end_is_reported_before_its_beginning_came_and_left() {
        let place = tempfile::tempdir().unwrap();
        let url = format!("ipc://{}", place.path().join("socket.ipc").display());
        let socket = Socket::new(nng::Protocol::Pull0).unwrap();
        let (tell, told) = mpsc::channel();
        let notify = move |pipe, event| {
            if let PipeEvent::AddPost = event {
                let _ = tell.send(pipe);
            }
        };
        socket.pipe_notify(notify).unwrap();
        socket.listen(&url).unwrap();
        let _push = sp::Push::connect(&url, Options::default(), LONG).unwrap();
        let pipe = told.recv_timeout(LONG).unwrap();
        let inbox = Inbox::default();

        inbox.pipe_event(pipe, PipeEvent::AddPre, None);
        inbox.pipe_event(pipe, PipeEvent::RemovePost, None);
        // So far it might have been refused.
        assert!(lock(&inbox.state).items.is_empty());
        inbox.pipe_event(pipe, PipeEvent::AddPost, None);

        let state = lock(&inbox.state);
        let items: Vec<_> = state.items.iter().collect();
        assert!(matches!(
            items[..],
            [Item::Came(_), Item::Left { settled: false, .. }]
        ));
        assert!(state.peers.is_empty() && state.early.is_empty());
    }
}
