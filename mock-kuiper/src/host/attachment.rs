//! Who is attached to a host that launches no plugin: the process that greets on
//! the control channel, known from what the kernel says about its connection.
//!
//! Nothing is read or sent here, and nothing is killed.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ekuiper_sp::Peer;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, geteuid, pidfd_open};

use super::exit::Exit;
use crate::event::Stranger;
use crate::symbol::{Channel, Purpose};

/// The plugin that is attached now, and what it still has to get.
#[derive(Debug)]
pub(super) struct Attachment {
    /// The user of this process, whose plugins are accepted.
    user: u32,
    state: Mutex<State>,
    changed: Condvar,
    /// Readable from the end of the host on.
    over: OwnedFd,
}

#[derive(Debug, Default)]
struct State {
    plugin: Option<Plugin>,
    /// How many plugins have been attached so far.
    number: u64,
    /// The last of them that got the start orders of all that runs.
    replayed: u64,
    /// How many threads want to use the control channel.
    wanted: usize,
    is_over: bool,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Plugin {
    /// `None` if the system does not tell.
    pid: Option<u32>,
    /// Readable once the process has exited. `None` if the system does not give
    /// one: then the plugin is gone when its last connection is.
    handle: Option<Arc<OwnedFd>>,
    exit: Arc<Exit>,
    connections: usize,
    since: Instant,
    /// How long after its connection its first message was read.
    greeted: Option<Duration>,
}

impl Plugin {
    fn has_exited(&self) -> bool {
        let handle = self.handle.as_ref();
        handle.is_some_and(|handle| is_readable(handle, None, Some(&Timespec::default())))
    }
}

/// A plugin that was just attached.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Its number among all that were attached.
    pub(super) number: u64,
    pub(super) pid: Option<u32>,
    pub(super) exit: Arc<Exit>,
    handle: Option<Arc<OwnedFd>>,
    /// The plugin that it replaces, if its exit was not reported before.
    pub(super) replaced: Option<Departure>,
}

/// A plugin that is gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departure {
    pub(super) pid: Option<u32>,
}

/// What the thread that attends to the control channel does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Waits for the plugin to connect and to greet.
    Listen,
    /// Sends a new plugin the start orders of all that runs.
    Replay,
}

impl Attachment {
    pub(super) fn new() -> Result<Self, Errno> {
        Ok(Self {
            user: geteuid().as_raw(),
            state: Mutex::default(),
            changed: Condvar::new(),
            over: eventfd(0, EventfdFlags::CLOEXEC)?,
        })
    }

