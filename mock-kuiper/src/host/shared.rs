//! What the channels of one host share: the observers, who is admitted, where
//! they listen, and how their waits end.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp::{Options, Peer, Presence};
use rustix::net::SocketAddrUnix;
use rustix::process::{Pid, getpgid};

use super::attachment::{Attachment, Departure};
use super::error::HostError;
use super::exit::Exit;
use super::failure::too_long;
use super::presence::Peers;
use super::sending::{Sending, UnderWay};
use crate::event::{Event, Observer, Stranger, What};
use crate::release::Release;
use crate::symbol::{Channel, Purpose, Side};
use crate::transport::{Backend, Waker};

pub(crate) struct Shared {
    pub(crate) profile: &'static Release,
    pub(crate) backend: Backend,
    observers: Vec<Arc<dyn Observer>>,
    started: Instant,
    /// The directory of the sockets: `/tmp`, or the directory that an isolated
    /// plugin sees as `/tmp`.
    folder: PathBuf,
    /// Lengthens the release's limits.
    scale: f64,
    /// Set if the host launches no plugin.
    attached: Option<Attached>,
    /// The process that runs now, or ran last.
    current: Mutex<Current>,
    /// See [`has_crashed`](Self::has_crashed).
    crashed: AtomicBool,
    /// Nanoseconds; see [`dawdle`](Self::dawdle).
    delay: AtomicU64,
    interrupted: AtomicBool,
    /// How often the host has been interrupted.
    interrupts: AtomicU64,
    /// How many of these interrupts have been forgotten.
    forgotten: AtomicU64,
    /// How many orders have been sent and not answered.
    orders_out: AtomicU64,
    wakers: Mutex<Vec<(u64, Waker)>>,
    next_waker: AtomicU64,
    turned_away: Mutex<HashSet<Option<u32>>>,
    sending: Sending,
    /// See [`note_restart`](Self::note_restart).
    restarted: Mutex<Option<Instant>>,
}

/// What is different for a plugin that the host does not launch.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) attachment: Attachment,
    /// How long the plugin may take for whatever the release limits.
    pub(super) limit: Duration,
}

/// What the channels need to know about the plugin's process.
#[derive(Debug, Clone)]
struct Current {
    /// Its process group; `None` before the first launch.
    group: Option<Pid>,
    exit: Arc<Exit>,
    /// Whether the host ends it. Its exit then does not end a wait: another
    /// process may follow.
    replaced: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("profile", &self.profile.name)
            .field("current", &self.current())
            .finish_non_exhaustive()
    }
}

/// Keeps a socket's waker registered until it is dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    shared: Arc<Shared>,
    key: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.shared
            .wakers()
            .retain(|(registered, _)| *registered != self.key);
    }
}

/// Defers interrupts until it is dropped.
#[derive(Debug)]
pub(super) struct OrderOut<'a>(&'a Shared);

impl Drop for OrderOut<'_> {
    fn drop(&mut self) {
        self.0.orders_out.fetch_sub(1, Ordering::SeqCst);
        // A deferred interrupt has lost its wake-up.
        if self.0.interrupted.load(Ordering::SeqCst) {
            self.0.wake();
        }
    }
}

impl Shared {
    /// Returns how long a function may take to greet and to answer.
    pub(super) fn function_limit(&self) -> Duration {
        self.limit(self.profile.function_timeout)
    }

    /// Returns how long a sink may take to take a row.
    pub(super) fn send_limit(&self) -> Duration {
        self.limit(self.profile.sink_send_timeout)
    }

    fn limit(&self, of_release: Duration) -> Duration {
        match &self.attached {
            Some(attached) => attached.limit,
            None => of_release.mul_f64(self.scale),
        }
    }

    /// Returns who is attached, if the host launches no plugin.
    pub(super) fn attachment(&self) -> Option<&Attachment> {
        self.attached.as_ref().map(|attached| &attached.attachment)
    }

    /// Whether the host launches no plugin.
    pub(super) fn is_attached(&self) -> bool {
        self.attached.is_some()
    }

    pub(crate) fn new(
        profile: &'static Release,
        backend: Backend,
        observers: Vec<Arc<dyn Observer>>,
        folder: PathBuf,
        scale: f64,
        attached: Option<Attached>,
    ) -> Self {
        Self {
            profile,
            backend,
            observers,
            started: Instant::now(),
            folder,
            scale,
            attached,
            current: Mutex::new(Current {
                group: None,
                exit: Arc::default(),
                replaced: false,
            }),
            crashed: AtomicBool::new(false),
            delay: AtomicU64::new(0),
            interrupted: AtomicBool::new(false),
            interrupts: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            orders_out: AtomicU64::new(0),
            wakers: Mutex::default(),
            next_waker: AtomicU64::new(0),
            turned_away: Mutex::default(),
            sending: Sending::default(),
            restarted: Mutex::default(),
        }
    }

