//! Sinks on the rig: their starts, their rows and their acks.

use std::time::Duration;

use mock_kuiper::engine::release::Releases;
use mock_kuiper::{Code, Host, HostError, Sink, SinkStart};

use super::launch::Rig;
use crate::checked::{Checked, NotPassed, untested};

/// A row that any sink can use.
pub(crate) const ROW: &[u8] = b"[{\"conformance\":1}]";

impl Rig<'_> {
    /// Returns whether the sink that the check is about sends acks and the
    /// release reads them.
    pub(crate) fn has_acks(&self) -> bool {
        self.sink_name().is_ok_and(|sink| self.has_acks_of(sink))
    }

    /// Returns whether a sink sends acks and the release reads them. A sink that
    /// sends none fails SNK-03; all other rules are then observed without acks.
    pub(crate) fn has_acks_of(&self, sink: &str) -> bool {
        // If the sink does not start, the check that starts it reports that.
        let sends_acks = || self.aside().sends_an_ack(sink).unwrap_or(true);
        Releases::WithAcks.has(self.plan.profile) && *self.run.acks(sink).get_or_init(sends_acks)
    }

    /// Sends a row to a sink of a new process and waits for its ack.
    fn sends_an_ack(&self, sink: &str) -> Result<bool, NotPassed> {
        let host = self.host()?;
        let sink = self.describe_sink(&host, sink);
        let sink = sink.within("rule", "acks_0").require_ack();
        let mut sink = sink.start().map_err(untested)?;
        sink.send_bytes(ROW)?;
        match sink.ack(self.limit()) {
            Err(error) => Ok(!is_no_ack(&error)),
            Ok(_) => Ok(true),
        }
    }

    /// Ends a check that is about acks if the sink sends none.
    pub(crate) fn needs_acks(&self) -> Checked {
        match self.has_acks_of(self.sink_name()?) {
            true => Ok(()),
            false => Err(NotPassed::NotApplicable(
                "the sink sends no acks, see SNK-03",
            )),
        }
    }

    /// Starts a sink as the first action of a rule, and lets it work for a
    /// moment. It has `requireAck` if there are acks to read.
    pub(crate) fn start_sink(
        &self,
        host: &Host,
        symbol: &str,
        rule: &str,
    ) -> Result<Sink, HostError> {
        self.start_sink_in(host, symbol, (rule, &format!("{symbol}_0")))
    }

    /// Starts a sink as an operator of a rule, and lets it work for a moment.
    /// It has `requireAck` if there are acks to read.
    pub(crate) fn start_sink_in(
        &self,
        host: &Host,
        symbol: &str,
        (rule, op): (&str, &str),
    ) -> Result<Sink, HostError> {
        let sink = self.describe_sink(host, symbol).within(rule, op);
        let sink = match self.has_acks_of(symbol) {
            true => sink.require_ack().start()?,
            false => sink.start()?,
        };
        self.let_work();
        Ok(sink)
    }

    fn describe_sink<'h>(&self, host: &'h Host, symbol: &str) -> SinkStart<'h> {
        host.sink(symbol).config(self.config(symbol))
    }

    fn describe_first_sink<'h>(&self, host: &'h Host) -> Result<SinkStart<'h>, NotPassed> {
        let symbol = self.sink_name()?;
        let sink = self.describe_sink(host, symbol);
        Ok(sink.within("rule", format!("{symbol}_0")))
    }

    /// Starts the first sink, for a check that is not about its start.
    pub(crate) fn sink(&self, host: &Host) -> Result<Sink, NotPassed> {
        let sink = self.start_sink(host, self.sink_name()?, "rule");
        sink.map_err(untested)
    }

    /// Starts the first sink with `requireAck`, whether or not it sends acks.
    pub(crate) fn acking_sink(&self, host: &Host) -> Result<Sink, NotPassed> {
        let sink = self.describe_first_sink(host)?.require_ack();
        sink.start().map_err(untested)
    }

    /// Starts the first sink without `requireAck`: nobody reads its acks.
    pub(crate) fn unread_sink(&self, host: &Host) -> Result<Sink, NotPassed> {
        let sink = self.describe_first_sink(host)?;
        sink.start().map_err(untested)
    }

    /// Sends a row, and takes its ack if acks are read, whatever the ack says.
    pub(crate) fn send(&self, sink: &mut Sink, row: &[u8]) -> Result<(), HostError> {
        sink.send_bytes(row)?;
        if !self.has_acks_of(sink.symbol()) {
            return Ok(());
        }
        take_ack(sink, self.limit()).map(drop)
    }
}

/// Returns whether an error says that no ack came.
pub(crate) fn is_no_ack(error: &HostError) -> bool {
    error.code() == Some(Code::AckMissing)
}

/// Returns whether an error says that the sink reported a failed row.
pub(crate) fn is_failed_row(error: &HostError) -> bool {
    error.code() == Some(Code::AckError)
}

/// Waits for an ack, and returns whether it reports the row as done.
pub(crate) fn take_ack(sink: &mut Sink, limit: Duration) -> Result<bool, HostError> {
    match sink.ack(limit) {
        Ok(_) => Ok(true),
        Err(error) if is_failed_row(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sends a row, and returns whether the sink takes it within eKuiper's limit. A
/// slow sink takes the row later, which does not count as blocked.
pub(crate) fn takes_in_time(sink: &mut Sink, row: &[u8]) -> Result<bool, HostError> {
    const RETRIES: u32 = 3;
    let mut tries = 0;
    loop {
        let error = match sink.send_bytes(row) {
            Ok(_) => return Ok(tries == 0),
            Err(error) => error,
        };
        let is_late = error.code() == Some(Code::SinkRowNotTaken);
        if !is_late || tries == RETRIES {
            return Err(error);
        }
        tries += 1;
    }
}

/// Returns a row of 4 KiB, so that a socket's buffers hold only a few. The
/// added spaces do not change its JSON.
pub(crate) fn long_row() -> Vec<u8> {
    let mut row = ROW.to_vec();
    row.resize(4096, b' ');
    row
}
