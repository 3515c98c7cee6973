//! What a check comes to: it passes, or it ends with what was observed instead.

use std::fmt::Display;

use mock_kuiper::finding::Code;
use mock_kuiper::host::{HostError, SinkError};
use mock_kuiper::symbol::Kind;

use crate::verdict::Cause;

/// The result of a check.
pub(crate) type Checked = Result<(), NotPassed>;

/// Why a check did not pass.
#[derive(Debug)]
pub(crate) enum NotPassed {
    /// The plugin does not do what the rule says.
    Failed(Observation),
    /// No row came where one was expected. Whether that is the plugin's fault
    /// is decided afterwards, on a process of its own.
    NoRow {
        /// What was observed.
        seen: Observation,
        /// Whether the missing row is what the rule is about.
        reached: bool,
    },
    /// The plugin did not get as far as the rule.
    Untested(Observation),
    /// The plugin has nothing that the rule is about.
    NotApplicable(&'static str),
    /// An internal or system error.
    Error(String),
}

/// What a check observed.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    /// In which part of the check, for example `at a row of 1 byte`.
    context: String,
    /// What the plugin did.
    pub(crate) text: String,
    /// The kind of finding, if the host reported it.
    pub(crate) code: Option<Code>,
    /// The name of the symbol that it concerns.
    pub(crate) symbol: String,
    /// The cause that it is if it keeps other rules from being observed.
    pub(crate) cause: Option<Cause>,
}

impl Observation {
    /// Returns the whole text.
    pub(crate) fn describe(&self) -> String {
        let Self { context, text, .. } = self;
        match context.is_empty() {
            true => text.clone(),
            false => format!("{context}: {text}"),
        }
    }
}

/// Ends a check: the plugin does not do what the rule says.
pub(crate) fn failed(text: impl Into<String>) -> NotPassed {
    NotPassed::Failed(Observation {
        text: text.into(),
        ..Observation::default()
    })
}

/// Ends a check: a row that the rule is about did not come.
pub(crate) fn no_row(text: impl Into<String>) -> NotPassed {
    NotPassed::NoRow {
        seen: Observation {
            text: text.into(),
            ..Observation::default()
        },
        reached: true,
    }
}

/// Ends a check: the plugin did not get as far as the rule, for a known cause.
pub(crate) fn untested_because(text: impl Into<String>, cause: Cause) -> NotPassed {
    NotPassed::Untested(Observation {
        text: text.into(),
        cause: Some(cause),
        ..Observation::default()
    })
}

/// Ends a check: the plugin did not get as far as the rule.
pub(crate) fn untested(error: HostError) -> NotPassed {
    NotPassed::from(error).into_untested()
}

impl NotPassed {
    /// Turns a failure that another requirement is about into an untested rule.
    pub(crate) fn into_untested(self) -> Self {
        match self {
            Self::Failed(seen) => Self::Untested(seen),
            Self::NoRow { seen, .. } => Self::NoRow {
                seen,
                reached: false,
            },
            other => other,
        }
    }

    /// Turns an untested rule into a failure.
    pub(crate) fn into_failed(self) -> Self {
        match self {
            Self::Untested(seen) => Self::Failed(seen),
            other => other,
        }
    }

    /// Adds to a failure in which part of the check it was observed.
    pub(crate) fn at(mut self, context: impl Display) -> Self {
        if let Self::Failed(seen) = &mut self {
            seen.context = context.to_string();
        }
        self
    }
}

impl From<HostError> for NotPassed {
    fn from(error: HostError) -> Self {
        let is_row = matches!(error, HostError::NoRow { .. });
        // A program that cannot be run is part of the plugin.
        let is_finding = error.is_finding() || matches!(error, HostError::CannotLaunch { .. });
        match (is_row, is_finding) {
            (true, _) => Self::NoRow {
                seen: observe(&error),
                reached: true,
            },
            (false, true) => Self::Failed(observe(&error)),
            (false, false) => Self::Error(error.to_string()),
        }
    }
}

fn observe(error: &HostError) -> Observation {
    let (code, symbol) = match classify(error) {
        Some((code, symbol)) => (Some(code), symbol.to_owned()),
        None => (None, String::new()),
    };
    Observation {
        context: String::new(),
        text: phrase(error),
        code,
        symbol,
        cause: cause(error),
    }
}

/// Returns the kind of finding and the name of the symbol that it concerns.
fn classify(error: &HostError) -> Option<(Code, &str)> {
    Some(match error {
        HostError::NoAnswer { symbol, .. } => (Code::OrderUnanswered, symbol),
        HostError::NoReply { symbol, .. } => (Code::FunctionUnanswered, symbol),
        HostError::NotListening { symbol, .. } => (Code::SinkNotListening, symbol),
        HostError::Sink { symbol, source } => match source {
            SinkError::NotTaken { .. } => (Code::SinkRowNotTaken, symbol),
            SinkError::NoAck { .. } => (Code::AckMissing, symbol),
            _ => return None,
        },
        _ => return None,
    })
}

