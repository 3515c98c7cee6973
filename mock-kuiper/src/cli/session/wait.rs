//! Waits for the end of a run, and loads a changed plugin meanwhile.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use mock_kuiper::{HostError, What};

use super::state::Session;
use crate::cli::error::CliError;
use crate::cli::happening::Happening;
use crate::cli::output::stdout_failed;
use crate::cli::running::Running;
use crate::cli::terminal::REDRAW;
use crate::cli::text::{count, grouped, rounded_rate};
use crate::cli::watch::Change;

impl Session<'_> {
    /// Waits until a changed plugin greets. Returns `false` if a signal comes
    /// first.
    pub(super) fn wait_for_a_greeting(&mut self) -> Result<bool, CliError> {
        loop {
            match self.told.recv() {
                Ok(Happening::Changed(change)) => match self.load(&change) {
                    Ok(true) => return Ok(true),
                    Ok(false) | Err(HostError::Interrupted) => {}
                    Err(error) => return Err(error.into()),
                },
                Ok(Happening::Signal) | Err(_) => return Ok(false),
                Ok(_) => {}
            }
        }
    }

    fn load_and_go_on(&mut self, change: &Change) -> Result<(), HostError> {
        if self.load(change)? {
            self.start_rest()?;
        }
        Ok(())
    }

    /// Replaces the process by one of the changed plugin, and starts in it what
    /// was running. Returns whether this has worked.
    fn load(&mut self, change: &Change) -> Result<bool, HostError> {
        let what = &change.what;
        let built = match &change.built {
            Ok(built) => built,
            Err(error) => {
                let text = format!("{what} changed, and the old process goes on: {error}");
                self.stream.tell(What::Note { text: &text });
                return Ok(false);
            }
        };
        let began = Instant::now();
        self.end_told.set(false);
        let loaded = self.host.reload();
        if self.survive(loaded)?.is_none() {
            let text = format!("{what} changed, and the plugin does not work; change it again");
            self.stream.tell(What::Note { text: &text });
            return Ok(false);
        }
        let built = built.map_or_else(String::new, |took| format!("built in {}, ", short(took)));
        let text = format!(
            "{what} changed: {built}loaded in {}",
            short(began.elapsed())
        );
        self.stream.tell(What::Note { text: &text });
        Ok(true)
    }

    /// Waits for the end of all sources and of the input, for the end of the time,
    /// for the plugin's exit, or for a signal.
    pub(super) fn wait(&mut self) -> Result<(), CliError> {
        let idles = self.plan.idles() && self.watch.is_none();
        let deadline = self.plan.duration.map(|duration| self.started + duration);
        loop {
            let reads = !self.plan.ends_with_faults()
                && self.sources.iter().any(|running| running.thread.is_some());
            if !reads && !self.sending && self.watch.is_none() && !idles {
                return Ok(());
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return match idles {
                    true => self.call_again(),
                    false => Ok(()),
                };
            }
            let tick = self.terminal.has_status().then_some(REDRAW);
            let happening = match left.into_iter().chain(tick).min() {
                None => self.told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(limit) => self.told.recv_timeout(limit),
            };
            match happening {
                Ok(Happening::SourceEnded(index)) => match self.stop_source(index) {
                    // A second signal has ended the wait; both are received next.
                    Ok(()) | Err(HostError::Interrupted) => {}
                    Err(error) => return Err(error.into()),
                },
                Ok(Happening::InputEnded(ended)) => {
                    self.sending = false;
                    self.done.input = true;
                    self.mistakes.extend(ended.err().into_iter().flatten());
                }
                Ok(Happening::PluginEnded) => {
                    let alive = self.host.check_alive();
                    self.survive(alive)?;
                }
                Ok(Happening::Attached) => self.feed.resume(),
                Ok(Happening::StartedAgain(finding)) => self.findings.report(&finding, None),
                Ok(Happening::Changed(change)) => match self.load_and_go_on(&change) {
                    // The signal is received next.
                    Ok(()) | Err(HostError::Interrupted) => {}
                    Err(error) => return Err(error.into()),
                },
                Ok(Happening::Signal) => {
                    self.quit();
                    return Ok(());
                }
                Ok(Happening::StdoutFailed(error)) => return stdout_failed(error),
                Err(RecvTimeoutError::Timeout) => self.show_status(),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Calls the functions again after they were idle.
    fn call_again(&mut self) -> Result<(), CliError> {
        match self.call_all() {
            Ok(()) => Ok(()),
            Err(HostError::Interrupted) => {
                self.quit();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn show_status(&self) {
        let rows: u64 = self.sources.iter().map(Running::count).sum();
        let rate = rows as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        let mut text = format!("{}, {} per second", count(rows, "row"), rounded_rate(rate));
        if !self.plan.sinks.is_empty() {
            text.push_str(&format!(", {} sent", grouped(self.feed.sent())));
        }
        let errors = self.findings.total();
        if errors > 0 {
            text.push_str(&format!(", {}", count(errors, "error")));
        }
        self.terminal.status(text);
    }
}

/// Writes a time as a person reads it: `1.2 s`, `35 ms`.
fn short(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}
