//! The commands of `setup` and `teardown`.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ready::Condition;
use super::running::Running;
use super::stop::Stop;
use super::values::text;
use super::waits::Deadline;
use crate::finding::describe_status;
use crate::scenario::model::{Command, Ready};
use crate::scenario::node::Place;
use crate::scenario::pattern::Variables;
use crate::scenario::result::{Failure, Verdict};

/// How long a command may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it may take after an interrupt.
const LAST: Duration = Duration::from_millis(500);

/// How long all commands of a `teardown` may take after an interrupt. On a busy machine,
/// the start of a shell takes a second.
const LAST_TEARDOWN: Duration = Duration::from_secs(5);

/// Runs commands, and ends those in the background when it is dropped.
#[derive(Debug)]
pub(in crate::scenario) struct Commands {
    directory: PathBuf,
    scale: f64,
    stop: Stop,
    running: Vec<(Running, Command, String)>,
    /// What commands that have ended wrote.
    output: Vec<String>,
}

/// Why a command failed.
#[derive(Debug, Clone)]
pub(super) struct CommandFailure {
    pub(super) command: String,
    pub(super) place: Place,
    pub(super) text: String,
    pub(super) verdict: Verdict,
}

impl CommandFailure {
    /// Makes the failure of a system that refuses a directory or a port.
    pub(super) fn system(error: &io::Error) -> Self {
        Self {
            command: "setup".to_owned(),
            place: Place { line: 1, column: 1 },
            text: format!("cannot make a temporary directory and find a free port: {error}"),
            verdict: Verdict::Error,
        }
    }
}

impl From<CommandFailure> for Failure {
    fn from(failure: CommandFailure) -> Self {
        let CommandFailure {
            command,
            place,
            text,
            verdict: _,
        } = failure;
        Self {
            step: "command".to_owned(),
            place,
            text: match command.is_empty() {
                true => text,
                false => format!("`{command}` {text}"),
            },
            differences: Vec::new(),
            finding: None,
        }
    }
}

impl Commands {
    /// Makes a place for commands, which run in `directory`. `scale` lengthens
    /// their limits.
    pub(in crate::scenario) fn new(directory: &Path, scale: f64, stop: &Stop) -> Self {
        Self {
            directory: directory.to_owned(),
            scale,
            stop: stop.clone(),
            running: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Runs the commands of a `setup` one after another, until one fails.
    pub(super) fn set_up(
        &mut self,
        commands: &[Command],
        variables: &Variables,
    ) -> Result<(), CommandFailure> {
        let stop = self.stop.clone();
        commands
            .iter()
            .try_for_each(|command| self.run(command, variables, &|| stop.is_stopped()))
    }

    /// Runs all commands of a `teardown`, also after one has failed. Returns the
    /// first failure. After an interrupt, they get a moment.
    pub(super) fn tear_down(
        &mut self,
        commands: &[Command],
        variables: &Variables,
    ) -> Result<(), CommandFailure> {
        let stop = self.stop.clone();
        let began = Instant::now();
        let ends = || stop.is_stopped() && began.elapsed() >= LAST_TEARDOWN;
        let failures = commands
            .iter()
            .map(|command| self.run(command, variables, &ends));
        failures.fold(Ok(()), Result::and)
    }

    /// Fails if a command in the background has ended with another status than 0.
    pub(super) fn check_running(&self) -> Result<(), CommandFailure> {
        for (running, command, line) in &self.running {
            if let Some(status) = running.exit().filter(|status| !status.success()) {
                return Err(CommandFailure {
                    command: line.clone(),
                    place: command.place,
                    text: format!(
                        "ended with {} before the end of the case",
                        describe_status(status)
                    ),
                    verdict: Verdict::Failed,
                });
            }
        }
        Ok(())
    }

    /// Ends the commands in the background, the last one first, and returns what all
    /// commands wrote.
    pub(super) fn finish(&mut self) -> Vec<String> {
        while let Some((running, ..)) = self.running.pop() {
            self.end(running);
        }
        std::mem::take(&mut self.output)
    }

    /// Runs a command, until `ends` says that the run must end.
    fn run(
        &mut self,
        command: &Command,
        variables: &Variables,
        ends: &dyn Fn() -> bool,
    ) -> Result<(), CommandFailure> {
        let failed = |command_line: &str, text: String, verdict| CommandFailure {
            command: command_line.to_owned(),
            place: command.place,
            text,
            verdict,
        };
        let line =
            text(&command.run, variables).map_err(|text| failed("", text, Verdict::Invalid))?;
        let system =
            |error: io::Error| failed(&line, format!("cannot be started: {error}"), Verdict::Error);
        let limit = command.within.mul_f64(self.scale);
        let deadline = Deadline::after(limit);
        let running = Running::start(&line, &self.directory).map_err(system)?;
        let ended = if command.background {
            let ready = command.ready.as_ref();
            let ready = ready.map_or(Ok(Ok(())), |ready| {
                self.wait_ready(ready, &running, deadline, variables, ends)
            });
            self.running.push((running, command.clone(), line.clone()));
            ready.map_err(system)?
        } else {
            let exit = running.wait_exit(deadline, ends);
            self.end(running);
            match exit {
                Some(status) if status.success() => Ok(()),
                Some(status) => Err(format!("ended with {}", describe_status(status))),
                None => Err(format!("has not ended within {limit:?}")),
            }
        };
        ended.map_err(|text| match ends() {
            true => failed(&line, "was interrupted".to_owned(), Verdict::Skipped),
            false => failed(&line, text, Verdict::Failed),
        })
    }

    fn end(&mut self, running: Running) {
        let patience = if self.stop.is_stopped() {
            LAST
        } else {
            PATIENCE
        };
        self.output.extend(running.end(patience));
    }

    /// Waits until a command in the background is ready. The inner error is why it
    /// is not.
    fn wait_ready(
        &self,
        ready: &Ready,
        running: &Running,
        deadline: Deadline,
        variables: &Variables,
        ends: &dyn Fn() -> bool,
    ) -> io::Result<Result<(), String>> {
        let condition = match Condition::of(ready, variables) {
            Ok(condition) => condition,
            Err(text) => return Ok(Err(text)),
        };
        loop {
            let exit = running.exit();
            if condition.holds(&self.directory, running, deadline, ends)? {
                return Ok(Ok(()));
            }
            if let Some(status) = exit {
                let status = describe_status(status);
                return Ok(Err(format!(
                    "ended with {status} before it was ready: once {condition}"
                )));
            }
            if ends() || !deadline.pause() {
                return Ok(Err(format!("was not ready in time: once {condition}")));
            }
        }
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.finish();
    }
}
