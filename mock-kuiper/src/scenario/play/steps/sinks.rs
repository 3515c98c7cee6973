//! `send`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::finding::Observed;
use crate::host::{HostError, Sink};
use crate::release::AckChannel;
use crate::scenario::model::Expected;
use crate::scenario::pattern::Template;
use crate::scenario::play::error::Played;
use crate::scenario::play::live::check_acks;
use crate::scenario::play::player::Player;

/// How long a sink may take to close its channel because of its last row.
const HANG_UP: Duration = Duration::from_millis(300);

impl Player<'_> {
    /// Sends rows to a sink, and takes an ack after each if acks are expected or
    /// required. Otherwise waits until the sink has read them.
    pub(super) fn send(
        &mut self,
        alias: &str,
        rows: &[Template],
        acks: Option<&Expected>,
        limit: Duration,
    ) -> Played {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| self.value(row))
            .collect::<Result<_, _>>()?;
        let has_acks = self.reads_acks();
        if acks.is_some() && !has_acks {
            let name = self.live.host.release().name;
            self.notes.push(format!(
                "`acks` of sink `{alias}` was ignored: eKuiper {name} reads no acks"
            ));
        }
        let is_killed = self.live.is_killed;
        let sink = self.live.sink(alias)?;
        let awaits = has_acks && (acks.is_some() || requires_acks(sink));
        let mut seen = Vec::new();
        for row in &rows {
            send_value(sink, row)?;
            if awaits {
                seen.push(ack(sink, limit, acks.is_some())?);
            }
        }
        if !awaits && !is_killed {
            sink.wait_read(limit)?;
            // A sink that has acknowledged its rows has not hung up because of one.
            let is_acked = sink.sent() <= sink.acked();
            let hung_up = sink.watch_hang_up(if is_acked { Duration::ZERO } else { HANG_UP });
            self.live.check_alive()?;
            hung_up?;
        }
        let sink = self.live.sink(alias)?;
        check_acks(sink)?;
        match acks.filter(|_| has_acks) {
            Some(acks) => {
                let text = format!("the acks of sink `{alias}` are not as expected");
                self.expect(acks, &seen.into(), text)
            }
            None => Ok(()),
        }
    }

    /// Whether the release reads the acks of a sink.
    pub(super) fn reads_acks(&self) -> bool {
        self.live.host.release().ack == AckChannel::Read
    }
}

/// Whether a sink was started with `requireAck`.
pub(super) fn requires_acks(sink: &Sink) -> bool {
    sink.order().config.get("requireAck") == Some(&Value::Bool(true))
}

/// Sends a row: a text as its bytes, anything else as JSON, as a rule does.
pub(super) fn send_value(sink: &mut Sink, row: &Value) -> Result<(), HostError> {
    match row {
        Value::String(text) => sink.send_bytes(text.as_bytes()),
        row => sink.send(row),
    }
    .map(drop)
}

/// Waits for an ack: `"ok"`, or `{"error": text}` if an error `may` be one.
fn ack(sink: &mut Sink, limit: Duration, may: bool) -> Result<Value, HostError> {
    match sink.ack(limit) {
        Ok(_) => Ok("ok".into()),
        Err(error) => match error.finding().map(|finding| &finding.observed) {
            Some(Observed::AckError { text }) if may => Ok(json!({"error": text})),
            _ => Err(error),
        },
    }
}

/// Returns a row as the bytes of a message with an array.
pub(super) fn bytes(row: &Value) -> Vec<u8> {
    match row {
        Value::String(text) => text.clone().into_bytes(),
        row => {
            let mut bytes = Vec::new();
            crate::wire::write_sink_value(&mut bytes, row, false);
            bytes
        }
    }
}