/// Says what was observed. The limits are those of the suite, so that the
/// advice is in the terms of its command line.
fn phrase(error: &HostError) -> String {
    const IF_SLOW: &str = "If it is only slow: `--timeout-scale 3`";
    const MIB: u64 = 1024 * 1024;
    match error {
        HostError::ExitedEarly { status, .. } if status.success() => {
            "the process exited with status 0 before it greeted. eKuiper watches this process: do \
             not go to the background. Its stdin is empty (/dev/null): do not wait for input"
                .to_owned()
        }
        HostError::NoGreeting { limit, address } => format!(
            "the plugin sent no greeting within {limit:?}. It must dial {address} and send a \
             message. {IF_SLOW}"
        ),
        HostError::NoAnswer {
            command: "start",
            kind: Kind::Sink,
            symbol,
            limit,
        } => format!(
            "sink `{symbol}` did not answer its start within {limit:?}. eKuiper connects only \
             after `ok`: a sink that waits for a connection first waits forever, and so does every \
             rule of the plugin. {IF_SLOW}"
        ),
        HostError::NoAnswer {
            command,
            kind,
            symbol,
            limit,
        } if !symbol.is_empty() => format!(
            "{kind} `{symbol}` did not answer its {command} within {limit:?}. eKuiper waits for an \
             hour, and so does every rule of the plugin. {IF_SLOW}"
        ),
        HostError::Leaked {
            cycles,
            before,
            after,
        } => {
            let (mut grown, mut advice) = (Vec::new(), Vec::new());
            if after.threads > before.threads {
                grown.push(format!(
                    "threads from {} to {}",
                    before.threads, after.threads
                ));
                advice.push("end its threads");
            }
            if after.open_files > before.open_files {
                let (before, after) = (before.open_files, after.open_files);
                grown.push(format!("open files from {before} to {after}"));
                advice.push("close its files and sockets");
            }
            if after.memory >= before.memory + MIB {
                let (before, after) = (before.memory / MIB, after.memory / MIB);
                grown.push(format!("memory from {before} to {after} MiB"));
                advice.push("free its memory");
            }
            format!(
                "{cycles} stops and starts of each instance raised the {}; when an instance is \
                 stopped, {}",
                grown.join(", "),
                advice.join(" and ")
            )
        }
        other => other.to_string(),
    }
}

/// Names the fault and the requirement that is about it, for all the rules that
/// cannot be observed because of it.
fn cause(error: &HostError) -> Option<Cause> {
    let (text, see) = match error {
        HostError::CannotLaunch { .. } => ("the executable cannot be run".to_owned(), "PKG-04"),
        HostError::ExitedEarly { .. } => {
            ("the plugin exited before it greeted".to_owned(), "CTL-01")
        }
        HostError::NoGreeting { .. } => ("the plugin sent no greeting".to_owned(), "CTL-01"),
        HostError::Refused {
            command,
            kind,
            symbol,
            ..
        } => (
            format!("{kind} {symbol} refused to {command}"),
            of_order(command),
        ),
        HostError::NoAnswer {
            command,
            kind,
            symbol,
            ..
        } if !symbol.is_empty() => (
            format!("{kind} {symbol} did not answer its {command}"),
            of_order(command),
        ),
        HostError::NotListening { symbol, .. } => {
            (format!("sink {symbol} does not listen"), "SNK-01")
        }
        HostError::NoRow { symbol, .. } => (format!("source {symbol} sent no row"), "SRC-01"),
        HostError::InvalidRow { symbol, .. } => {
            (format!("source {symbol} sent an invalid row"), "SRC-02")
        }
        HostError::NoReply { symbol, .. } => {
            (format!("function {symbol} did not answer"), "FUN-01")
        }
        HostError::BadReply { symbol, .. } => (
            format!("function {symbol} sent an invalid answer"),
            "FUN-01",
        ),
        HostError::Sink { symbol, source } => match source {
            SinkError::NoAck { .. } => (format!("sink {symbol} sent no ack"), "SNK-03"),
            SinkError::BadAck { .. } => (format!("sink {symbol} sent an invalid ack"), "SNK-03"),
            _ => return None,
        },
        _ => return None,
    };
    Some(Cause { text, see })
}

/// The requirement that an order is answered with `ok`.
fn of_order(command: &str) -> &'static str {
    match command {
        "start" => "CTL-02",
        _ => "CTL-03",
    }
}
