//! What each step does.

mod functions;
mod looks;
mod rules;
mod sinks;
mod sources;

use std::time::{Duration, Instant};

use serde_json::Value;

use super::file::FileRun;
use super::live::Live;
use super::waits::Deadline;
use crate::fault::{Fault, Outcome};
use crate::finding::Finding;
use crate::host::HostError;
use crate::play::Stage;
use crate::scenario::model::{Action, Capture, Expected, QUIET, StartSymbol, Step, WITHIN};
use crate::scenario::pattern::{Pattern, Template, Variables};
use crate::scenario::result::{Difference, Update};

/// Plays the steps of a case.
pub(super) struct Player<'a> {
    pub(super) live: Live,
    pub(super) values: Variables,
    pub(super) run: &'a FileRun<'a>,
    pub(super) notes: Vec<String>,
}

/// Why a step failed.
#[derive(Debug)]
pub(super) enum StepError {
    /// An expectation did not hold.
    Unmet(Box<Unmet>),
    /// The host could not go on.
    Host(HostError),
    /// The file asks for something that is not possible.
    Invalid(String),
}

/// An expectation that did not hold.
#[derive(Debug, Default)]
pub(super) struct Unmet {
    pub(super) text: String,
    pub(super) differences: Vec<Difference>,
    pub(super) finding: Option<Finding>,
    pub(super) update: Option<Update>,
}

type Played = Result<(), StepError>;

impl StepError {
    /// Whether what was seen could replace what was expected.
    pub(super) fn has_update(&self) -> bool {
        matches!(self, Self::Unmet(unmet) if unmet.update.is_some())
    }
}

impl From<HostError> for StepError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<String> for StepError {
    fn from(text: String) -> Self {
        Self::Invalid(text)
    }
}

impl From<Unmet> for StepError {
    fn from(unmet: Unmet) -> Self {
        Self::Unmet(Box::new(unmet))
    }
}

impl Player<'_> {
    /// Plays a step; `later` are the steps after it.
    pub(super) fn play(&mut self, step: &Step, later: &[Step]) -> Played {
        let began = Instant::now();
        self.carry_out(step, later)?;
        let took = began.elapsed();
        // eKuiper's own limit holds in any case.
        match step.within.map(|within| self.limit(within)) {
            Some(limit) if asks_once(&step.action) && took > limit => Err(Unmet {
                text: format!("the answer took {took:.3?}, and {limit:?} is allowed"),
                ..Unmet::default()
            }
            .into()),
            _ => Ok(()),
        }
    }

    fn carry_out(&mut self, step: &Step, later: &[Step]) -> Played {
        let within = self.limit(step.within.unwrap_or(WITHIN));
        let quiet = self.limit(step.within.unwrap_or(QUIET));
        match &step.action {
            Action::Start(start) => self.start(start),
            Action::Stop { alias } => self.stop(alias, later),
            Action::Rows {
                alias,
                expect,
                count,
                capture,
            } => {
                let limit = if *count == 0 { quiet } else { within };
                self.rows(alias, expect, *count, capture, limit)
            }
            Action::Send { alias, rows, acks } => self.send(alias, rows, acks.as_ref(), within),
            Action::Call {
                function,
                args,
                outcome,
                capture,
            } => self.call(function, args, outcome, capture),
            Action::Validate {
                function,
                args,
                refused,
            } => self.validate(function, args, refused.as_ref()),
            Action::Log { line, times } => {
                let limit = if *times == Some(0) { quiet } else { within };
                self.log(line, *times, limit)
            }
            Action::File { path, content } => self.file(path, content, within),
            Action::Fault { fault, row } => self.fault(*fault, row.as_ref()),
            Action::Kill => {
                self.live.host.kill();
                self.live.is_killed = true;
                Ok(())
            }
            Action::Reload => {
                self.live.is_killed = false;
                Ok(self.live.host.reload()?)
            }
            Action::Idle(time) => self.idle(*time),
            Action::Rule(rule) => self.run_rule(rule, within),
        }
    }

    /// Lengthens a limit as the run asks.
    fn limit(&self, limit: Duration) -> Duration {
        limit.mul_f64(self.run.settings.scale)
    }

    fn value(&self, template: &Template) -> Result<Value, StepError> {
        Ok(template.resolve(&self.values)?)
    }

    /// Checks that what was seen is as expected; `text` says what is not.
    fn expect(&self, expected: &Expected, seen: &Value, text: impl Into<String>) -> Played {
        let differences = self.pattern(&expected.pattern)?.compare(seen);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Unmet {
            text: text.into(),
            differences,
            finding: None,
            update: Some(Update {
                span: expected.span.clone(),
                seen: seen.clone(),
                variables: self.values.clone(),
                is_rows: false,
            }),
        }
        .into())
    }

    fn pattern(&self, pattern: &Pattern) -> Result<Pattern, StepError> {
        Ok(pattern.resolve(&self.values)?)
    }

    /// Gives names to parts of what was seen.
    fn capture(&mut self, captures: &[Capture], seen: &Value) -> Played {
        for Capture { name, pointer } in captures {
            let Some(value) = seen.pointer(pointer) else {
                let text = format!("nothing is at `{pointer}`, which `capture` names `{name}`");
                return Err(Unmet {
                    text,
                    ..Unmet::default()
                }
                .into());
            };
            self.values.insert(name.clone(), value.clone());
        }
        Ok(())
    }

    fn fault(&mut self, fault: Fault, row: Option<&Template>) -> Played {
        let row = row.map(|row| self.value(row)).transpose()?;
        let row = row.map(|row| sinks::bytes(&row));
        let Live {
            host,
            sources,
            sinks,
            functions,
            ..
        } = &mut self.live;
        let mut stage = Stage::set(
            host,
            sources.iter_mut().map(|(_, source)| source),
            sinks.iter_mut().map(|(_, sink)| sink),
            functions.iter_mut(),
            row,
        )?;
        if let Outcome::NotApplicable(reason) = fault.play(&mut stage)? {
            self.notes
                .push(format!("the fault `{fault}` was not played: {reason}"));
        }
        Ok(())
    }

    fn idle(&self, time: Duration) -> Played {
        let deadline = Deadline::after(time);
        while deadline.pause() {
            if self.run.stop.is_stopped() {
                return Err(HostError::Interrupted.into());
            }
            self.live.check_alive()?;
        }
        Ok(())
    }
}

/// Whether an action asks the plugin for one answer, which `within` limits.
fn asks_once(action: &Action) -> bool {
    matches!(action, Action::Call { .. } | Action::Validate { .. })
}

/// Returns a step in short: `rows src`.
pub(super) fn title(step: &Step) -> String {
    match &step.action {
        Action::Start(start) => match &start.symbol {
            StartSymbol::Source { name, .. } => format!("start source {name}"),
            StartSymbol::Sink { name, .. } => format!("start sink {name}"),
        },
        Action::Stop { alias } => format!("stop {alias}"),
        Action::Rows { alias, .. } => format!("rows {alias}"),
        Action::Send { alias, .. } => format!("send {alias}"),
        Action::Call { function, .. } => format!("call {function}"),
        Action::Validate { function, .. } => format!("validate {function}"),
        Action::Log { .. } => "log".to_owned(),
        Action::File { .. } => "file".to_owned(),
        Action::Fault { fault, .. } => format!("fault {fault}"),
        Action::Kill => "kill".to_owned(),
        Action::Reload => "reload".to_owned(),
        Action::Idle(time) => format!("idle {time:?}"),
        Action::Rule(_) => "rule".to_owned(),
    }
}
