//! Passes the bytes of a connection on, both ways, until one side ends it.
//!
//! What was read goes to the tape first and then to the other side, so that the trace
//! has every message before its answer.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::basics::{STACK, say};
use super::frames::{Found, Frames};
use super::lines::What;
use super::tape::Tape;
use crate::symbol::{Channel, Purpose, Side};

/// The bytes that are read at once.
const PIECE: usize = 64 * 1024;

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
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            frames.feed(&buffer[..read], |found| self.note(from, found));
            self.tape.flush();
            target.write_all(&buffer[..read])?;
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

impl<W: Watch> Drop for Connection<W> {
    fn drop(&mut self) {
        self.watch.closed();
    }
}
