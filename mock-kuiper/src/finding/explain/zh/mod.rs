//! The explanations in Chinese, with the words of eKuiper's Chinese documentation.
//!
//! Texts of eKuiper are not translated, and stand in the original alone. The files are
//! those of the original; a change there belongs here, too.

mod channel;
mod function;
mod order;
mod other;
mod plugin;
mod row;
mod sink;
mod terms;
mod translation;

pub(super) use self::other::MEANINGS;
pub(super) use self::terms::{releases, source};
pub(super) use self::translation::Translation;
use crate::finding::code::Code;

/// Returns the translation of a code's explanation.
pub(super) fn translation(code: Code) -> &'static Translation {
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
