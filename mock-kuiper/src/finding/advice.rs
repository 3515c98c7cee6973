//! What to do about a finding, as data.

use std::fmt;

use serde_json::{Value, json};

use super::{Finding, Observed};
use crate::symbol::{Kind, Symbol};
use crate::wire::{Command, InvalidRow};

/// What to do about a finding or an error.
///
/// `Display` phrases it for a user of this library, with the methods of
/// [`Builder`](crate::Builder). The command and the suite phrase it themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Change the plugin: an imperative clause.
    Change(&'static str),
    /// Change the machine or what is called: an imperative clause.
    Do(String),
    /// Allow more time.
    RaiseLimit(Limit),
    /// Name another Python interpreter.
    ChoosePython,
    /// Install a program, or put it on the path.
    Install(String),
    /// Set a property that the symbol needs.
    Configure {
        /// The source or sink.
        symbol: Symbol,
        /// The property that is missing.
        property: String,
    },
    /// End a process that is in the way.
    EndProcess {
        /// Its process id.
        pid: u32,
    },
}

/// A time limit of the host that can be raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// How long a plugin may take to greet after its launch.
    InitTimeout,
    /// How long an answer to an order, or an ack, may take.
    AnswerTimeout,
}

impl Advice {
    /// Returns the advice as a JSON object, for example
    /// `{"do":"raise-limit","limit":"init-timeout"}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Change(text) => json!({"do": "change", "text": text}),
            Self::Do(text) => json!({"do": "other", "text": text}),
            Self::RaiseLimit(limit) => {
                let limit = match limit {
                    Limit::InitTimeout => "init-timeout",
                    Limit::AnswerTimeout => "answer-timeout",
                };
                json!({"do": "raise-limit", "limit": limit})
            }
            Self::ChoosePython => json!({"do": "choose-python"}),
            Self::Install(program) => json!({"do": "install", "program": program}),
            Self::Configure { symbol, property } => json!({
                "do": "configure",
                "kind": symbol.kind.to_string(),
                "symbol": symbol.name,
                "property": property,
            }),
            Self::EndProcess { pid } => json!({"do": "end-process", "pid": pid}),
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(text) => f.write_str(text),
            Self::Do(text) => f.write_str(text),
            Self::RaiseLimit(Limit::InitTimeout) => {
                f.write_str("allow more time with `Builder::init_timeout`")
            }
            Self::RaiseLimit(Limit::AnswerTimeout) => {
                f.write_str("allow more time with `Builder::answer_timeout`")
            }
            Self::ChoosePython => f.write_str("name the interpreter with `Builder::python`"),
            Self::Install(program) => write!(f, "install {program}, or put it on the path"),
            Self::Configure { symbol, property } => write!(
                f,
                "set `{property}` of {symbol}: `.config(json!({{\"{property}\": …}}))`"
            ),
            Self::EndProcess { pid } => write!(f, "end process {pid}: `kill {pid}`"),
        }
    }
}

/// Returns what to do about a finding, the most likely remedy first.
pub(super) fn of(finding: &Finding) -> Vec<Advice> {
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
