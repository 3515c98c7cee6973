//! What the plugin did wrong: counted and reported.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mock_kuiper::engine::foreign::printable;
use mock_kuiper::{Fault, Finding, HostError, What};

use super::stream::Stream;
use super::text::count;

/// Counts findings, and reports the first few of each kind.
pub(super) struct Findings {
    stream: Arc<Stream>,
    by_key: Mutex<HashMap<String, u64>>,
    /// Each kind of finding about each symbol, for the summary.
    kinds: Mutex<Vec<Repeated>>,
    total: AtomicU64,
    /// The first internal or system error of a thread that has no other way to
    /// report it.
    system_error: Mutex<Option<HostError>>,
}

/// The findings of one kind about one symbol.
struct Repeated {
    first: Finding,
    during: Option<Fault>,
    times: u64,
}

impl std::fmt::Debug for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Findings").field(&self.total).finish()
    }
}

impl Findings {
    /// The findings about one symbol that are reported one by one.
    const REPORTED: u64 = 10;

    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            by_key: Mutex::default(),
            kinds: Mutex::default(),
            total: AtomicU64::new(0),
            system_error: Mutex::default(),
        }
    }

    /// Counts a finding and reports it, with the fault that led to it.
    pub(super) fn report(&self, finding: &Finding, during: Option<Fault>) {
        self.total.fetch_add(1, Ordering::Relaxed);
        self.keep(finding, during);
        let key = match (during, &finding.symbol) {
            (Some(fault), _) => fault.to_string(),
            (None, Some(symbol)) => symbol.to_string(),
            (None, None) => "the plugin".to_owned(),
        };
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let number = by_key.entry(key.clone()).or_default();
        *number += 1;
        if *number <= Self::REPORTED {
            self.stream.tell(What::Finding { finding, during });
        }
        if *number == Self::REPORTED {
            self.note(&format!("{key}: further errors are only counted"));
        }
    }

    fn keep(&self, finding: &Finding, during: Option<Fault>) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |kept: &&mut Repeated| {
            let (kept, fault) = (&kept.first, kept.during);
            kept.code() == finding.code() && kept.symbol == finding.symbol && fault == during
        };
        match kinds.iter_mut().find(same) {
            Some(kept) => kept.times += 1,
            None => kinds.push(Repeated {
                first: finding.clone(),
                during,
                times: 1,
            }),
        }
    }

    /// Writes each finding once more, in one line and with its code: those of one
    /// kind about one symbol together.
    pub(super) fn lines(&self) -> Vec<String> {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |kept: &Repeated| {
            let fault = kept.during.map(|fault| format!("fault {fault}: "));
            let more = match kept.times {
                1 => String::new(),
                times => format!(" ({})", count(times, "time")),
            };
            let fault = fault.unwrap_or_default();
            let text = format!("  {}: {fault}{}{more}", kept.first.code(), kept.first);
            printable(text.lines().next().unwrap_or_default())
        };
        kinds.iter().map(line).collect()
    }

    /// Writes what a person should know, which is not an error.
    pub(super) fn note(&self, text: &str) {
        self.stream.tell(What::Note { text });
    }

    /// Reports the error of a thread that feeds or reads a symbol. That a wait
    /// was interrupted is not reported.
    pub(super) fn report_error(&self, error: HostError) {
        match error {
            HostError::Finding(finding) => self.report(&finding, None),
            HostError::Interrupted => {}
            other => {
                let first = self.system_error.lock();
                first
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(other);
            }
        }
    }

    /// Takes the first error that was not a finding.
    pub(super) fn take_system_error(&self) -> Option<HostError> {
        let first = self.system_error.lock();
        first.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns the number of findings so far.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}
