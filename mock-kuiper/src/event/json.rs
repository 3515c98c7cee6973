//! Every event as one line of JSON.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::lines::Lines;
use super::{Event, Meaning, Message, Observer, Stranger, What};
use crate::fault::Outcome;
use crate::finding::describe_status;
use crate::trace::seconds;
use crate::wire::{Ack, OrderAnswer};

/// Writes every event as a JSON object on a line of its own.
///
/// `t` is the time in seconds since the first launch, `event` says what
/// happened: `launched`, `connected`, `greeted`, `order`, `answer`, `row`,
/// `ack`, `called`, `log`, `exited` … A message has `channel`, `from` (`host`
/// or `plugin`) and `text`, its body; bytes that are not UTF-8 are replaced.
pub struct JsonLines<W> {
    lines: Lines<W>,
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}

impl<W: Write> JsonLines<W> {
    /// Writes to `writer`, which should be buffered.
    pub fn new(writer: W) -> Self {
        Self {
            lines: Lines::new(writer),
        }
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    ///
    /// The first error of the writer, of any event.
    pub fn finish(&self) -> io::Result<()> {
        self.lines.finish()
    }
}

impl<W: Write + Send> Observer for JsonLines<W> {
    fn event(&self, event: &Event<'_>) {
        self.lines.write(&Line::of(event));
    }
}

/// Returns an event as [`JsonLines`] writes it, without the end of the line.
///
/// # Errors
///
/// A value that JSON does not have.
pub fn event_json(event: &Event<'_>) -> serde_json::Result<String> {
    serde_json::to_string(&Line::of(event))
}

/// An event as it stands in the file.
#[derive(Serialize)]
struct Line<'a> {
    t: f64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    #[serde(flatten)]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl<'a> Line<'a> {
    fn of(event: &Event<'a>) -> Self {
        let t = seconds(event.at);
        if let What::Message(message) = &event.what {
            return Self::message(t, message);
        }
        let (name, channel, fields) = plain(&event.what);
        Line {
            t,
            event: name,
            channel,
            from: match &event.what {
                What::Closed { from, .. } => Some(from.name()),
                _ => None,
            },
            fields: object(fields),
            message: None,
            meta: None,
            text: None,
        }
    }

    fn message(t: f64, message: &Message<'a>) -> Self {
        let mut row = (None, None);
        let fields = match message.meaning {
            Meaning::Row { source, row: seen } => {
                row = (raw(seen.message), raw(seen.meta));
                json!({ "source": source })
            }
            Meaning::Order {
                command,
                kind,
                symbol,
            } => json!({"command": command.name(), "kind": kind.to_string(), "symbol": symbol}),
            Meaning::Answer(answer) => json!({"ok": answer == OrderAnswer::Done}),
            Meaning::InvalidRow { source, error } => {
                json!({"source": source, "error": error.to_string()})
            }
            Meaning::SinkRow { sink } => json!({ "sink": sink }),
            Meaning::Ack { sink, ack } => match ack {
                Ok(Ack::Done) => json!({"sink": sink, "ok": true}),
                Ok(Ack::Failed(text)) => json!({"sink": sink, "ok": false, "error": text}),
                Err(error) => json!({"sink": sink, "ok": false, "error": error.to_string()}),
            },
            Meaning::Request { function, request } => {
                json!({"function": function, "request": request})
            }
            Meaning::Reply { function } => json!({ "function": function }),
            Meaning::Greeting | Meaning::Late | Meaning::Stale | Meaning::Raw => json!({}),
        };
        // A row is there as JSON already.
        let text = row
            .0
            .is_none()
            .then(|| String::from_utf8_lossy(message.body).into_owned());
        Line {
            t,
            event: message.meaning.name(),
            channel: Some(message.channel.name()),
            from: Some(message.from.name()),
            fields: object(fields),
            message: row.0,
            meta: row.1,
            text,
        }
    }
}

/// Returns name, channel and fields of an event that is not a message.
fn plain<'a>(what: &What<'a>) -> (&'static str, Option<&'a str>, Value) {
    match *what {
        What::Launched {
            command,
            directory,
            pid,
        } => (
            "launched",
            None,
            json!({"command": command, "directory": directory, "pid": pid}),
        ),
        What::Connected { channel, pid } => (
            "connected",
            Some(channel.name()),
            json!({"dialer": channel.dialer().name(), "pid": pid}),
        ),
        What::TurnedAway {
            channel,
            pid,
            reason,
        } => {
            let fields = match reason {
                Stranger::NotLaunched => json!({ "pid": pid }),
                Stranger::OtherUser { user } => json!({"pid": pid, "user": user}),
                Stranger::SecondPlugin { attached } => json!({"pid": pid, "attached": attached}),
            };
            ("turned_away", Some(channel.name()), fields)
        }
        What::Attached { pid } => ("attached", None, json!({ "pid": pid })),
        What::Detached { pid } => ("detached", None, json!({ "pid": pid })),
        What::StartedAgain {
            kind,
            symbol,
            finding,
        } => {
            let fields = json!({
                "kind": kind.to_string(), "symbol": symbol, "ok": finding.is_none(),
            });
            ("started_again", None, fields)
        }
        What::Closed { channel, .. } => ("closed", Some(channel.name()), json!({})),
        What::Started { kind, symbol } => (
            "started",
            None,
            json!({"kind": kind.to_string(), "symbol": symbol}),
        ),
        What::Stopped { kind, symbol } => (
            "stopped",
            None,
            json!({"kind": kind.to_string(), "symbol": symbol}),
        ),
        What::CaughtUp { source } => ("caught_up", None, json!({ "source": source })),
        What::Called {
            function,
            args,
            outcome,
        } => {
            let fields = match outcome {
                Ok(result) => json!({"function": function, "args": args, "result": result}),
                Err(error) => json!({"function": function, "args": args, "error": error}),
            };
            ("called", None, fields)
        }
        What::Log { line } => ("log", None, json!({ "line": line })),
        What::Exited { status } => ("exited", None, json!({"status": describe_status(status)})),
        What::Finding { finding, during } => {
            let mut fields = finding.to_json();
            // The channel is a field of the line.
            fields.remove("channel");
            if let Some(fault) = during {
                fields.insert("fault".to_owned(), fault.to_string().into());
            }
            let channel = finding.channel.as_ref().map(|channel| channel.name());
            ("finding", channel, Value::Object(fields))
        }
        What::Breached { channel, breach } => (
            "breached",
            Some(channel.name()),
            json!({ "what": breach.describe() }),
        ),
        What::Fault { fault, outcome } => {
            let mut fields = json!({ "fault": fault.to_string() });
            match outcome {
                None => {}
                Some(Outcome::Survived) => fields["survived"] = true.into(),
                Some(Outcome::NotApplicable(reason)) => fields["not_applicable"] = reason.into(),
            }
            ("fault", None, fields)
        }
        What::Used {
            cycles,
            before,
            after,
        } => (
            "used",
            None,
            json!({ "cycles": cycles, "before": before.to_json(), "after": after.to_json() }),
        ),
        What::Note { text } => ("note", None, json!({ "what": text })),
        What::Message(_) => ("message", None, json!({})),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// JSON that was checked already. It may hold line ends between its tokens,
/// which would break the line; such a row is written as text.
fn raw(json: &str) -> Option<&RawValue> {
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_some() {
        return None;
    }
    serde_json::from_str(json).ok()
}
