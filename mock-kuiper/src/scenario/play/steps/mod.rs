//! What each step does.

mod functions;
mod looks;
mod rules;
mod sinks;
mod sources;

use std::time::{Duration, Instant};

use super::error::{Played, Unmet};
use super::live::Live;
use super::player::Player;
use super::waits::Deadline;
use crate::fault::{Fault, Outcome};
use crate::host::HostError;
use crate::play::Stage;
use crate::scenario::model::{Action, QUIET, StartSymbol, Step, WITHIN};
use crate::scenario::pattern::Template;

impl Player<'_> {
    /// Plays a step; `later` are the steps after it.
    pub(super) fn play(&mut self, step: &Step, later: &[Step]) -> Played {
        // An interrupt ends one wait of the host, and that may have been one before.
        if self.run.stop.is_stopped() {
            return Err(HostError::Interrupted.into());
        }
        let began = Instant::now();
        self.carry_out(step, later)?;
        let took = began.elapsed();
        let is_call = matches!(step.action, Action::Call { .. });
        // eKuiper's own limit holds in any case.
        match step.within.map(|within| self.limit(within)) {
            Some(limit) if is_call && took > limit => Err(Unmet::of(format!(
                "the answer took {took:.3?}, and {limit:?} is allowed"
            ))
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
                self.live.host.kill()?;
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
        let Outcome::NotApplicable(reason) = fault.play(&mut stage)? else {
            return Ok(());
        };
        let text = format!("the fault `{fault}` was not played: {reason}");
        let release = host.release();
        let is_of_release = match fault {
            Fault::Kill(_) | Fault::Replay(_) => !release.replay,
            Fault::Cut => !release.regreet_on_control,
            _ => false,
        };
        match is_of_release {
            true => self.notes.push(text),
            false => return Err(Unmet::of(text).into()),
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
