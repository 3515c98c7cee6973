//! The sockets of both sides, and the recorder's in front of each.
//!
//! Orders name the channels that a plugin may open. Before an order is passed on, the
//! recorder listens in front of eKuiper's sockets; before an answer is, in front of the
//! plugin's. In between it looks now and then, while something may change.

use std::collections::BTreeMap;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::error::RecorderError;
use super::order::{self, Order};
use super::place::{Place, StandIn};
use super::pump::{self, Watch};
use super::tape::Tape;
use super::{STACK, say};
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
    closed: bool,
}

/// A socket on which one side listens, or may do so.
#[derive(Debug)]
struct Socket {
    channel: Arc<Channel>,
    listens: Side,
    /// The argument of the order that has opened it.
    argument: String,
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
        let listening = place.listening().map_err(failed)?;
        let mut control = Socket::new(Arc::clone(&channel), Side::Host);
        place
            .sync(
                &mut control.stand_in,
                channel.name(),
                Side::Host,
                &listening,
            )
            .map_err(failed)?;
        let board = Arc::new(Board {
            place,
            tape,
            state: Mutex::new(State {
                sockets: BTreeMap::new(),
                connections: 0,
                restless_until: Instant::now() + RESTLESS,
                closed: false,
            }),
            changed: Condvar::new(),
        });
        if let Some(stand_in) = &control.stand_in {
            Arc::clone(&board)
                .accept(&control, stand_in)
                .map_err(RecorderError::Thread)?;
        }
        let name = channel.name().to_owned();
        board.lock().sockets.insert(name, control);
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
        state.closed = true;
        for (name, socket) in &mut state.sockets {
            self.0.release(name, socket);
        }
        // Files of sockets on which nobody listens any more.
        let _ = self.0.place.sweep();
        self.0.changed.notify_all();
    }
}

impl Socket {
    fn new(channel: Arc<Channel>, listens: Side) -> Self {
        Self {
            channel,
            listens,
            argument: String::new(),
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
        while !state.closed {
            let now = Instant::now();
            if now >= state.restless_until {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if !state.closed {
                self.sync(&mut state);
            }
        }
    }

    /// Listens in front of each socket on which a side listens.
    fn sync(self: &Arc<Self>, state: &mut State) {
        let listening = match self.place.listening() {
            Ok(listening) => listening,
            Err(error) => return say(&format!("cannot list the sockets: {error}")),
        };
        for (name, socket) in &mut state.sockets {
            if socket.is_held {
                continue;
            }
            let before = socket.stand_in.as_ref().map(|it| Arc::clone(&it.listener));
            let synced = self
                .place
                .sync(&mut socket.stand_in, name, socket.listens, &listening);
            let started = match (&socket.stand_in, synced) {
                (_, Err(error)) => Err(error),
                (Some(stand_in), Ok(()))
                    if before.is_none_or(|it| !Arc::ptr_eq(&it, &stand_in.listener)) =>
                {
                    Arc::clone(self).accept(socket, stand_in)
                }
                _ => Ok(()),
            };
            if let Err(error) = started
                && !std::mem::replace(&mut socket.has_failed, true)
            {
                say(&format!("{name} is not recorded: {error}"));
            }
        }
    }

    /// Accepts connections in a thread, until the listener ends.
    fn accept(self: Arc<Self>, socket: &Socket, stand_in: &StandIn) -> std::io::Result<()> {
        let channel = Arc::clone(&socket.channel);
        let listener = Arc::clone(&stand_in.listener);
        let origin = self.place.origin(channel.name(), socket.listens);
        thread::Builder::new()
            .name("accept".to_owned())
            .stack_size(STACK)
            .spawn(move || self.accept_all(&channel, &listener, &origin))
            .map(drop)
    }

    fn accept_all(
        self: Arc<Self>,
        channel: &Arc<Channel>,
        listener: &UnixListener,
        origin: &PathBuf,
    ) {
        while let Ok((near, _)) = listener.accept() {
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

    fn release(&self, name: &str, socket: &mut Socket) {
        self.place
            .release(&mut socket.stand_in, name, socket.listens);
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
                if !order.starts || socket.argument != order.argument {
                    self.release(name, socket);
                }
            }
            socket.argument.clone_from(&order.argument);
            if !order.starts {
                socket.argument.clear();
            }
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
        self.sync(&mut state);
        state.restless_until = Instant::now() + RESTLESS;
        self.changed.notify_all();
    }

    fn closed(&self) {
        let mut state = self.lock();
        state.connections -= 1;
        if !state.closed {
            self.sync(&mut state);
        }
        state.restless_until = Instant::now() + RESTLESS;
        self.changed.notify_all();
    }
}
