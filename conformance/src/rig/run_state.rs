//! What the checks of one run share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use mock_kuiper::engine::package::CheckReport;
use mock_kuiper::{Code, Host, HostError};

/// What one check has found out for all checks of a run: the files of the
/// plugin are examined once, and a plugin that never greets is not waited for
/// in every check.
#[derive(Debug, Default)]
pub(crate) struct RunState {
    greeted: AtomicBool,
    silent: AtomicBool,
    /// The result of examining the plugin's files. A Cargo package is built for
    /// it.
    pub(super) report: OnceLock<Result<CheckReport, String>>,
    /// Whether the first sink sends acks.
    pub(super) acks: OnceLock<bool>,
}

impl RunState {
    /// Remembers whether a launched plugin has greeted.
    pub(super) fn note(&self, launched: &Result<Host, HostError>) {
        match launched {
            Ok(_) => self.greeted.store(true, Ordering::Relaxed),
            Err(error) if error.code() == Some(Code::PluginNoGreeting) => {
                self.silent.store(true, Ordering::Relaxed);
            }
            Err(_) => {}
        }
    }

    /// Returns whether the plugin was launched, never greeted, and did not exit.
    pub(super) fn is_silent(&self) -> bool {
        !self.greeted.load(Ordering::Relaxed) && self.silent.load(Ordering::Relaxed)
    }
}
