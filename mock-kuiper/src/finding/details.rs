//! The details of a finding as JSON.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::observed::Observed;
use super::text::describe_status;
use crate::foreign::shortened;
use crate::wire::Command;

impl Observed {
    /// Returns the details as JSON; times are in milliseconds.
    pub(super) fn details(&self) -> Map<String, Value> {
        let milliseconds = |limit: &Duration| limit.as_secs_f64() * 1e3;
        let value = match self {
            Self::ExitedEarly { status, log } => {
                json!({"status": describe_status(*status), "log": log})
            }
            Self::Exited {
                status,
                running,
                log,
            } => {
                let running: Vec<_> = running.iter().map(ToString::to_string).collect();
                json!({"status": describe_status(*status), "running": running, "log": log})
            }
            Self::NoGreeting { limit, seen } => {
                let mut details = seen.to_json();
                details.insert("limit_ms".to_owned(), json!(milliseconds(limit)));
                Value::Object(details)
            }
            Self::NotDialed { limit } | Self::NoRow { limit } | Self::Unread { limit } => {
                json!({"limit_ms": milliseconds(limit)})
            }
            Self::RowNotTaken { limit, unread_acks } => {
                json!({"limit_ms": milliseconds(limit), "unread_acks": unread_acks})
            }
            Self::NoAck { limit, dialed } => {
                json!({"limit_ms": milliseconds(limit), "dialed": dialed})
            }
            Self::Leak {
                cycles,
                before,
                after,
            } => json!({
                "cycles": cycles,
                "before": before.to_json(),
                "after": after.to_json(),
            }),
            Self::Grown { before, after } => json!({"before": before, "after": after}),
            Self::Protocol(violation) | Self::WrongSocket(violation) => {
                json!({"violation": violation.to_string()})
            }
            Self::HalfFrame { bytes, limit } => {
                json!({"bytes": bytes, "limit_ms": milliseconds(limit)})
            }
            Self::Ended { rows, expected } => json!({"rows": rows, "expected": expected}),
            Self::HungUp { rows } => json!({"rows": rows}),
            Self::OrderUnanswered {
                command,
                limit,
                seen,
            } => {
                let mut details = seen.to_json();
                details.insert("command".to_owned(), json!(command.map(Command::name)));
                details.insert("limit_ms".to_owned(), json!(milliseconds(limit)));
                Value::Object(details)
            }
            Self::OrderRefused { command, text } | Self::OrderGreeting { command, text } => {
                json!({"command": command.name(), "text": shortened(text)})
            }
            Self::OrderAnsweredTwice { command, texts } => {
                json!({"command": command.name(), "texts": texts.each_ref().map(|text| shortened(text))})
            }
            Self::NonsenseAccepted { bytes, text } => {
                json!({"bytes": bytes, "text": shortened(text)})
            }
            Self::StartedTwice { connections } => json!({"connections": connections}),
            Self::InvalidRow(invalid) => json!({"reason": invalid.to_string()}),
            Self::NotListening { cause } | Self::Unreachable { cause } => {
                json!({"cause": shortened(cause)})
            }
            Self::StillListening { file } => json!({"file": file}),
            Self::InvalidAck { reason } => json!({"reason": shortened(reason)}),
            Self::AckError { text }
            | Self::FunctionError { text }
            | Self::UnknownSymbol { text } => json!({"text": shortened(text)}),
            Self::FunctionUnanswered {
                request,
                limit,
                seen,
            } => {
                let mut details = seen.to_json();
                details.insert("request".to_owned(), json!(request));
                details.insert("limit_ms".to_owned(), json!(milliseconds(limit)));
                Value::Object(details)
            }
            Self::InvalidAnswer { request, reason } => {
                json!({"request": request, "reason": shortened(reason)})
            }
        };
        match value {
            Value::Object(details) => details,
            _ => Map::new(),
        }
    }
}
