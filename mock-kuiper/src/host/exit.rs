//! The exit of the plugin's process, which several threads wait for.

use std::process::ExitStatus;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How the process ended, once it has.
#[derive(Debug, Default)]
pub(crate) struct Exit {
    status: Mutex<Option<ExitStatus>>,
    ended: Condvar,
}

impl Exit {
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most `limit` for the exit.
    pub(crate) fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        *self
            .ended
            .wait_timeout_while(status, limit, |status| status.is_none())
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    pub(super) fn set(&self, status: ExitStatus) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
        self.ended.notify_all();
    }
}
