//! Sinks and their acks: `sink.*` and `ack.*`.

use super::entry::{Explanation, Place, Sdk, quote, remedy};
use super::sources::{NODE_1, NODE_2, RULE_1, RULE_2_3, SINK_2, STATE_2_3};
use super::zh;
use crate::finding::code::Code;

pub(super) static NOT_LISTENING: Explanation = Explanation {
    chinese: &zh::sink::NOT_LISTENING,
    code: Code::SinkNotListening,
    title: "A sink answered its start before it listened",
    observed: "The sink answered `ok` to its start, and the host could not connect to its data channel at once.",
    effect: "eKuiper connects once, right after `ok`, and stops the rule if that fails. From 2.3 on the reason is in the log alone. If rows of the rule arrive in the same moment, 2.4.0 also writes a panic of its own.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "closing Rule for error: can't dial on push socket: dial unix /tmp/RULE_OP_0.ipc: connect: no such file or directory",
            RULE_2_3,
        ),
        quote(
            Place::RuleStatus,
            "2.3 on",
            r#""status": "stopped by error""#,
            STATE_2_3,
        ),
        quote(
            Place::Log,
            "2.4.0",
            "runtime error: invalid memory address or nil pointer dereference",
            SINK_2,
        ),
        quote(
            Place::RuleStatus,
            "1.x",
            "Stopped: can't dial on push socket: dial unix /tmp/RULE_OP_0.ipc: connect: no such file or directory.",
            RULE_1,
        ),
        quote(
            Place::RuleStatus,
            "1.x, if a killed process left its socket file",
            "Stopped: can't dial on push socket: dial unix /tmp/RULE_OP_0.ipc: connect: connection refused.",
            RULE_1,
        ),
    ],
    cause: "The socket is opened in the thread of the instance, after `ok` was sent; or it is dialed, as a source does, although a sink listens.",
    remedies: &[remedy(
        Sdk::Any,
        "Listen on `/tmp/RULE_OP_INSTANCE.ipc` before `ok` is sent. Remove a file there that nobody answers on. The Rust, Python and Go SDKs listen first.",
    )],
};

pub(super) static WRONG_SOCKET: Explanation = Explanation {
    chinese: &zh::sink::WRONG_SOCKET,
    code: Code::SinkWrongSocket,
    title: "A sink listens on a socket that is not PULL",
    observed: "The host connected to the sink's data channel, and the greeting was not that of a PULL socket.",
    effect: "eKuiper stops the rule. From 2.3 on the reason is in the log alone.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "closing Rule for error: can't dial on push socket: invalid or unsupported protocol",
            RULE_2_3,
        ),
        quote(
            Place::RuleStatus,
            "1.x",
            "Stopped: can't dial on push socket: invalid or unsupported protocol.",
            RULE_1,
        ),
    ],
    cause: "The sink opens PAIR, REP or SUB, or a plain socket without the greeting of the Scalability Protocols.",
    remedies: &[remedy(
        Sdk::Any,
        "Open a PULL socket (NNG: `Pull0`). The SDKs do.",
    )],
};

pub(super) static STILL_LISTENING: Explanation = Explanation {
    chinese: &zh::sink::STILL_LISTENING,
    code: Code::SinkStillListening,
    title: "A sink still listens after it was stopped",
    observed: "The sink answered `ok` to its stop, and its address was still in use after a second.",
    effect: "eKuiper shows nothing at the stop. At the next start of the rule the new instance cannot listen and refuses; or eKuiper connects to the old one, which takes the rows and does nothing with them.",
    quotes: &[quote(
        Place::Log,
        "2.x, with the Go SDK, at the next start",
        "receive error: can't listen on pull socket for ipc:///tmp/RULE_OP_0.ipc: address in use",
        "eKuiper 2.4.0, sdk/go/connection/connection.go, and the answer in tests/vectors/ekuiper-2.4.0-go.jsonl",
    )],
    cause: "The socket is closed only when the thread that reads it ends, which waits for one more row; or a child process has inherited it.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Close the socket before the stop is answered. Open it with close-on-exec if the plugin starts processes.",
        ),
        remedy(Sdk::Rust, "The SDK closes it first."),
        remedy(
            Sdk::Python,
            "An exception in `close` keeps the SDK from closing the socket: catch it.",
        ),
        remedy(
            Sdk::Go,
            "Return from `Close`: the SDK closes the socket after it.",
        ),
    ],
};

