//! Connections: `channel.*`.

use super::entry::{Explanation, Place, Sdk, quote, remedy};
use super::sources::CONNECTION_1;
use super::zh;
use crate::finding::code::Code;

pub(super) static NOT_DIALED: Explanation = Explanation {
    chinese: &zh::channel::NOT_DIALED,
    code: Code::ChannelNotDialed,
    title: "The plugin did not dial a channel in time",
    observed: "The host listened at a channel's address and the plugin did not connect: for the first time, or again after a connection was lost.",
    effect: "For a function, eKuiper waits 5 s for each request and refuses every rule that calls it, while the plugin's status stays `running`. For a source, eKuiper shows nothing: the rule is `running` without rows. For the control channel it shows nothing either: orders wait for an hour.",
    quotes: &[
        quote(
            Place::RestAnswer,
            "2.2 on",
            "validate function SYMBOL error: time out, plugin PLUGIN status running, message: .",
            "eKuiper 2.4.0, internal/plugin/portable/runtime/function.go; seen in a run; issues lf-edge/ekuiper #3784 and #4077",
        ),
        quote(
            Place::RestAnswer,
            "2.0 and 2.1",
            "error: time out, plugin PLUGIN status running, message: .",
            "eKuiper 2.0.8, internal/plugin/portable/runtime/function.go",
        ),
        quote(
            Place::RestAnswer,
            "1.x",
            "can't send message on function rep socket: receive time out.",
            CONNECTION_1,
        ),
    ],
    cause: "The thread that serves the channel has ended, or a lost connection is not dialed again. Functions on the Go SDK 2.4.0 end by themselves: the SDK greets every 5 s while it is idle, eKuiper reads that only during a call, and after some 23 minutes the next greeting does not fit into the socket (#4077; #3784 has the same text from 2.2.0). After a crash eKuiper starts only the function that it had started last; the others stay away until eKuiper restarts or the plugin is updated.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Dial every channel again until it answers, for as long as the instance runs, and greet once for each connection, never because it is idle. Restart eKuiper, or update the plugin, to have a lost function back.",
        ),
        remedy(Sdk::Rust, "The SDK does so."),
        remedy(
            Sdk::Python,
            "Let no callback of a function raise `SystemExit`; an ordinary exception is answered.",
        ),
        remedy(
            Sdk::Go,
            "Call each function at least every 20 minutes, or use an SDK that does not greet while it is idle.",
        ),
    ],
};

pub(super) static PROTOCOL: Explanation = Explanation {
    chinese: &zh::channel::PROTOCOL,
    code: Code::ChannelProtocol,
    title: "The plugin broke the Scalability Protocols on a channel",
    observed: "The bytes on a connection were not those of the socket that belongs there: another socket type in the greeting, a frame that is cut or too long, or a request without an id.",
    effect: "eKuiper shows nothing: its socket closes the connection or drops the message without a line in the log. A source has no rows, a function times out, an order is never answered. eKuiper 1.x treats every message above 1 MiB in this way.",
    quotes: &[],
    cause: "A socket of the wrong type, a protocol written by hand, or a row or an answer of more than 1 MiB sent to a 1.x release.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Use REQ for control and functions, PUSH for rows and acks, PULL for a sink. An id on a REQ socket is 4 bytes with the highest bit set. Keep messages to 1.x below 1 MiB.",
        ),
        remedy(
            Sdk::Rust,
            "The sockets are the SDK's: only the size of a message is yours.",
        ),
        remedy(
            Sdk::Go,
            "The SDK's sink closes the connection at a row of more than 1 MiB: make the rows smaller, for example with `sendSingle`.",
        ),
    ],
};

pub(super) static HALF_FRAME: Explanation = Explanation {
    chinese: &zh::channel::HALF_FRAME,
    code: Code::ChannelHalfFrame,
    title: "The plugin began a message and did not finish it",
    observed: "A frame announced more bytes than arrived, and the connection stayed open and silent.",
    effect: "eKuiper shows nothing: its socket waits for the rest of the message, and nothing that follows on this connection is read. A source's rule is `running` without rows.",
    quotes: &[],
    cause: "The length in front of the message is wrong, for example because it counts characters instead of bytes or leaves out the 4 bytes of the id. Or the thread that writes has ended inside a message.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Write the length as 8 bytes, most significant byte first: the bytes of the body, together with the id on control and function channels. Close the connection if a message cannot be finished.",
        ),
        remedy(Sdk::Rust, "The SDK writes whole frames."),
    ],
};
