//! What faults are played on, and the proof that it still works.

use std::time::{Duration, Instant};

use crate::finding::{Code, Observed};
use crate::host::{Function, Host, HostError, Instance, Received, Sink, Source};

/// How long a source may take for its first row to count as one that sends rows.
const FIRST_ROW: Duration = Duration::from_secs(2);

/// How long a sink may take for its first ack to count as one that sends acks.
const FIRST_ACK: Duration = Duration::from_secs(1);

/// How long each ack from before a fault may still take.
const LATE_ACK: Duration = Duration::from_millis(200);

/// How long rows from before a fault are read and dropped.
const DRAIN: Duration = Duration::from_millis(100);

/// How long an instance runs at least before it is stopped, unless it has shown
/// that it works: the shortest run that was recorded.
///
/// Source: ekuiper-1.14.7-go.jsonl, rule `g1`.
const SHORTEST_RUN: Duration = Duration::from_millis(22);

/// A host and what runs on it.
#[derive(Debug)]
pub struct Stage<'a> {
    pub(super) host: &'a Host,
    pub(super) sources: Vec<OnStage<'a, Source>>,
    pub(super) sinks: Vec<OnStage<'a, Sink>>,
    pub(super) functions: Vec<&'a mut Function>,
    /// The row that is sent to sinks; without one they get none.
    pub(super) row: Option<Vec<u8>>,
}

/// An instance, and whether it has sent something.
#[derive(Debug)]
pub(super) struct OnStage<'a, T> {
    pub(super) instance: &'a mut T,
    /// Whether a source has sent a row, or a sink an ack: it must do so after a
    /// fault as well.
    pub(super) speaks: bool,
    /// The connections of a source.
    connections: usize,
}

impl<'a> Stage<'a> {
    /// Takes what runs, and finds out which sources send rows and which sinks
    /// send acks; `row` is what sinks get. Without a row, the proof that a sink
    /// works is that it is connected.
    ///
    /// # Errors
    ///
    /// What does not work before any fault.
    pub fn set(
        host: &'a Host,
        sources: impl IntoIterator<Item = &'a mut Source>,
        sinks: impl IntoIterator<Item = &'a mut Sink>,
        functions: impl IntoIterator<Item = &'a mut Function>,
        row: impl Into<Option<Vec<u8>>>,
    ) -> Result<Self, HostError> {
        let mut stage = Self {
            host,
            sources: sources.into_iter().map(silent).collect(),
            sinks: sinks.into_iter().map(silent).collect(),
            functions: functions.into_iter().collect(),
            row: row.into(),
        };
        for source in &mut stage.sources {
            source.speaks = row_arrives(host, source.instance, FIRST_ROW)?;
            source.connections = source.instance.connections().max(1);
        }
        if let Some(row) = &stage.row {
            for sink in &mut stage.sinks {
                sink.instance.send_bytes(row)?;
                sink.speaks = sink.instance.speaks(FIRST_ACK)?;
            }
        }
        stage.prove_alive()?;
        Ok(stage)
    }

