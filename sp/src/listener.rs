//! The listening half of REP and PULL: it owns the socket file and the thread
//! that accepts peers and exchanges greetings with them.
//!
//! Messages are not read here: greeted connections are handed over to `peers`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::{RecvFlags, bind, connect, listen, recv};

use crate::address::Address;
use crate::changes::lock;
use crate::connection::{Connection, GREETING_LIMIT, Greeting, Progress, wait};
use crate::frame::Protocol;
use crate::listed::listed;
use crate::options::Admit;
use crate::sys::{self, peer_of};
use crate::wake::Bell;
use crate::{Error, Options, ProtocolError};

/// A bound address, with a thread that accepts peers until this is dropped.
///
/// Dropping it removes the socket file, unless another file has replaced it.
#[derive(Debug)]
pub(crate) struct Listener {
    address: Address,
    file: Option<FileId>,
    inbox: Arc<Inbox>,
    stop: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// What the accepting thread hands over to the receiving thread.
#[derive(Debug)]
struct Inbox {
    arrivals: Mutex<Vec<Arrival>>,
    /// Whether a peer may have been greeted that is not among the arrivals yet.
    greeting: AtomicBool,
    /// Rings for an arrival and for [`Waker::wake`](crate::Waker::wake).
    bell: Arc<Bell>,
}

/// The device and inode of a socket file.
type FileId = (u64, u64);

fn file_id(path: &Path) -> Option<FileId> {
    let file = fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

/// The connection of a peer that has greeted, or why its greeting failed.
pub(crate) type Arrival = Result<Connection, ProtocolError>;

/// How many failed greetings are kept for a caller that does not receive.
const KEPT_FAILURES: usize = 16;

/// How many peers may exchange greetings at the same time. For one more, the
/// oldest is closed.
const MOST_GREETINGS: usize = 64;

/// How many greeted peers are held for a caller that does not receive. Further
/// peers stay in the kernel's backlog, where they cost no descriptors.
const MOST_ARRIVALS: usize = 64;

/// How long to wait for the greeting of a socket that already listens on the
/// address; see [`Listening::in_use`].
const COURTESY: Duration = Duration::from_secs(1);

/// The pause after a failed system call before the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

impl Listener {
    pub(crate) fn open(url: &str, protocol: Protocol, options: &Options) -> Result<Self, Error> {
        Self::open_with(url, protocol, options, GREETING_LIMIT)
    }

    /// Opens a listener with the given time limit for a peer's greeting.
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
            greeting: AtomicBool::new(false),
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

    /// Returns the bell that rings when there are new
    /// [arrivals](Self::take_arrivals).
    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.inbox.bell
    }

    /// Takes the peers that have arrived since the last call.
    pub(crate) fn take_arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut *lock(&self.inbox.arrivals))
    }

    /// Returns whether a peer has been greeted that has not been taken.
    pub(crate) fn is_greeting(&self) -> bool {
        // In this order: whoever is handed over is among the arrivals before that.
        self.inbox.greeting.load(Ordering::SeqCst) || !lock(&self.inbox.arrivals).is_empty()
    }

    pub(crate) fn path(&self) -> &Path {
        self.address.path()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let path = self.address.path();
        if self.file.is_some() && file_id(path) == self.file {
            // If this fails, the next listener on this address removes the file
            // as stale.
            let _ = fs::remove_file(path);
        }
        self.stop.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Binds `address` and listens there, after removing a stale socket file.
fn bind_address(address: &Address) -> Result<(OwnedFd, Option<FileId>), Error> {
    let path = address.path();
    let failed = |doing, errno: Errno| Error::Io {
        doing,
        path: path.to_owned(),
        source: errno.into(),
    };
    let mut turn = take_turn(path);
    let socket = sys::socket().map_err(|errno| failed("open a socket for", errno))?;
    let mut bound = bind(&socket, address.kernel());
    if bound == Err(Errno::ADDRINUSE) {
        turn = remove_stale(address, turn)?;
        bound = bind(&socket, address.kernel());
    }
    match bound {
        Ok(()) => {}
        // A process that does not use the lock was faster.
        Err(Errno::ADDRINUSE) => {
            let found = listening(address);
            drop(turn);
            return Err(match found {
                Some(found) => found.in_use(path),
                None => failed("listen at", Errno::ADDRINUSE),
            });
        }
        Err(errno) => return Err(failed("listen at", errno)),
    }
    let file = file_id(path);
    listen(&socket, 128).map_err(|errno| failed("listen at", errno))?;
    Ok((socket, file))
}

/// Locks the directory of `path` while an address in it is checked and bound.
///
/// Without the lock, of two processes that find the same stale socket file, the
/// second could remove the file that the first has just bound. Returns `None`,
/// and the caller goes on without the lock, if the directory cannot be opened or
/// stays locked for a second.
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

/// A reservation of a free address; see [`claim`].
///
/// While it exists, this crate's listeners wait before they bind the address,
/// for at most a second.
#[derive(Debug)]
pub struct Claim {
    _turn: Option<fs::File>,
}

/// Reserves `url` for a listener that does not use this crate.
///
/// A stale socket file, on which no socket listens, is removed. Bind the address
/// while you hold the claim: this crate's listeners wait for it, for at most a
/// second.
///
/// # Errors
///
/// [`Error::Address`] for an invalid URL, [`Error::InUse`] if a socket listens
/// there, [`Error::NotASocket`] if another kind of file is there, and
/// [`Error::Io`] if a system call fails.
pub fn claim(url: &str) -> Result<Claim, Error> {
    let address = Address::parse(url)?;
    let turn = remove_stale(&address, take_turn(address.path()))?;
    Ok(Claim { _turn: turn })
}

/// Removes the file at `address` if it is a socket file on which no socket
/// listens. Returns the lock of the directory, which a failure releases.
fn remove_stale(address: &Address, turn: Option<fs::File>) -> Result<Option<fs::File>, Error> {
    let path = address.path();
    let failed = |source| Error::Io {
        doing: "remove the stale socket file",
        path: path.to_owned(),
        source,
    };
    let owner = match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => file.uid(),
        Ok(_) => {
            return Err(Error::NotASocket {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(turn),
        Err(error) => return Err(failed(error)),
    };
    if let Some(found) = listening(address) {
        drop(turn);
        return Err(found.in_use(path));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(Error::StaleFile {
            path: path.to_owned(),
            owner,
        }),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(turn),
    }
}

/// Whether a socket listens at `path`, for a user that may not connect to it.
fn is_listed(path: &Path) -> bool {
    let has = |found: &HashMap<u64, PathBuf>| found.values().any(|bound| bound == path);
    // A list that cannot be read shows nobody who could be ended.
    has(&listed(has).unwrap_or_default())
}

/// A socket that listens on an address where another one was to listen, and the
/// connection to it; `None` if it accepts none.
struct Listening(Option<OwnedFd>);

/// Returns the socket that listens on an address; `None` if none does.
fn listening(address: &Address) -> Option<Listening> {
    let connected = sys::socket().and_then(|socket| {
        connect(&socket, address.kernel())?;
        Ok(socket)
    });
    match connected {
        Ok(socket) => Some(Listening(Some(socket))),
        Err(Errno::CONNREFUSED | Errno::NOENT) => None,
        Err(Errno::ACCESS) if !is_listed(address.path()) => None,
        // Any other failure, such as a full backlog, means that it is in use.
        Err(_) => Some(Listening(None)),
    }
}

impl Listening {
    /// Returns the error for its address, whose file is at `path`.
    ///
    /// Its greeting is awaited before the connection is closed, because NNG 1.4
    /// accepts no more peers after one that left before its greeting. Only a
    /// listener that sends no greeting, or a very busy machine, takes the full time.
    /// So release the lock of the directory before: all listeners there wait for it.
    fn in_use(self, path: &Path) -> Error {
        let pid = self.0.and_then(|socket| {
            let mut greeting = [PollFd::new(&socket, PollFlags::IN)];
            let _ = wait(&mut greeting, Some(Instant::now() + COURTESY));
            let _ = recv(&socket, &mut [0; 8], RecvFlags::empty());
            peer_of(&socket).pid
        });
        Error::InUse {
            path: path.to_owned(),
            pid,
        }
    }
}

/// Accepts peers and exchanges greetings with all of them at the same time, so
/// that a peer that connects and stays silent delays no other.
struct Acceptor {
    socket: OwnedFd,
    protocol: Protocol,
    admit: Option<Admit>,
    inbox: Arc<Inbox>,
    stop: Arc<Bell>,
    /// How long a peer may take to send its greeting.
    greeting_limit: Duration,
    /// The unfinished greetings with their deadlines, the oldest first.
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
                // Most likely out of memory.
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
            let greeting = !self.greetings.is_empty();
            self.inbox.greeting.store(greeting, Ordering::SeqCst);
        }
    }

    /// Accepts peers from the backlog, at most [`MOST_GREETINGS`] before the
    /// greetings of the others go on.
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
                    self.inbox.greeting.store(true, Ordering::SeqCst);
                    let greeting = Greeting::new(socket, self.protocol);
                    let until = Instant::now() + self.greeting_limit;
                    self.greetings.push((greeting, until));
                }
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    // Most likely out of descriptors. The peer stays in the
                    // backlog, so a poll would report it again at once.
                    let mut stop = [PollFd::new(&*self.stop, PollFlags::IN)];
                    let _ = wait(&mut stop, Some(Instant::now() + PAUSE));
                    return;
                }
            }
        }
    }

    /// Continues every greeting, and hands over the connections of those that
    /// are done.
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
                // The peer only checked whether a socket listens, and left.
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
