//! What the checks of one run share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use mock_kuiper::engine::package::CheckReport;
use mock_kuiper::{Code, Host, HostError};

use super::gate::Gate;

/// What one check has found out for all checks of a run: the files of the
/// plugin are examined once, and a plugin that never greets is not waited for
/// in every check.
#[derive(Debug, Default)]
pub(crate) struct RunState {
    /// What a launch has to pass.
    pub(super) gate: Gate,
    greeted: AtomicBool,
    silent: AtomicBool,
    /// The result of examining the plugin's files. A Cargo package is built for
    /// it.
    pub(super) report: OnceLock<Result<CheckReport, String>>,
    /// Whether a sink sends acks, by its name.
    acks: Mutex<HashMap<String, Arc<OnceLock<bool>>>>,
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

    /// Returns the place for whether a sink sends acks.
    pub(super) fn acks(&self, sink: &str) -> Arc<OnceLock<bool>> {
        let mut acks = self.acks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(acks.entry(sink.to_owned()).or_default())
    }

    /// Returns whether the plugin was launched, never greeted, and did not exit.
    pub(super) fn is_silent(&self) -> bool {
        !self.greeted.load(Ordering::Relaxed) && self.silent.load(Ordering::Relaxed)
    }
}
