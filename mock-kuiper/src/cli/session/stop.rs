//! How a run ends.

use mock_kuiper::host::{HostError, Sink};

use super::super::CliError;
use super::super::summary::{self, Line};
use super::Session;

impl Session<'_> {
    /// Stops all that runs: sources first, so that no row is lost on its way.
    pub(super) fn stop(&mut self) -> Result<(), CliError> {
        // What ended the run must not end the first stop as well.
        self.host.clear_interrupt();
        // What would be stopped is gone, which was said.
        let has_ended = self.host.check_alive().is_err();
        if self.watch.take().is_some() && has_ended {
            self.count_sinks();
            return Ok(());
        }
        if has_ended {
            // What it had sent by then is still printed.
            for running in &mut self.sources {
                drop(running.wait());
            }
        }
        match self.stop_all() {
            Ok(()) | Err(HostError::Interrupted) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn stop_all(&mut self) -> Result<(), HostError> {
        let stopped = (0..self.sources.len()).try_for_each(|index| self.stop_source(index));
        if stopped.is_ok() {
            self.feed.settle(self.settle);
        }
        let sinks = self.count_sinks();
        stopped?;
        for sink in sinks {
            self.survive(sink.stop())?;
        }
        // A function is never stopped: it goes with the process.
        self.host.check_alive()
    }

    /// Takes the sinks away, and counts their rows.
    fn count_sinks(&mut self) -> Vec<Sink> {
        let sinks = self.feed.take();
        self.ran.extend(sinks.iter().map(|sink| Line::Sink {
            symbol: sink.symbol().to_owned(),
            sent: sink.sent(),
            acked: sink.acked(),
        }));
        sinks
    }

    /// Closes a source's channel and stops it; once.
    pub(super) fn stop_source(&mut self, index: usize) -> Result<(), HostError> {
        if let Some(source) = self.sources[index].join() {
            self.survive(source.stop())?;
        }
        Ok(())
    }

    pub(super) fn summarize(&mut self) {
        let took = self.started.elapsed();
        let mut ran: Vec<Line> = self
            .sources
            .iter()
            .map(|running| Line::Source {
                symbol: running.symbol.clone(),
                rows: running.count(),
            })
            .collect();
        ran.append(&mut self.ran);
        ran.extend(self.functions.iter().map(|started| Line::Function {
            symbol: started.function.symbol().to_owned(),
            aggregate: started.aggregate,
            calls: started.calls,
        }));
        let release = self.plan.profile.name;
        let errors = self.findings.total();
        for line in summary::lines(&self.plan.plugin, release, &ran, errors, took) {
            self.terminal.say(&line);
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.signals.close();
        for running in &mut self.sources {
            drop(running.join());
        }
    }
}
