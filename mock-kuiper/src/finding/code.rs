//! The stable names of all findings.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The name of a kind of finding, for example `sink.not-listening`.
///
/// A code is part of the JSON output: it is never renamed and never reused for
/// something else. `Display` and [`name`](Self::name) give the text,
/// [`FromStr`] reads it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Code {
    /// The process exited before its first greeting.
    PluginExitedEarly,
    /// The process exited although the host had not ended it.
    PluginExited,
    /// The process sent no greeting in time.
    PluginNoGreeting,
    /// Stops and starts leave open files, threads or memory behind.
    PluginLeak,
    /// The plugin's memory has grown beyond the limit, and the host has ended it.
    PluginGrown,
    /// The plugin did not dial a channel in time.
    ChannelNotDialed,
    /// The plugin broke the Scalability Protocols on a channel.
    ChannelProtocol,
    /// The plugin began a message on a channel and did not finish it.
    ChannelHalfFrame,
    /// An order was not answered in time.
    OrderUnanswered,
    /// An order was answered with an error.
    OrderRefused,
    /// The plugin does not have a symbol that its json names.
    SymbolUnknown,
    /// An order was answered with a greeting, which the release takes for an
    /// error.
    OrderGreeting,
    /// An order that was also sent under a stale id was answered twice.
    OrderAnsweredTwice,
    /// Bytes that are not an order were answered with `ok` or a greeting.
    OrderNonsenseAccepted,
    /// A source has more connections after a second start than before.
    SourceStartedTwice,
    /// A source closed its channel and did not dial again, and rows are missing.
    SourceEnded,
    /// A source sent no row in time.
    RowMissing,
    /// A row is not JSON.
    RowNotJson,
    /// A row is JSON, but not an object.
    RowNotObject,
    /// A row has no `message`.
    RowNoMessage,
    /// `message` of a row is not an object.
    RowMessageNotObject,
    /// `meta` of a row is neither an object nor `null`.
    RowMetaNotObject,
    /// A row is `{"error":"text"}`, which eKuiper does not read as an error.
    RowError,
    /// A row is JSON that cannot be decoded, for example nested too deep.
    RowUndecodable,
    /// A sink answered its start before it listened.
    SinkNotListening,
    /// A sink listens on a socket that is not PULL.
    SinkWrongSocket,
    /// A sink still listens after it was stopped.
    SinkStillListening,
    /// A sink did not take a row in time.
    SinkRowNotTaken,
    /// A sink has not read all rows at the end of a run.
    SinkUnread,
    /// A sink closed its connection and cannot be reached.
    SinkUnreachable,
    /// A sink closed a channel while it ran, and did not restore it.
    SinkHungUp,
    /// A sink sent no ack in time.
    AckMissing,
    /// An ack is not `{}` and not `{"error":"text"}`.
    AckInvalid,
    /// A sink reported that a row failed.
    AckError,
    /// A function did not answer a request in time.
    FunctionUnanswered,
    /// A function answered a request with something that is not an answer.
    FunctionInvalidAnswer,
    /// A function answered a call with an error.
    FunctionError,
}

impl Code {
    /// All codes, in the order in which `mock-kuiper explain` lists them.
    pub const ALL: [Self; 37] = [
        Self::PluginExitedEarly,
        Self::PluginExited,
        Self::PluginNoGreeting,
        Self::PluginLeak,
        Self::PluginGrown,
        Self::ChannelNotDialed,
        Self::ChannelProtocol,
        Self::ChannelHalfFrame,
        Self::OrderUnanswered,
        Self::OrderRefused,
        Self::SymbolUnknown,
        Self::OrderGreeting,
        Self::OrderAnsweredTwice,
        Self::OrderNonsenseAccepted,
        Self::SourceStartedTwice,
        Self::SourceEnded,
        Self::RowMissing,
        Self::RowNotJson,
        Self::RowNotObject,
        Self::RowNoMessage,
        Self::RowMessageNotObject,
        Self::RowMetaNotObject,
        Self::RowError,
        Self::RowUndecodable,
        Self::SinkNotListening,
        Self::SinkWrongSocket,
        Self::SinkStillListening,
        Self::SinkRowNotTaken,
        Self::SinkUnread,
        Self::SinkUnreachable,
        Self::SinkHungUp,
        Self::AckMissing,
        Self::AckInvalid,
        Self::AckError,
        Self::FunctionUnanswered,
        Self::FunctionInvalidAnswer,
        Self::FunctionError,
    ];

    /// Whether it says that the plugin's process has exited although the host had not
    /// ended it.
    pub(crate) fn is_exit(self) -> bool {
        matches!(
            self,
            Self::PluginExited | Self::PluginExitedEarly | Self::PluginGrown
        )
    }

    /// Returns the code's text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PluginExitedEarly => "plugin.exited-early",
            Self::PluginExited => "plugin.exited",
            Self::PluginNoGreeting => "plugin.no-greeting",
            Self::PluginLeak => "plugin.leak",
            Self::PluginGrown => "plugin.grown",
            Self::ChannelNotDialed => "channel.not-dialed",
            Self::ChannelProtocol => "channel.protocol",
            Self::ChannelHalfFrame => "channel.half-frame",
            Self::OrderUnanswered => "order.unanswered",
            Self::OrderRefused => "order.refused",
            Self::SymbolUnknown => "symbol.unknown",
            Self::OrderGreeting => "order.greeting",
            Self::OrderAnsweredTwice => "order.answered-twice",
            Self::OrderNonsenseAccepted => "order.nonsense-accepted",
            Self::SourceStartedTwice => "source.started-twice",
            Self::SourceEnded => "source.ended",
            Self::RowMissing => "row.missing",
            Self::RowNotJson => "row.not-json",
            Self::RowNotObject => "row.not-object",
            Self::RowNoMessage => "row.no-message",
            Self::RowMessageNotObject => "row.message-not-object",
            Self::RowMetaNotObject => "row.meta-not-object",
            Self::RowError => "row.error",
            Self::RowUndecodable => "row.undecodable",
            Self::SinkNotListening => "sink.not-listening",
            Self::SinkWrongSocket => "sink.wrong-socket",
            Self::SinkStillListening => "sink.still-listening",
            Self::SinkRowNotTaken => "sink.row-not-taken",
            Self::SinkUnread => "sink.unread",
            Self::SinkUnreachable => "sink.unreachable",
            Self::SinkHungUp => "sink.hung-up",
            Self::AckMissing => "ack.missing",
            Self::AckInvalid => "ack.invalid",
            Self::AckError => "ack.error",
            Self::FunctionUnanswered => "function.unanswered",
            Self::FunctionInvalidAnswer => "function.invalid-answer",
            Self::FunctionError => "function.error",
        }
    }
}

impl Serialize for Code {
    /// Writes the code's text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCode(String);

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown code `{}`; expected one of ", self.0)?;
        for (index, code) in Code::ALL.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{code}")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownCode {}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads a code's text.
    ///
    /// # Errors
    ///
    /// [`UnknownCode`] with the list of all codes.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let mut codes = Self::ALL.into_iter();
        codes
            .find(|code| code.name() == text)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_as_itself() {
        for code in Code::ALL {
            assert_eq!(code.name().parse(), Ok(code));
        }
    }

    #[test]
    fn an_unknown_code_is_rejected_with_a_list_of_the_known_ones() {
        let error = "sink.tired".parse::<Code>().unwrap_err().to_string();

        assert!(
            error.starts_with("unknown code `sink.tired`; expected one of plugin.exited-early, ")
        );
        assert!(error.ends_with(", function.error"));
    }
}
