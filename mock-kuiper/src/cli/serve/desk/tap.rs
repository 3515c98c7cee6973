//! What is counted and shown of one channel of rows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mock_kuiper::engine::save::saved_row;
use mock_kuiper::engine::trace::seconds;
use mock_kuiper::engine::wire::SourceRow;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::problem::Problem;
use super::sampler::Sampler;
use crate::cli::serve::hub::Hub;

/// The bytes of rows that are kept for whoever reads them.
const ROWS: usize = 2 << 20;

/// The bytes of a row that is shown whole.
pub(super) const LARGE: usize = 256 << 10;

/// The characters that are shown of a larger one.
pub(super) const EXCERPT: usize = 4 << 10;

/// The first rows, which a saved case has.
const FIRST: usize = 10;

/// Counts and shows the rows of one instance.
#[derive(Debug)]
pub(in crate::cli::serve) struct Tap {
    /// Whether each row of a source is shown, and all of it, whoever wants it.
    shows_all: bool,
    /// The rows of a source that are shown, and what is wrong with those that are none.
    pub(in crate::cli::serve) hub: Hub,
    pub(in crate::cli::serve) sampler: Arc<Sampler>,
    /// What the wire has left out since it showed the last one.
    pub(super) unseen: AtomicU64,
    rows: AtomicU64,
    invalid: AtomicU64,
    acks: [AtomicU64; 2],
    first: Mutex<Vec<Value>>,
    rate: Mutex<Rate>,
}

/// Rows per second, over the last whole second or more.
#[derive(Debug)]
struct Rate {
    at: Instant,
    rows: u64,
    per_second: f64,
}

impl Tap {
    pub(super) fn new(shows_all: bool) -> Self {
        Self {
            shows_all,
            hub: Hub::new(ROWS),
            sampler: Arc::default(),
            unseen: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            invalid: AtomicU64::new(0),
            acks: Default::default(),
            first: Mutex::default(),
            rate: Mutex::new(Rate {
                at: Instant::now(),
                rows: 0,
                per_second: 0.0,
            }),
        }
    }

    /// Counts a row of a source, and shows it if there is room.
    pub(super) fn row(&self, at: std::time::Duration, row: SourceRow<'_>) {
        let number = self.rows.fetch_add(1, Ordering::Relaxed) + 1;
        if number <= FIRST as u64 {
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            first.extend(saved_row(row));
        }
        if self.shows_all || self.sampler.shows() {
            let most = if self.shows_all { usize::MAX } else { LARGE };
            self.hub.push(None, true, 0, shown(number, at, row, most));
        }
    }

    /// Counts a row for a sink.
    pub(super) fn sent(&self) {
        self.rows.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn invalid(&self) {
        self.invalid.fetch_add(1, Ordering::Relaxed);
    }

    /// Shows what is wrong with a message that is not a row, in its place between the rows.
    pub(super) fn show_invalid(&self, problem: &Problem) {
        if self.shows_all || self.sampler.shows() {
            self.hub.push(None, false, 0, problem.to_json().to_string());
        }
    }

    /// Counts an ack.
    pub(super) fn ack(&self, is_done: bool) {
        self.acks[usize::from(is_done)].fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::cli::serve) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(super) fn invalid_rows(&self) -> u64 {
        self.invalid.load(Ordering::Relaxed)
    }

    /// Returns how many acks said that the row was processed, and how many that it
    /// failed.
    pub(super) fn acks(&self) -> (u64, u64) {
        let [failed, done] = &self.acks;
        (done.load(Ordering::Relaxed), failed.load(Ordering::Relaxed))
    }

    /// Returns the first rows.
    pub(super) fn first(&self) -> Vec<Value> {
        self.first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns about how many bytes the first rows take.
    pub(super) fn first_bytes(&self) -> usize {
        let rows = self.first();
        rows.iter().map(|row| row.to_string().len()).sum()
    }

    /// Measures the rate anew. It is called once a second.
    pub(super) fn tick(&self) {
        let (now, rows) = (Instant::now(), self.rows());
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        let time = now.saturating_duration_since(rate.at).as_secs_f64();
        if time > 0.0 {
            let per_second = (rows - rate.rows) as f64 / time;
            *rate = Rate {
                at: now,
                rows,
                per_second: (per_second * 10.0).round() / 10.0,
            };
        }
    }

    /// Returns the rows per second when it was measured last.
    pub(in crate::cli::serve) fn rate(&self) -> f64 {
        let rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.per_second
    }
}

/// Writes the event of a row. One of more than `most` bytes is not shown whole.
fn shown(number: u64, at: std::time::Duration, row: SourceRow<'_>, most: usize) -> String {
    #[derive(serde::Serialize)]
    struct Shown<'a> {
        n: u64,
        t: f64,
        message: &'a RawValue,
        meta: &'a RawValue,
    }
    let bytes = row.message.len() + row.meta.len();
    let t = seconds(at);
    if bytes <= most && !row.message.contains(['\n', '\r']) && !row.meta.contains(['\n', '\r']) {
        let message = serde_json::from_str::<&RawValue>(row.message);
        let meta = serde_json::from_str::<&RawValue>(row.meta);
        if let (Ok(message), Ok(meta)) = (message, meta) {
            let n = number;
            let shown = Shown {
                n,
                t,
                message,
                meta,
            };
            return serde_json::to_string(&shown).unwrap_or_default();
        }
    }
    let (message, meta) = match bytes <= most {
        true => (
            serde_json::from_str(row.message).unwrap_or(Value::Null),
            serde_json::from_str(row.meta).unwrap_or(Value::Null),
        ),
        false => (Value::Null, Value::Null),
    };
    let mut event = json!({"n": number, "t": t, "message": message, "meta": meta});
    if bytes > most {
        event["bytes"] = bytes.into();
        event["excerpt"] = row.message.chars().take(EXCERPT).collect::<String>().into();
    }
    event.to_string()
}