    /// Checks that everything works: sources send rows, each on as many
    /// connections as at first, sinks take and acknowledge rows, functions
    /// answer.
    pub(super) fn prove_alive(&mut self) -> Result<(), HostError> {
        self.host.check_alive()?;
        let limit = self.host.answer_limit();
        for source in self.sources.iter_mut().filter(|source| source.speaks) {
            drain(self.host, source.instance, DRAIN)?;
            next_row(self.host, source.instance, limit)?;
            // An instance that was stopped may take its time to hang up.
            let deadline = Instant::now() + limit;
            while source.instance.connections() > source.connections {
                if Instant::now() >= deadline {
                    let connections = source.instance.connections();
                    let observed = Observed::StartedTwice { connections };
                    return Err(source.instance.about(observed).into());
                }
                drain(self.host, source.instance, DRAIN)?;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        for sink in &mut self.sinks {
            // Acks that are late, or will never arrive.
            sink.instance.settle_acks(limit, LATE_ACK);
            match &self.row {
                None => sink.instance.wait_connected(limit)?,
                Some(row) if sink.speaks => {
                    sink.instance.send_bytes(row)?;
                    take_ack(sink.instance, limit)?;
                }
                Some(row) => sink.instance.send_through(row)?,
            }
        }
        for function in &mut self.functions {
            function.is_aggregate()?;
        }
        Ok(())
    }

    /// Begins again with a new process; see [`Host::renew`].
    ///
    /// # Errors
    ///
    /// Those of [`Host::renew`].
    pub fn renew(&mut self) -> Result<(), HostError> {
        let host = self.host;
        host.renew(&mut self.instances())
    }

    /// Reads rows and acks for `time`.
    pub(super) fn go_on_for(&mut self, time: Duration) -> Result<(), HostError> {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if self.host.take_interrupt() {
                return Err(HostError::Interrupted);
            }
            for source in &mut self.sources {
                drain(self.host, source.instance, left.min(DRAIN))?;
            }
            for sink in &mut self.sinks {
                sink.instance.take_acks();
            }
            std::thread::sleep(left.min(Duration::from_millis(1)));
        }
    }

    /// Lets what was just started work before it is stopped again: at most
    /// `limit` until each instance that speaks has sent a row or an ack, and at
    /// least [`SHORTEST_RUN`] if one has not. Returns the time beyond that.
    ///
    /// An SDK may know an instance only once its thread runs, and ignore a stop
    /// that arrives before.
    pub(super) fn let_work(&mut self, limit: Duration) -> Result<Duration, HostError> {
        let begun = Instant::now();
        let end = begun + limit.max(SHORTEST_RUN);
        let left = || end.saturating_duration_since(Instant::now());
        let mut have_spoken = true;
        for source in &mut self.sources {
            have_spoken &= source.speaks && row_arrives(self.host, source.instance, left())?;
        }
        for sink in &mut self.sinks {
            have_spoken &= match &self.row {
                Some(row) if sink.speaks => {
                    sink.instance.send_bytes(row)?;
                    sink.instance.speaks(left())?
                }
                _ => false,
            };
        }
        if !have_spoken {
            self.go_on_for(SHORTEST_RUN.saturating_sub(begun.elapsed()))?;
        }
        Ok(begun.elapsed().saturating_sub(SHORTEST_RUN))
    }

    /// Returns all instances, for [`Host::restart`].
    pub(super) fn instances(&mut self) -> Vec<&mut dyn Instance> {
        let sources = self.sources.iter_mut();
        let sinks = self.sinks.iter_mut();
        let functions = self.functions.iter_mut();
        sources
            .map(|source| &mut *source.instance as &mut dyn Instance)
            .chain(sinks.map(|sink| &mut *sink.instance as &mut dyn Instance))
            .chain(functions.map(|function| &mut **function as &mut dyn Instance))
            .collect()
    }
}

fn silent<T>(instance: &mut T) -> OnStage<'_, T> {
    OnStage {
        instance,
        speaks: false,
        connections: 1,
    }
}

/// Reads and drops rows until none arrives, for at most `time`.
fn drain(host: &Host, source: &mut Source, time: Duration) -> Result<(), HostError> {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline && row_arrives(host, source, Duration::ZERO)? {}
    Ok(())
}

/// Waits at most `limit` for a row, which must come.
fn next_row(host: &Host, source: &mut Source, limit: Duration) -> Result<(), HostError> {
    match row_arrives(host, source, limit)? {
        true => Ok(()),
        false => Err(source.about(Observed::NoRow { limit }).into()),
    }
}

/// Returns whether a row comes within `limit`; it is not decoded.
fn row_arrives(host: &Host, source: &mut Source, limit: Duration) -> Result<bool, HostError> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match source.read(Some(left))? {
            Received::Row(_) => return Ok(true),
            Received::Nothing => return Ok(false),
            Received::Invalid(invalid) => {
                return Err(source.about(Observed::InvalidRow(invalid)).into());
            }
            Received::Woken => {
                host.check_alive()?;
                if host.take_interrupt() {
                    return Err(HostError::Interrupted);
                }
            }
        }
    }
}

/// Reads an ack; an ack that the row failed is one.
pub(super) fn take_ack(sink: &mut Sink, limit: Duration) -> Result<(), HostError> {
    match sink.ack(limit) {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some(Code::AckError) => Ok(()),
        Err(error) => Err(error),
    }
}
