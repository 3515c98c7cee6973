//! What went wrong, for the one who asked: a class, a code, a sentence and advice.

use mock_kuiper::{Advice, Finding, HostError, InputError, Limit, SystemError};
use serde_json::{Map, Value, json};

use super::gate::Busy;

/// Why a request could not be done.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli::serve) struct Problem {
    pub(in crate::cli::serve) class: Class,
    code: String,
    text: String,
    advice: Vec<String>,
    details: Map<String, Value>,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::serve) enum Class {
    /// The request is wrong.
    Input,
    /// Something that the request names does not exist.
    NotFound,
    /// It is not possible now.
    Conflict,
    /// The plugin did something wrong.
    Finding,
    /// An internal error, or one of the system.
    Internal,
    /// The server is about to end.
    Ending,
}

impl Problem {
    fn new(class: Class, code: &str, text: impl Into<String>) -> Self {
        Self {
            class,
            code: code.to_owned(),
            text: text.into(),
            advice: Vec::new(),
            details: Map::new(),
        }
    }

    pub(in crate::cli::serve) fn input(text: impl Into<String>) -> Self {
        Self::new(Class::Input, "input", text)
    }

    pub(in crate::cli::serve) fn not_found(text: impl Into<String>) -> Self {
        Self::new(Class::NotFound, "not-found", text)
    }

    pub(in crate::cli::serve) fn conflict(text: impl Into<String>) -> Self {
        Self::new(Class::Conflict, "conflict", text)
    }

    pub(in crate::cli::serve) fn internal(text: impl Into<String>) -> Self {
        Self::new(Class::Internal, "internal", text)
    }

    pub(in crate::cli::serve) fn ending() -> Self {
        Self::new(Class::Ending, "conflict", "the server is about to end")
    }

    pub(in crate::cli::serve) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.push(advice.into());
        self
    }

    /// Adds a detail.
    pub(in crate::cli::serve) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Returns what eKuiper reports of a plugin that has exited: the text that Go has
    /// for its exit status. `None` if the status is 0, which eKuiper does not report.
    pub(super) fn ekuiper_text(&self) -> Option<String> {
        let Some(status) = self.details.get("status").and_then(Value::as_str) else {
            return Some(self.text.clone());
        };
        if status == "exit status 0" {
            return None;
        }
        let signals = [
            ("(SIGHUP)", "hangup"),
            ("(SIGINT)", "interrupt"),
            ("(SIGILL)", "illegal instruction"),
            ("(SIGABRT)", "aborted"),
            ("(SIGBUS)", "bus error"),
            ("(SIGFPE)", "floating point exception"),
            ("(SIGKILL)", "killed"),
            ("(SIGSEGV)", "segmentation fault"),
            ("(SIGPIPE)", "broken pipe"),
            ("(SIGTERM)", "terminated"),
        ];
        let signal = signals.iter().find(|(name, _)| status.ends_with(name));
        Some(match signal {
            Some((_, text)) => format!("signal: {text}"),
            None => status.replacen("signal ", "signal: signal ", 1),
        })
    }

    /// Returns the sentence and the advice, as an error in a terminal.
    pub(in crate::cli::serve) fn lines(&self) -> Vec<String> {
        let advice = self.advice.iter().map(|advice| format!("  help: {advice}"));
        let text = self.text.lines().map(str::to_owned);
        text.chain(advice).collect()
    }

    /// Returns the fields of the object `error`.
    pub(in crate::cli::serve) fn to_json(&self) -> Value {
        json!({
            "code": self.code,
            "text": self.text,
            "advice": self.advice,
            "details": self.details,
        })
    }
}

impl From<&Finding> for Problem {
    fn from(finding: &Finding) -> Self {
        let mut details = finding.to_json();
        for other in ["code", "what", "advice"] {
            details.remove(other);
        }
        if let Some(Value::Object(own)) = details.remove("details") {
            details.extend(own);
        }
        let mut advice: Vec<_> = finding.advice().iter().map(phrase).collect();
        advice.push(format!(
            "see what a real eKuiper shows: `mock-kuiper explain {}`",
            finding.code()
        ));
        Self {
            class: Class::Finding,
            code: finding.code().name().to_owned(),
            text: finding.to_string(),
            advice,
            details,
        }
    }
}

impl From<HostError> for Problem {
    fn from(error: HostError) -> Self {
        let class = match &error {
            HostError::Finding(finding) => return (&**finding).into(),
            HostError::Interrupted => {
                return Self::conflict("the plugin was ended meanwhile").advise("start it again");
            }
            HostError::Input(input) if matches!(**input, InputError::AckChannelOpen { .. }) => {
                Self::conflict(error.to_string())
            }
            HostError::Input(_) => Self::input(error.to_string()),
            HostError::System(system) => match **system {
                SystemError::AddressInUse { pid: Some(pid), .. } if pid == std::process::id() => {
                    return Self::conflict(
                        "another plugin of this server has a symbol with this address",
                    )
                    .advise("start it under another rule, or stop the other plugin");
                }
                SystemError::AddressInUse { .. } => Self::conflict(error.to_string()),
                _ => Self::internal(error.to_string()),
            },
            _ => Self::internal(error.to_string()),
        };
        Self {
            advice: error.advice().iter().map(phrase).collect(),
            ..class
        }
    }
}

impl Problem {
    /// Says why the plugin could not be used.
    pub(super) fn busy(busy: Busy) -> Self {
        match busy {
            Busy::Doing(what) => Self::conflict(format!("the plugin is busy: {what}"))
                .advise("wait for its end, or stop or kill the plugin"),
            Busy::Used => Self::conflict("the plugin is busy with other requests")
                .advise("wait for their end, or stop or kill the plugin"),
            Busy::Closed => Self::ending(),
        }
    }
}

/// Phrases a piece of advice for a user of the API.
fn phrase(advice: &Advice) -> String {
    match advice {
        Advice::RaiseLimit(Limit::InitTimeout) => {
            "allow more time: start `mock-kuiper serve` with --init-timeout TIME".to_owned()
        }
        Advice::RaiseLimit(Limit::AnswerTimeout) => {
            "allow more time: start `mock-kuiper serve` with --answer-timeout TIME; eKuiper waits \
             an hour"
                .to_owned()
        }
        Advice::ChoosePython => {
            "install Python, or start `mock-kuiper serve` with --python PATH".to_owned()
        }
        Advice::Configure { property, .. } => {
            format!("set `{property}` in the `config` of the start")
        }
        other => other.to_string(),
    }
}
