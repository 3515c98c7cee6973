//! `run --save`: writes what was typed and seen as a case of a test file.

mod seen;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mock_kuiper::engine::save::{
    SaveError, SaveFile, SavedKind, SavedRun, SavedStart, SavedStep, saved_sink_row,
};
use mock_kuiper::engine::wire::Order;
use mock_kuiper::{Fault, Kind};
use serde_json::Value;

pub(super) use self::seen::Seen;
use self::seen::{Kept, SENT, Sent};
use super::error::CliError;
use super::exit::Exit;
use super::faults::sink_row;
use super::input::Input;
use super::output::{NOTE, labelled, say};
use super::plan::Plan;
use super::text::count;

/// How long the rows of a step may take by default.
const WITHIN: Duration = Duration::from_secs(5);

/// The case that a run is to be saved as.
pub(super) struct Save<'a> {
    plan: &'a Plan,
    path: PathBuf,
    file: SaveFile,
    /// The sources of the plan, as the command line describes them.
    sources: Vec<SavedStart>,
    seen: Arc<Seen>,
}

impl<'a> Save<'a> {
    /// Checks, before the run, that it can be saved.
    ///
    /// # Errors
    ///
    /// A file that has mistakes, is for another plugin or cannot be written, and a run
    /// that does nothing which could be saved.
    pub(super) fn open(
        path: &Path,
        run: SavedRun,
        plan: &'a Plan,
        sources: Vec<SavedStart>,
    ) -> Result<Self, CliError> {
        let does_nothing = plan.sources.is_empty()
            && plan.sinks.is_empty()
            && plan.calls.is_empty()
            && plan.duration.is_none();
        if does_nothing {
            return Err(CliError::input(
                "--save: there is nothing to save: no source, no sink and no --call; add --call",
            ));
        }
        let file = SaveFile::open(path, run).map_err(|error| match error {
            SaveError::Mistakes(mistakes) => {
                CliError::Input(mistakes.iter().map(ToString::to_string).collect())
            }
            other => CliError::input(format!("--save {}: {other}", path.display())),
        })?;
        Ok(Self {
            plan,
            path: path.to_owned(),
            file,
            sources,
            seen: Arc::default(),
        })
    }

