//! What was observed, with its details.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use super::Code;
use super::seen::Seen;
use super::text::{counted, describe_status, last_line};
use super::violation::Violation;
use crate::foreign::{in_sentence, shortened};
use crate::symbol::{Channel, Symbol};
use crate::usage::Usage;
use crate::wire::{Command, InvalidRow};

/// What was observed. Each variant has a [`Code`]; rows that are not rows have
/// one for each way to be wrong.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Observed {
    /// The process exited before its first greeting.
    ExitedEarly {
        /// Its exit status.
        status: ExitStatus,
        /// The last lines it wrote.
        log: Vec<String>,
    },
    /// The process exited although the host had not ended it.
    Exited {
        /// Its exit status.
        status: ExitStatus,
        /// The symbols that were running.
        running: Vec<Symbol>,
        /// The last lines it wrote.
        log: Vec<String>,
    },
    /// No greeting arrived in time.
    NoGreeting {
        /// The limit, counted from the launch.
        limit: Duration,
        /// What was seen instead.
        seen: Seen,
    },
    /// Stops and starts left something behind.
    Leak {
        /// How often each instance was stopped and started.
        cycles: u32,
        /// What the plugin used before.
        before: Usage,
        /// What it uses now.
        after: Usage,
    },
    /// The plugin's memory has grown beyond the limit, and the host has ended it.
    Grown {
        /// The bytes that it used before.
        before: u64,
        /// The bytes that it used when it was ended.
        after: u64,
    },
    /// The plugin did not dial the channel.
    NotDialed {
        /// How long the host waited.
        limit: Duration,
    },
    /// The plugin broke the Scalability Protocols on the channel.
    Protocol(Violation),
    /// The plugin began a message on the channel and did not finish it.
    HalfFrame {
        /// How many bytes of the message have arrived.
        bytes: usize,
        /// How long the host waited for more.
        limit: Duration,
    },
    /// An order was not answered. `None` is an order of any bytes.
    OrderUnanswered {
        /// The order.
        command: Option<Command>,
        /// How long the host waited.
        limit: Duration,
        /// What was seen instead.
        seen: Seen,
    },
    /// An order was answered with an error.
    OrderRefused {
        /// The order.
        command: Command,
        /// The answer: what eKuiper shows as the error.
        text: String,
    },
    /// The plugin does not have the symbol, although its json names it.
    UnknownSymbol {
        /// The answer to the start.
        text: String,
    },
    /// An order was answered with a greeting, which the release takes for an
    /// error.
    OrderGreeting {
        /// The order.
        command: Command,
        /// The greeting.
        text: String,
    },
    /// An order that was sent under a stale id first was answered twice.
    OrderAnsweredTwice {
        /// The order.
        command: Command,
        /// Both answers.
        texts: [String; 2],
    },
    /// Bytes that are not an order were answered with `ok` or a greeting.
    NonsenseAccepted {
        /// The number of bytes.
        bytes: usize,
        /// The answer.
        text: String,
    },
    /// A second start doubled the connections of a source.
    StartedTwice {
        /// The connections it has now.
        connections: usize,
    },
    /// A source closed its channel and did not dial again.
    Ended {
        /// How many rows it has sent.
        rows: u64,
        /// How many rows were expected.
        expected: Option<u64>,
    },
    /// No row arrived in time.
    NoRow {
        /// How long the host waited.
        limit: Duration,
    },
    /// A source sent something that is not a row.
    InvalidRow(InvalidRow),
    /// A sink answered its start before it listened.
    NotListening {
        /// What the attempt to connect gave.
        cause: String,
    },
    /// A sink listens on a socket that is not PULL.
    WrongSocket(Violation),
    /// A sink still listens after it was stopped.
    StillListening {
        /// The socket file.
        file: PathBuf,
    },
    /// A sink did not take a row in time.
    RowNotTaken {
        /// eKuiper's limit for a send.
        limit: Duration,
        /// Whether the sink has sent acks that nobody reads, because the rule has
        /// no `requireAck`.
        unread_acks: bool,
    },
    /// A sink has not read all rows at the end of a run.
    Unread {
        /// How long it has read nothing.
        limit: Duration,
    },
    /// A sink closed its connection and cannot be reached.
    Unreachable {
        /// What the attempt to send gave.
        cause: String,
    },
    /// A sink closed a channel while it ran, and did not restore it.
    HungUp {
        /// How many rows were sent to it.
        rows: u64,
    },
    /// No ack arrived in time.
    NoAck {
        /// How long the host waited.
        limit: Duration,
        /// Whether the sink has ever dialed its ack channel.
        dialed: bool,
    },
    /// An ack is not one.
    InvalidAck {
        /// What is wrong with it.
        reason: String,
    },
    /// A sink reported that a row failed.
    AckError {
        /// The sink's text.
        text: String,
    },
    /// A function did not answer a request in time.
    FunctionUnanswered {
        /// `IsAggregate`, `Validate`, `Exec`, or what else was sent.
        request: &'static str,
        /// eKuiper's limit for an answer.
        limit: Duration,
        /// What was seen instead.
        seen: Seen,
    },
    /// A function answered a request with something that is not an answer.
    InvalidAnswer {
        /// `IsAggregate`, `Validate`, `Exec`, or what else was sent.
        request: &'static str,
        /// What is wrong with the answer.
        reason: String,
    },
    /// A function answered a call with an error.
    FunctionError {
        /// The function's text.
        text: String,
    },
}

