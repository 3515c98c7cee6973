//! Hosts that run one after another, because they cannot be isolated.

use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with};

use super::error::{HostError, SystemError};

/// How long a host waits for the others.
const LIMIT: Duration = Duration::from_secs(600);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// The turn of one host among all on this machine that take turns. It ends when
/// it is dropped or the process exits.
#[derive(Debug)]
pub(super) struct Turn {
    /// Bound to an abstract address, which the kernel gives to one socket at a
    /// time and frees by itself: no file is left behind.
    _address: OwnedFd,
}

impl Turn {
    /// Waits for its turn.
    ///
    /// # Errors
    ///
    /// [`HostError::Interrupted`] once `interrupted` returns `true`, and
    /// [`HostError::System`] if the others do not end.
    pub(super) fn wait(interrupted: impl Fn() -> bool) -> Result<Self, HostError> {
        let failed = |errno: Errno| HostError::io("wait for its turn", errno.into());
        let address = SocketAddrUnix::new_abstract_name(b"mock-kuiper.turn").map_err(failed)?;
        let socket = socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(failed)?;
        let deadline = Instant::now() + LIMIT;
        loop {
            match bind(&socket, &address) {
                Ok(()) => return Ok(Self { _address: socket }),
                Err(Errno::ADDRINUSE) if interrupted() => return Err(HostError::Interrupted),
                Err(Errno::ADDRINUSE) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(Errno::ADDRINUSE) => {
                    return Err(HostError::System(Box::new(SystemError::NoTurn {
                        limit: LIMIT,
                    })));
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_when_it_is_dropped_and_the_next_is_waited_for() {
        let never = || false;
        let (mut order, turn) = (Vec::new(), Turn::wait(never).unwrap());
        let next = std::thread::spawn(move || {
            let _turn = Turn::wait(never).unwrap();
            Instant::now()
        });
        std::thread::sleep(Duration::from_millis(50));

        let interrupted = Turn::wait(|| true);
        order.push(Instant::now());
        drop(turn);
        order.push(next.join().unwrap());

        assert!(order.is_sorted());
        assert!(matches!(interrupted, Err(HostError::Interrupted)));
    }
}
