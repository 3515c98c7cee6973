//! A run after its launch: what is started, waited for and stopped, and how it
//! ends.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};

use mock_kuiper::HostError;

use super::state::{Session, spawn};
use crate::cli::dialing::PATIENCE;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::happening::Happening;
use crate::cli::output::stdout_failed;

impl Session<'_> {
    /// Drives the run to its end.
    ///
    /// # Errors
    ///
    /// What keeps the plugin from running at all, wrong rows on stdin, and
    /// internal or system errors.
    pub(in crate::cli) fn finish(mut self) -> Result<Exit, CliError> {
        match self.wait_greeting()? {
            Ok(()) => {}
            // Nothing ran yet.
            Err(HostError::Interrupted) => {
                return self.done.check(self.plan).map(|()| Exit::Fine);
            }
            Err(error) if self.watch.is_some() => {
                self.survive(Err::<(), _>(error))?;
                if !self.wait_for_a_greeting()? {
                    return Ok(Exit::Finding);
                }
            }
            Err(error) => return Err(error.into()),
        }
        let driven = self.drive();
        let stopped = self.stop();
        self.terminal.close();
        // What was printed while nobody waited: the results of calls.
        let printed = self.told.try_iter().try_for_each(|told| match told {
            Happening::StdoutFailed(error) => stdout_failed(error),
            Happening::StartedAgain(finding) => {
                self.findings.report(&finding, None);
                Ok(())
            }
            _ => Ok(()),
        });
        // What it did before it ended is worth a summary.
        self.report(driven.and(stopped).and(printed))?;
        // Its last lines come before the summary.
        if !self.attached {
            self.report(self.host.kill().map_err(CliError::from))?;
        }
        self.summarize();
        if self.attached && self.host.time_to_greeting().is_some() {
            self.terminal.say(&format!(
                "the plugin (pid {}) still runs: mock-kuiper did not start it, and does not end it",
                self.host.pid()
            ));
        }
        if let Some(error) = self.findings.take_system_error() {
            return Err(error.into());
        }
        if !self.mistakes.is_empty() {
            return Err(CliError::Input(std::mem::take(&mut self.mistakes)));
        }
        if self.findings.total() > 0 {
            return Ok(Exit::Finding);
        }
        if self.is_quitting() {
            self.done.check(self.plan)?;
        }
        Ok(Exit::Fine)
    }

    /// Waits for the greeting. After a while a note asks for the plugin's name if
    /// nobody has dialed.
    fn wait_greeting(&self) -> Result<Result<(), HostError>, CliError> {
        if self.attached {
            return Ok(self.host.wait_greeting());
        }
        let (greeted, is_over) = mpsc::channel::<()>();
        let stream = Arc::clone(&self.stream);
        let asks = spawn("dialing", move || {
            if is_over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                stream.note_undialed();
            }
        })?;
        let waited = self.host.wait_greeting();
        drop(greeted);
        let _ = asks.join();
        Ok(waited)
    }

    /// Starts everything, and waits until there is nothing left to do.
    fn drive(&mut self) -> Result<(), CliError> {
        match self.start_all() {
            Ok(()) => self.wait(),
            Err(HostError::Interrupted) => {
                self.quit();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Counts a finding, and returns every other error.
    fn report(&self, outcome: Result<(), CliError>) -> Result<(), CliError> {
        match outcome {
            Err(CliError::Finding(finding)) => {
                self.findings.report(&finding, None);
                Ok(())
            }
            other => other,
        }
    }
}