    /// Launches a process: `launch` returns its process group and anything else.
    /// Returns its exit, too.
    ///
    /// A peer that connects meanwhile is admitted afterwards: it may be the new
    /// process.
    pub(super) fn launch<T, E>(
        &self,
        launch: impl FnOnce() -> Result<(u32, T), E>,
    ) -> Result<(Arc<Exit>, T), E> {
        let mut current = self.lock_current();
        let (group, launched) = launch()?;
        // A channel that was opened before the first launch knows its exit.
        let exit = match current.group {
            None => Arc::clone(&current.exit),
            Some(_) => Arc::default(),
        };
        *current = Current {
            group: Pid::from_raw(group.cast_signed()),
            exit: Arc::clone(&exit),
            replaced: false,
        };
        self.crashed.store(false, Ordering::SeqCst);
        drop(current);
        Ok((exit, launched))
    }

    /// Notes who comes and goes on the control channel, if the host launches no
    /// plugin.
    fn note_plugin(self: &Arc<Self>, peer: &Peer, presence: Presence) {
        let Some(attachment) = self.attachment() else {
            return;
        };
        if presence == Presence::Left {
            self.tell_detached(attachment.disconnected(peer));
            return;
        }
        let Some(arrival) = attachment.connected(peer) else {
            return;
        };
        self.tell_detached(arrival.replaced);
        // Its exit ends no wait: the plugin may be started again.
        *self.lock_current() = Current {
            group: None,
            exit: Arc::clone(&arrival.exit),
            replaced: true,
        };
        self.tell(What::Attached { pid: arrival.pid });
        let shared = Arc::clone(self);
        let watch = move || {
            let attachment = shared.attachment();
            let gone = attachment.and_then(|attachment| attachment.wait_exit(&arrival));
            shared.tell_detached(gone);
        };
        let thread = std::thread::Builder::new().name("plugin-exit".to_owned());
        // Without the thread, the exit is noticed when the next plugin connects.
        if let Ok(thread) = thread.spawn(watch) {
            attachment.keep(thread);
        }
    }

    fn tell_detached(&self, gone: Option<Departure>) {
        if let Some(Departure { pid }) = gone {
            self.sending.wait();
            self.tell(What::Detached { pid });
            self.wake();
        }
    }

    /// Marks the coming exit as requested, so that no waiter reports a crash.
    pub(super) fn expect_end(&self) {
        let mut current = self.lock_current();
        current.replaced = true;
        self.crashed.store(false, Ordering::SeqCst);
    }

    /// Tells the observers that a process has exited, after the messages that it took
    /// before. Wakes all waits unless the host ended it.
    pub(super) fn note_end(&self, exit: &Arc<Exit>, status: ExitStatus) {
        self.sending.wait();
        self.tell(What::Exited { status });
        let current = self.lock_current();
        let crashed = !current.replaced && Arc::ptr_eq(&current.exit, exit);
        self.crashed.store(crashed, Ordering::SeqCst);
        drop(current);
        if crashed {
            self.wake();
        }
    }

    /// Returns the exit of the process that runs now, or ran last.
    pub(super) fn exit(&self) -> Arc<Exit> {
        self.current().exit
    }

