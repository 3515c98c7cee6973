//! Starting a program that may have been written a moment ago.

use std::io;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// How long the program may be busy.
const LIMIT: Duration = Duration::from_secs(5);

/// The first pause between two attempts. Each is twice as long as the one before, up to
/// [`LONGEST_PAUSE`]: an attempt forks the host, and what a supervisor reports of each
/// has to fit into a socket.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Starts a program, and waits up to 5 s if another process has it open for
/// writing.
///
/// This happens to a test that copies a plugin and launches the copy: a child that
/// another thread starts at that moment inherits the open file until its exec. On a
/// busy machine that may take a while.
///
/// # Errors
///
/// Those of [`Command::spawn`]. [`io::ErrorKind::ExecutableFileBusy`] is returned
/// only after the limit.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    let end = Instant::now() + LIMIT;
    let mut pause = FIRST_PAUSE;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < end =>
            {
                thread::sleep(pause);
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            done => return done,
        }
    }
}
