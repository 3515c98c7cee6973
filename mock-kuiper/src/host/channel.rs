//! A request channel that is turned round: the plugin asks, the host's orders
//! are the replies.
//!
//! The plugin's first request is a greeting; the host's first order is the
//! reply to it, and the plugin's answer is its next request. Control and
//! function channels are alike in this.
//!
//! Rules: protocol.md sections 4 and 5.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Options, Peer, Rep, Waker};
use rustix::process::{Pid, getpgid};

use super::process::Exit;
use crate::event::{Event, Observer, Side};
use crate::profile::Profile;

/// How long after a lost connection the end of the process is still awaited.
///
/// The kernel closes a dying process's sockets before it can be waited for.
const DYING: Duration = Duration::from_millis(500);

/// What the channels of one host have in common.
pub(crate) struct Shared {
    pub(crate) profile: &'static Profile,
    pub(crate) observer: Arc<dyn Observer>,
    /// The plugin's process group.
    pub(crate) group: u32,
    /// The plugin's end.
    pub(crate) exit: Arc<Exit>,
    interrupted: AtomicBool,
    wakers: Mutex<Vec<(u64, Waker)>>,
    next_waker: AtomicU64,
    turned_away: Mutex<HashSet<Option<u32>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("profile", &self.profile.name)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// Keeps a socket's waker known until it is dropped.
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

impl Shared {
    pub(crate) fn new(profile: &'static Profile, observer: Arc<dyn Observer>, group: u32) -> Self {
        Self {
            profile,
            observer,
            group,
            exit: Arc::default(),
            interrupted: AtomicBool::new(false),
            wakers: Mutex::default(),
            next_waker: AtomicU64::new(0),
            turned_away: Mutex::default(),
        }
    }

    /// Options for a listening socket: peers of the plugin's group alone.
    pub(crate) fn options(self: &Arc<Self>, channel: &str) -> Options {
        let mut options = Options::default();
        options.max_message = self.profile.max_message;
        let (shared, channel) = (Arc::clone(self), channel.to_owned());
        options.admit = Some(Arc::new(move |peer| shared.admits(&channel, peer)));
        options
    }

    /// Whether a peer is the plugin, or a process that it started.
    ///
    /// One that is not is told of once: it most likely tries again and again.
    fn admits(&self, channel: &str, peer: &Peer) -> bool {
        let Some(pid) = peer.pid else { return true };
        let group = Pid::from_raw(pid as i32).and_then(|pid| getpgid(Some(pid)).ok());
        if group == Pid::from_raw(self.group as i32) {
            return true;
        }
        // A process that has ended already only looked whether we are there.
        let known = !self
            .turned_away
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(Some(pid));
        if group.is_some() && !known {
            self.observer.event(&Event::TurnedAway {
                channel,
                pid: Some(pid),
            });
        }
        false
    }

    /// Lets [`interrupt`](Self::interrupt) and the plugin's end wake a socket.
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
        self.interrupted.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Has every wait look at what has changed.
    pub(crate) fn wake(&self) {
        self.wakers().iter().for_each(|(_, waker)| waker.wake());
    }

    pub(crate) fn take_interrupt(&self) -> bool {
        self.interrupted.swap(false, Ordering::SeqCst)
    }

    fn wakers(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Waker)>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an exchange came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing came in time.
    TimedOut,
    /// The plugin's process has ended.
    Exited,
    /// [`Shared::interrupt`] was called.
    Interrupted,
    /// The transport failed.
    Transport(Error),
}

/// The host's end of a request channel.
#[derive(Debug)]
pub(crate) struct Channel {
    name: String,
    rep: Rep,
    shared: Arc<Shared>,
    _registered: Registered,
}

impl Channel {
    /// Listens at `url`. `name` is for events.
    ///
    /// An address in use is tried 5 more times, 100 ms apart, as eKuiper does.
    pub(crate) fn open(name: String, url: &str, shared: &Arc<Shared>) -> Result<Self, Error> {
        let rep = patiently(|| Rep::listen(url, shared.options(&name)))?;
        let registered = shared.register(rep.waker());
        Ok(Self {
            name,
            rep,
            shared: Arc::clone(shared),
            _registered: registered,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for one message, whatever it says: the greeting.
    pub(crate) fn wait_greeting(&mut self, limit: Duration) -> Result<(), Failure> {
        let deadline = Instant::now().checked_add(limit);
        self.receive(deadline).map(|_| ())
    }

    /// Sends an order and waits for its answer.
    ///
    /// `limit` runs from the call. With `regreet` a message that begins with
    /// `h` is a greeting, and the order is sent again; without, it is an answer
    /// as any other.
    pub(crate) fn exchange(
        &mut self,
        order: &[u8],
        limit: Duration,
        regreet: bool,
    ) -> Result<Vec<u8>, Failure> {
        let deadline = Instant::now().checked_add(limit);
        loop {
            self.send(order, deadline)?;
            let answer = self.receive(deadline)?;
            if !(regreet && answer.first() == Some(&b'h')) {
                return Ok(answer);
            }
        }
    }

    /// Sends an order as the reply to what the plugin said last.
    ///
    /// Where it has said nothing since the last answer, one message is awaited
    /// and thrown away first, as eKuiper does.
    fn send(&mut self, order: &[u8], deadline: Option<Instant>) -> Result<(), Failure> {
        loop {
            let sent = self.rep.send(order, left(deadline));
            match sent {
                Ok(()) => {
                    self.shared.observer.event(&Event::Frame {
                        channel: &self.name,
                        from: Side::Host,
                        body: order,
                    });
                    return Ok(());
                }
                Err(Error::WrongState) => {
                    self.receive(deadline)?;
                }
                Err(error) => self.look_into(error)?,
            }
        }
    }

    fn receive(&mut self, deadline: Option<Instant>) -> Result<Vec<u8>, Failure> {
        loop {
            match self.rep.recv(left(deadline)) {
                Ok(body) => {
                    let body = body.to_vec();
                    self.shared.observer.event(&Event::Frame {
                        channel: &self.name,
                        from: Side::Plugin,
                        body: &body,
                    });
                    return Ok(body);
                }
                Err(error) => self.look_into(error)?,
            }
        }
    }

    /// Finds out why a wait ended; `Ok` where it is to go on.
    fn look_into(&self, error: Error) -> Result<(), Failure> {
        let dying = match error {
            Error::Woken => Duration::ZERO,
            Error::Disconnected => DYING,
            Error::TimedOut => return Err(Failure::TimedOut),
            other => return Err(Failure::Transport(other)),
        };
        if self.shared.exit.wait(dying).is_some() {
            return Err(Failure::Exited);
        }
        if self.shared.take_interrupt() {
            return Err(Failure::Interrupted);
        }
        Ok(())
    }
}

/// Tries an address that is in use 5 more times, 100 ms apart.
///
/// Source: protocol.md section 4.
pub(crate) fn patiently<T>(mut listen: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut tries = 0;
    loop {
        match listen() {
            Err(Error::InUse { .. }) if tries < 5 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
            result => return result,
        }
    }
}

fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|at| at.saturating_duration_since(Instant::now()))
}