    /// Whether the process has exited although the host had not ended it.
    #[inline]
    pub(crate) fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::SeqCst)
    }

    /// Whether the process has crashed, or does so within `limit`.
    pub(crate) fn crashes_within(&self, limit: Duration) -> bool {
        let current = self.current();
        !current.replaced && current.exit.wait(limit).is_some()
    }

    fn current(&self) -> Current {
        self.lock_current().clone()
    }

    fn lock_current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how long the host waits before each message that it sends or reads.
    pub(super) fn set_delay(&self, delay: Duration) {
        let nanoseconds = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        self.delay.store(nanoseconds, Ordering::Relaxed);
    }

    /// Waits for the delay that was set.
    pub(super) fn dawdle(&self) {
        let nanoseconds = self.delay.load(Ordering::Relaxed);
        if nanoseconds > 0 {
            std::thread::sleep(Duration::from_nanos(nanoseconds));
        }
    }

    /// Remembers that the plugin has been told once more to start what ran before.
    pub(super) fn note_restart(&self) {
        *self
            .restarted
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns how long a channel has been gone, as far as the plugin can help it: a
    /// process that took the place of another counts from its last start order.
    pub(super) fn gone_since_start(&self, peers: &Peers) -> Option<Duration> {
        let restarted = *self
            .restarted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let since_start = restarted.map_or(Duration::MAX, |restarted| restarted.elapsed());
        peers.gone_for().map(|gone| gone.min(since_start))
    }

    /// Begins to send a message: its exit is told after what is told until the end of
    /// the value returned.
    pub(super) fn sending(&self) -> UnderWay<'_> {
        self.sending.begin()
    }

    /// Sends the observers an event that happens now.
    pub(crate) fn tell(&self, what: What<'_>) {
        self.tell_at(self.now(), what);
    }

    /// Sends the observers an event that happened at `at`.
    pub(crate) fn tell_at(&self, at: Duration, what: What<'_>) {
        let event = Event { at, what };
        self.observers
            .iter()
            .for_each(|observer| observer.event(&event));
    }

    /// Returns the time since the host began.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the file of a channel's socket, as the host sees it.
    pub(crate) fn file(&self, channel: &Channel) -> PathBuf {
        self.folder.join(format!("{}.ipc", channel.name()))
    }

    /// Returns the address of a channel, as the host sees it.
    pub(crate) fn url(&self, channel: &Channel) -> String {
        format!("ipc://{}", self.file(channel).display())
    }

    /// Fails if the path of a channel's socket is longer than the system allows.
    pub(crate) fn check_length(&self, channel: &Channel) -> Result<(), HostError> {
        match SocketAddrUnix::new(self.file(channel)) {
            Ok(_) => Ok(()),
            Err(_) => Err(too_long(channel)),
        }
    }

    /// Returns the options for a socket: it reports connections, and admits only
    /// peers of the plugin's group.
    pub(crate) fn options(self: &Arc<Self>, channel: &Channel) -> Options {
        let mut options = Options::default();
        options.max_message = self.profile.max_message;
        let (shared, asked) = (Arc::clone(self), channel.clone());
        options.admit = Some(Arc::new(move |peer| shared.admits(&asked, peer)));
        let (shared, channel) = (Arc::clone(self), channel.clone());
        options.on_peer = Some(Arc::new(move |peer, presence| {
            shared.tell(match presence {
                Presence::Connected => What::Connected {
                    channel: &channel,
                    pid: peer.pid,
                },
                Presence::Left => What::Closed {
                    channel: &channel,
                    from: Side::Plugin,
                },
            });
            if channel.purpose() == Purpose::Control {
                shared.note_plugin(peer, presence);
            }
        }));
        options
    }

    /// Whether a peer is the plugin, or a process that it started; if the host
    /// launches no plugin, whether it may be.
    ///
    /// Any other process is reported once: it most likely tries again and again.
    pub(super) fn admits(&self, channel: &Channel, peer: &Peer) -> bool {
        let Some(pid) = peer.pid else { return true };
        let group = Pid::from_raw(pid as i32).and_then(|pid| getpgid(Some(pid)).ok());
        let admitted = match self.attachment() {
            Some(attachment) => attachment.admits(channel, peer),
            None if group.is_some() && group == self.current().group => Ok(()),
            None => Err(Stranger::NotLaunched),
        };
        let Err(reason) = admitted else { return true };
        // A process that has ended already only looked whether we are there.
        let known = !self
            .turned_away
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(Some(pid));
        if group.is_some() && !known {
            self.tell(What::TurnedAway {
                channel,
                pid: Some(pid),
                reason,
            });
        }
        false
    }

    /// Lets [`interrupt`](Self::interrupt) and the plugin's exit wake a socket.
    pub(crate) fn register(self: &Arc<Self>, waker: Waker) -> Registered {
        let key = self.next_waker.fetch_add(1, Ordering::Relaxed);
        self.wakers().push((key, waker));
        Registered {
            shared: Arc::clone(self),
            key,
        }
    }

    /// Ends the current or the next wait for the plugin.
    pub(crate) fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::SeqCst);
        self.interrupted.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Returns how often the host has been interrupted. A caller that remembers
    /// the number knows whether its own wait was interrupted.
    pub(crate) fn interrupts(&self) -> u64 {
        self.interrupts.load(Ordering::SeqCst)
    }

    /// Wakes every wait, so that it checks what has changed.
    pub(crate) fn wake(&self) {
        self.wakers().iter().for_each(|(_, waker)| waker.wake());
        if let Some(attachment) = self.attachment() {
            attachment.wake();
        }
    }

    /// Forgets all interrupts so far.
    pub(super) fn clear_interrupt(&self) {
        // In the other order, an interrupt that comes in between would be lost.
        self.interrupted.store(false, Ordering::SeqCst);
        self.forgotten.store(self.interrupts(), Ordering::SeqCst);
    }

    /// Defers the first interrupt while an order is under way: what the plugin
    /// has started can only be stopped once the start is answered. The second
    /// interrupt is not deferred.
    pub(super) fn order_out(&self) -> OrderOut<'_> {
        self.orders_out.fetch_add(1, Ordering::SeqCst);
        OrderOut(self)
    }

    /// Takes an interrupt that is not deferred; see
    /// [`order_out`](Self::order_out).
    pub(crate) fn take_interrupt(&self) -> bool {
        // The number that is subtracted is read first: it never exceeds the other.
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        let came = self.interrupts() - forgotten;
        // The answer of a plugin in a debugger may never come.
        let is_deferred =
            !self.is_attached() && came < 2 && self.orders_out.load(Ordering::SeqCst) > 0;
        !is_deferred && self.interrupted.swap(false, Ordering::SeqCst)
    }

    /// Whether an interrupt waits to be taken.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<(u64, Waker)>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
