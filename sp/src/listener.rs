//! The listening half of REP and PULL: the socket's file, and the thread that
//! accepts and greets peers.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::{RecvFlags, bind, connect, listen, recv};

use crate::address::Address;
use crate::connection::{Connection, GREETING_LIMIT, Greeting, Progress, lock, wait};
use crate::frame::Protocol;
use crate::options::Admit;
use crate::sys::{self, peer_of};
use crate::wake::Bell;
use crate::{Error, Options, ProtocolError};

/// A bound address, with a thread that accepts peers until this is dropped.
///
/// Dropping it removes the socket's file, unless somebody has put another one
/// in its place.
#[derive(Debug)]
pub(crate) struct Listener {
    address: Address,
    file: Option<FileId>,
    inbox: Arc<Inbox>,
    stop: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// What the accepting thread hands over to the socket's user.
#[derive(Debug)]
struct Inbox {
    arrivals: Mutex<Vec<Arrival>>,
    /// Rings for an arrival and for [`Waker::wake`](crate::Waker::wake).
    bell: Arc<Bell>,
}

/// Device and inode of a socket's file.
type FileId = (u64, u64);

fn file_id(path: &Path) -> Option<FileId> {
    let file = fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

/// A peer that was greeted, or why it could not be.
pub(crate) type Arrival = Result<Connection, ProtocolError>;

/// Failed greetings that are kept for a caller who does not receive.
const KEPT_FAILURES: usize = 16;

/// Peers that are being greeted at the same time; the oldest makes room.
const MOST_GREETINGS: usize = 64;

/// Greeted peers that wait for a caller who does not receive. Then the others
/// stay in the kernel's backlog, where they cost no descriptors.
const MOST_ARRIVALS: usize = 64;

/// How long the greeting of somebody who listens already is awaited. Only who
/// listens and greets nobody, or does so on a very busy machine, takes as long.
const COURTESY: Duration = Duration::from_secs(1);

/// The pause before the system is asked again for what it refused.
const PAUSE: Duration = Duration::from_millis(100);

impl Listener {
    pub(crate) fn open(url: &str, protocol: Protocol, options: &Options) -> Result<Self, Error> {
        Self::open_with(url, protocol, options, GREETING_LIMIT)
    }

    /// Opens with another time limit for a peer's greeting.
    fn open_with(
        url: &str,
        protocol: Protocol,
        options: &Options,
        greeting_limit: Duration,
    ) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let path = address.path().to_owned();
        let failed = |doing, source: io::Error| Error::Io {
            doing,
            path: path.clone(),
            source,
        };
        let bell = || Bell::new().map_err(|errno| failed("open a socket for", errno.into()));
        let inbox = Arc::new(Inbox {
            arrivals: Mutex::default(),
            bell: bell()?,
        });
        let stop = bell()?;
        let (socket, file) = bind_address(&address)?;
        let mut listener = Self {
            address,
            file,
            inbox,
            stop,
            thread: None,
        };
        let acceptor = Acceptor {
            socket,
            protocol,
            admit: options.admit.clone(),
            inbox: Arc::clone(&listener.inbox),
            stop: Arc::clone(&listener.stop),
            greeting_limit,
            greetings: Vec::new(),
        };
        let thread = thread::Builder::new()
            .name("sp-accept".to_owned())
            .spawn(move || acceptor.run())
            .map_err(|source| failed("start a thread for", source))?;
        listener.thread = Some(thread);
        Ok(listener)
    }

    /// What rings when there are [`arrivals`](Self::arrivals).
    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.inbox.bell
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut *lock(&self.inbox.arrivals))
    }

    pub(crate) fn path(&self) -> &Path {
        self.address.path()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let path = self.address.path();
        if self.file.is_some() && file_id(path) == self.file {
            // A file that cannot be removed is found to be stale by the next
            // one who listens here.
            let _ = fs::remove_file(path);
        }
        self.stop.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Binds and listens, and removes a socket file that nobody answers on.
fn bind_address(address: &Address) -> Result<(OwnedFd, Option<FileId>), Error> {
    let path = address.path();
    let failed = |doing, errno: Errno| Error::Io {
        doing,
        path: path.to_owned(),
        source: errno.into(),
    };
    let _turn = take_turn(path);
    let socket = sys::socket().map_err(|errno| failed("open a socket for", errno))?;
    let mut bound = bind(&socket, address.kernel());
    if bound == Err(Errno::ADDRINUSE) {
        remove_stale(address)?;
        bound = bind(&socket, address.kernel());
    }
    match bound {
        Ok(()) => {}
        // Somebody who takes no turns was faster.
        Err(Errno::ADDRINUSE) => {
            return Err(in_use(address).unwrap_or_else(|| failed("listen at", Errno::ADDRINUSE)));
        }
        Err(errno) => return Err(failed("listen at", errno)),
    }
    let file = file_id(path);
    listen(&socket, 128).map_err(|errno| failed("listen at", errno))?;
    Ok((socket, file))
}

/// Locks the directory of `path`, so that of several who come for one address
/// each finds it listening or stale, and nothing between: otherwise the second
/// removes what the first has just bound.
///
/// A directory that cannot be locked for a second is not waited for.
fn take_turn(path: &Path) -> Option<fs::File> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let directory = fs::File::open(directory).ok()?;
    let end = Instant::now() + Duration::from_secs(1);
    while flock(&directory, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
    Some(directory)
}

/// An address that is free, and is kept free of this crate's listeners until
/// this is dropped; see [`claim`].
#[derive(Debug)]
pub struct Claim {
    _turn: Option<fs::File>,
}

/// Makes `url` free for a listener that is not this crate's: a socket file that
/// nobody answers on is removed. Bind while you hold the claim; others who come
/// for the address wait for it, for at most a second.
///
/// # Errors
///
/// [`Error::Address`], [`Error::InUse`] where somebody listens there,
/// [`Error::NotASocket`] where another file is in the way, [`Error::Io`].
pub fn claim(url: &str) -> Result<Claim, Error> {
    let address = Address::parse(url)?;
    let turn = take_turn(address.path());
    remove_stale(&address)?;
    Ok(Claim { _turn: turn })
}

/// Removes the file at `address` if it is a socket on which nobody answers.
fn remove_stale(address: &Address) -> Result<(), Error> {
    let path = address.path();
    let failed = |source| Error::Io {
        doing: "remove the stale socket file",
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => {}
        Ok(_) => {
            return Err(Error::NotASocket {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    if let Some(error) = in_use(address) {
        return Err(error);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

/// The error for an address that somebody listens on; `None` if nobody does.
///
/// His greeting is awaited before the connection is closed: NNG
/// 1.4 accepts nobody any more after a peer that left before it was greeted.
fn in_use(address: &Address) -> Option<Error> {
    let connected = sys::socket().and_then(|socket| {
        connect(&socket, address.kernel())?;
        Ok(socket)
    });
    let pid = match connected {
        Ok(socket) => {
            let mut greeting = [PollFd::new(&socket, PollFlags::IN)];
            let _ = wait(&mut greeting, Some(Instant::now() + COURTESY));
            let _ = recv(&socket, &mut [0; 8], RecvFlags::empty());
            peer_of(&socket).pid
        }
        Err(Errno::CONNREFUSED | Errno::NOENT) => return None,
        // A full backlog is a listener too.
        Err(_) => None,
    };
    Some(Error::InUse {
        path: address.path().to_owned(),
        pid,
    })
}

/// Accepts peers and greets them, all at once, so that a peer that connects
/// and says nothing holds up nobody.
struct Acceptor {
    socket: OwnedFd,
    protocol: Protocol,
    admit: Option<Admit>,
    inbox: Arc<Inbox>,
    stop: Arc<Bell>,
    /// How long a peer may take for its greeting.
    greeting_limit: Duration,
    /// Each with the moment at which its time is over; the oldest first.
    greetings: Vec<(Greeting, Instant)>,
}

impl Acceptor {
    fn run(mut self) {
        loop {
            let mut deadline = self.greetings.first().map(|(_, until)| *until);
            let mut knocking = PollFlags::IN;
            if lock(&self.inbox.arrivals).len() >= MOST_ARRIVALS {
                knocking = PollFlags::empty();
                let soon = Instant::now() + PAUSE;
                deadline = Some(deadline.map_or(soon, |until| until.min(soon)));
            }
            let mut waits_for = vec![
                PollFd::new(&*self.stop, PollFlags::IN),
                PollFd::new(&self.socket, knocking),
            ];
            waits_for.extend(
                self.greetings
                    .iter()
                    .map(|(greeting, _)| PollFd::new(greeting, PollFlags::IN)),
            );
            if wait(&mut waits_for, deadline).is_err() {
                // Out of memory, most likely.
                thread::sleep(PAUSE);
                continue;
            }
            if !waits_for[0].revents().is_empty() {
                return;
            }
            let knocks = !waits_for[1].revents().is_empty();
            if knocks {
                self.accept();
            }
            self.greet();
        }
    }

    /// Accepts those that wait, but for so many that the greeted would have to.
    fn accept(&mut self) {
        for _ in 0..MOST_GREETINGS {
            match sys::accept(&self.socket) {
                Ok(socket) => {
                    let admitted = self
                        .admit
                        .as_ref()
                        .is_none_or(|admit| admit(&peer_of(&socket)));
                    if !admitted {
                        continue;
                    }
                    if self.greetings.len() == MOST_GREETINGS {
                        self.greetings.remove(0);
                        self.hand_over(Err(ProtocolError::GreetingTimedOut));
                    }
                    let greeting = Greeting::new(socket, self.protocol);
                    let until = Instant::now() + self.greeting_limit;
                    self.greetings.push((greeting, until));
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    // Out of descriptors, most likely: the peer stays in the
                    // backlog, and a poll would report it at once again.
                    let mut stop = [PollFd::new(&*self.stop, PollFlags::IN)];
                    let _ = wait(&mut stop, Some(Instant::now() + PAUSE));
                    return;
                }
            }
        }
    }

    /// Moves every greeting on, and hands over those that are done.
    fn greet(&mut self) {
        let now = Instant::now();
        let mut index = 0;
        while index < self.greetings.len() {
            let (greeting, until) = &mut self.greetings[index];
            let outcome = match greeting.proceed() {
                Ok(Progress::Done) => Ok(()),
                Ok(Progress::Waits) if now < *until => {
                    index += 1;
                    continue;
                }
                Ok(Progress::Waits) => Err(Some(ProtocolError::GreetingTimedOut)),
                Err(Error::Protocol(error)) => Err(Some(error)),
                // It looked whether somebody listens, and left.
                Err(_) => Err(None),
            };
            let (greeting, _) = self.greetings.remove(index);
            match outcome {
                Ok(()) => self.hand_over(Ok(greeting.finish())),
                Err(Some(error)) => self.hand_over(Err(error)),
                Err(None) => {}
            }
        }
    }

    fn hand_over(&self, arrival: Arrival) {
        let mut arrivals = lock(&self.inbox.arrivals);
        if arrival.is_err() && arrivals.iter().filter(|held| held.is_err()).count() >= KEPT_FAILURES
        {
            return;
        }
        arrivals.push(arrival);
        drop(arrivals);
        self.inbox.bell.ring();
    }
}

#[cfg(test)]
mod tests;
