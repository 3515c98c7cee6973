//! What each kind of finding means under a real eKuiper, and what to do.
//!
//! Each [`Code`] has an entry; the entries are data, in files named after the
//! groups of codes, in English, and translated in `zh`. eKuiper's texts are quoted
//! verbatim, with their source. [`troubleshooting`] writes them as a page, the command
//! prints single entries.

mod channel;
mod entry;
mod function;
mod language;
mod order;
mod other;
mod page;
mod plugin;
mod row;
mod sink;
mod sources;
mod zh;

pub use self::entry::{Explanation, NOTHING, OtherText, Place, Quote, Remedy, Sdk};
pub use self::language::{Labels, Language, Words};
use super::code::Code;

/// Returns what is known about a kind of finding.
#[must_use]
pub fn explain(code: Code) -> &'static Explanation {
    match code {
        Code::PluginExitedEarly => &plugin::EXITED_EARLY,
        Code::PluginExited => &plugin::EXITED,
        Code::PluginNoGreeting => &plugin::NO_GREETING,
        Code::PluginLeak => &plugin::LEAK,
        Code::PluginGrown => &plugin::GROWN,
        Code::ChannelNotDialed => &channel::NOT_DIALED,
        Code::ChannelProtocol => &channel::PROTOCOL,
        Code::ChannelHalfFrame => &channel::HALF_FRAME,
        Code::OrderUnanswered => &order::UNANSWERED,
        Code::OrderRefused => &order::REFUSED,
        Code::SymbolUnknown => &order::SYMBOL_UNKNOWN,
        Code::OrderGreeting => &order::GREETING,
        Code::OrderAnsweredTwice => &order::ANSWERED_TWICE,
        Code::OrderNonsenseAccepted => &order::NONSENSE_ACCEPTED,
        Code::SourceStartedTwice => &row::STARTED_TWICE,
        Code::SourceEnded => &row::SOURCE_ENDED,
        Code::RowMissing => &row::ROW_MISSING,
        Code::RowNotJson => &row::NOT_JSON,
        Code::RowNotObject => &row::NOT_OBJECT,
        Code::RowNoMessage => &row::NO_MESSAGE,
        Code::RowMessageNotObject => &row::MESSAGE_NOT_OBJECT,
        Code::RowMetaNotObject => &row::META_NOT_OBJECT,
        Code::RowError => &row::ERROR,
        Code::RowUndecodable => &row::UNDECODABLE,
        Code::SinkNotListening => &sink::NOT_LISTENING,
        Code::SinkWrongSocket => &sink::WRONG_SOCKET,
        Code::SinkStillListening => &sink::STILL_LISTENING,
        Code::SinkRowNotTaken => &sink::ROW_NOT_TAKEN,
        Code::SinkUnread => &sink::UNREAD,
        Code::SinkUnreachable => &sink::UNREACHABLE,
        Code::SinkHungUp => &sink::HUNG_UP,
        Code::AckMissing => &sink::ACK_MISSING,
        Code::AckInvalid => &sink::ACK_INVALID,
        Code::AckError => &sink::ACK_ERROR,
        Code::FunctionUnanswered => &function::UNANSWERED,
        Code::FunctionInvalidAnswer => &function::INVALID_ANSWER,
        Code::FunctionError => &function::ERROR,
    }
}

/// Returns texts of eKuiper that a reader may search for, although no finding
/// has them.
#[must_use]
pub fn other_texts() -> &'static [OtherText] {
    &other::ALL
}

/// Writes all explanations as a page of Markdown, in the order of [`Code::ALL`].
///
/// `hint` returns a sentence on how the caller's program helps with a code; it
/// becomes the last remedy.
#[must_use]
pub fn troubleshooting(language: Language, hint: impl Fn(Code) -> Option<String>) -> String {
    page::page(language, &Code::ALL.map(explain), other_texts(), hint)
}

#[cfg(test)]
mod tests;
