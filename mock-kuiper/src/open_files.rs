//! The limit of open files: raised for the host, as eKuiper's is, and not for the
//! plugins that it launches.
//!
//! A program in Go raises its soft limit to the hard limit at its start, and gives
//! the programs that it launches the limit that it was started with.

use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit that this process was started with, if it was raised.
static BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit of this process to the hard limit. Does nothing if the system
/// does not allow it.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if limit != raised && setrlimit(Resource::Nofile, raised).is_ok() {
        let _ = BEFORE.set(limit);
    }
}

/// Sets the limit that this process was started with. For a forked child: it makes a
/// system call at most.
pub(crate) fn restore_limit() -> Result<(), Errno> {
    match BEFORE.get() {
        Some(before) => setrlimit(Resource::Nofile, *before),
        None => Ok(()),
    }
}
