//! Functions: `function.*`.

use super::entry::{Explanation, Place, Sdk, quote, remedy};
use super::sources::{
    CONNECTION_1, CONNECTION_2, FUNCTION_1, FUNCTION_2, PARSER_2, VALUER_1, VALUER_2,
};
use super::zh;
use crate::finding::code::Code;

pub(super) static UNANSWERED: Explanation = Explanation {
    chinese: &zh::function::UNANSWERED,
    code: Code::FunctionUnanswered,
    title: "A function did not answer a request in time",
    observed: "A request was sent on the function's channel, and no answer came within eKuiper's limit of 5 s.",
    effect: "The call fails for that row, or the rule is refused if the request was `Validate`. The plugin's status and the rule's stay `running`. A function serves one call at a time for all rules, so rows pile up meanwhile. A late answer is thrown away at the next call.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "call func SYMBOL error: time out, plugin PLUGIN status running, message:",
            VALUER_2,
        ),
        quote(
            Place::RestAnswer,
            "2.2 on",
            "validate function SYMBOL error: time out, plugin PLUGIN status running, message: .",
            "eKuiper 2.4.0, internal/plugin/portable/runtime/function.go; seen in a run; issues lf-edge/ekuiper #3784 and #4077",
        ),
        quote(
            Place::Log,
            "1.x",
            "call func SYMBOL error: receive time out",
            VALUER_1,
        ),
        quote(
            Place::RestAnswer,
            "1.x",
            "error: receive time out.",
            CONNECTION_1,
        ),
        quote(
            Place::Log,
            "1.8 on",
            "can't receive: receive time out",
            CONNECTION_2,
        ),
        quote(
            Place::Log,
            "1.8 on, at the next call",
            r#"discard previous response: {"state": true, "result": true}"#,
            CONNECTION_2,
        ),
    ],
    cause: "`exec` takes longer than 5 s, such as the first call of a model or a server that does not answer, or its thread has ended. On the Go SDK 2.4.0 a function that was idle for some 23 minutes never answers again (#4077).",
    remedies: &[
        remedy(
            Sdk::Any,
            "Do long work before the first call or in a thread, and return the latest result. From 2.1 on, `recvTimeout` in the section `portable` of `kuiper.yaml` can be raised; it holds up every rule that calls the function.",
        ),
        remedy(
            Sdk::Rust,
            "Load when the function is made, in the closure that `PluginConfig::function` gets.",
        ),
        remedy(
            Sdk::Python,
            "Load in the constructor of the function, not in `exec`.",
        ),
        remedy(
            Sdk::Go,
            "Load in the constructor. Call the function at least every 20 minutes; once it is silent only a restart of the plugin helps.",
        ),
    ],
};

pub(super) static INVALID_ANSWER: Explanation = Explanation {
    chinese: &zh::function::INVALID_ANSWER,
    code: Code::FunctionInvalidAnswer,
    title: "A function answered a request with something that is not an answer",
    observed: "The answer to a request was not an object with a boolean `state`.",
    effect: "The call fails for that row; if the request was `Validate`, the rule is refused. If it was `IsAggregate`, the rule runs and the function counts as not aggregate: an aggregate then gets single values.",
    quotes: &[
        quote(
            Place::Log,
            "1.8 on",
            "call func SYMBOL error: Failed to unmarshal function result TEXT",
            FUNCTION_2,
        ),
        quote(
            Place::RestAnswer,
            "2.2 on",
            "validate function SYMBOL error: invalid character 'i' in literal false (expecting 'a').",
            PARSER_2,
        ),
        quote(
            Place::Log,
            "all releases",
            r#"IsAggregate result is not bool, got {"state":true,"result":"no"}"#,
            FUNCTION_1,
        ),
    ],
    cause: "A result that JSON does not have, such as NaN, infinity or bytes: the Go SDK then sends an empty answer, the Python SDK writes `NaN`. Or the answer is written by hand.",
    remedies: &[
        remedy(
            Sdk::Any,
            r#"Answer `{"state":true,"result":…}` or `{"state":false,"result":"text"}`, and `IsAggregate` with a boolean."#,
        ),
        remedy(
            Sdk::Rust,
            "The SDK writes the answers; a float that is not finite becomes `null`.",
        ),
        remedy(
            Sdk::Python,
            "Return what `json.dumps` writes as JSON: `None` instead of `float('nan')`, `list` instead of an array of numpy; return `True` or `False` from `is_aggregate`.",
        ),
        remedy(
            Sdk::Go,
            "Return what `json.Marshal` accepts: check `math.IsNaN` and `math.IsInf` first.",
        ),
    ],
};

pub(super) static ERROR: Explanation = Explanation {
    chinese: &zh::function::ERROR,
    code: Code::FunctionError,
    title: "A function answered a call with an error",
    observed: "The answer to a request had `state` false.",
    effect: "The row is lost for the rule, and the error is counted at the operator, not at a source or sink. With `sendError`, which 1.x has on, the sinks get the error as a row. If the request was `Validate`, the rule is refused. `IsAggregate` with `state` false counts as not aggregate.",
    quotes: &[
        quote(
            Place::Log,
            "all releases",
            "call func SYMBOL error: TEXT",
            VALUER_2,
        ),
        quote(
            Place::Log,
            "all releases, if the answer has no text",
            "call func SYMBOL error: <nil>",
            VALUER_1,
        ),
        quote(
            Place::RuleStatus,
            "1.13 on",
            "run Select error: alias: NAME expr: Call:{ name:SYMBOL, args:[STREAM.a] } meet error, err:call func SYMBOL error: TEXT",
            "eKuiper 2.4.0, internal/topo/operator/project_operator.go; seen in a run",
        ),
        quote(
            Place::RestAnswer,
            "all releases",
            "validate return state is false, got &{State:false Result:TEXT}",
            "eKuiper 2.4.0, internal/plugin/portable/runtime/function.go; seen in a run; issue lf-edge/ekuiper #1272",
        ),
        quote(
            Place::Log,
            "all releases",
            "IsAggregate return state is false, got &{State:false Result:TEXT}",
            FUNCTION_2,
        ),
    ],
    cause: "An argument has another type than the function expects: a column that the row lacks is `null`, and an aggregate gets `null` where a window is empty. Or `Validate` counts the arguments: a call without arguments has `null` for a list.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Read TEXT. Accept `null` for every argument, and give the error a text.",
        ),
        remedy(
            Sdk::Rust,
            "`args.parse::<Option<f64>>(0)` accepts `null`; an aggregate's argument is always a list.",
        ),
        remedy(
            Sdk::Python,
            "TEXT is a traceback; its last line says what failed. `validate` has to return `\"\"` if all is fine.",
        ),
        remedy(
            Sdk::Go,
            "Return `err.Error()` as the first value of `Exec`: an `error` itself is encoded as `{}`. Numbers arrive as `float64`.",
        ),
    ],
};
