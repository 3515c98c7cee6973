//! Paths, errors, time limits and locks, shared by the sockets on NNG.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp::Error;

/// Returns the path in a URL, which was validated before.
pub(super) fn path(url: &str) -> PathBuf {
    url.strip_prefix("ipc://").unwrap_or(url).into()
}

/// Makes the error for an operation that NNG refused; `doing` completes
/// "cannot … PATH".
pub(super) fn failed(doing: &'static str, path: &Path, error: nng::Error) -> Error {
    if error == nng::Error::Closed {
        return Error::Closed;
    }
    let source = match error {
        nng::Error::SystemErr(code) => io::Error::from_raw_os_error(code.cast_signed()),
        other => other.into(),
    };
    Error::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Returns the moment at which a limit ends that starts now.
pub(super) fn deadline(limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

/// Locks a mutex, even if a thread panicked while it held the lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