pub(super) static ROW_NOT_TAKEN: Explanation = Explanation {
    chinese: &zh::sink::ROW_NOT_TAKEN,
    code: Code::SinkRowNotTaken,
    title: "A sink did not take a row in time",
    observed: "The sink is connected, the buffers are full, and a row found no room within eKuiper's limit for a send.",
    effect: "eKuiper shows nothing at first: 130 to 170 rows fit into the buffers and are counted as sent. After that each row waits for the send timeout (5 s from 2.1 on, 1 s before) and is lost, unless the sink's cache is on; rows behind it are dropped. 1.x writes neither to its log: only the rule's status has it.",
    quotes: &[
        quote(
            Place::Log,
            "2.2 on",
            "Operation OP error send time out",
            NODE_2,
        ),
        quote(
            Place::RuleStatus,
            "all releases",
            r#""sink_OP_0_last_exception": "send time out""#,
            NODE_2,
        ),
        quote(
            Place::Log,
            "2.2 on",
            "buffer full, drop message tt N, uid  from OP_1_encode to OP",
            NODE_2,
        ),
        quote(
            Place::RuleStatus,
            "1.x",
            "buffer full, drop message from 2_project to OP",
            NODE_1,
        ),
        quote(
            Place::PluginOutput,
            "2.0 to 2.2, with a Go SDK up to 2.2.1",
            "ack error: send time out",
            "issues lf-edge/ekuiper #3815 and #3636",
        ),
    ],
    cause: "`collect` is slower than the rule, or waits forever. Often it waits to send an ack: without `requireAck` eKuiper does not read acks, and the ack channel is full after a few hundred rows.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Send acks only with `requireAck`, or drop those that cannot be sent. Give every call in `collect` a time limit.",
        ),
        remedy(
            Sdk::Rust,
            "The SDK never waits for an ack to be read. Return from `collect`; what is slow belongs to a thread with a bounded queue.",
        ),
        remedy(
            Sdk::Python,
            "Call `ctx.ack_ok()` only if `requireAck` is set in the configuration.",
        ),
        remedy(Sdk::Go, "Use SDK 2.2.2 or later: it sends no acks."),
    ],
};

pub(super) static UNREACHABLE: Explanation = Explanation {
    chinese: &zh::sink::UNREACHABLE,
    code: Code::SinkUnreachable,
    title: "A sink closed its connection and cannot be reached",
    observed: "The sink closed the connection that rows go over, and the host could not connect again.",
    effect: "eKuiper shows nothing at first: it tries to connect again, and 130 to 170 rows are counted as sent although no sink has them. Then every row fails after the send timeout. The rule stays `running`.",
    quotes: &[
        quote(
            Place::Log,
            "2.2 on",
            "Operation OP error send time out",
            NODE_2,
        ),
        quote(
            Place::RuleStatus,
            "all releases",
            r#""sink_OP_0_last_exception": "send time out""#,
            NODE_2,
        ),
    ],
    cause: "An error in `collect` has ended the instance, while the process goes on. Or a row was longer than the sink's socket takes: NNG and mangos close the connection at 1 MiB unless told otherwise.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Keep listening after an error, and after a sender that went away. Set the socket's receive limit to 0.",
        ),
        remedy(
            Sdk::Rust,
            "An error of `collect` fails that row alone; a panic ends the instance.",
        ),
        remedy(
            Sdk::Python,
            "An exception in `collect` ends the sink: catch all of them inside.",
        ),
        remedy(
            Sdk::Go,
            "The SDK leaves the limit of 1 MiB: make the rows smaller, for example with `sendSingle`.",
        ),
    ],
};

pub(super) static ACK_MISSING: Explanation = Explanation {
    chinese: &zh::sink::ACK_MISSING,
    code: Code::AckMissing,
    title: "A sink sent no ack in time",
    observed: "With `requireAck`, a row was sent and no ack came within the answer timeout.",
    effect: "eKuiper shows nothing: it waits without a limit and sends no further row. The rule stays `running`, with `sink_OP_0_records_in_total` at 1 and `sink_OP_0_records_out_total` at 0. Later rows are dropped when the buffers are full, and a stop of the rule takes 5 s longer.",
    quotes: &[
        quote(
            Place::Log,
            "2.3 on, when the rule is stopped",
            "graceful stop error, just cancel forcely: timeout waiting for operators to close after 5s",
            RULE_2_3,
        ),
        quote(
            Place::Log,
            "2.2 on, when the buffers are full",
            "buffer full, drop message tt N, uid  from OP_1_encode to OP",
            NODE_2,
        ),
    ],
    cause: "The sink sends no acks at all (the Go SDK from 2.2.2 to 2.4.0), forgets one on some path, or collects rows before it acks them: eKuiper sends the second row only after the first ack.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Send `{}` or `{\"error\":\"text\"}` for each message, or leave `requireAck` out of the action. To collect rows, set `batchSize` in the action: a batch is one message.",
        ),
        remedy(
            Sdk::Rust,
            "The result of `collect` is the ack. A sink with `acks_by_hand` has to ack each message itself.",
        ),
        remedy(
            Sdk::Python,
            "Call `ctx.ack_ok()` or `ctx.ack_error(text)` on every path of `collect`.",
        ),
        remedy(
            Sdk::Go,
            "The SDK sends no acks from 2.2.2 to 2.4.0: do not set `requireAck`.",
        ),
    ],
};

