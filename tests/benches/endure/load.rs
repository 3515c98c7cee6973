//! What several loads do: they read rows, feed a sink, and call a function.

use std::time::{Duration, Instant};

use mock_kuiper::engine::host::Received;
use mock_kuiper::serde_json::{Value, json};
use mock_kuiper::{Function, HostError, Sink, Source};

use crate::Result;
use crate::run::Run;
use crate::sequence::{Sequence, parse};

/// How long a row, an ack or an answer may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// How long a wait for a row takes, after which a load looks whether the run is over.
const TICK: Duration = Duration::from_millis(100);

/// How many rows a sink has before their acks are read.
pub(crate) const WINDOW: u64 = 64;

/// Reads one row at most. Returns whether there was one.
pub(crate) fn read(source: &mut Source, limit: Duration, rows: &mut Sequence) -> Result<bool> {
    match source.read(Some(limit))? {
        Received::Row(row) => match parse(row.message) {
            Some((number, process)) => {
                rows.see(number, process);
                Ok(true)
            }
            None => Err(format!("the row `{}` has no number", row.message).into()),
        },
        Received::Invalid(invalid) => Err(invalid.into()),
        Received::Nothing | Received::Woken => Ok(false),
    }
}

/// Reads rows until the end of the run, and stops the source.
pub(crate) fn read_all(run: &Run, load: &str, mut source: Source) -> Sequence {
    let mut rows = Sequence::default();
    let mut is_noted = false;
    let mut silent_since = None;
    while !run.is_over() {
        match read(&mut source, TICK, &mut rows) {
            Ok(true) => silent_since = None,
            Ok(false) if silent_since.get_or_insert_with(Instant::now).elapsed() > LIMIT => {
                run.note(load, format!("no row for {LIMIT:?}"));
                silent_since = None;
            }
            Ok(false) => {}
            Err(error) => run.note(load, error),
        }
        if !rows.is_complete() && !std::mem::replace(&mut is_noted, true) {
            run.note(load, format!("one is not in its place: {rows}"));
        }
    }
    if let Err(error) = source.stop() {
        run.note(load, error);
    }
    rows
}

/// The rows of one sink.
#[derive(Debug, Default)]
pub(crate) struct Fed {
    pub(crate) sent: u64,
    pub(crate) acked: u64,
}

impl Fed {
    /// Sends rows, and reads their acks.
    ///
    /// # Errors
    ///
    /// A row that is not taken, an ack that does not come, and one that says that the
    /// row was not the next.
    pub(crate) fn feed(&mut self, sink: &mut Sink, count: u64) -> Result<(), HostError> {
        for _ in 0..count {
            sink.send(&json!({ "n": self.sent + 1 }))?;
            self.sent += 1;
        }
        for _ in 0..count {
            sink.ack(LIMIT)?;
            self.acked += 1;
        }
        Ok(())
    }
}

/// Calls a function that returns its argument.
pub(crate) fn call(function: &mut Function, argument: u64) -> Result<Duration> {
    let began = Instant::now();
    let result = function.exec(&[Value::from(argument)])?;
    let took = began.elapsed();
    match result == argument {
        true => Ok(took),
        false => Err(format!("{} of {argument} returned {result}", function.symbol()).into()),
    }
}
