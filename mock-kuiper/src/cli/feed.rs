//! Sends rows to the sinks, from the sources or from the command line.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mock_kuiper::engine::wire::{InvalidRow, write_sink_row, write_sink_value};
use mock_kuiper::{Code, HostError, Sink};
use serde_json::Value;

use super::findings::Findings;
use super::input::{Input, LISTED, parse_row};

/// The running sinks, which any thread may feed until they are taken away.
#[derive(Debug)]
pub(super) struct Feed {
    /// `None` once the sinks are taken away.
    sinks: Mutex<Option<Vec<Fed>>>,
    single: bool,
    /// Whether another process may follow the one that exits.
    outlives: bool,
    /// Whether nobody waits for the sinks any more; see [`leaves_when`](Self::leaves_when).
    leaves: Arc<AtomicBool>,
    findings: Arc<Findings>,
    /// The rows that were offered to a sink.
    sent: AtomicU64,
}

/// A sink that is fed.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) sink: Sink,
    /// How many rows there were for it.
    offered: u64,
    /// How many rows in a row got no ack.
    unanswered: u32,
    /// Whether it gets no more rows.
    given_up: bool,
}

impl Fed {
    /// Returns how many rows could not be sent.
    pub(super) fn undelivered(&self) -> u64 {
        self.offered.saturating_sub(self.sink.sent())
    }
}

/// How many rows in a row may go without their ack before a sink that requires
/// acks is given up.
const UNANSWERED: u32 = 3;

impl Feed {
    /// Makes a feed without sinks. With `outlives`, another process may follow
    /// the one that exits.
    pub(super) fn new(single: bool, outlives: bool, findings: Arc<Findings>) -> Self {
        Self {
            sinks: Mutex::new(Some(Vec::new())),
            single,
            outlives,
            leaves: Arc::default(),
            findings,
            sent: AtomicU64::new(0),
        }
    }

    /// Sends no more rows once this is set: a sink in a debugger may take no row, for as
    /// long as it likes.
    pub(super) fn leaves_when(mut self, leaves: &Arc<AtomicBool>) -> Self {
        self.leaves = Arc::clone(leaves);
        self
    }

    /// Adds sinks, unless all were taken away.
    pub(super) fn add(&self, sinks: Vec<Sink>) {
        if let Some(fed) = &mut *self.lock() {
            fed.extend(sinks.into_iter().map(|sink| Fed {
                sink,
                offered: 0,
                unanswered: 0,
                given_up: false,
            }));
        }
    }

    /// Feeds the sinks again that were given up: another process serves them.
    pub(super) fn resume(&self) {
        for fed in self.lock().iter_mut().flatten() {
            fed.given_up = false;
        }
    }

    /// Waits until the sinks have read what was sent, unless one reads nothing for
    /// `quiet`; then at most `limit` for the acks of each, and `hang_up` longer for those that close their channel because
    /// of a row. Reports those that do not listen again.
    pub(super) fn settle(&self, quiet: Duration, limit: Duration, hang_up: Duration) {
        let mut sinks = self.lock();
        let mut fed: Vec<_> = sinks.iter_mut().flatten().collect();
        fed.retain(|fed| !fed.given_up && fed.offered > 0);
        for fed in &mut fed {
            if !quiet.is_zero()
                && let Err(error) = fed.sink.wait_read(quiet)
            {
                self.fail(fed, error);
            }
            fed.sink.settle(limit);
        }
        let deadline = Instant::now() + hang_up;
        for fed in fed {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(error) = fed.sink.watch_hang_up(left) {
                self.fail(fed, error);
            }
        }
    }

    /// Takes the sinks away, to stop them.
    pub(super) fn take(&self) -> Vec<Fed> {
        self.lock().take().unwrap_or_default()
    }

    /// Returns how many rows were sent so far, over all sinks. Does not wait for a
    /// slow sink.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends a source's row to every sink, as `SELECT *` does.
    pub(super) fn pass_on(&self, message: &str, buffer: &mut Vec<u8>) -> Result<(), InvalidRow> {
        buffer.clear();
        write_sink_row(buffer, message, self.single)?;
        self.send(buffer);
        Ok(())
    }

    /// Sends a row of the command line to every sink.
    fn send_given(&self, row: &Value) {
        messages(row, self.single).for_each(|message| self.send(&message));
    }

    fn send(&self, row: &[u8]) {
        for fed in self.lock().iter_mut().flatten() {
            fed.offered += 1;
            if fed.given_up || self.leaves.load(Ordering::SeqCst) {
                continue;
            }
            self.sent.fetch_add(1, Ordering::Relaxed);
            match fed.sink.deliver(row) {
                Ok(()) => fed.unanswered = 0,
                Err(error) => self.fail(fed, error),
            }
        }
    }

    /// Reports what went wrong with a row, and gives up a sink that takes no
    /// more rows.
    fn fail(&self, fed: &mut Fed, error: HostError) {
        let code = error.code();
        if code == Some(Code::SinkHungUp) {
            if self.outlives && fed.sink.left_with_its_process() {
                return;
            }
            fed.given_up = true;
        }
        fed.unanswered = match code {
            Some(Code::AckMissing) => fed.unanswered + 1,
            _ => 0,
        };
        self.findings.report_error(error);
        if fed.unanswered == UNANSWERED {
            fed.given_up = true;
            self.findings.note(&format!(
                "sink `{}`: {UNANSWERED} rows in a row got no ack; it gets no more rows",
                fed.sink.symbol()
            ));
        }
    }

    /// Sends the rows of the command line to every sink.
    ///
    /// # Errors
    ///
    /// The lines of a file or of stdin that are not JSON. The others are sent.
    pub(super) fn send_all(&self, input: &Input) -> Result<(), Vec<String>> {
        match input {
            Input::Sources => Ok(()),
            Input::Given(rows) => {
                rows.iter().for_each(|row| self.send_given(row));
                Ok(())
            }
            Input::File(path) => match File::open(path) {
                Ok(file) => self.send_lines(BufReader::new(file), &path.display().to_string()),
                Err(error) => Err(vec![format!("--rows {}: {error}", path.display())]),
            },
            Input::Stdin => self.send_lines(io::stdin().lock(), "-"),
        }
    }

    fn send_lines(&self, lines: impl BufRead, name: &str) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        let mut more = 0;
        for (number, line) in (1_usize..).zip(lines.lines()) {
            let read = line.map_err(|error| error.to_string());
            match read.as_deref().map_err(Clone::clone).and_then(parse_row) {
                Ok(None) => {}
                Ok(Some(row)) => self.send_given(&row),
                Err(error) => {
                    if mistakes.len() < LISTED {
                        mistakes.push(format!("--rows {name}: line {number}: {error}"));
                    } else {
                        more += 1;
                    }
                    if read.is_err() {
                        break;
                    }
                }
            }
            if self.lock().is_none() {
                break;
            }
        }
        if more > 0 {
            mistakes.push(format!("--rows {name}: {more} more lines are wrong"));
        }
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(mistakes)
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Fed>>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the messages for a row of the command line. An array is one batch; with
/// `single` each of its rows is a message of its own.
pub(super) fn messages(row: &Value, single: bool) -> impl Iterator<Item = Vec<u8>> {
    let rows = match row {
        Value::Array(rows) if single => &rows[..],
        row => std::slice::from_ref(row),
    };
    rows.iter().map(move |row| {
        let mut message = Vec::new();
        write_sink_value(&mut message, row, single);
        message
    })
}
