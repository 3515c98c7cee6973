//! Breaks the transport's protocol, on a plain socket at a channel's address.
//!
//! Rules: docs/protocol.md, section 10, the frames.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use ekuiper_sp::Peer;
use rustix::net::sockopt::socket_peercred;

use super::error::HostError;
use super::shared::Shared;
use crate::breach::Breach;
use crate::event::What;
use crate::symbol::{Channel, Side};

/// How long the connection is kept open; the plugin may hang up sooner.
const HOLD: Duration = Duration::from_millis(200);

/// How often a wait checks whether the plugin has exited.
const GLANCE: Duration = Duration::from_millis(20);

/// Waits on a plain socket until the plugin dials, at most `limit`, and breaks
/// the protocol. The host must not listen there meanwhile.
pub(super) fn play_to_dialer(
    breach: Breach,
    channel: &Channel,
    shared: &Shared,
    limit: Duration,
) -> Result<(), BreachError> {
    let file = shared.file(channel);
    let listener = UnixListener::bind(&file)?;
    let accepted = accept(&listener, channel, shared, limit);
    drop(listener);
    fs::remove_file(&file)?;
    play(breach, accepted?, channel, shared)
}

/// Connects to a sink as a second sender, and breaks the protocol.
pub(super) fn play_to_listener(
    breach: Breach,
    channel: &Channel,
    shared: &Shared,
) -> Result<(), BreachError> {
    let stream = UnixStream::connect(shared.file(channel))?;
    play(breach, stream, channel, shared)
}

fn accept(
    listener: &UnixListener,
    channel: &Channel,
    shared: &Shared,
    limit: Duration,
) -> Result<UnixStream, BreachError> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + limit;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let credentials = socket_peercred(&stream).map_err(io::Error::from)?;
                let pid = u32::try_from(credentials.pid.as_raw_nonzero().get()).ok();
                let mut peer = Peer::new(pid);
                peer.uid = Some(credentials.uid.as_raw());
                if shared.admits(channel, &peer) {
                    return Ok(stream);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if shared.crashes_within(GLANCE) {
                    return Err(BreachError::Exited);
                }
            }
            Err(error) => return Err(error.into()),
        }
        if Instant::now() >= deadline {
            return Err(BreachError::NotDialed);
        }
    }
}

/// Sends the wrong bytes, and gives the plugin a moment to hang up.
fn play(
    breach: Breach,
    mut stream: UnixStream,
    channel: &Channel,
    shared: &Shared,
) -> Result<(), BreachError> {
    shared.tell(What::Breached { channel, breach });
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(GLANCE))?;
    // The plugin may hang up at the first byte.
    if stream.write_all(&bytes(breach, channel)).is_err() || breach == Breach::CutFrame {
        return Ok(());
    }
    let deadline = Instant::now() + HOLD;
    let mut received = [0; 4096];
    while Instant::now() < deadline {
        match stream.read(&mut received) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// Returns what the host sends on a new connection.
fn bytes(breach: Breach, channel: &Channel) -> Vec<u8> {
    let greeting = |protocol: u8| [0, b'S', b'P', 0, 0, protocol, 0, 0];
    let frame = |length: u64, body: &[u8]| {
        let mut bytes = greeting(channel.socket(Side::Host)).to_vec();
        bytes.push(1);
        bytes.extend(length.to_be_bytes());
        bytes.extend(body);
        bytes
    };
    match breach {
        Breach::CutFrame => frame(100, b"\x80\0\0\x01{\"cmd\":"),
        Breach::LyingLength => frame(1 << 62, b"\x80\0\0\x01{\"cmd\":"),
        Breach::WrongGreeting => greeting(0x10).to_vec(),
        Breach::NoGreeting => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    }
}

/// Why a breach could not be played.
#[derive(Debug)]
pub(crate) enum BreachError {
    /// The plugin did not dial in time.
    NotDialed,
    /// The plugin's process has exited.
    Exited,
    /// The host's own channel cannot be opened again.
    Host(HostError),
    /// The system's answer.
    System(io::Error),
}

impl From<HostError> for BreachError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<io::Error> for BreachError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}
