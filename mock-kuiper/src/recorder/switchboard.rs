//! The sockets of both sides, and the recorder's in front of each.
//!
//! Orders name the channels that a plugin may open. Before an order is passed on, the
//! recorder listens in front of eKuiper's sockets; before an answer is, in front of the
//! plugin's. In between it looks now and then, while something may change.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::basics::{STACK, say};
use super::error::RecorderError;
use super::order::{self, Order};
use super::place::{Listening, Place, StandIn};
use super::pump::{self, Watch};
use super::tape::Tape;
use crate::symbol::{Channel, Side};

/// The pause between two looks at the sockets.
const LOOK: Duration = Duration::from_millis(20);

/// How long sockets are looked at after an order, an answer or the end of a connection.
const RESTLESS: Duration = Duration::from_secs(10);

/// The connections that are passed on at the same time.
const MOST: usize = 1024;

/// The bytes of a request's id, in front of an order.
const ID: usize = 4;

/// All sockets of one plugin.
#[derive(Debug)]
pub(super) struct Switchboard(Arc<Board>);

#[derive(Debug)]
struct Board {
    place: Place,
    tape: Tape,
    state: Mutex<State>,
    /// Notified when the state has changed.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    sockets: BTreeMap<String, Socket>,
    connections: usize,
    restless_until: Instant,
    is_closed: bool,
}

/// A socket on which one side listens, or may do so.
#[derive(Debug)]
struct Socket {
    channel: Arc<Channel>,
    listens: Side,
    /// The argument of the order that has opened it; `None` after a stop.
    argument: Option<String>,
    stand_in: Option<StandIn>,
    /// Whether an order that concerns it is not answered yet, so that its listener may
    /// remove and make its file.
    is_held: bool,
    /// Whether a failure was reported.
    has_failed: bool,
}

impl Switchboard {
    /// Listens in front of eKuiper's control socket, and begins to look for others.
    pub(super) fn open(plugin: &str, place: Place, tape: Tape) -> Result<Self, RecorderError> {
        let channel = Arc::new(Channel::control(plugin));
        let origin = place.origin(channel.name(), Side::Host);
        let failed = |source| RecorderError::Socket {
            path: origin.clone(),
            source,
        };
        place.sweep().map_err(failed)?;
        let name = channel.name().to_owned();
        let control = Socket::new(channel, Side::Host);
        let board = Arc::new(Board {
            place,
            tape,
            state: Mutex::new(State {
                sockets: BTreeMap::from([(name, control)]),
                connections: 0,
                restless_until: Instant::now() + RESTLESS,
                is_closed: false,
            }),
            changed: Condvar::new(),
        });
        board.sync(&mut board.lock()).map_err(failed)?;
        let looker = Arc::clone(&board);
        thread::Builder::new()
            .name("sockets".to_owned())
            .stack_size(STACK)
            .spawn(move || looker.look())
            .map_err(RecorderError::Thread)?;
        Ok(Self(board))
    }

    /// Waits until everything is passed on, at most so long.
    pub(super) fn drain(&self, limit: Duration) {
        let state = self.0.lock();
        let is_open = |state: &mut State| state.connections > 0;
        drop(self.0.changed.wait_timeout_while(state, limit, is_open));
    }

    /// Gives all listeners their own files back.
    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        for socket in state.sockets.values_mut() {
            socket.stand_in = None;
        }
        self.0.changed.notify_all();
    }
}