    /// Decides whether a peer may connect: any process of this user. The control
    /// channel takes a second plugin only once the first one is gone or has closed
    /// its connection.
    pub(super) fn admits(&self, channel: &Channel, peer: &Peer) -> Result<(), Stranger> {
        if let Some(user) = peer.uid.filter(|user| *user != self.user) {
            return Err(Stranger::OtherUser { user });
        }
        if channel.purpose() != Purpose::Control {
            return Ok(());
        }
        match &self.lock().plugin {
            Some(plugin) if plugin.connections > 0 && !plugin.has_exited() => match plugin.pid {
                Some(attached) if peer.pid != Some(attached) => {
                    Err(Stranger::SecondPlugin { attached })
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Notes a connection to the control channel. Returns the plugin if it is a new
    /// one.
    pub(super) fn connected(&self, peer: &Peer) -> Option<Arrival> {
        let mut state = self.lock();
        if let Some(plugin) = &mut state.plugin
            && plugin.pid == peer.pid
            && plugin.handle.is_some()
            && !plugin.has_exited()
        {
            plugin.connections += 1;
            return None;
        }
        let replaced = end(&mut state);
        state.number += 1;
        let pid = peer.pid.and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let handle = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let arrival = Arrival {
            number: state.number,
            pid: peer.pid,
            exit: Arc::default(),
            handle: handle.map(Arc::new),
            replaced,
        };
        state.plugin = Some(Plugin {
            pid: peer.pid,
            handle: arrival.handle.clone(),
            exit: Arc::clone(&arrival.exit),
            connections: 1,
            since: Instant::now(),
            greeted: None,
        });
        drop(state);
        self.changed.notify_all();
        Some(arrival)
    }

    /// Notes the end of a connection to the control channel. Returns the plugin if
    /// it is gone.
    pub(super) fn disconnected(&self, peer: &Peer) -> Option<Departure> {
        let mut state = self.lock();
        let plugin = state.plugin.as_mut()?;
        if plugin.pid != peer.pid {
            return None;
        }
        plugin.connections = plugin.connections.saturating_sub(1);
        let is_gone = plugin.connections == 0 && plugin.handle.is_none();
        is_gone.then(|| end(&mut state)).flatten()
    }

    /// Waits until a plugin has exited. Returns it unless that is known already.
    pub(super) fn wait_exit(&self, arrival: &Arrival) -> Option<Departure> {
        let handle = arrival.handle.as_ref()?;
        if !is_readable(handle, Some(&self.over), None) {
            return None;
        }
        let mut state = self.lock();
        let is_known = state.number != arrival.number;
        let gone = if is_known { None } else { end(&mut state) };
        drop(state);
        self.changed.notify_all();
        gone
    }

    /// Notes that a message of the plugin was read on the control channel.
    pub(super) fn note_message(&self) {
        let mut state = self.lock();
        if let Some(plugin) = &mut state.plugin
            && plugin.greeted.is_none()
        {
            plugin.greeted = Some(plugin.since.elapsed());
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Returns the plugin's process, while one is attached and known.
    pub(super) fn pid(&self) -> Option<u32> {
        self.lock().plugin.as_ref()?.pid
    }

    /// Returns how long after its connection the plugin greeted.
    pub(super) fn greeted_after(&self) -> Option<Duration> {
        self.lock().plugin.as_ref()?.greeted
    }

    /// Waits at most `limit` until a plugin has greeted. Returns whether it has;
    /// `None` if `is_interrupted` said so first.
    pub(super) fn wait_greeted(
        &self,
        limit: Duration,
        is_interrupted: impl Fn() -> bool,
    ) -> Option<bool> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if state
                .plugin
                .as_ref()
                .is_some_and(|plugin| plugin.greeted.is_some())
            {
                return Some(true);
            }
            if is_interrupted() {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Some(false);
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the number of the plugin that has greeted and lacks the orders of
    /// what runs.
    pub(super) fn lacks_orders(&self) -> Option<u64> {
        let state = self.lock();
        let greeted = state.plugin.as_ref()?.greeted.is_some();
        (greeted && state.replayed < state.number).then_some(state.number)
    }

    /// Notes that a plugin has got the orders of all that runs.
    pub(super) fn note_replayed(&self, number: u64) {
        self.lock().replayed = number;
    }

    /// Returns how many plugins have been attached so far.
    pub(super) fn number(&self) -> u64 {
        self.lock().number
    }

    /// Waits until there is something to do on the control channel that nobody else
    /// wants to use; `None` at the end of the host.
    pub(super) fn next_work(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            if state.wanted == 0
                && let Some(work) = work(&state)
            {
                return Some(work);
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that a thread wants to use the control channel, until it has it.
    pub(super) fn want(&self) {
        self.lock().wanted += 1;
    }

    /// Notes that a thread has the control channel that it wanted.
    pub(super) fn got(&self) {
        self.lock().wanted -= 1;
        self.changed.notify_all();
    }

    /// Whether another thread wants to use the control channel.
    pub(super) fn is_wanted(&self) -> bool {
        self.lock().wanted > 0
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Lets every wait check what has changed.
    pub(super) fn wake(&self) {
        // A wait that is about to begin must not miss it.
        drop(self.lock());
        self.changed.notify_all();
    }

    /// Keeps a thread, to be joined at the end.
    pub(super) fn keep(&self, thread: JoinHandle<()>) {
        let threads = &mut self.lock().threads;
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    /// Ends all waits for good. Returns the threads that are to be joined.
    pub(super) fn finish(&self) -> Vec<JoinHandle<()>> {
        let mut state = self.lock();
        state.is_over = true;
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.changed.notify_all();
        // The counter is far from its limit, so that this cannot fail.
        let _ = rustix::io::write(&self.over, &1_u64.to_ne_bytes());
        threads
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(state: &State) -> Option<Work> {
    let Some(plugin) = &state.plugin else {
        return Some(Work::Listen);
    };
    match plugin.greeted {
        None => Some(Work::Listen),
        Some(_) if state.replayed < state.number => Some(Work::Replay),
        // Only a read notices that its connection has ended.
        Some(_) => plugin.handle.is_none().then_some(Work::Listen),
    }
}

/// Forgets the plugin that is attached.
fn end(state: &mut State) -> Option<Departure> {
    let plugin = state.plugin.take()?;
    plugin.exit.set_unknown();
    Some(Departure { pid: plugin.pid })
}

/// Waits until `handle` is readable, or `end`.
fn is_readable(handle: &OwnedFd, end: Option<&OwnedFd>, limit: Option<&Timespec>) -> bool {
    let mut waits_for = vec![PollFd::new(handle, PollFlags::IN)];
    waits_for.extend(end.map(|end| PollFd::new(end, PollFlags::IN)));
    while poll(&mut waits_for, limit) == Err(Errno::INTR) {}
    !waits_for[0].revents().is_empty()
}
