//! What a run sees that a saved case has: an observer of its events.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mock_kuiper::engine::save::{SavedStep, saved_row};
use mock_kuiper::engine::wire::Ack;
use mock_kuiper::{Event, Fault, Kind, Meaning, Observer, What};
use serde_json::Value;

/// The most rows of a source that a case has.
const ROWS: usize = 10;

/// The most rows for a sink that a case has.
pub(super) const SENT: usize = 100;

/// Keeps what a saved case has.
#[derive(Debug, Default)]
pub(in crate::cli) struct Seen {
    kept: Mutex<Kept>,
}

/// What a run has seen so far.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// When each source or sink was first started.
    started: HashMap<(Kind, String), Duration>,
    /// The calls, in their order.
    pub(super) calls: Vec<SavedStep>,
    /// The faults that were played to their end.
    pub(super) faults: Vec<Fault>,
    /// The first rows of each source, before any fault.
    pub(super) rows: HashMap<String, Rows>,
    /// The rows for each sink, after all faults.
    pub(super) sent: HashMap<String, Sent>,
    /// The last request to each function.
    requests: HashMap<String, &'static str>,
    has_faults: bool,
}

/// The first rows of a source.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) first: Vec<Value>,
    /// When the last of them was read.
    pub(super) last: Duration,
}

/// The rows for a sink.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) first: Vec<Vec<u8>>,
    pub(super) count: u64,
    pub(super) acked: u64,
}

impl Seen {
    /// Takes what was seen.
    pub(super) fn take(&self) -> Kept {
        std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Seen {
    fn event(&self, event: &Event<'_>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.what {
            What::Started { kind, symbol } => {
                let key = (*kind, (*symbol).to_owned());
                kept.started.entry(key).or_insert(event.at);
            }
            What::Called {
                function,
                args,
                outcome,
            } => {
                let call = kept.call(function, args, *outcome);
                kept.calls.push(call);
            }
            What::Fault { fault, outcome } => {
                kept.has_faults = true;
                kept.faults.extend(outcome.map(|_| *fault));
                kept.sent.clear();
            }
            What::Message(message) => match message.meaning {
                Meaning::Row { source, row } if !kept.has_faults => {
                    let rows = kept.rows.entry(source.to_owned()).or_default();
                    if rows.first.len() < ROWS {
                        rows.first.extend(saved_row(row));
                        rows.last = event.at;
                    }
                }
                Meaning::SinkRow { sink } => {
                    let sent = kept.sent.entry(sink.to_owned()).or_default();
                    sent.count += 1;
                    if sent.first.len() < SENT {
                        sent.first.push(message.body.to_vec());
                    }
                }
                Meaning::Ack { sink, ack } => {
                    let sent = kept.sent.entry(sink.to_owned()).or_default();
                    sent.acked += u64::from(matches!(ack, Ok(Ack::Done)));
                }
                Meaning::Request { function, request } => {
                    kept.requests.insert(function.to_owned(), request);
                }
                _ => {}
            },
            _ => {}
        }
    }
}

impl Kept {
    fn call(&self, function: &str, args: &[Value], outcome: Result<&Value, &str>) -> SavedStep {
        let is_refusal = self.requests.get(function) == Some(&"Validate");
        let (function, args) = (function.to_owned(), args.to_vec());
        match outcome {
            Err(text) if is_refusal => SavedStep::Refusal {
                function,
                args,
                text: text.to_owned(),
            },
            outcome => SavedStep::Call {
                function,
                args,
                outcome: outcome.cloned().map_err(str::to_owned),
            },
        }
    }

    /// Returns when a source or a sink was started.
    pub(super) fn started(&self, kind: Kind, symbol: &str) -> Option<Duration> {
        self.started.get(&(kind, symbol.to_owned())).copied()
    }
}
