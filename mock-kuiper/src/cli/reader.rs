//! Reads the rows of one source on a thread of its own, and passes them on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mock_kuiper::engine::host::{LAST_ROWS, Received};
use mock_kuiper::engine::wire::InvalidRow;
use mock_kuiper::{Observed, Source};

use super::feed::Feed;
use super::findings::Findings;

/// Reads one source.
pub(super) struct Reader {
    pub(super) source: Source,
    pub(super) limit: Option<u64>,
    pub(super) passes_on: bool,
    pub(super) feed: Arc<Feed>,
    pub(super) findings: Arc<Findings>,
    /// Whether it reads on when the plugin exits: another process follows.
    pub(super) outlives: bool,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) counted: Arc<AtomicU64>,
}

impl Reader {
    /// Reads until the end of the source or of the plugin, or until a stop.
    /// Returns the source, to be stopped.
    pub(super) fn run(mut self) -> Source {
        let mut buffer = Vec::new();
        // Rows that were read while faults were played.
        let before = self.source.received();
        self.counted.store(before, Ordering::Relaxed);
        let mut count = 0;
        let mut limit = None;
        let mut woken = false;
        while !self.stop.load(Ordering::SeqCst) && self.limit.is_none_or(|limit| count < limit) {
            match self.source.read(limit) {
                Ok(Received::Row(row)) => {
                    count += 1;
                    self.counted.store(before + count, Ordering::Relaxed);
                    if self.passes_on
                        && let Err(invalid) = self.feed.pass_on(row.message, &mut buffer)
                    {
                        self.report(invalid);
                    }
                }
                Ok(Received::Invalid(invalid)) => self.report(invalid),
                Ok(Received::Woken) => woken = true,
                Ok(Received::Nothing) => break,
                Err(error) => {
                    let is_finding = error.is_finding();
                    self.findings.report_error(error);
                    if !is_finding {
                        break;
                    }
                }
            }
            if std::mem::take(&mut woken) && !self.outlives && self.source.plugin_has_exited() {
                // What it had sent before is still read.
                limit = Some(LAST_ROWS);
            }
        }
        self.source
    }

    fn report(&self, invalid: InvalidRow) {
        let observed = Observed::InvalidRow(invalid);
        self.findings.report(&self.source.about(observed), None);
    }
}