    /// Returns the observer of the run.
    pub(super) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.seen)
    }

    /// Writes the case, unless the run has failed.
    ///
    /// # Errors
    ///
    /// [`CliError::Trouble`] if it cannot be written.
    pub(super) fn finish(self, outcome: &Result<Exit, CliError>) -> Result<(), CliError> {
        let path = self.path.display();
        let steps = match outcome {
            Ok(Exit::Fine) => self.steps(&self.seen.take()),
            _ => {
                note(&format!(
                    "--save {path}: nothing was written, because the run failed"
                ));
                return Ok(());
            }
        };
        if steps.is_empty() {
            note(&format!(
                "--save {path}: nothing was written, because nothing has happened"
            ));
            return Ok(());
        }
        let added = self.file.add(&steps);
        let name = added.map_err(|error| CliError::Trouble(format!("--save {path}: {error}")))?;
        for step in &steps {
            if let SavedStep::Send {
                alias,
                left_out: more @ 1..,
                ..
            } = step
            {
                let more = count(*more, "row");
                note(&format!(
                    "sink `{alias}`: the case has the first {SENT} rows; {more} are left out"
                ));
            }
        }
        note(&format!("added the case `{name}` to {path}"));
        Ok(())
    }

    /// Returns the steps of the case.
    fn steps(&self, kept: &Kept) -> Vec<SavedStep> {
        let plan = self.plan;
        let sources: Vec<_> = (self.sources.iter())
            .filter(|source| kept.started(Kind::Source, &source.symbol).is_some())
            .collect();
        let sinks: Vec<_> = (plan.sinks.iter())
            .filter(|sink| kept.started(Kind::Sink, &sink.symbol).is_some())
            .map(|order| self.sink(order))
            .collect();
        let rules = match plan.input {
            Input::Sources if kept.faults.is_empty() && !sinks.is_empty() => {
                rules(kept, &sources, &sinks)
            }
            _ => Vec::new(),
        };
        // A rule starts and stops its own sinks.
        let lone_sinks = if rules.is_empty() { &sinks[..] } else { &[] };

        let mut steps = Vec::new();
        steps.extend(lone_sinks.iter().cloned().map(SavedStep::Start));
        let (calls, again) = kept.calls.split_at(plan.calls.len().min(kept.calls.len()));
        steps.extend_from_slice(calls);
        steps.extend(
            sources
                .iter()
                .map(|&source| SavedStep::Start(source.clone())),
        );
        steps.extend(sources.iter().filter_map(|source| rows(kept, source)));
        steps.extend(kept.faults.iter().map(|fault| self.fault(*fault, &sinks)));
        if !matches!(plan.input, Input::Sources) {
            steps.extend(lone_sinks.iter().filter_map(|sink| send(kept, sink)));
        }
        if plan.idles() && kept.calls.len() >= plan.calls.len() {
            steps.extend(plan.duration.map(SavedStep::Idle));
            steps.extend_from_slice(again);
        }
        let running = sources.iter().copied().chain(lone_sinks);
        steps.extend(running.map(|start| SavedStep::Stop {
            alias: start.alias().to_owned(),
        }));
        steps.extend(rules);
        steps
    }

    /// Describes a sink by its order.
    fn sink(&self, order: &Order) -> SavedStart {
        let mut config = order.config.clone();
        let mut take = |key: &str| {
            let is_set = config.get(key) == Some(&Value::Bool(true));
            is_set.then(|| config.remove(key)).is_some()
        };
        let (send_single, require_ack) = (take("sendSingle"), take("requireAck"));
        let is_taken = self
            .sources
            .iter()
            .any(|source| source.symbol == order.symbol);
        SavedStart {
            symbol: order.symbol.clone(),
            alias: is_taken.then(|| format!("{} (sink)", order.symbol)),
            config,
            kind: SavedKind::Sink {
                require_ack,
                send_single,
            },
        }
    }

    fn fault(&self, fault: Fault, sinks: &[SavedStart]) -> SavedStep {
        let bytes = sink_row(&self.plan.input, self.plan.send_single);
        let row = (!sinks.is_empty()).then(|| saved_sink_row(&bytes, false));
        SavedStep::Fault { fault, row }
    }
}

/// Returns the rules that pass the rows of each source on to the sinks.
fn rules(kept: &Kept, sources: &[&SavedStart], sinks: &[SavedStart]) -> Vec<SavedStep> {
    let rules = sources.iter().filter_map(|&source| {
        let rows = kept.rows.get(&source.symbol)?.first.len();
        Some(SavedStep::Rule {
            source: source.clone(),
            sinks: sinks.to_vec(),
            rows,
            within: within(kept, source),
        })
    });
    rules.collect()
}

fn rows(kept: &Kept, source: &SavedStart) -> Option<SavedStep> {
    Some(SavedStep::Rows {
        alias: source.alias().to_owned(),
        rows: kept.rows.get(&source.symbol)?.first.clone(),
        within: within(kept, source),
    })
}

/// Returns a limit for the rows of a source that were slow: twice the time that they
/// took, in whole seconds.
fn within(kept: &Kept, source: &SavedStart) -> Option<Duration> {
    let started = kept.started(Kind::Source, &source.symbol)?;
    let took = kept.rows.get(&source.symbol)?.last.saturating_sub(started);
    let twice = Duration::from_secs((took * 2).as_secs() + 1);
    (twice > WITHIN).then_some(twice)
}

fn send(kept: &Kept, sink: &SavedStart) -> Option<SavedStep> {
    let Sent {
        first,
        count,
        acked,
    } = kept.sent.get(&sink.symbol)?;
    let SavedKind::Sink {
        require_ack,
        send_single,
    } = sink.kind
    else {
        return None;
    };
    let rows = first.iter().map(|bytes| saved_sink_row(bytes, send_single));
    (!first.is_empty()).then(|| SavedStep::Send {
        alias: sink.alias().to_owned(),
        rows: rows.collect(),
        left_out: count - first.len() as u64,
        acks: match require_ack && acked == count {
            true => vec![None; first.len()],
            false => Vec::new(),
        },
    })
}

fn note(text: &str) {
    say(&labelled(NOTE, "note", text));
}
