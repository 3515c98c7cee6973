//! Why the host could not go on.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::finding::{Advice, Code, Finding};
use crate::foreign::in_sentence;
use crate::go_json::depth;
use crate::isolate::IsolationError;
use crate::package::PackageError;
use crate::symbol::{Kind, Meta, Symbol};

/// Why the host could not go on.
///
/// `Debug` writes the same as `Display`, and the advice below it: this is what
/// a test that ends with `?` prints.
#[non_exhaustive]
pub enum HostError {
    /// The plugin did something wrong.
    Finding(Box<Finding>),
    /// What the caller asked for is not possible.
    Input(Box<InputError>),
    /// The wait was interrupted; see [`Host::interrupter`](super::Host::interrupter).
    Interrupted,
    /// An internal error, or one of the system.
    System(Box<SystemError>),
}

/// What is wrong with what the caller asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum InputError {
    /// An unknown release or transport, a configuration that is not an object.
    Invalid(String),
    /// The plugin on disk is not one that eKuiper would take.
    Package(PackageError),
    /// The executable cannot be run.
    CannotLaunch {
        /// The program.
        program: String,
        /// What to do about it.
        advice: Advice,
        /// The system's answer.
        source: io::Error,
    },
    /// The plugin cannot be isolated where it is.
    Isolation(IsolationError),
    /// The release cannot start a sink twice under one rule: it never closes
    /// the ack channel.
    AckChannelOpen {
        /// The sink.
        symbol: String,
        /// The release.
        release: &'static str,
    },
}

/// An internal error, or one of the system.
#[derive(Debug)]
#[non_exhaustive]
pub enum SystemError {
    /// Another process listens on an address of the host.
    AddressInUse {
        /// The socket's path.
        path: PathBuf,
        /// The process, if the system names it.
        pid: Option<u32>,
    },
    /// An address of the host has the socket file of another user, and nobody
    /// listens there.
    StaleFile {
        /// The socket's path.
        path: PathBuf,
        /// The id of the user that owns it.
        owner: u32,
    },
    /// Plugins cannot be isolated here, and other hosts did not end.
    NoTurn {
        /// How long this host waited for them.
        limit: Duration,
    },
    /// The system does not allow isolation.
    Isolation(IsolationError),
    /// A file of the plugin cannot be read or unpacked.
    Package(PackageError),
    /// The transport failed.
    Transport(String),
    /// A value of the plugin is nested more than 127 levels deep, which eKuiper decodes
    /// and this host does not. Holds what it is, for example ``a row of source `s` ``.
    TooDeep(String),
    /// The system refused something.
    Io {
        /// What was tried, as an infinitive.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl HostError {
    /// Returns the finding, if the plugin did something wrong.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        match self {
            Self::Finding(finding) => Some(finding),
            _ => None,
        }
    }

    /// Returns the code of the finding, if the plugin did something wrong.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.finding().map(Finding::code)
    }

    /// Whether the plugin did something wrong.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        matches!(self, Self::Finding(_))
    }

    /// Whether the plugin's process has exited although the host had not ended
    /// it.
    #[must_use]
    pub fn is_exit(&self) -> bool {
        self.code().is_some_and(Code::is_exit)
    }

    /// Whether a value of the plugin has more levels than this host decodes, which is no
    /// mistake: [`SystemError::TooDeep`].
    #[must_use]
    pub fn is_too_deep(&self) -> bool {
        matches!(self, Self::System(error) if matches!(**error, SystemError::TooDeep(_)))
    }

    /// Returns what to do about it, the most likely remedy first.
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        match self {
            Self::Finding(finding) => finding.advice(),
            Self::Input(error) => error.advice(),
            Self::Interrupted => Vec::new(),
            Self::System(error) => error.advice(),
        }
    }

    /// Names the symbol and the instance that a finding about a channel
    /// concerns.
    pub(super) fn named(mut self, kind: Kind, symbol: &str, instance: Option<&Meta>) -> Self {
        if let Self::Finding(finding) = &mut self
            && finding.channel.is_some()
            && finding.symbol.is_none()
        {
            finding.symbol = Some(Symbol::new(kind, symbol));
            finding.instance = instance.cloned();
        }
        self
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Input(Box::new(InputError::Invalid(text.into())))
    }

    /// Makes the error of a call that the system refused.
    #[must_use]
    pub fn io(doing: &'static str, source: io::Error) -> Self {
        Self::System(Box::new(SystemError::Io { doing, source }))
    }

    pub(crate) fn too_deep(what: impl Into<String>) -> Self {
        Self::System(Box::new(SystemError::TooDeep(what.into())))
    }

    pub(crate) fn isolation(error: IsolationError) -> Self {
        match error {
            IsolationError::TmpItself { .. } | IsolationError::NotThere { .. } => {
                Self::Input(Box::new(InputError::Isolation(error)))
            }
            other => Self::System(Box::new(SystemError::Isolation(other))),
        }
    }
}

