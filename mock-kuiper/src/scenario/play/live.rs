//! A host with what runs on it, by the aliases of a case.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{StepError, Unmet};
use super::file::FileRun;
use super::record::Record;
use super::stop::Watched;
use super::waits::Deadline;
use crate::finding::{Code, Observed};
use crate::host::{Function, Host, HostError, RESTORE, Sink, Source};
use crate::scenario::pattern::Variables;

/// How long the rows that no step has taken are read at a stop.
const LEFT_ROWS: Duration = Duration::from_millis(20);

/// A host, and what runs on it.
#[derive(Debug)]
pub(in crate::scenario) struct Live {
    pub(super) sources: Vec<(String, Source)>,
    pub(super) sinks: Vec<(String, Sink)>,
    /// Sources that were stopped and whose channels are still open.
    stopped: Vec<(String, Source)>,
    /// eKuiper never stops a function.
    pub(super) functions: Vec<Function>,
    /// The sources of which a step has expected that they send nothing.
    pub(super) silent: BTreeSet<String>,
    /// The rule of each alias of the case.
    rules: BTreeMap<String, String>,
    /// How many rules there have been.
    count: u32,
    /// Whether a case was played on it before.
    has_played: bool,
    /// Whether the case has killed the process and not started it again.
    pub(super) is_killed: bool,
    _watched: Watched,
    pub(super) host: Host,
    pub(super) record: Arc<Record>,
}

impl Live {
    /// Launches the plugin, and waits for its greeting. With an error comes what
    /// the plugin wrote.
    pub(super) fn launch(
        run: &FileRun<'_>,
        variables: &Variables,
        tmp: Option<&Path>,
        began: Instant,
    ) -> Result<Self, (HostError, Option<Arc<Record>>)> {
        let record = Arc::new(Record::new());
        record.begin(began);
        let described = run.builder(variables, tmp);
        let host = described
            .and_then(|host| host.observer(Arc::clone(&record) as _).spawn())
            .map_err(|error| (error, None))?;
        let watched = run.stop.watch(&host);
        if let Err(error) = host.wait_greeting() {
            return Err((error, Some(record)));
        }
        Ok(Self {
            sources: Vec::new(),
            sinks: Vec::new(),
            stopped: Vec::new(),
            functions: Vec::new(),
            silent: BTreeSet::new(),
            rules: BTreeMap::new(),
            count: 0,
            has_played: false,
            is_killed: false,
            _watched: watched,
            host,
            record,
        })
    }

    /// Begins a case: forgets the aliases and the record of the case before.
    pub(super) fn begin_case(&mut self, began: Instant) {
        if self.has_played {
            self.record.begin(began);
        }
        self.silent.clear();
        self.rules.clear();
        self.has_played = true;
    }

    /// Returns the rule of an instance. It has the same one when it is started
    /// again, unless the release cannot start a sink again under one rule.
    pub(super) fn rule(&mut self, alias: &str) -> String {
        let again = self.rules.get(alias).cloned();
        if let Some(rule) = again.filter(|_| self.host.release().ack_closes) {
            return rule;
        }
        let rule = self.next_rule();
        self.rules.insert(alias.to_owned(), rule.clone());
        rule
    }

    /// Returns a rule that there has not been.
    pub(super) fn next_rule(&mut self) -> String {
        self.count += 1;
        match self.count {
            1 => "mock".to_owned(),
            count => format!("mock{count}"),
        }
    }

    /// Returns a running source, or one that was stopped and is still read.
    pub(super) fn source(&mut self, alias: &str) -> Result<&mut Source, String> {
        let known = self.sources.iter_mut().chain(&mut self.stopped);
        let found = known.into_iter().find(|(name, _)| name == alias);
        let source = found.map(|(_, source)| source);
        source.ok_or_else(|| format!("no source `{alias}` runs"))
    }

    /// Returns a running sink.
    pub(super) fn sink(&mut self, alias: &str) -> Result<&mut Sink, String> {
        let found = self.sinks.iter_mut().find(|(name, _)| name == alias);
        let sink = found.map(|(_, sink)| sink);
        sink.ok_or_else(|| format!("no sink `{alias}` runs"))
    }

    /// Returns a function, which is started if it was not.
    pub(super) fn function(&mut self, name: &str) -> Result<&mut Function, HostError> {
        let known = self.functions.iter().position(|one| one.symbol() == name);
        let index = match known {
            Some(index) => index,
            None => {
                self.functions.push(self.host.function(name)?);
                self.functions.len() - 1
            }
        };
        Ok(&mut self.functions[index])
    }

