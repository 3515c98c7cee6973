//! What to do about a finding, as data.

use std::fmt;

use serde_json::{Value, json};

use crate::symbol::Symbol;

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