pub(super) static ACK_INVALID: Explanation = Explanation {
    chinese: &zh::sink::ACK_INVALID,
    code: Code::AckInvalid,
    title: "An ack is not `{}` and not `{\"error\":\"text\"}`",
    observed: "With `requireAck`, the answer to a row was not a JSON object, or its `error` was not a text.",
    effect: "eKuiper counts the row as an exception of the sink and goes on to the next. It does not take this for an I/O error, so the row is not sent again, even if the sink's cache is on.",
    quotes: &[
        quote(
            Place::Log,
            "2.2 on",
            "Operation OP error invalid character 'o' looking for beginning of value",
            NODE_2,
        ),
        quote(
            Place::Log,
            "2.2 on",
            "Operation OP error json: cannot unmarshal string into Go value of type runtime.ackResponse",
            SINK_2,
        ),
        quote(
            Place::Log,
            "2.2 on",
            "Operation OP error json: cannot unmarshal number into Go struct field ackResponse.error of type string",
            SINK_2,
        ),
        quote(
            Place::RuleStatus,
            "2.x",
            r#""sink_OP_0_last_exception": "invalid character 'o' looking for beginning of value""#,
            NODE_2,
        ),
    ],
    cause: "The ack is `ok`, as the answer to an order is, or an error code instead of a text.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Send the two bytes `{}`, or an object whose `error` is a text that is not empty.",
        ),
        remedy(Sdk::Rust, "The SDK writes the acks."),
        remedy(
            Sdk::Python,
            "Pass a `str` to `ctx.ack_error`, for example `str(error)`.",
        ),
    ],
};

pub(super) static ACK_ERROR: Explanation = Explanation {
    chinese: &zh::sink::ACK_ERROR,
    code: Code::AckError,
    title: "A sink reported that a row failed",
    observed: "With `requireAck`, the sink answered a row with `{\"error\":\"text\"}`.",
    effect: "eKuiper counts the row as an exception of the sink and goes on. It is an I/O error: the row is sent again if the sink's cache is on (`enableCache`), and lost otherwise.",
    quotes: &[
        quote(Place::Log, "2.2 on", "Operation OP error TEXT", NODE_2),
        quote(
            Place::RuleStatus,
            "2.x",
            r#""sink_OP_0_last_exception": "TEXT""#,
            NODE_2,
        ),
    ],
    cause: "The sink could not deliver the row: this is the protocol at work. Or it could not read it: without `sendSingle` a row is an array of objects, and with `dataTemplate` or another `format` it need not be JSON.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Read TEXT. Report only what may work later; a row that can never be stored comes again and again with the cache on.",
        ),
        remedy(
            Sdk::Rust,
            "TEXT is the error that `collect` returned. Read rows with `data.rows()`, which takes an object or an array.",
        ),
        remedy(Sdk::Python, "TEXT is what `ctx.ack_error` was called with."),
    ],
};

pub(super) static HUNG_UP: Explanation = Explanation {
    chinese: &zh::sink::HUNG_UP,
    code: Code::SinkHungUp,
    title: "A sink closed a channel while it ran",
    observed: "The sink closed its data channel or its ack channel and did not restore it within a second, although it had not been stopped.",
    effect: "eKuiper shows nothing at first: it dials the data channel again, and rows are counted as sent although no sink has them. Once the buffers are full, every row fails after the send timeout. The rule stays `running`.",
    quotes: UNREACHABLE.quotes,
    cause: "An error in `collect` or `open` has ended the instance, while the process goes on.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Keep the instance alive after an error: answer the row with an error if the rule requires acks, log it otherwise.",
        ),
        remedy(
            Sdk::Rust,
            "An error of `collect` fails that row alone; a panic ends the instance.",
        ),
        remedy(
            Sdk::Python,
            "An exception in `collect` ends the sink: catch all of them inside.",
        ),
    ],
};

pub(super) static UNREAD: Explanation = Explanation {
    chinese: &zh::sink::UNREAD,
    code: Code::SinkUnread,
    title: "A sink stopped reading its rows",
    observed: "The rows were sent and lie in the socket's buffers, and the sink read none of them for the time that an answer may take.",
    effect: "eKuiper shows nothing at first: the rows in the buffers count as sent. Once the buffers are full, every row fails after the send timeout. Rows that are still in the buffers when the rule stops are lost.",
    quotes: UNREACHABLE.quotes,
    cause: "The sink is blocked: in a send of an ack that nobody reads, in a write to a slow device, or in a lock; or its thread has ended while its socket stays open.",
    remedies: &[remedy(
        Sdk::Any,
        "Read rows all the time, give slow work a time limit, and send acks only with `requireAck`, or drop those that cannot be sent.",
    )],
};
