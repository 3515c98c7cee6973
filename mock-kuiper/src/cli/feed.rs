//! Sends rows to the sinks, from the sources or from the command line.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mock_kuiper::Sink;
use mock_kuiper::engine::wire::{InvalidRow, write_sink_row, write_sink_value};
use serde_json::Value;

use super::findings::Findings;
use super::input::{Input, LISTED, parse_row};

/// The running sinks, which any thread may feed until they are taken away.
#[derive(Debug)]
pub(super) struct Feed {
    /// `None` once the sinks are taken away.
    sinks: Mutex<Option<Vec<Sink>>>,
    single: bool,
    findings: Arc<Findings>,
    /// The rows that were offered to a sink.
    sent: AtomicU64,
}

impl Feed {
    pub(super) fn new(single: bool, findings: Arc<Findings>) -> Self {
        Self {
            sinks: Mutex::new(Some(Vec::new())),
            single,
            findings,
            sent: AtomicU64::new(0),
        }
    }

    /// Adds sinks, unless all were taken away.
    pub(super) fn add(&self, sinks: Vec<Sink>) {
        if let Some(fed) = &mut *self.lock() {
            fed.extend(sinks);
        }
    }

    /// Waits until the sinks have most likely taken what was sent, at most `limit`
    /// for each.
    pub(super) fn settle(&self, limit: Duration) {
        for sink in self.lock().iter_mut().flatten() {
            sink.settle(limit);
        }
    }

    /// Takes the sinks away, to stop them.
    pub(super) fn take(&self) -> Vec<Sink> {
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
        for sink in self.lock().iter_mut().flatten() {
            self.sent.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = sink.deliver(row) {
                self.findings.report_error(error);
            }
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Sink>>> {
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
