//! `start` and `rows`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::finding::{Finding, Observed};
use crate::host::{HostError, RESTORE, Row, Sink, Source};
use crate::scenario::model::{Action, Capture, Expected, Start, StartSymbol, Step};
use crate::scenario::play::error::{Played, StepError, Unmet};
use crate::scenario::play::live::check_source;
use crate::scenario::play::player::Player;
use crate::scenario::play::values::{object, text_of};
use crate::scenario::play::waits::Deadline;
use crate::scenario::result::Update;

/// How often a wait for rows checks whether the source is still there.
const TICK: Duration = Duration::from_millis(100);

/// How long rows may arrive that were sent before a stop, and the gap after which
/// none is on its way.
const ON_THEIR_WAY: Duration = Duration::from_millis(300);
const GAP: Duration = Duration::from_millis(50);

/// What was started.
pub(super) enum Started {
    Source(Source),
    Sink(Sink),
}

impl Player<'_> {
    /// Starts a source or a sink, which may be expected to refuse.
    pub(super) fn start(&mut self, start: &Start) -> Played {
        self.live.forget_stopped(&start.alias);
        let rule = self.live.rule(&start.alias);
        let started = self.launch(start, rule, 0)?;
        let Some(refused) = &start.refused else {
            match started? {
                Started::Source(source) => {
                    self.live.sources.push((start.alias.clone(), source));
                }
                Started::Sink(sink) => self.live.sinks.push((start.alias.clone(), sink)),
            }
            return Ok(());
        };
        match started {
            Ok(started) => {
                match started {
                    Started::Source(source) => source.stop()?,
                    Started::Sink(sink) => sink.stop()?,
                }
                let text = format!("`{}` was started, and not refused", start.alias);
                Err(Unmet::of(text).into())
            }
            Err(error) => match refusal(&error) {
                Some(text) => {
                    let about = format!("the refusal of `{}` is not as expected", start.alias);
                    self.expect(refused, &text.into(), about)
                }
                None => Err(error.into()),
            },
        }
    }

    /// Sends the start order of a source, or of the sink of this `index`, in a rule.
    /// The outer error is one of the file.
    pub(super) fn launch(
        &mut self,
        start: &Start,
        rule: String,
        index: usize,
    ) -> Result<Result<Started, HostError>, StepError> {
        let config = object(self.value(&start.config)?, "config")?;
        self.run.keep_secrets(&config);
        let host = &self.live.host;
        Ok(match &start.symbol {
            StartSymbol::Source {
                name,
                datasource,
                conf_key,
                options,
            } => {
                let mut source = host.source(name).config(config.into()).within(rule, "demo");
                if let Some(datasource) = datasource {
                    source = source.datasource(text_of(self.value(datasource)?));
                }
                if let Some(key) = conf_key {
                    source = source.conf_key(key);
                }
                for (name, value) in object(self.value(options)?, "options")? {
                    source = source.option(name, value);
                }
                source.start().map(Started::Source)
            }
            StartSymbol::Sink {
                name,
                require_ack,
                send_single,
            } => {
                let mut config = config;
                if *send_single {
                    config.insert("sendSingle".to_owned(), true.into());
                }
                let mut sink = host
                    .sink(name)
                    .config(config.into())
                    .within(rule, format!("{name}_{index}"));
                if *require_ack {
                    sink = sink.require_ack();
                }
                sink.start().map(Started::Sink)
            }
        })
    }

    /// Stops an instance. The channel of a source stays open if a later step takes
    /// its rows, which must not be more than it had sent before.
    pub(super) fn stop(&mut self, alias: &str, later: &[Step]) -> Played {
        let restarts =
            |step: &&Step| !matches!(&step.action, Action::Start(start) if start.alias == alias);
        let takes_rows = |step: &Step| matches!(&step.action, Action::Rows { alias: other, .. } if other == alias);
        let is_watched = later.iter().take_while(restarts).any(takes_rows);
        let may_be_silent = self.live.silent.contains(alias);
        match self.live.source(alias) {
            Ok(source) if is_watched => {
                check_source(source, may_be_silent)?;
                source.stop_and_listen()?;
                drop_rows(source)?;
                self.live.note_stopped(alias);
                Ok(())
            }
            _ => self.live.stop(alias),
        }
    }

    /// Takes `count` rows of a source, or checks that none arrives.
    pub(super) fn rows(
        &mut self,
        alias: &str,
        expect: &Expected,
        count: usize,
        capture: &[Capture],
        limit: Duration,
    ) -> Played {
        let source = self.live.source(alias)?;
        let rows = take_rows(source, count.max(1), limit)?;
        let finding = (rows.len() < count).then(|| shortage(source, count, limit));
        let has_ended = has_ended(source);
        let has = rows.len();
        let seen = Value::Array(rows.into_iter().map(row_json).collect());
        let text = match count {
            0 => format!("source `{alias}` sent a row, and none was expected"),
            _ if has < count && has_ended => {
                format!("source `{alias}` sent {has} of {count} rows, and ended")
            }
            _ if has < count => {
                format!("source `{alias}` sent {has} of {count} rows within {limit:?}")
            }
            _ => format!("the rows of source `{alias}` are not as expected"),
        };
        let captured = self.capture(capture, &seen);
        match self.expect(expect, &seen, text) {
            Err(StepError::Unmet(mut unmet)) => {
                unmet.finding = finding;
                // Rows that are missing are no better expectation.
                let update = unmet.update.take().filter(|_| has >= count);
                unmet.update = update.map(|update| Update {
                    is_rows: true,
                    ..update
                });
                Err(StepError::Unmet(unmet))
            }
            Err(other) => Err(other),
            Ok(()) => {
                if count == 0 {
                    self.live.silent.insert(alias.to_owned());
                }
                captured
            }
        }
    }
}

/// Reads at most `count` rows within `limit`; ends early if the source has ended.
pub(super) fn take_rows(
    source: &mut Source,
    count: usize,
    limit: Duration,
) -> Result<Vec<Row>, HostError> {
    let deadline = Deadline::after(limit);
    let mut rows = Vec::new();
    while rows.len() < count {
        match source.next_within(deadline.left().min(TICK))? {
            Some(row) => rows.push(row),
            None if deadline.has_passed() || has_ended(source) => break,
            None => {}
        }
    }
    Ok(rows)
}

/// Reads and drops the rows that were on their way at a stop.
fn drop_rows(source: &mut Source) -> Result<(), HostError> {
    let deadline = Deadline::after(ON_THEIR_WAY);
    while !deadline.has_passed() && source.skip_within(GAP)? {}
    Ok(())
}

fn has_ended(source: &Source) -> bool {
    source.gone_for().is_some_and(|gone| gone >= RESTORE)
}

/// Returns why fewer than `count` rows have arrived.
pub(super) fn shortage(source: &Source, count: usize, limit: Duration) -> Finding {
    source.about(if has_ended(source) {
        Observed::Ended {
            rows: source.received(),
            expected: Some(count as u64),
        }
    } else if !source.has_dialed() {
        Observed::NotDialed { limit }
    } else if source.incomplete() > 0 {
        Observed::HalfFrame {
            bytes: source.incomplete(),
            limit,
        }
    } else {
        Observed::NoRow { limit }
    })
}

fn row_json(row: Row) -> Value {
    json!({"message": row.message, "meta": row.meta})
}

/// Returns the plugin's text if it has refused a start.
fn refusal(error: &HostError) -> Option<String> {
    match error.finding()?.observed.clone() {
        Observed::OrderRefused { text, .. } | Observed::UnknownSymbol { text } => Some(text),
        _ => None,
    }
}
