//! Reads the rows of one source on a thread of its own, and passes them on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ekuiper_sp::Error;
use mock_kuiper::host::{LAST_ROWS, Source};

use super::feed::Feed;
use super::findings::Findings;

/// Reads one source.
pub(super) struct Reader {
    pub(super) symbol: String,
    pub(super) source: Source,
    pub(super) limit: Option<u64>,
    pub(super) passes_on: bool,
    pub(super) feed: Arc<Feed>,
    pub(super) findings: Arc<Findings>,
    /// Whether it continues after the plugin's exit, because another process
    /// follows.
    pub(super) outlives: bool,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) counted: Arc<AtomicU64>,
}

impl Reader {
    /// Reads until the limit, the end of the channel, the plugin's exit or a stop.
    /// Returns the source, which the caller stops.
    pub(super) fn run(mut self) -> Source {
        let symbol = self.symbol.as_str();
        let wrong = |text: &dyn std::fmt::Display| {
            self.findings
                .report(symbol, &format!("source `{symbol}`: {text}"));
        };
        let mut buffer = Vec::new();
        // The rows that were read while faults were played.
        let before = self.source.received();
        self.counted.store(before, Ordering::Relaxed);
        let mut count = 0;
        let mut limit = None;
        let mut woken = false;
        while !self.stop.load(Ordering::SeqCst) && self.limit.is_none_or(|limit| count < limit) {
            match self.source.read(limit) {
                Ok(Ok(row)) => {
                    count += 1;
                    self.counted.store(before + count, Ordering::Relaxed);
                    if self.passes_on
                        && let Err(error) = self.feed.pass_on(row.message, &mut buffer)
                    {
                        wrong(&error);
                    }
                }
                Ok(Err(invalid)) => wrong(&invalid),
                Err(Error::Woken) => woken = true,
                Err(Error::Protocol(error)) => wrong(&error),
                Err(_) => break,
            }
            if std::mem::take(&mut woken) && !self.outlives && self.source.plugin_has_ended() {
                // The rows that it had sent by then are still read.
                limit = Some(LAST_ROWS);
            }
        }
        self.source
    }
}
