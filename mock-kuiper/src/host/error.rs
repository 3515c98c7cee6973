//! Why the host could not go on with a plugin.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use ekuiper_sp as sp;

use super::{SinkError, Usage};
use crate::isolate::IsolationError;
use crate::package::PackageError;
use crate::symbol::{Channel, Kind};
use crate::wire::InvalidRow;

/// Why the host could not go on with a plugin.
///
/// [`is_finding`](HostError::is_finding) tells what the plugin did wrong from
/// what is trouble of ours.
#[non_exhaustive]
pub enum HostError {
    /// What the caller asked for cannot be.
    Input(String),
    /// The plugin on disk is none that eKuiper would take.
    Package(PackageError),
    /// The executable cannot be run.
    CannotLaunch {
        /// The program.
        program: String,
        /// What to do about it.
        hint: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The process ended before it greeted.
    ExitedEarly {
        /// How.
        status: ExitStatus,
        /// Its last lines.
        log: Vec<String>,
    },
    /// The process ended in the middle.
    Crashed {
        /// How.
        status: ExitStatus,
        /// What ran, e.g. "source `random`".
        running: Vec<String>,
        /// Its last lines.
        log: Vec<String>,
    },
    /// No greeting came in time.
    NoGreeting {
        /// The limit that passed, from the launch.
        limit: Duration,
        /// Where the greeting was awaited.
        address: String,
    },
    /// An order was not answered in time.
    NoAnswer {
        /// `start` or `stop`.
        command: &'static str,
        /// What the symbol is.
        kind: Kind,
        /// The symbol.
        symbol: String,
        /// The limit that passed.
        limit: Duration,
    },
    /// An order whose first copy has to be dropped was answered twice.
    AnsweredTwice {
        /// `start` or `stop`.
        command: &'static str,
        /// What the symbol is.
        kind: Kind,
        /// The symbol.
        symbol: String,
        /// The answers.
        texts: [String; 2],
    },
    /// What is no order was not answered with an error.
    BrokenOrderTaken {
        /// Its bytes.
        bytes: usize,
        /// The answer.
        text: String,
    },
    /// Starts and stops leave something behind.
    Leaked {
        /// How often each instance was stopped and started.
        cycles: u32,
        /// What the process used before.
        before: Usage,
        /// What it uses now.
        after: Usage,
    },
    /// A source that was started once more runs twice.
    StartedTwice {
        /// The symbol's name.
        symbol: String,
        /// Its connections to its channel.
        connections: usize,
    },
    /// The plugin did not dial a channel again.
    NotDialed {
        /// The channel, e.g. `plugin_mirror`.
        channel: String,
        /// The limit that passed.
        limit: Duration,
    },
    /// The plugin answered an order with an error.
    Refused {
        /// `start` or `stop`.
        command: &'static str,
        /// What the symbol is.
        kind: Kind,
        /// The symbol.
        symbol: String,
        /// The plugin's text.
        text: String,
        /// Whether it is a greeting that the mocked release does not know.
        greeting: bool,
    },
    /// A sink that answered `ok` does not listen.
    NotListening {
        /// The sink.
        symbol: String,
        /// What a try to connect gave.
        source: sp::Error,
    },
    /// An address at which nothing runs any more is still listened at.
    AddressKept {
        /// The socket file.
        file: PathBuf,
    },
    /// A function did not answer a request in time.
    NoReply {
        /// The function.
        symbol: String,
        /// The request, e.g. `Exec`.
        request: &'static str,
        /// The limit that passed.
        limit: Duration,
    },
    /// A function answered with something that is no answer.
    BadReply {
        /// The function.
        symbol: String,
        /// The request, e.g. `Exec`.
        request: &'static str,
        /// What was wrong with the answer.
        text: String,
    },
    /// A function answered a call with an error text of its own.
    CallFailed {
        /// The function.
        symbol: String,
        /// Its text.
        text: String,
    },
    /// A source sent nothing in time.
    NoRow {
        /// The source.
        symbol: String,
        /// The limit that passed.
        limit: Duration,
    },
    /// A source sent something that is no row.
    InvalidRow {
        /// The source.
        symbol: String,
        /// What is wrong with it.
        source: InvalidRow,
    },
    /// A sink did not take a row, or not acknowledge it.
    Sink {
        /// The sink.
        symbol: String,
        /// Why.
        source: SinkError,
    },
    /// The plugin broke the transport's protocol.
    BrokenChannel {
        /// The channel, e.g. `plugin_mirror`.
        channel: String,
        /// How.
        source: sp::ProtocolError,
    },
    /// Somebody listens on one of our addresses.
    AddressInUse {
        /// The socket's path.
        path: PathBuf,
        /// Who, where the system tells.
        pid: Option<u32>,
    },
    /// Other hosts do not end; see
    /// [`Builder::isolated_or_in_turn`](super::Builder::isolated_or_in_turn).
    NoTurn {
        /// How long they were waited for.
        limit: Duration,
    },
    /// A sink cannot be started twice under one rule: the release never closes
    /// its ack channel.
    AckChannelOpen {
        /// The sink.
        symbol: String,
        /// The release.
        release: &'static str,
    },
    /// The plugin cannot be isolated.
    Isolation(IsolationError),
    /// The transport failed.
    Transport(sp::Error),
    /// The system failed us.
    System {
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The run was asked to stop.
    Interrupted,
}

impl HostError {
    /// Whether the plugin is at fault.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        match self {
            Self::ExitedEarly { .. }
            | Self::Crashed { .. }
            | Self::NoGreeting { .. }
            | Self::NoAnswer { .. }
            | Self::AnsweredTwice { .. }
            | Self::BrokenOrderTaken { .. }
            | Self::Leaked { .. }
            | Self::NotDialed { .. }
            | Self::StartedTwice { .. }
            | Self::Refused { .. }
            | Self::NotListening { .. }
            | Self::AddressKept { .. }
            | Self::NoReply { .. }
            | Self::BadReply { .. }
            | Self::NoRow { .. }
            | Self::InvalidRow { .. }
            | Self::Sink { .. }
            | Self::BrokenChannel { .. } => true,
            Self::Input(_)
            | Self::Package(_)
            | Self::CallFailed { .. }
            | Self::CannotLaunch { .. }
            | Self::AddressInUse { .. }
            | Self::NoTurn { .. }
            | Self::AckChannelOpen { .. }
            | Self::Isolation(_)
            | Self::Transport(_)
            | Self::System { .. }
            | Self::Interrupted => false,
        }
    }

