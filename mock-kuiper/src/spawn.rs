//! Starting a program that was made a moment ago.

use std::io;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may be busy.
const LIMIT: Duration = Duration::from_secs(1);

const STEP: Duration = Duration::from_millis(2);

/// Starts a program, and waits a while for one that somebody has open to write.
///
/// A test that copies a plugin and launches it meets this: a process that
/// another thread starts has inherited the copy, open, until it runs a program
/// of its own.
///
/// # Errors
///
/// Those of [`Command::spawn`]; [`io::ErrorKind::ExecutableFileBusy`] at the
/// limit alone.
pub(crate) fn spawn(command: &mut Command) -> io::Result<Child> {
    let end = Instant::now() + LIMIT;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < end =>
            {
                thread::sleep(STEP);
            }
            done => return done,
        }
    }
}
