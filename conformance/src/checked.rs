//! What a check comes to: it passes, or it ends with what was observed instead.

use std::fmt::Display;

use mock_kuiper::engine::wire::{Command, Order};
use mock_kuiper::{Advice, Code, Finding, HostError, InputError, Observed, Symbol};

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
    /// The finding, if the host reported it.
    pub(crate) finding: Option<Box<Finding>>,
    /// The cause that it is if it keeps other rules from being observed.
    pub(crate) cause: Option<Cause>,
}

impl Observation {
    /// Returns the code of the finding, if the host reported one.
    pub(crate) fn code(&self) -> Option<Code> {
        self.finding.as_ref().map(|finding| finding.code())
    }

    /// Returns the property that is missing in the configuration of a symbol.
    pub(crate) fn configure(&self) -> Option<(Symbol, String)> {
        let mut advice = self.finding.as_ref()?.advice().into_iter();
        advice.find_map(|advice| match advice {
            Advice::Configure { symbol, property } => Some((symbol, property)),
            _ => None,
        })
    }

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

/// Ends a check: an order was not answered with `ok`.
pub(crate) fn order_failed(text: String, command: Command, order: &Order) -> NotPassed {
    NotPassed::Failed(Observation {
        text,
        cause: Some(Cause {
            text: format!(
                "{} {} refused to {}",
                order.kind,
                order.symbol,
                command.name()
            ),
            see: of_order(command),
        }),
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

/// Ends a check: the plugin did not get as far as the rule, for this reason.
pub(crate) fn untested_text(text: impl Into<String>) -> NotPassed {
    NotPassed::Untested(Observation {
        text: text.into(),
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
        match error {
            HostError::Finding(finding) => {
                let is_row = finding.code() == Code::RowMissing;
                let seen = observe(*finding);
                match is_row {
                    true => Self::NoRow {
                        seen,
                        reached: true,
                    },
                    false => Self::Failed(seen),
                }
            }
            // A program that cannot be run is part of the plugin.
            HostError::Input(error) if matches!(*error, InputError::CannotLaunch { .. }) => {
                Self::Failed(Observation {
                    text: error.to_string(),
                    cause: Some(Cause {
                        text: "the executable cannot be run".to_owned(),
                        see: "PKG-04",
                    }),
                    ..Observation::default()
                })
            }
            other => Self::Error(other.to_string()),
        }
    }
}

fn observe(finding: Finding) -> Observation {
    Observation {
        context: String::new(),
        text: phrase(&finding),
        cause: cause(&finding),
        finding: Some(Box::new(finding)),
    }
}

/// Says what was observed and what to do about it.
fn phrase(finding: &Finding) -> String {
    const MIB: u64 = 1024 * 1024;
    match &finding.observed {
        Observed::Leak {
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
        _ => {
            let advice = finding.advice();
            let advice: Vec<_> = advice.iter().filter_map(in_terms_of_the_suite).collect();
            match advice.is_empty() {
                true => finding.to_string(),
                false => format!("{finding}; {}", advice.join("; ")),
            }
        }
    }
}

/// Phrases advice with the flags of the suite's command; `None` if the suite has
/// nothing to add.
fn in_terms_of_the_suite(advice: &Advice) -> Option<String> {
    match advice {
        Advice::Change(text) => Some((*text).to_owned()),
        Advice::RaiseLimit(_) => Some("if it is only slow: `--timeout-scale 3`".to_owned()),
        Advice::Configure { symbol, property } => Some(format!(
            "set it with `--config '{}={{\"{property}\":…}}'`",
            symbol.name
        )),
        Advice::ChoosePython => {
            Some("install Python, or name the interpreter with `--python PATH`".to_owned())
        }
        other => Some(other.to_string()),
    }
}

/// Names the fault and the requirement that is about it, for all the rules that
/// cannot be observed because of it.
fn cause(finding: &Finding) -> Option<Cause> {
    let symbol = || match &finding.symbol {
        Some(Symbol { kind, name }) => format!("{kind} {name}"),
        None => "the plugin".to_owned(),
    };
    let (text, see) = match &finding.observed {
        Observed::ExitedEarly { .. } => {
            ("the plugin exited before it greeted".to_owned(), "CTL-01")
        }
        Observed::NoGreeting { .. } => ("the plugin sent no greeting".to_owned(), "CTL-01"),
        // Without a new connection, only an idle plugin greets.
        Observed::OrderGreeting { text, .. } if text.as_bytes() == b"handshake" => (
            "the plugin greeted because it was idle".to_owned(),
            "CTL-11",
        ),
        Observed::OrderRefused { command, .. } | Observed::OrderGreeting { command, .. } => (
            format!("{} refused to {}", symbol(), command.name()),
            of_order(*command),
        ),
        Observed::UnknownSymbol { .. } => {
            (format!("the plugin does not have {}", symbol()), "CTL-02")
        }
        Observed::OrderUnanswered {
            command: Some(command),
            ..
        } => (
            format!("{} did not answer its {}", symbol(), command.name()),
            of_order(*command),
        ),
        Observed::NotListening { .. } | Observed::WrongSocket(_) => {
            (format!("{} does not listen", symbol()), "SNK-01")
        }
        Observed::NoRow { .. } => (format!("{} sent no row", symbol()), "SRC-01"),
        Observed::InvalidRow(_) => (format!("{} sent an invalid row", symbol()), "SRC-02"),
        Observed::FunctionUnanswered { request, .. } => (
            format!("{} did not answer {request}", symbol()),
            of_request(request)?,
        ),
        Observed::InvalidAnswer { request, .. } => (
            format!("{} sent an invalid answer to {request}", symbol()),
            of_request(request)?,
        ),
        Observed::NoAck { .. } => (format!("{} sent no ack", symbol()), "SNK-03"),
        Observed::InvalidAck { .. } => (format!("{} sent an invalid ack", symbol()), "SNK-03"),
        _ => return None,
    };
    Some(Cause { text, see })
}

/// Returns the requirement that a request is answered.
fn of_request(request: &str) -> Option<&'static str> {
    match request {
        "IsAggregate" => Some("FUN-01"),
        "Validate" => Some("FUN-02"),
        "Exec" => Some("FUN-03"),
        _ => None,
    }
}

/// Returns the requirement that an order is answered with `ok`.
fn of_order(command: Command) -> &'static str {
    match command {
        Command::Start => "CTL-02",
        Command::Stop => "CTL-03",
    }
}