impl Socket {
    fn new(channel: Arc<Channel>, listens: Side) -> Self {
        Self {
            channel,
            listens,
            argument: Some(String::new()),
            stand_in: None,
            is_held: false,
            has_failed: false,
        }
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the sockets now and then, while something may change.
    fn look(self: Arc<Self>) {
        let mut state = self.lock();
        while !state.is_closed {
            let now = Instant::now();
            if now >= state.restless_until {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            self.sync_or_say(&mut state);
        }
    }

    /// Listens in front of each socket on which a side listens, and reports a failure.
    fn sync_or_say(self: &Arc<Self>, state: &mut State) {
        if let Err(error) = self.sync(state) {
            say(&format!("not everything is recorded: {error}"));
        }
    }

    /// Listens in front of each socket on which a side listens. Each failure is
    /// returned once.
    fn sync(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        if state.is_closed {
            return Ok(());
        }
        let listening = self
            .place
            .listening(state.sockets.keys().map(String::as_str))?;
        let mut failure = Ok(());
        for (name, socket) in &mut state.sockets {
            if let Err(error) = self.sync_one(name, socket, &listening)
                && !mem::replace(&mut socket.has_failed, true)
            {
                failure = Err(io::Error::new(error.kind(), format!("{name}: {error}")));
            }
        }
        state.sockets.retain(|_, socket| {
            socket.argument.is_some() || socket.is_held || socket.stand_in.is_some()
        });
        failure
    }

    fn sync_one(
        self: &Arc<Self>,
        name: &str,
        socket: &mut Socket,
        listening: &Listening,
    ) -> io::Result<()> {
        if socket.is_held {
            return Ok(());
        }
        if socket.stand_in.is_none() && self.place.is_in_tmp(socket.listens) {
            self.tape.note(name, socket.listens);
        }
        let listener = |socket: &Socket| {
            let stand_in = socket.stand_in.as_ref()?;
            Some(Arc::clone(&stand_in.listener))
        };
        let before = listener(socket);
        let place = &self.place;
        place.sync(&mut socket.stand_in, name, socket.listens, listening)?;
        match (before, listener(socket)) {
            (Some(before), Some(now)) if Arc::ptr_eq(&before, &now) => Ok(()),
            (_, Some(now)) => Arc::clone(self).accept(socket, now),
            (_, None) => Ok(()),
        }
    }

    /// Accepts connections in a thread, until the listener ends.
    fn accept(self: Arc<Self>, socket: &Socket, listener: Arc<UnixListener>) -> io::Result<()> {
        let channel = Arc::clone(&socket.channel);
        let origin = self.place.origin(channel.name(), socket.listens);
        thread::Builder::new()
            .name("accept".to_owned())
            .stack_size(STACK)
            .spawn(move || self.accept_all(&channel, &listener, &origin))
            .map(drop)
    }

    fn accept_all(self: Arc<Self>, channel: &Arc<Channel>, listener: &UnixListener, origin: &Path) {
        loop {
            let near = match listener.accept() {
                Ok((near, _)) => near,
                // Its stand-in was dropped, which has shut it down.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
                // Too many files are open, for example; the connection waits.
                Err(_) => {
                    thread::sleep(LOOK);
                    continue;
                }
            };
            // A connection that cannot be passed on is closed.
            let Ok(far) = UnixStream::connect(origin) else {
                continue;
            };
            let mut state = self.lock();
            if state.connections >= MOST {
                say(&format!(
                    "{channel}: refused, since there are {MOST} connections"
                ));
                continue;
            }
            state.connections += 1;
            drop(state);
            // What could not be started has counted itself out.
            let _ = pump::start(near, far, channel, &self.tape, Arc::clone(&self));
        }
    }

    /// Notes the channels of an order that is about to be passed on.
    fn order(&self, state: &mut State, order: &Order) {
        for channel in &order.channels {
            let name = channel.name();
            let listens = match channel.dialer() {
                Side::Host => Side::Plugin,
                Side::Plugin => Side::Host,
            };
            if !order.starts && !state.sockets.contains_key(name) {
                continue;
            }
            let socket = state
                .sockets
                .entry(name.to_owned())
                .or_insert_with(|| Socket::new(Arc::new(channel.clone()), listens));
            if listens == Side::Plugin && self.place.is_shared() {
                socket.is_held = true;
                // The same start again changes nothing.
                if !order.starts || socket.argument.as_ref() != Some(&order.argument) {
                    self.place.release(&mut socket.stand_in, name, listens);
                }
            }
            socket.argument = order.starts.then(|| order.argument.clone());
        }
    }
}

impl Watch for Arc<Board> {
    fn control(&self, from: Side, body: &[u8]) {
        let mut state = self.lock();
        match from {
            Side::Host => {
                if let Some(order) = body.get(ID..).and_then(order::parse) {
                    self.order(&mut state, &order);
                }
            }
            Side::Plugin => {
                for socket in state.sockets.values_mut() {
                    socket.is_held = false;
                }
            }
        }
        self.sync_or_say(&mut state);
        state.restless_until = Instant::now() + RESTLESS;
        self.changed.notify_all();
    }

    fn closed(&self) {
        let mut state = self.lock();
        state.connections -= 1;
        self.sync_or_say(&mut state);
        state.restless_until = Instant::now() + RESTLESS;
        self.changed.notify_all();
    }
}