impl InputError {
    fn advice(&self) -> Vec<Advice> {
        match self {
            Self::CannotLaunch { advice, .. } => vec![advice.clone()],
            Self::AckChannelOpen { .. } => vec![Advice::Do(
                "start the sink under another rule, or play another release".to_owned(),
            )],
            Self::Invalid(_) | Self::Package(_) | Self::Isolation(_) => Vec::new(),
        }
    }
}

impl SystemError {
    fn advice(&self) -> Vec<Advice> {
        match self {
            Self::AddressInUse { pid: Some(pid), .. } => vec![Advice::EndProcess { pid: *pid }],
            Self::AddressInUse { pid: None, .. } => {
                vec![Advice::Do("end the process that listens there".to_owned())]
            }
            Self::StaleFile { path, .. } => vec![
                Advice::Do(format!(
                    "remove it as that user or as root: `rm {}`",
                    path.display()
                )),
                Advice::Do("give the plugin a /tmp of its own".to_owned()),
            ],
            Self::NoTurn { .. } => vec![Advice::Do(
                "drop one host before the next one is launched".to_owned(),
            )],
            Self::Isolation(_)
            | Self::Package(_)
            | Self::Transport(_)
            | Self::TooDeep(_)
            | Self::Io { .. } => Vec::new(),
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finding(finding) => write!(f, "{finding}"),
            Self::Input(error) => write!(f, "{error}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::System(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) => f.write_str(text),
            Self::Package(error) => write!(f, "{error}"),
            Self::CannotLaunch {
                program, source, ..
            } => write!(f, "cannot run `{program}`: {source}"),
            Self::Isolation(error) => write!(f, "{error}"),
            Self::AckChannelOpen { symbol, release } => write!(
                f,
                "eKuiper {release} cannot start sink `{symbol}` again under this rule: it never \
                 closes the ack channel"
            ),
        }
    }
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressInUse { path, pid } => {
                write!(f, "address {} is in use", path.display())?;
                match pid {
                    Some(pid) => write!(
                        f,
                        " by process {pid}{}: eKuiper, another mock-kuiper, or a plugin left over \
                         from an earlier run",
                        process_name(*pid).map_or_else(String::new, |name| format!(" ({name})"))
                    ),
                    None => Ok(()),
                }
            }
            Self::StaleFile { path, owner } => write!(
                f,
                "the socket file {} is left over from user {}, and nobody listens there",
                path.display(),
                user_name(*owner).map_or_else(
                    || owner.to_string(),
                    |name| format!("{owner} ({})", in_sentence(&name))
                )
            ),
            Self::NoTurn { limit } => write!(
                f,
                "plugins cannot be isolated here and take turns, and another host has not ended \
                 within {limit:?}"
            ),
            Self::Isolation(error) => write!(f, "{error}"),
            Self::Package(error) => write!(f, "{error}"),
            Self::Transport(text) => f.write_str(text),
            Self::TooDeep(what) => write!(
                f,
                "{what} is nested more than {} levels deep, which mock-kuiper cannot decode; \
                 eKuiper decodes up to {}",
                depth::VALUE,
                depth::GO
            ),
            Self::Io { doing, source } => write!(f, "cannot {doing}: {source}"),
        }
    }
}

impl fmt::Debug for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let advice = self.advice();
        advice
            .iter()
            .try_for_each(|advice| write!(f, "\n  help: {advice}"))
    }
}

impl From<Finding> for HostError {
    fn from(finding: Finding) -> Self {
        Self::Finding(Box::new(finding))
    }
}

impl From<PackageError> for HostError {
    fn from(error: PackageError) -> Self {
        if error.is_input() {
            Self::Input(Box::new(InputError::Package(error)))
        } else {
            Self::System(Box::new(SystemError::Package(error)))
        }
    }
}

impl Error for HostError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Finding(_) | Self::Interrupted => None,
            Self::Input(error) => error.source(),
            Self::System(error) => error.source(),
        }
    }
}

impl Error for InputError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::CannotLaunch { source, .. } => Some(source),
            Self::Package(error) => error.source(),
            Self::Isolation(error) => error.source(),
            Self::Invalid(_) | Self::AckChannelOpen { .. } => None,
        }
    }
}

impl Error for SystemError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Package(error) => error.source(),
            Self::Isolation(error) => error.source(),
            Self::AddressInUse { .. }
            | Self::StaleFile { .. }
            | Self::NoTurn { .. }
            | Self::Transport(_)
            | Self::TooDeep(_) => None,
        }
    }
}

/// Returns the name of a user, if `/etc/passwd` has it.
fn user_name(id: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        // name:password:id:…
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

/// Returns the name of a process, escaped for a sentence, if the system tells.
#[must_use]
pub fn process_name(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(in_sentence(name.trim_end()))
}
