//! What to do about each finding.

use super::advice::{Advice, Limit};
use super::finding::Finding;
use super::observed::Observed;
use crate::symbol::Kind;
use crate::wire::{Command, InvalidRow};

impl Finding {
    /// Returns what to do about it, the most likely remedy first.
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        of(self)
    }
}

/// Returns what to do about a finding, the most likely remedy first.
fn of(finding: &Finding) -> Vec<Advice> {
    let kind = finding.symbol.as_ref().map(|symbol| symbol.kind);
    let change = |text| vec![Advice::Change(text)];
    match &finding.observed {
        Observed::ExitedEarly { status, .. } if status.success() => change(
            "start the plugin in the main thread, and do not go to the background: eKuiper \
             watches this process, whose stdin is empty",
        ),
        Observed::ExitedEarly { .. } | Observed::Exited { .. } => Vec::new(),
        Observed::NoGreeting { .. } => vec![
            Advice::Change("dial this address and send a message within the limit"),
            Advice::RaiseLimit(Limit::InitTimeout),
        ],
        Observed::Leak { .. } => {
            change("close what an instance opened, and end its threads, when it is stopped")
        }
        Observed::Grown { .. } => {
            change("free what a row or a call has used, and keep no row that was sent")
        }
        Observed::NotDialed { .. } => change("dial a lost channel again until the host is back"),
        Observed::Protocol(violation) if violation.is_missing_id() => {
            change("send 4 bytes of id before the message, the first with its highest bit set")
        }
        Observed::Protocol(_) => change(
            "use REQ sockets for control and functions, PUSH for rows and acks, PULL for a sink",
        ),
        Observed::OrderUnanswered {
            command: Some(Command::Start),
            ..
        } if kind == Some(Kind::Sink) => vec![
            Advice::Change(
                "answer `ok` as soon as the sink listens: eKuiper connects only after that, so a \
                 sink that waits for a connection first waits forever",
            ),
            Advice::RaiseLimit(Limit::AnswerTimeout),
        ],
        Observed::OrderUnanswered { .. } => vec![
            Advice::Change("answer each order at once, and do the work in a thread"),
            Advice::RaiseLimit(Limit::AnswerTimeout),
        ],
        Observed::OrderRefused { text, .. } => {
            let property = missing_property(text);
            match (&finding.symbol, property) {
                (Some(symbol), Some(property)) if symbol.kind != Kind::Function => {
                    vec![Advice::Configure {
                        symbol: symbol.clone(),
                        property: property.to_owned(),
                    }]
                }
                _ => Vec::new(),
            }
        }
        Observed::OrderGreeting { .. } => {
            change("greet once for each connection, and never because the plugin is idle")
        }
        Observed::OrderAnsweredTwice { .. } => {
            change("drop a reply whose id is not that of the last request")
        }
        Observed::NonsenseAccepted { .. } => {
            change("answer with an error text that does not begin with `h`")
        }
        Observed::StartedTwice { .. } => {
            change("let a second start change nothing, or let it replace the first instance")
        }
        Observed::NoRow { .. } => Vec::new(),
        Observed::InvalidRow(InvalidRow::NotJson { .. } | InvalidRow::NoObject(_)) => {
            change("send each row as {\"message\":{…},\"meta\":{…}}")
        }
        Observed::InvalidRow(_) => Vec::new(),
        Observed::NotListening { .. } => {
            change("listen before the start is answered: eKuiper connects at once")
        }
        Observed::WrongSocket(_) => change("listen on a PULL socket"),
        Observed::StillListening { .. } => change("close the socket before the stop is answered"),
        Observed::RowNotTaken { .. } => change(
            "read rows all the time, and send acks only with `requireAck` or drop those that \
             cannot be sent: nobody reads them otherwise",
        ),
        Observed::Unreachable { .. } => {
            change("keep accepting connections for as long as the sink runs")
        }
        Observed::NoAck { .. } => {
            change("with `requireAck` send {} or {\"error\":\"text\"} for each row")
        }
        Observed::InvalidAck { .. } => change("send {} or {\"error\":\"text\"}"),
        Observed::AckError { .. } | Observed::FunctionError { .. } => Vec::new(),
        Observed::FunctionUnanswered { .. } => {
            change("answer sooner, and do long work between calls")
        }
        Observed::InvalidAnswer { .. } => change(
            "answer with {\"state\":true,\"result\":…} or {\"state\":false,\"result\":\"text\"}",
        ),
    }
}

/// Finds the property that an error text calls missing: the SDKs, serde and
/// Python's `KeyError` quote it.
fn missing_property(text: &str) -> Option<&str> {
    let quoted = |after: &str, quote: char| {
        let (_, rest) = text.split_once(after)?;
        let (name, _) = rest.trim_start().strip_prefix(quote)?.split_once(quote)?;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        (!name.is_empty() && name.chars().all(plain)).then_some(name)
    };
    let python = text.trim();
    let key_error = python
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
        .filter(|name| !name.is_empty() && !name.contains(['\'', ' ']));
    // The Rust SDK: `config.url: required, but missing`.
    let rust = text.contains("missing").then(|| {
        let (_, rest) = text.split_once("config.")?;
        let (name, _) = rest.split_once(':')?;
        (!name.is_empty() && !name.contains([' ', '.', '['])).then_some(name)
    });
    rust.flatten()
        .or_else(|| quoted("missing field", '`'))
        .or_else(|| quoted("missing property", '`'))
        .or_else(|| quoted("KeyError:", '\''))
        .or(key_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_property_is_found_in_the_texts_of_serde_and_python() {
        for (text, property) in [
            ("config: missing field `url`", Some("url")),
            ("missing field `url` at line 1 column 2", Some("url")),
            ("config.url: required, but missing", Some("url")),
            ("KeyError: 'url'", Some("url")),
            ("'url'", Some("url")),
            ("'it' isn't 'there'", None),
            ("host unreachable", None),
            ("missing field `a b`", None),
        ] {
            assert_eq!(missing_property(text), property, "{text}");
        }
    }
}
