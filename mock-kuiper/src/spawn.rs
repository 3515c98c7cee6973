//! Starting a program that may have been written a moment ago.

use std::io;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// How long the program may be busy.
const LIMIT: Duration = Duration::from_secs(5);

const STEP: Duration = Duration::from_millis(2);

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
