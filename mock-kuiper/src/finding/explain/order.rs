//! The control channel: `order.*`.

use super::entry::{Explanation, Place, Sdk, quote, remedy};
use super::sources::{FACTORY_2, MANAGER_1, RULE_1, RULE_2_0, RULE_2_3, SOURCE_1, STATE_2_3};
use super::zh;
use crate::finding::code::Code;

pub(super) static UNANSWERED: Explanation = Explanation {
    chinese: &zh::order::UNANSWERED,
    code: Code::OrderUnanswered,
    title: "An order was not answered in time",
    observed: "A start or a stop was sent on the control channel, and no answer came within the answer timeout.",
    effect: "eKuiper shows nothing: it waits for an hour, and the rule is `running` without rows. All orders of a plugin go one after another, so its other rules neither start nor stop meanwhile, and `POST /rules` with a function of this plugin does not return.",
    quotes: &[
        quote(
            Place::Log,
            "2.3 on, when a rule of the plugin is stopped",
            "graceful stop error, just cancel forcely: timeout waiting for operators to close after 5s",
            RULE_2_3,
        ),
        quote(
            Place::Log,
            "all releases, after an hour",
            "can't receive: receive time out",
            "eKuiper 2.4.0, internal/plugin/portable/runtime/connection.go",
        ),
    ],
    cause: "`configure` or `close` waits: for a server that does not answer, for a lock, for a thread that does not end; or a sink waits for its sender, which connects only after `ok`. An answer that begins with `h` counts as unanswered from 2.1.3 on: eKuiper takes `have a look at url` for a greeting and sends the order again, thousands of times a second.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Answer at once and connect afterwards, with a time limit. Begin no error text with `h`.",
        ),
        remedy(
            Sdk::Rust,
            "Do in `open` what can wait; give what `configure` does a timeout. The SDK never sends a text that begins with `h`.",
        ),
        remedy(
            Sdk::Python,
            "`configure` and `close` run while eKuiper waits: give each connection a timeout.",
        ),
        remedy(
            Sdk::Go,
            "`Configure` runs while eKuiper waits, and so does a sink's `Close`: give each connection a timeout.",
        ),
    ],
};

pub(super) static REFUSED: Explanation = Explanation {
    chinese: &zh::order::REFUSED,
    code: Code::OrderRefused,
    title: "An order was answered with an error",
    observed: "The plugin answered a start or a stop with a text that is not `ok`.",
    effect: "A refused start stops the rule, with the plugin's text as the reason. From 2.3 on the rule's status has no reason: `\"message\"` is empty, and only the log has the text. A function that is refused makes `POST /rules` fail. A refused stop shows nowhere: the rule counts as stopped, but the plugin's `refCount` keeps it and the start is sent again to the next process.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "closing Rule for error: receive error: TEXT",
            RULE_2_3,
        ),
        quote(
            Place::RuleStatus,
            "2.3 on",
            r#""status": "stopped by error""#,
            STATE_2_3,
        ),
        quote(
            Place::RuleStatus,
            "2.0 to 2.2",
            r#""message": "receive error: TEXT""#,
            RULE_2_0,
        ),
        quote(
            Place::RuleStatus,
            "1.x",
            "Stopped: receive error: TEXT.",
            RULE_1,
        ),
        quote(
            Place::RestAnswer,
            "all releases, for a function",
            "portable plugin:receive error: TEXT.",
            "eKuiper 2.4.0, internal/binder/function/binder.go; seen in a run",
        ),
        quote(
            Place::Log,
            "all releases, for a function",
            "Error creating portable function receive error: TEXT",
            FACTORY_2,
        ),
    ],
    cause: "`configure` fails: a property is missing or has another type, or a server cannot be reached. On 2.x the keys of `sources/NAME.yaml` arrive in lower case unless `sources/NAME.json` lists them, and the stream's DATASOURCE is `config.datasource`. Or the symbol in the json is not one of the program. A sink on the Go or Python SDK 2.x cannot start under releases before 1.14, which have no ack channel for it to dial.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Read TEXT in the log and set the property in the stream's CONF_KEY or in the action. Let the text name the property and what was expected.",
        ),
        remedy(
            Sdk::Rust,
            "Parse with `config.parse::<Settings>()`: the error names the path and the expected type. Register each symbol of the json in `PluginConfig`.",
        ),
        remedy(
            Sdk::Python,
            "TEXT is a traceback; its last line says what failed. `KeyError: 'SYMBOL'` means that the symbol is missing in `PluginConfig`.",
        ),
        remedy(
            Sdk::Go,
            "`symbol not found` means that the symbol is missing in `runtime.PluginConfig`.",
        ),
    ],
};

