//! What a measurement needs, and why it may fail.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mock_kuiper::{Host, HostError};

use crate::cli::interrupt::Interrupt;
use crate::cli::terminal::Terminal;

/// How long a source or sink is awaited beyond the time of its measurement.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// A running plugin, and what a measurement of it needs.
pub(super) struct Stage<'a> {
    pub(super) host: &'a Host,
    pub(super) time: Duration,
    pub(super) interrupt: &'a Interrupt,
    pub(super) findings: &'a Findings,
    /// What is measured, for example ``source `random` ``.
    pub(super) symbol: String,
}

/// Why there is no measurement.
#[derive(Debug)]
pub(super) enum Failure {
    Host(HostError),
    /// The plugin did something wrong that the library does not report.
    Finding(String),
    /// Nobody did something wrong.
    Unmeasured(String),
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl Stage<'_> {
    /// How long something runs before it is measured.
    pub(super) fn warm_up(&self) -> Duration {
        self.time / 5
    }

    /// Says that the symbol did something wrong; the measurement goes on.
    pub(super) fn report(&self, text: &str) {
        self.findings.report(&self.symbol, text);
    }

    /// Stops what was measured, whatever came of that.
    pub(super) fn stop<T>(
        &self,
        measured: Result<T, Failure>,
        stop: impl FnOnce() -> Result<(), HostError>,
    ) -> Result<T, Failure> {
        match (measured, stop()) {
            (Ok(measured), Ok(())) => Ok(measured),
            (Ok(_) | Err(Failure::Unmeasured(_)), Err(error)) => Err(error.into()),
            (Err(failure), _) => Err(failure),
        }
    }
}

/// What the plugin did wrong.
pub(super) struct Findings {
    terminal: Arc<Terminal>,
    symbols: Mutex<BTreeSet<String>>,
}

impl Findings {
    pub(super) fn new(terminal: Arc<Terminal>) -> Self {
        Self {
            terminal,
            symbols: Mutex::default(),
        }
    }

    /// Says something that the plugin did wrong; of one symbol once, as each
    /// round would say the same.
    pub(super) fn report(&self, symbol: &str, text: &str) {
        let mut symbols = self.symbols.lock().unwrap_or_else(PoisonError::into_inner);
        if symbols.insert(symbol.to_owned()) {
            self.terminal.error(text);
        }
    }

    pub(super) fn are_none(&self) -> bool {
        let symbols = self.symbols.lock();
        symbols.unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
