//! Stops what a run has started, and writes its summary.

use std::time::Duration;

use mock_kuiper::engine::host::RESTORE;
use mock_kuiper::{Code, HostError};

use super::state::Session;
use crate::cli::error::CliError;
use crate::cli::feed::Fed;
use crate::cli::summary::{self, Ran};

/// How long sinks may still take rows once all are sent.
const SETTLE: Duration = Duration::from_secs(5);

/// How long they may after a signal: somebody waits for the end.
const SETTLE_AT_SIGNAL: Duration = Duration::from_millis(500);

/// How long the stops of a plugin may take that runs on in a debugger.
const LEAVING: Duration = Duration::from_millis(500);

/// How long a sink may take to close its channel because of its last row.
const HANG_UP: Duration = Duration::from_millis(300);

impl Session<'_> {
    /// Stops everything that runs: the sources first, so that no row is lost.
    pub(super) fn stop(&mut self) -> Result<(), CliError> {
        // The exit was reported; there is nothing left to stop.
        let has_ended = self.host.check_alive().is_err();
        let is_watched = self.watch.take().is_some();
        // A process that has not greeted has nothing to stop.
        let is_new = self.host.time_to_greeting().is_none();
        if is_watched && has_ended || is_new {
            self.count_sinks();
            return Ok(());
        }
        if self.attached && self.is_quitting() {
            return self.leave();
        }
        if has_ended {
            // The rows that it had sent by then are still printed.
            for running in &mut self.sources {
                drop(running.wait());
            }
        }
        match self.stop_all() {
            Ok(()) | Err(HostError::Interrupted) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Stops what runs in a plugin that goes on without this host, unless a debugger
    /// holds it up.
    fn leave(&mut self) -> Result<(), CliError> {
        if self.host.is_stopped() {
            self.count_sinks();
            return Ok(());
        }
        self.host.clear_interrupt();
        self.host.limit_orders(LEAVING);
        match self.stop_all() {
            Err(error @ HostError::System(_)) => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn stop_all(&mut self) -> Result<(), HostError> {
        let stopped = self.stop_sources();
        if stopped.is_ok() {
            let (quiet, limit, hang_up) = match self.is_quitting() {
                true => (Duration::ZERO, SETTLE_AT_SIGNAL, Duration::ZERO),
                false => (self.host.answer_limit(), SETTLE, HANG_UP),
            };
            self.feed.settle(quiet, limit, hang_up);
        }
        let sinks = self.count_sinks();
        stopped?;
        for Fed { sink, .. } in sinks {
            let gone = sink.gone_for();
            self.survive_stop(sink.stop(), gone)?;
        }
        // eKuiper never stops a function; it ends with the process.
        let alive = self.host.check_alive();
        self.survive_stop(alive, None)
    }

    fn stop_sources(&mut self) -> Result<(), HostError> {
        for source in std::mem::take(&mut self.fresh.sources) {
            self.ran.push(Ran::Source {
                symbol: source.symbol().to_owned(),
                rows: source.received(),
            });
            let gone = source.gone_for();
            self.survive_stop(source.stop(), gone)?;
        }
        (0..self.sources.len()).try_for_each(|index| self.stop_source(index))
    }

    /// Reports what went wrong with a stop, unless a fault that was cut short may
    /// be the reason. An instance that has been gone for long may not be known to
    /// the plugin any more.
    fn survive_stop(
        &self,
        stopped: Result<(), HostError>,
        gone: Option<Duration>,
    ) -> Result<(), HostError> {
        let has_ended = gone.is_some_and(|gone| gone >= RESTORE);
        match stopped {
            Err(HostError::Interrupted) => stopped,
            Err(_) if self.cut_fault => Ok(()),
            // The first that is held up ends the stops.
            Err(HostError::Finding(_)) if self.attached && self.is_quitting() => {
                Err(HostError::Interrupted)
            }
            Err(error) if has_ended && error.code() == Some(Code::OrderRefused) => Ok(()),
            stopped => self.survive(stopped).map(drop),
        }
    }

    /// Takes the sinks out of the feed, and notes their rows for the summary.
    fn count_sinks(&mut self) -> Vec<Fed> {
        self.feed.add(std::mem::take(&mut self.fresh.sinks));
        let sinks = self.feed.take();
        self.ran.extend(sinks.iter().map(|fed| Ran::Sink {
            symbol: fed.sink.symbol().to_owned(),
            sent: fed.sink.sent(),
            acked: fed.sink.acked(),
            undelivered: fed.undelivered(),
        }));
        sinks
    }

    /// Closes a source's channel and stops the source, once.
    pub(super) fn stop_source(&mut self, index: usize) -> Result<(), HostError> {
        if let Some(source) = self.sources[index].join() {
            let gone = source.gone_for();
            self.survive_stop(source.stop(), gone)?;
        }
        Ok(())
    }

    /// Writes the summary.
    pub(super) fn summarize(&mut self) {
        let took = self.started.elapsed();
        let mut ran: Vec<Ran> = self
            .sources
            .iter()
            .map(|running| Ran::Source {
                symbol: running.symbol.clone(),
                rows: running.count(),
            })
            .collect();
        let rows = self.sources.iter();
        self.done.rows = rows
            .map(|running| (running.symbol.clone(), running.count()))
            .collect();
        ran.append(&mut self.ran);
        ran.extend(self.functions.iter().map(|started| Ran::Function {
            symbol: started.function.symbol().to_owned(),
            aggregate: started.aggregate,
            calls: started.calls,
            errors: started.errors,
        }));
        let release = self.plan.profile.name;
        let errors = self.findings.total();
        let findings = self.findings.lines();
        for line in summary::lines(&self.plan.plugin, release, &ran, errors, findings, took) {
            self.terminal.say(&line);
        }
    }
}
