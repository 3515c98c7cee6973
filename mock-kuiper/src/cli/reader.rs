//! Reads the rows of one source on a thread of its own, and passes them on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mock_kuiper::engine::host::{LAST_ROWS, RESTORE, Received};
use mock_kuiper::{Observed, Source};

use super::feed::Feed;
use super::findings::Findings;
use super::text::count as counted;

/// How often a reader that gets no rows checks whether its source is still there.
const TICK: Duration = Duration::from_millis(100);

/// How long a row may stop in its middle.
const HALF_ROW: Duration = Duration::from_secs(1);

/// Reads one source.
pub(super) struct Reader {
    pub(super) source: Source,
    pub(super) limit: Option<u64>,
    pub(super) passes_on: bool,
    pub(super) feed: Arc<Feed>,
    pub(super) findings: Arc<Findings>,
    /// Whether it reads on when the plugin exits: another process follows.
    pub(super) outlives: bool,
    /// Whether the plugin may run in a debugger, which stops it anywhere.
    pub(super) attached: bool,
    /// How long the source may take to dial its channel.
    pub(super) dials_within: Duration,
    pub(super) stop: Arc<AtomicBool>,
    /// Whether a signal has ended the run: then a stop waits for nothing.
    pub(super) quits: Arc<AtomicBool>,
    pub(super) counted: Arc<AtomicU64>,
}

/// What a reader has seen of its source.
struct Seen {
    began: Instant,
    /// The rows that were read while faults were played.
    before: u64,
    /// The rows since then.
    rows: u64,
    /// The bytes of an incomplete row, and since when there are no more.
    half_row: Option<(usize, Instant)>,
    /// Whether the present silence was reported.
    is_reported: bool,
}

impl Reader {
    /// Reads until the end of the source or of the plugin, or until a stop.
    /// Returns the source, to be stopped.
    pub(super) fn run(mut self) -> Source {
        let mut buffer = Vec::new();
        let before = self.source.received();
        self.counted.store(before, Ordering::Relaxed);
        let mut seen = Seen {
            began: Instant::now(),
            before,
            rows: 0,
            half_row: None,
            is_reported: false,
        };
        let mut limit = TICK;
        // When the exit of the plugin was noticed.
        let mut exited = None;
        let mut woken = false;
        while !self.is_stopped(&seen) && self.limit.is_none_or(|limit| seen.rows < limit) {
            match self.source.read(Some(limit)) {
                Ok(Received::Row(row)) => {
                    seen.rows += 1;
                    seen.half_row = None;
                    seen.is_reported = false;
                    self.counted.store(before + seen.rows, Ordering::Relaxed);
                    if self.passes_on
                        && let Err(invalid) = self.feed.pass_on(row.message, &mut buffer)
                    {
                        self.report(Observed::InvalidRow(invalid));
                    }
                }
                Ok(Received::Invalid(invalid)) => self.report(Observed::InvalidRow(invalid)),
                Ok(Received::Woken) => woken = true,
                Ok(Received::Nothing) => {
                    let is_over = match exited {
                        Some(at) => !self.source.may_have_rows(at),
                        None => self.has_ended(&mut seen) && !self.outlives,
                    };
                    if is_over {
                        break;
                    }
                }
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
                limit = LAST_ROWS;
                exited.get_or_insert_with(Instant::now);
            }
        }
        self.source
    }

    /// Whether the reader is to stop. It first finds out whether a source that is
    /// gone comes back.
    fn is_stopped(&self, seen: &Seen) -> bool {
        let at_once = self.outlives || self.quits.load(Ordering::SeqCst);
        let is_open = self.source.gone_for().is_some()
            || !self.source.has_dialed()
            || seen.half_row.is_some();
        self.stop.load(Ordering::SeqCst) && (at_once || !is_open)
    }

    /// Whether the source is gone because a process has exited, which is told by itself.
    fn left_with_an_exit(&self) -> bool {
        match self.outlives {
            true => self.source.left_with_its_process(),
            false => self.source.process_is_gone(),
        }
    }

    /// Whether the source will send no more rows; then that is reported, once.
    fn has_ended(&self, seen: &mut Seen) -> bool {
        let is_stopping = self.stop.load(Ordering::SeqCst);
        let waited = seen.began.elapsed();
        let half_row = self.half_row(seen);
        let ended = if let Some(gone) = self.source.gone_for() {
            if gone < RESTORE || self.left_with_an_exit() {
                return false;
            }
            let is_short = self.limit.is_some() || seen.before + seen.rows == 0;
            is_short.then_some(Observed::Ended {
                rows: seen.rows,
                expected: self.limit,
            })
        } else if let Some(bytes) = half_row {
            Some(Observed::HalfFrame {
                bytes,
                limit: HALF_ROW,
            })
        } else if !self.source.has_dialed()
            && (waited >= self.dials_within || is_stopping && waited >= RESTORE)
        {
            let limit = match is_stopping {
                true => RESTORE,
                false => self.dials_within,
            };
            Some(Observed::NotDialed { limit })
        } else {
            seen.is_reported = false;
            return false;
        };
        if std::mem::replace(&mut seen.is_reported, true) {
            return true;
        }
        match ended {
            Some(observed) => self.report(observed),
            None => self.findings.note(&format!(
                "source `{}` ended by itself after {}",
                self.source.symbol(),
                counted(seen.before + seen.rows, "row")
            )),
        }
        true
    }

    /// Returns the length of an incomplete row that has not grown for
    /// [`HALF_ROW`].
    fn half_row(&self, seen: &mut Seen) -> Option<usize> {
        if self.attached {
            return None;
        }
        let bytes = self.source.incomplete();
        match seen.half_row {
            Some((before, since)) if before == bytes => {
                (since.elapsed() >= HALF_ROW).then_some(bytes)
            }
            _ => {
                seen.half_row = (bytes > 0).then(|| (bytes, Instant::now()));
                None
            }
        }
    }

    fn report(&self, observed: Observed) {
        self.findings.report(&self.source.about(observed), None);
    }
}