pub(super) static GREETING: Explanation = Explanation {
    chinese: &zh::order::GREETING,
    code: Code::OrderGreeting,
    title: "An order was answered with a greeting, which the release takes for an error",
    observed: "A second greeting came in place of an answer, and the release that is played is older than 2.1.3.",
    effect: "eKuiper before 2.1.3 takes the greeting for the answer and stops the rule, which would have run. From 2.1.3 on it sends the order again and nothing is wrong.",
    quotes: &[
        quote(
            Place::RuleStatus,
            "1.x",
            "Stopped: receive error: handshake.",
            RULE_1,
        ),
        quote(
            Place::Log,
            "1.x",
            "closing rule RULE for error: receive error: handshake",
            RULE_1,
        ),
        quote(
            Place::Log,
            "before 2.1.3, for a source",
            "receive error: handshake",
            SOURCE_1,
        ),
        quote(
            Place::Log,
            "2.0 to 2.1.2",
            "closing Rule for error: receive error: handshake",
            "eKuiper 2.0.8, internal/topo/rule/state.go",
        ),
        quote(
            Place::Log,
            "before 2.1.3, after a crash",
            "send command to {RULE OP 0} error: receive error: handshake",
            MANAGER_1,
        ),
    ],
    cause: "The plugin greets because it was idle: the Python SDK 2.4 does so after each 5 s without an order. Or it dialed again between the order and its answer.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Greet once for each connection and wait for orders without a time limit; or run eKuiper 2.1.3 or later.",
        ),
        remedy(
            Sdk::Rust,
            "The SDK greets once for each connection, on every release.",
        ),
        remedy(
            Sdk::Python,
            "The SDK's time limit for an order cannot be changed: run eKuiper 2.1.3 or later.",
        ),
    ],
};

pub(super) static ANSWERED_TWICE: Explanation = Explanation {
    chinese: &zh::order::ANSWERED_TWICE,
    code: Code::OrderAnsweredTwice,
    title: "An order that was also sent under a stale id was answered twice",
    observed: "The host sent an order under the id of a request that the plugin had given up, and once more under the right id; both were answered.",
    effect: "eKuiper takes the second answer for the answer to its next order. A rule that is right is stopped with the error of another rule, or a start that was refused counts as done. Nothing in the log says so; the line below then names a rule that did not fail.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "closing Rule for error: receive error: TEXT",
            RULE_2_3,
        ),
        quote(
            Place::RuleStatus,
            "1.x",
            "Stopped: receive error: TEXT.",
            RULE_1,
        ),
        quote(
            Place::PluginOutput,
            "with the Go SDK",
            "can't set socket option RETRY-TIME: invalid option value",
            "eKuiper 2.4.0, sdk/go/connection/connection.go; mangos 3.4.2, protocol/req/req.go",
        ),
    ],
    cause: "The REQ socket accepts a reply that has another id than its last request, or it sends the last answer again by itself. The Go SDK 2.4.0 does the latter: it passes a plain 0 as `RETRY-TIME`, which mangos refuses, so that the answer is repeated after a minute.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Drop a reply whose id is not that of the last request, and turn the resend of REQ off (NNG: resend time 0).",
        ),
        remedy(Sdk::Rust, "The SDK does both."),
        remedy(
            Sdk::Go,
            "The option wants `time.Duration(0)`; the SDK has to be changed for it.",
        ),
    ],
};

pub(super) static NONSENSE_ACCEPTED: Explanation = Explanation {
    chinese: &zh::order::NONSENSE_ACCEPTED,
    code: Code::OrderNonsenseAccepted,
    title: "Bytes that are not an order were answered with `ok` or a greeting",
    observed: "The host sent bytes that are not an order, and the answer was `ok` or began with `h`.",
    effect: "eKuiper shows nothing, and sends no such bytes itself. But a plugin that answers `ok` to what it did not understand also does so for an order of a later release: the rule is `running`, without rows.",
    quotes: &[],
    cause: "The answer is written before the order was decoded and carried out, or an exception is swallowed.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Answer `ok` last, and with an error text that does not begin with `h` whenever something failed.",
        ),
        remedy(Sdk::Rust, "The SDK answers with an error text."),
    ],
};

pub(super) static SYMBOL_UNKNOWN: Explanation = Explanation {
    chinese: &zh::order::SYMBOL_UNKNOWN,
    code: Code::SymbolUnknown,
    title: "The plugin does not have a symbol that its json names",
    observed: "The json lists a source, sink or function, and the plugin answered its start with an error that says it does not know this name.",
    effect: "The plugin installs, and eKuiper offers the symbol. Each rule that uses it is stopped with the plugin's text, as for any refused start.",
    quotes: REFUSED.quotes,
    cause: "The name in the json differs from the one in the plugin's configuration (`PluginConfig`), for example in a letter's case, or the symbol was renamed in one of the two.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Use the same name in the json, in the names of the UI files and in the plugin's configuration.",
        ),
        remedy(
            Sdk::Rust,
            "The name is the first argument of `source`, `sink` and `function`.",
        ),
        remedy(
            Sdk::Python,
            "The names are the keys of the dictionaries in `PluginConfig`.",
        ),
        remedy(
            Sdk::Go,
            "The names are the keys of the maps in `runtime.PluginConfig`.",
        ),
    ],
};