    /// Notes that a source was stopped; its channel stays open.
    pub(super) fn note_stopped(&mut self, alias: &str) {
        if let Some(index) = self.sources.iter().position(|(name, _)| name == alias) {
            self.stopped.push(self.sources.remove(index));
        }
    }

    /// Closes the channel of a source that was stopped.
    pub(super) fn forget_stopped(&mut self, alias: &str) {
        self.stopped.retain(|(name, _)| name != alias);
    }

    /// Stops an instance.
    pub(super) fn stop(&mut self, alias: &str) -> Result<(), StepError> {
        let named = |(name, _): &(String, Source)| name == alias;
        if let Some(index) = self.sources.iter().position(named) {
            let may_be_silent = self.silent.contains(alias);
            return stop_source(self.sources.remove(index).1, may_be_silent);
        }
        let named = |(name, _): &(String, Sink)| name == alias;
        match self.sinks.iter().position(named) {
            Some(index) => stop_sink(self.sinks.remove(index).1),
            None => Err(format!("neither a source nor a sink `{alias}` runs").into()),
        }
    }

    /// Stops all instances, the sources first, and checks that the plugin runs.
    pub(super) fn stop_all(&mut self) -> Result<(), StepError> {
        self.stopped.clear();
        self.check_alive()?;
        let sources = std::mem::take(&mut self.sources);
        let sinks = std::mem::take(&mut self.sinks);
        if self.is_killed {
            return Ok(());
        }
        for (alias, source) in sources {
            stop_source(source, self.silent.contains(&alias))?;
        }
        for (_, sink) in sinks {
            stop_sink(sink)?;
        }
        Ok(self.check_alive()?)
    }

    /// Ends the process, if the host has launched it and the case has not killed it.
    /// Fails if the plugin has exited before.
    pub(super) fn end_process(&self) -> Result<(), StepError> {
        match self.is_killed || self.host.attach_command().is_some() {
            true => Ok(()),
            false => Ok(self.host.end_process()?),
        }
    }

    /// Fails if the plugin has exited, unless the case has killed it.
    pub(super) fn check_alive(&self) -> Result<(), HostError> {
        match self.is_killed {
            true => Ok(()),
            false => self.host.check_alive(),
        }
    }
}

/// Stops a source. One that has ended by itself may not be known any more.
pub(super) fn stop_source(mut source: Source, may_be_silent: bool) -> Result<(), StepError> {
    check_source(&mut source, may_be_silent)?;
    let has_ended = source.gone_for().is_some_and(|gone| gone >= RESTORE);
    Ok(forgive(source.stop(), has_ended)?)
}

/// Stops a sink. One that has ended by itself may not be known any more.
pub(super) fn stop_sink(mut sink: Sink) -> Result<(), StepError> {
    check_acks(&mut sink)?;
    let has_ended = sink.gone_for().is_some_and(|gone| gone >= RESTORE);
    Ok(forgive(sink.stop(), has_ended)?)
}

/// Reads and drops the rows that no step has taken, and fails if one is invalid, or
/// if the source has ended without a row and must not.
pub(super) fn check_source(source: &mut Source, may_be_silent: bool) -> Result<(), HostError> {
    let deadline = Deadline::after(LEFT_ROWS);
    while !deadline.has_passed() && source.skip_within(Duration::ZERO)? {}
    let is_silent = source.received() == 0 && !may_be_silent;
    while let Some(gone) = source.gone_for().filter(|_| is_silent) {
        if gone >= RESTORE {
            let rows = 0;
            let expected = None;
            return Err(source.about(Observed::Ended { rows, expected }).into());
        }
        if source.skip_within(RESTORE.saturating_sub(gone))? {
            break;
        }
    }
    Ok(())
}

/// Fails if a sink has sent more acks than it got rows.
pub(super) fn check_acks(sink: &mut Sink) -> Result<(), StepError> {
    sink.take_acks();
    let (rows, acks) = (sink.sent(), sink.acked());
    match acks > rows {
        true => Err(Unmet::of(format!(
            "sink `{}` has sent more acks ({acks}) than it got rows ({rows})",
            sink.symbol()
        ))
        .into()),
        false => Ok(()),
    }
}

fn forgive(stopped: Result<(), HostError>, has_ended: bool) -> Result<(), HostError> {
    match stopped {
        Err(error) if has_ended && error.code() == Some(Code::OrderRefused) => Ok(()),
        stopped => stopped,
    }
}
