//! `rule`.

use std::time::Duration;

use serde_json::{Map, Value};

use super::sinks::{requires_acks, send_value};
use super::sources::{Started, shortage, take_rows};
use crate::host::{HostError, Sink, Source};
use crate::scenario::model::Rule;
use crate::scenario::play::error::{Played, Unmet};
use crate::scenario::play::live::{stop_sink, stop_source};
use crate::scenario::play::player::Player;
use crate::scenario::play::waits::Deadline;

impl Player<'_> {
    /// Runs a rule: starts its sinks and its source, passes so many rows on, and
    /// stops everything. The row for the sinks is that of
    /// `SELECT g(f(*)) AS g FROM source`.
    pub(super) fn run_rule(&mut self, rule: &Rule, limit: Duration) -> Played {
        let name = self.live.next_rule();
        let mut sinks = Vec::new();
        for (index, start) in rule.sinks.iter().enumerate() {
            match self.launch(start, name.clone(), index)?? {
                Started::Sink(sink) => sinks.push(sink),
                Started::Source(source) => source.stop()?,
            }
        }
        let source = match self.launch(&rule.source, name, 0)?? {
            Started::Source(source) => source,
            Started::Sink(sink) => return Ok(sink.stop()?),
        };
        self.pass_on(rule, source, sinks, limit)
    }

    fn pass_on(
        &mut self,
        rule: &Rule,
        mut source: Source,
        mut sinks: Vec<Sink>,
        limit: Duration,
    ) -> Played {
        let deadline = Deadline::after(limit);
        for passed in 0..rule.rows {
            let mut rows = take_rows(&mut source, 1, deadline.left())?;
            let Some(row) = rows.pop() else {
                let text = format!("{passed} of {} rows passed within {limit:?}", rule.rows);
                return Err(Unmet {
                    finding: Some(shortage(&source, rule.rows, limit)),
                    ..Unmet::of(text)
                }
                .into());
            };
            let row = self.select(&rule.functions, row.message)?;
            for sink in &mut sinks {
                send_value(sink, &row)?;
                if requires_acks(sink) && self.reads_acks() {
                    sink.ack(limit)?;
                }
            }
        }
        stop_source(source, false)?;
        for mut sink in sinks {
            sink.wait_read(limit)?;
            stop_sink(sink)?;
        }
        Ok(())
    }

    /// Calls the functions, each with the result of the one before, and returns
    /// the row with the last result.
    fn select(&mut self, functions: &[String], row: Value) -> Result<Value, HostError> {
        let mut value = row;
        for function in functions {
            value = self.live.function(function)?.exec(&[value])?;
        }
        Ok(match functions.last() {
            Some(name) => Value::Object(Map::from_iter([(name.clone(), value)])),
            None => value,
        })
    }
}
