//! Passes the bytes of a connection on, both ways, until one side ends it.
//!
//! What was read goes to the tape first and then to the other side, so that the trace
//! has every message before its answer. The tape may hold this up. A message must not be
//! cut then, because its reader would wait for the rest, and not for long: its beginning
//! is passed on with its end, unless the end does not come soon.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::basics::{STACK, say};
use super::frames::{Found, Frames};
use super::lines::What;
use super::tape::Tape;
use crate::symbol::{Channel, Purpose, Side};

/// The bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// How long the beginning of a message waits for the rest.
const SOON: Duration = Duration::from_millis(10);

/// The bytes of a message that are recorded: 1 MiB.
const KEPT: usize = 1024 * 1024;

/// The bytes of an order that are read: 16 MiB.
const KEPT_OF_CONTROL: usize = 16 * 1024 * 1024;

/// Who must know what is passed on.
pub(super) trait Watch: Send + Sync + 'static {
    /// Called before a message on control is passed on.
    fn control(&self, from: Side, body: &[u8]);

    /// Called after the end of a connection.
    fn closed(&self);
}

/// Both ends of a connection.
struct Connection<W: Watch> {
    channel: Arc<Channel>,
    tape: Tape,
    watch: W,
    host: UnixStream,
    plugin: UnixStream,
    /// Whether one side has ended it.
    ended: AtomicBool,
}

/// Begins to pass on what arrives at `near`, which `dialer` has opened, and at `far`.
pub(super) fn start<W: Watch>(
    near: UnixStream,
    far: UnixStream,
    channel: &Arc<Channel>,
    tape: &Tape,
    watch: W,
) -> io::Result<()> {
    let dialer = channel.dialer();
    let (host, plugin) = match dialer {
        Side::Host => (near, far),
        Side::Plugin => (far, near),
    };
    tape.write(Some(channel), &What::Connected { dialer });
    let connection = Arc::new(Connection {
        channel: Arc::clone(channel),
        tape: tape.clone(),
        watch,
        host,
        plugin,
        ended: AtomicBool::new(false),
    });
    for from in [dialer, other(dialer)] {
        let pump = Arc::clone(&connection);
        let thread = thread::Builder::new()
            .name(format!("from-{}", from.name()))
            .stack_size(STACK);
        if let Err(error) = thread.spawn(move || pump.run(from)) {
            connection.end();
            return Err(error);
        }
    }
    Ok(())
}

fn other(side: Side) -> Side {
    match side {
        Side::Host => Side::Plugin,
        Side::Plugin => Side::Host,
    }
}

impl<W: Watch> Connection<W> {
    fn run(&self, from: Side) {
        let is_control = self.channel.purpose() == Purpose::Control;
        let mut frames = Frames::new(if is_control { KEPT_OF_CONTROL } else { KEPT });
        let _ = self.pass_on(from, &mut frames);
        if let Some((length, came)) = frames.incomplete() {
            say(&format!(
                "{}: the {} ended the connection after {came} of {length} bytes of a message, \
                 which is not in the trace",
                self.channel,
                from.name()
            ));
        }
        if !self.ended.swap(true, Ordering::SeqCst) {
            self.tape.write(Some(&self.channel), &What::Closed { from });
        }
        self.end();
    }

    /// Passes on what one side sends until it ends the connection, or the other does.
    fn pass_on(&self, from: Side, frames: &mut Frames) -> io::Result<()> {
        let (mut source, mut target) = match from {
            Side::Host => (&self.host, &self.plugin),
            Side::Plugin => (&self.plugin, &self.host),
        };
        let mut buffer = vec![0; PIECE];
        // The bytes at the beginning of the buffer that are not passed on yet.
        let mut kept = 0;
        loop {
            if kept > 0 && !is_readable_soon(source) {
                target.write_all(&buffer[..kept])?;
                kept = 0;
            }
            let read = match source.read(&mut buffer[kept..]) {
                Ok(0) => return target.write_all(&buffer[..kept]),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    target.write_all(&buffer[..kept])?;
                    return Err(error);
                }
            };
            let have = kept + read;
            frames.feed(&buffer[kept..have], |found| self.note(from, found));
            self.tape.flush();
            let passed = match have.checked_sub(frames.begun()) {
                // The beginning of the message is passed on already.
                None => have,
                // It is longer than the buffer.
                Some(0) if have == PIECE => have,
                Some(whole) => whole,
            };
            target.write_all(&buffer[..passed])?;
            buffer.copy_within(passed..have, 0);
            kept = have - passed;
        }
    }

    fn note(&self, from: Side, found: Found) {
        let what = match found {
            Found::Greeting(bytes) => What::Greeting { from, bytes },
            Found::Message { body, length } => {
                if self.channel.purpose() == Purpose::Control {
                    self.watch.control(from, &body);
                }
                What::Message { from, body, length }
            }
            Found::Unreadable => {
                say(&format!(
                    "{}: the {} has sent bytes that are no message; they are passed on and not \
                     recorded",
                    self.channel,
                    from.name()
                ));
                return;
            }
        };
        self.tape.push(Some(&self.channel), &what);
    }

    fn end(&self) {
        let _ = self.host.shutdown(Shutdown::Both);
        let _ = self.plugin.shutdown(Shutdown::Both);
    }
}

/// Waits for more bytes, or the end, for at most [`SOON`].
fn is_readable_soon(source: &UnixStream) -> bool {
    let limit = Timespec::try_from(SOON).expect("10 ms are in the range");
    let mut waits_for = [PollFd::new(source, PollFlags::IN)];
    poll(&mut waits_for, Some(&limit)).is_ok_and(|ready| ready > 0)
}

impl<W: Watch> Drop for Connection<W> {
    fn drop(&mut self) {
        self.watch.closed();
    }
}