impl Observed {
    /// Returns the stable name of this kind of finding.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::ExitedEarly { .. } => Code::PluginExitedEarly,
            Self::Exited { .. } => Code::PluginExited,
            Self::NoGreeting { .. } => Code::PluginNoGreeting,
            Self::Leak { .. } => Code::PluginLeak,
            Self::Grown { .. } => Code::PluginGrown,
            Self::NotDialed { .. } => Code::ChannelNotDialed,
            Self::Protocol(_) => Code::ChannelProtocol,
            Self::HalfFrame { .. } => Code::ChannelHalfFrame,
            Self::OrderUnanswered { .. } => Code::OrderUnanswered,
            Self::OrderRefused { .. } => Code::OrderRefused,
            Self::UnknownSymbol { .. } => Code::SymbolUnknown,
            Self::OrderGreeting { .. } => Code::OrderGreeting,
            Self::OrderAnsweredTwice { .. } => Code::OrderAnsweredTwice,
            Self::NonsenseAccepted { .. } => Code::OrderNonsenseAccepted,
            Self::StartedTwice { .. } => Code::SourceStartedTwice,
            Self::Ended { .. } => Code::SourceEnded,
            Self::NoRow { .. } => Code::RowMissing,
            Self::InvalidRow(invalid) => match invalid {
                InvalidRow::NotJson { .. } => Code::RowNotJson,
                InvalidRow::NoObject(_) => Code::RowNotObject,
                InvalidRow::NoMessage(_) => Code::RowNoMessage,
                InvalidRow::MessageNoObject(_) => Code::RowMessageNotObject,
                InvalidRow::MetaNoObject(_) => Code::RowMetaNotObject,
                InvalidRow::Error(_) => Code::RowError,
                InvalidRow::Undecodable(_) => Code::RowUndecodable,
            },
            Self::NotListening { .. } => Code::SinkNotListening,
            Self::WrongSocket(_) => Code::SinkWrongSocket,
            Self::StillListening { .. } => Code::SinkStillListening,
            Self::RowNotTaken { .. } => Code::SinkRowNotTaken,
            Self::Unread { .. } => Code::SinkUnread,
            Self::Unreachable { .. } => Code::SinkUnreachable,
            Self::HungUp { .. } => Code::SinkHungUp,
            Self::NoAck { .. } => Code::AckMissing,
            Self::InvalidAck { .. } => Code::AckInvalid,
            Self::AckError { .. } => Code::AckError,
            Self::FunctionUnanswered { .. } => Code::FunctionUnanswered,
            Self::InvalidAnswer { .. } => Code::FunctionInvalidAnswer,
            Self::FunctionError { .. } => Code::FunctionError,
        }
    }

    /// Writes the predicate of a finding's sentence; the subject is the symbol
    /// or the plugin.
    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        channel: Option<&Channel>,
    ) -> fmt::Result {
        let on = |f: &mut fmt::Formatter<'_>| match channel {
            Some(channel) => write!(f, " {}", in_sentence(&channel.url())),
            None => f.write_str(" its channel"),
        };
        match self {
            Self::ExitedEarly { status, .. } => {
                write!(
                    f,
                    "exited before its greeting: {}",
                    describe_status(*status)
                )
            }
            Self::Exited {
                status, running, ..
            } => {
                write!(f, "exited unexpectedly: {}", describe_status(*status))?;
                match &running[..] {
                    [] => f.write_str("; nothing was running"),
                    running => {
                        f.write_str("; running:")?;
                        for (index, symbol) in running.iter().enumerate() {
                            let comma = if index > 0 { "," } else { "" };
                            write!(f, "{comma} {symbol}")?;
                        }
                        Ok(())
                    }
                }
            }
            Self::NoGreeting { limit, seen } => {
                write!(f, "sent no greeting within {limit:?} on")?;
                on(f)?;
                write!(f, ": {seen}")
            }
            Self::Leak {
                cycles,
                before,
                after,
            } => write!(
                f,
                "grew from {before} to {after} in {cycles} stops and starts of each instance"
            ),
            Self::Grown { before, after } => write!(
                f,
                "grew from {} to {} MiB of memory, and was stopped",
                before >> 20,
                after >> 20
            ),
            Self::NotDialed { limit } => {
                f.write_str("did not dial")?;
                on(f)?;
                write!(f, " within {limit:?}")
            }
            Self::Protocol(violation) => {
                f.write_str("broke the protocol on")?;
                on(f)?;
                write!(f, ": {violation}")
            }
            Self::HalfFrame { bytes, limit } => {
                f.write_str("stopped within a message on")?;
                on(f)?;
                write!(f, ": {bytes} bytes, then nothing for {limit:?}")
            }
            Self::OrderUnanswered {
                command,
                limit,
                seen,
            } => {
                match command {
                    Some(command) => write!(f, "did not answer its {}", command.name()),
                    None => f.write_str("did not answer an order of any bytes"),
                }?;
                write!(f, " within {limit:?}: {seen}")
            }
            Self::OrderRefused { command, text } => {
                write!(f, "refused to {}", command.name())?;
                match text.trim() {
                    "" => f.write_str(" without a reason: the answer is empty"),
                    "ok" => write!(
                        f,
                        ": the answer is {:?}, expected `ok` alone",
                        shortened(text)
                    ),
                    _ => write!(f, ": {}", in_sentence(text)),
                }
            }
            Self::UnknownSymbol { text } => write!(
                f,
                "is in the json, but the plugin does not have it: {}",
                in_sentence(last_line(text))
            ),
            Self::OrderGreeting { command, text } => write!(
                f,
                "answered its {} with a second greeting, {:?}, which eKuiper before 2.1.3 takes for \
                 an error",
                command.name(),
                shortened(text)
            ),
            Self::OrderAnsweredTwice {
                command,
                texts: [first, second],
            } => write!(
                f,
                "answered its {} twice, with {:?} and {:?}: the order had also been sent under a \
                 stale id",
                command.name(),
                shortened(first),
                shortened(second)
            ),
            Self::NonsenseAccepted { bytes, text } => {
                write!(
                    f,
                    "answered {bytes} bytes that are not an order with {:?}",
                    shortened(text)
                )
            }
            Self::StartedTwice { connections } => write!(
                f,
                "has {connections} connections to its channel after a second start: its rows are \
                 doubled"
            ),
            Self::Ended { rows, expected } => {
                let all = |expected| format!("{rows} of {expected} rows");
                let rows = expected.map_or_else(|| counted(*rows), all);
                write!(f, "ended by itself after {rows}: it closed")?;
                on(f)
            }
            Self::NoRow { limit } => write!(f, "sent no row within {limit:?}"),
            Self::InvalidRow(invalid) => write!(f, "sent an invalid row: {invalid}"),
            Self::NotListening { cause } => {
                write!(
                    f,
                    "answered its start before it listened: {}",
                    in_sentence(cause)
                )
            }
            Self::WrongSocket(violation) if violation.is_silence() => {
                write!(f, "does not serve its channel: {violation}")
            }
            Self::WrongSocket(violation) => {
                write!(f, "does not listen on a PULL socket: {violation}")
            }
            Self::StillListening { file } => {
                write!(
                    f,
                    "still listens on {} after its stop",
                    in_sentence(&file.to_string_lossy())
                )
            }
            Self::RowNotTaken { limit, unread_acks } => {
                write!(
                    f,
                    "did not take a row within {limit:?}, eKuiper's limit for a send"
                )?;
                match unread_acks {
                    true => {
                        f.write_str(": it sends acks, and without `requireAck` nobody reads them")
                    }
                    false => Ok(()),
                }
            }
            Self::Unread { limit } => {
                write!(f, "has not read all rows: it read nothing for {limit:?}")
            }
            Self::Unreachable { cause } => write!(f, "cannot be reached: {}", in_sentence(cause)),
            Self::HungUp { rows } => {
                f.write_str("closed")?;
                on(f)?;
                write!(f, " after {}, and did not restore it", counted(*rows))
            }
            Self::NoAck { limit, dialed } => {
                write!(f, "sent no ack for a row within {limit:?}")?;
                match dialed {
                    true => Ok(()),
                    false => {
                        f.write_str(": it has not dialed")?;
                        on(f)
                    }
                }
            }
            Self::InvalidAck { reason } => {
                write!(f, "sent an invalid ack: {}", in_sentence(reason))
            }
            Self::AckError { text } => write!(f, "failed a row: {}", in_sentence(text)),
            Self::FunctionUnanswered {
                request,
                limit,
                seen,
            } => write!(
                f,
                "did not answer {request} within {limit:?}, eKuiper's limit for an answer: {seen}"
            ),
            Self::InvalidAnswer { request, reason } => {
                write!(
                    f,
                    "answered {request} with an invalid answer: {}",
                    in_sentence(reason)
                )
            }
            Self::FunctionError { text } => {
                write!(f, "answered with an error: {}", in_sentence(text))
            }
        }
    }
}