    /// Sorts an error of the transport that came on `channel`.
    pub(crate) fn transport(channel: &Channel, error: sp::Error) -> Self {
        match error {
            sp::Error::Protocol(source) => Self::BrokenChannel {
                channel: channel.name().to_owned(),
                source,
            },
            sp::Error::InUse { path, pid } => Self::AddressInUse { path, pid },
            other => Self::Transport(other),
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(text) => f.write_str(text),
            Self::Package(error) => write!(f, "{error}"),
            Self::CallFailed { symbol, text } => {
                write!(f, "function `{symbol}` answered an error: {text}")
            }
            Self::NoRow { symbol, limit } => {
                write!(f, "source `{symbol}` sent no row within {limit:?}")
            }
            Self::InvalidRow { symbol, source } => write!(f, "source `{symbol}`: {source}"),
            Self::Sink { symbol, source } => write!(f, "sink `{symbol}` {source}"),
            Self::CannotLaunch {
                program,
                hint,
                source,
            } => write!(f, "cannot run `{program}`: {source}; {hint}"),
            Self::ExitedEarly { status, log } => {
                write!(f, "the plugin ended before it greeted: {}", how(*status))?;
                write_log(f, log)
            }
            Self::Crashed {
                status,
                running,
                log,
            } => {
                write!(f, "the plugin ended in the middle: {}", how(*status))?;
                if running.is_empty() {
                    f.write_str("; nothing was running")?;
                } else {
                    write!(f, "; running: {}", running.join(", "))?;
                }
                write_log(f, log)
            }
            Self::NoGreeting { limit, address } => write!(
                f,
                "no greeting within {limit:?}: the plugin must dial {address} and send a message; \
                 give it more time with --init-timeout"
            ),
            // Bytes of the caller's own are about no symbol.
            Self::NoAnswer { symbol, limit, .. } if symbol.is_empty() => {
                write!(
                    f,
                    "the plugin did not answer what was sent within {limit:?}"
                )
            }
            Self::NoAnswer {
                command,
                kind,
                symbol,
                limit,
            } => write!(
                f,
                "{kind} `{symbol}` did not answer {command} within {limit:?}; eKuiper waits an \
                 hour: give it more time with --answer-timeout"
            ),
            Self::AnsweredTwice {
                command,
                kind,
                symbol,
                texts: [first, second],
            } => write!(
                f,
                "{kind} `{symbol}` answered {command} twice, with {first:?} and {second:?}: the \
                 order came first under a stale id; drop a reply whose id is not that of the \
                 last request"
            ),
            Self::BrokenOrderTaken { bytes, text } => write!(
                f,
                "{bytes} bytes that are no order were answered with {text:?}; answer with an \
                 error text that does not begin with h"
            ),
            Self::Leaked {
                cycles,
                before,
                after,
            } => write!(
                f,
                "{cycles} stops and starts of each instance grew the process from {before} to \
                 {after}; close what an instance opened when it is stopped"
            ),
            Self::StartedTwice {
                symbol,
                connections,
            } => write!(
                f,
                "source `{symbol}` has {connections} connections to its channel, so that rows are \
                 doubled; a second start changes nothing, or takes the place of the first"
            ),
            Self::NotDialed { channel, limit } => write!(
                f,
                "the plugin did not dial channel {channel} again within {limit:?}; a channel \
                 that is lost must be dialed until the host is back"
            ),
            Self::Refused {
                command,
                kind,
                symbol,
                text,
                greeting,
            } => {
                write!(f, "{kind} `{symbol}` refused to {command}")?;
                match text.trim() {
                    "" => f.write_str(", and does not say why")?,
                    "ok" => write!(f, ": it answered {text:?}, and `ok` has to stand alone")?,
                    _ => write!(f, ": {text}")?,
                }
                if *greeting {
                    f.write_str(
                        " (a second greeting, which eKuiper before 2.1.3 takes for an answer: \
                         greet once for each connection)",
                    )?;
                }
                Ok(())
            }
            Self::NotListening {
                symbol,
                source:
                    sp::Error::Unreachable {
                        cause: Some(cause), ..
                    },
            } if matches!(**cause, sp::Error::Protocol(_)) => write!(
                f,
                "sink `{symbol}` listens, and breaks the protocol: {cause}; its socket has to be PULL"
            ),
            Self::NotListening { symbol, source } => write!(
                f,
                "sink `{symbol}` answered start before it listened: {source}; it must listen \
                 first, eKuiper dials at once"
            ),
            Self::AddressKept { file } => write!(
                f,
                "{} is still listened at, although its sink was stopped; close the socket before \
                 the stop is answered",
                file.display()
            ),
            Self::NoReply {
                symbol,
                request,
                limit,
            } => write!(
                f,
                "function `{symbol}` did not answer {request} within {limit:?}, eKuiper's limit; \
                 answer sooner, and do long work between calls"
            ),
            Self::BadReply {
                symbol,
                request,
                text,
            } => write!(f, "function `{symbol}` answered {request} wrongly: {text}"),
            Self::BrokenChannel { channel, source } => {
                write!(
                    f,
                    "the plugin broke the protocol on channel {channel}: {source}; the sockets \
                     are REQ for control and functions, PUSH for rows and acks, PULL for a sink"
                )
            }
            Self::NoTurn { limit } => write!(
                f,
                "another host has not ended within {limit:?}, and plugins cannot be isolated \
                 here, so that they take turns; drop one host before you launch the next"
            ),
            Self::AddressInUse { path, pid } => {
                write!(f, "address {} is in use", path.display())?;
                match pid {
                    Some(pid) => write!(
                        f,
                        " by process {pid}{}: eKuiper, another mock-kuiper, or a plugin left over; \
                         end it first",
                        process_name(*pid).map_or_else(String::new, |name| format!(" ({name})"))
                    ),
                    None => f.write_str("; end the process that listens there first"),
                }
            }
            Self::AckChannelOpen { symbol, release } => write!(
                f,
                "eKuiper {release} cannot start sink `{symbol}` again under this rule, it never \
                 closes the ack channel; start it under another rule, or play another release"
            ),
            Self::Isolation(error) => write!(f, "{error}"),
            Self::Transport(error) => write!(f, "{error}"),
            Self::System { doing, source } => write!(f, "cannot {doing}: {source}"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl fmt::Debug for HostError {
    /// Writes the same as `Display`: a test that ends with an error prints this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<PackageError> for HostError {
    fn from(error: PackageError) -> Self {
        Self::Package(error)
    }
}

impl Error for HostError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::CannotLaunch { source, .. } | Self::System { source, .. } => Some(source),
            Self::NotListening { source, .. } | Self::Transport(source) => Some(source),
            Self::BrokenChannel { source, .. } => Some(source),
            Self::Isolation(source) => source.source(),
            Self::Package(source) => source.source(),
            Self::InvalidRow { source, .. } => Some(source),
            Self::Sink { source, .. } => source.source(),
            _ => None,
        }
    }
}

/// Says how a process ended: `exit status 3`, `signal 9 (SIGKILL)`.
#[must_use]
pub fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => {
            let name = match signal {
                1 => " (SIGHUP)",
                2 => " (SIGINT)",
                4 => " (SIGILL)",
                6 => " (SIGABRT)",
                7 => " (SIGBUS)",
                8 => " (SIGFPE)",
                9 => " (SIGKILL)",
                11 => " (SIGSEGV)",
                13 => " (SIGPIPE)",
                15 => " (SIGTERM)",
                _ => "",
            };
            format!("signal {signal}{name}")
        }
        (None, None) => status.to_string(),
    }
}

/// The name of a process, where the system tells.
#[must_use]
pub fn process_name(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

fn write_log(f: &mut fmt::Formatter<'_>, log: &[String]) -> fmt::Result {
    match log {
        [] => f.write_str("; it wrote nothing"),
        lines => {
            f.write_str("; the last that it wrote:")?;
            lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
        }
    }
}
