//! The exit of the plugin's process, which several threads wait for.

use std::process::ExitStatus;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the process ended, once it has.
#[derive(Debug, Default)]
pub(crate) struct Exit {
    end: Mutex<Option<End>>,
    ended: Condvar,
}

/// The end of a process.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Its parent learned its status.
    Known(ExitStatus),
    /// It was not a child of the host, which does not learn its status.
    Unknown,
}

impl Exit {
    /// Returns the status, once the process has ended and if the host was its parent.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        status(*self.lock())
    }

    /// Waits at most `limit` for the exit. Returns its status, if the host was its
    /// parent.
    pub(crate) fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        status(*self.wait_end(limit))
    }

    /// Whether the process has ended, or does so within `limit`.
    pub(super) fn ends_within(&self, limit: Duration) -> bool {
        self.wait_end(limit).is_some()
    }

    pub(super) fn set(&self, status: ExitStatus) {
        self.end(End::Known(status));
    }

    /// Notes the end of a process whose status the host does not learn.
    pub(super) fn set_unknown(&self) {
        self.end(End::Unknown);
    }

    fn end(&self, end: End) {
        *self.lock() = Some(end);
        self.ended.notify_all();
    }

    fn wait_end(&self, limit: Duration) -> MutexGuard<'_, Option<End>> {
        self.ended
            .wait_timeout_while(self.lock(), limit, |end| end.is_none())
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn lock(&self) -> MutexGuard<'_, Option<End>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn status(end: Option<End>) -> Option<ExitStatus> {
    match end {
        Some(End::Known(status)) => Some(status),
        Some(End::Unknown) | None => None,
    }
}
