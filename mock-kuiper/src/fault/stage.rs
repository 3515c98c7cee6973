//! What misfortunes are played on, and the proof that it is alive.

use std::time::{Duration, Instant};

use ekuiper_sp::Error;

use crate::host::{Function, Host, HostError, Instance, Sink, Source};
use crate::symbol::Channel;

/// How long a source has for its first row, to count as one that gives rows.
const FIRST_ROW: Duration = Duration::from_secs(2);

/// How long a sink has for its first ack, to count as one that gives acks.
const FIRST_ACK: Duration = Duration::from_secs(1);

/// How long each ack from before a misfortune may still take.
const LATE_ACK: Duration = Duration::from_millis(200);

/// How long rows from before a misfortune are read away.
const DRAIN: Duration = Duration::from_millis(100);

/// How soon after its start an instance is stopped at the earliest, unless it
/// has shown that it works: as the soonest stop that was recorded.
///
/// Source: ekuiper-1.14.7-go.jsonl, rule `g1`.
const MOMENT: Duration = Duration::from_millis(22);

/// A host and what runs on it.
#[derive(Debug)]
pub struct Stage<'a> {
    pub(super) host: &'a Host,
    pub(super) sources: Vec<OnStage<'a, Source>>,
    pub(super) sinks: Vec<OnStage<'a, Sink>>,
    pub(super) functions: Vec<&'a mut Function>,
    /// The row that sinks are sent.
    pub(super) row: Vec<u8>,
}

/// An instance, and whether it was seen to say something.
#[derive(Debug)]
pub(super) struct OnStage<'a, T> {
    pub(super) instance: &'a mut T,
    /// A source that gave a row, a sink that gave an ack: it has to do so after
    /// a misfortune as well.
    pub(super) speaks: bool,
    /// A source's connections.
    connections: usize,
}

impl<'a> Stage<'a> {
    /// Takes what runs, and looks which sources give rows and which sinks give
    /// acks; `row` is what sinks are sent.
    ///
    /// # Errors
    ///
    /// What does not work before any misfortune.
    pub fn set(
        host: &'a Host,
        sources: impl IntoIterator<Item = &'a mut Source>,
        sinks: impl IntoIterator<Item = &'a mut Sink>,
        functions: impl IntoIterator<Item = &'a mut Function>,
        row: Vec<u8>,
    ) -> Result<Self, HostError> {
        let mut stage = Self {
            host,
            sources: sources.into_iter().map(silent).collect(),
            sinks: sinks.into_iter().map(silent).collect(),
            functions: functions.into_iter().collect(),
            row,
        };
        for source in &mut stage.sources {
            source.speaks = match next_row(host, source.instance, FIRST_ROW) {
                Ok(()) => true,
                Err(HostError::NoRow { .. }) => false,
                Err(error) => return Err(error),
            };
            source.connections = source.instance.connections().max(1);
        }
        for sink in &mut stage.sinks {
            sink.instance.send_bytes(&stage.row)?;
            sink.speaks = sink.instance.speaks(FIRST_ACK)?;
        }
        stage.prove_alive()?;
        Ok(stage)
    }

    /// Looks whether everything works: sources give rows, each on as many
    /// connections as at first, sinks take and acknowledge them, functions
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
                    return Err(HostError::StartedTwice {
                        symbol: source.instance.symbol().to_owned(),
                        connections: source.instance.connections(),
                    });
                }
                drain(self.host, source.instance, DRAIN)?;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        for sink in &mut self.sinks {
            // Acks that are late, or will never come.
            sink.instance.settle_acks(limit, LATE_ACK);
            if sink.speaks {
                sink.instance.send_bytes(&self.row)?;
                take_ack(sink.instance, limit)?;
            } else {
                sink.instance.send_through(&self.row)?;
            }
        }
        for function in &mut self.functions {
            function.is_aggregate()?;
        }
        Ok(())
    }

    /// Begins anew with a new process; see [`Host::renew`].
    ///
    /// # Errors
    ///
    /// Those of [`Host::renew`].
    pub fn renew(&mut self) -> Result<(), HostError> {
        let host = self.host;
        host.renew(&mut self.instances())
    }

    /// Reads rows and acks for so long.
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

    /// Lets what was just started work before it is stopped again: until each
    /// instance that speaks has given a row or an ack, for `limit` at most, and
    /// for a [`MOMENT`] where one has not. Gives the time that went beyond it.
    ///
    /// An SDK may know an instance only once its thread runs, and pass over a
    /// stop that comes before.
    pub(super) fn let_work(&mut self, limit: Duration) -> Result<Duration, HostError> {
        let begun = Instant::now();
        let end = begun + limit.max(MOMENT);
        let left = || end.saturating_duration_since(Instant::now());
        let mut have_spoken = true;
        for source in &mut self.sources {
            have_spoken &= source.speaks
                && match next_row(self.host, source.instance, left()) {
                    Ok(()) => true,
                    Err(HostError::NoRow { .. }) => false,
                    Err(error) => return Err(error),
                };
        }
        for sink in &mut self.sinks {
            have_spoken &= sink.speaks && {
                sink.instance.send_bytes(&self.row)?;
                sink.instance.speaks(left())?
            };
        }
        if !have_spoken {
            self.go_on_for(MOMENT.saturating_sub(begun.elapsed()))?;
        }
        Ok(begun.elapsed().saturating_sub(MOMENT))
    }

    /// All instances, as [`Host::restart`] wants them.
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

/// Reads what comes until nothing does, at most for `time`.
fn drain(host: &Host, source: &mut Source, time: Duration) -> Result<(), HostError> {
    let deadline = Instant::now() + time;
    while Instant::now() < deadline {
        match next_row(host, source, Duration::ZERO) {
            Ok(()) => {}
            Err(HostError::NoRow { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits for a row, without decoding it.
fn next_row(host: &Host, source: &mut Source, limit: Duration) -> Result<(), HostError> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let symbol = source.symbol().to_owned();
        match source.read(Some(left)) {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(source)) => return Err(HostError::InvalidRow { symbol, source }),
            Err(Error::Woken) => {
                host.check_alive()?;
                if host.take_interrupt() {
                    return Err(HostError::Interrupted);
                }
            }
            Err(Error::TimedOut) => return Err(HostError::NoRow { symbol, limit }),
            Err(error) => {
                let channel = Channel::source(&source.order().meta);
                return Err(HostError::transport(&channel, error));
            }
        }
    }
}

/// Reads an ack; that the row failed is one.
pub(super) fn take_ack(sink: &mut Sink, limit: Duration) -> Result<(), HostError> {
    use crate::host::SinkError;
    match sink.ack(limit) {
        Ok(_)
        | Err(HostError::Sink {
            source: SinkError::Failed { .. },
            ..
        }) => Ok(()),
        Err(error) => Err(error),
    }
}
