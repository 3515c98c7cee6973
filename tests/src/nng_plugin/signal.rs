//! The signals that end a plugin.

use std::{io, thread};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// Calls `then` at each SIGTERM and SIGINT, on a thread of its own; the signals
/// do not end the process any more.
///
/// # Errors
///
/// The system's error if it refuses the signal handlers.
pub fn on_termination(mut then: impl FnMut() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || signals.forever().for_each(|_| then()));
    Ok(())
}
