//! Sources and their rows: `source.*` and `row.*`.

use super::entry::{Explanation, Place, Sdk, quote, remedy};
use super::sources::{SOURCE_1, SOURCE_2};
use super::zh;
use crate::finding::code::Code;

pub(super) static STARTED_TWICE: Explanation = Explanation {
    chinese: &zh::row::STARTED_TWICE,
    code: Code::SourceStartedTwice,
    title: "A source has more connections after a second start than before",
    observed: "The start of a running source was sent once more, and after that the source had more than one connection to its data channel.",
    effect: "eKuiper shows nothing: rows arrive twice, and `source_STREAM_0_records_in_total` grows twice as fast. It happens after a crash, when eKuiper's replay of the start orders and the rule that is restarted both send a start.",
    quotes: &[],
    cause: "A start always makes a new instance, without a look at the ones that run. The Go SDK 2.4.0 does so.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Keep instances by rule id, op id, instance id and symbol. At a second start with the same argument answer `ok` and change nothing; with another argument, stop the old instance first.",
        ),
        remedy(Sdk::Rust, "The SDK does so."),
        remedy(
            Sdk::Go,
            "Keep running sources in a map of your own, and let `Open` of a second one end the first.",
        ),
    ],
};

pub(super) static ROW_MISSING: Explanation = Explanation {
    chinese: &zh::row::ROW_MISSING,
    code: Code::RowMissing,
    title: "A source sent no row in time",
    observed: "The source answered `ok` to its start and sent no row within the time limit.",
    effect: "eKuiper shows nothing: the rule is `running`, and `source_STREAM_0_records_in_total` and `source_STREAM_0_exceptions_total` stay 0.",
    quotes: &[],
    cause: "`open` waits for a device or a server, has failed with an error that only the plugin's own output shows, or polls more slowly than expected. On 2.x the Go and the Python SDK pass an empty DATASOURCE to `configure`, and keys of the yaml arrive in lower case: the source subscribes to nothing.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Look for the plugin's own lines in eKuiper's log. On 2.x read DATASOURCE from the property `datasource` and list the names of properties in `sources/NAME.json`.",
        ),
        remedy(
            Sdk::Rust,
            "An error that `open` returns is logged. `configure` gets the DATASOURCE on every release.",
        ),
        remedy(
            Sdk::Python,
            "The argument `datasource` is empty on every release (SDK 2.4.2). On 2.x read `conf['datasource']`, on 1.x a property of your own.",
        ),
        remedy(
            Sdk::Go,
            "On 2.x read `props[\"datasource\"]`: the argument `datasource` is empty.",
        ),
    ],
};

pub(super) static NOT_JSON: Explanation = Explanation {
    chinese: &zh::row::NOT_JSON,
    code: Code::RowNotJson,
    title: "A row is not JSON",
    observed: "A source sent bytes that are not JSON.",
    effect: "eKuiper skips the message and goes on. 2.x counts it as an exception of the source; 1.x writes the log line only, and cannot stop a source that sends nothing else: it goes on after the rule was stopped.",
    quotes: &[
        quote(
            Place::Log,
            "all releases",
            "Invalid data format, cannot decode ROW to json format with error invalid character 'o' in literal null (expecting 'u')",
            SOURCE_1,
        ),
        quote(
            Place::Log,
            "all releases, for a row with NaN",
            "Invalid data format, cannot decode ROW to json format with error invalid character 'N' looking for beginning of value",
            SOURCE_2,
        ),
        quote(
            Place::RuleStatus,
            "2.x",
            r#""source_STREAM_0_last_exception": "Invalid data format, cannot decode ROW to json format with error …""#,
            SOURCE_2,
        ),
    ],
    cause: "The row is text or binary data, or a number that JSON does not have: NaN or infinity.",
    remedies: &[
        remedy(
            Sdk::Any,
            r#"Send `{"message":{…},"meta":null}`, encoded by a JSON library; put binary data into a base64 string."#,
        ),
        remedy(
            Sdk::Rust,
            "`ctx.emit` cannot send anything else: NaN becomes `null`.",
        ),
        remedy(
            Sdk::Python,
            "`json.dumps` writes `NaN` for `float('nan')`: replace it by `None` before `ctx.emit`.",
        ),
    ],
};

pub(super) static NOT_OBJECT: Explanation = Explanation {
    chinese: &zh::row::NOT_OBJECT,
    code: Code::RowNotObject,
    title: "A row is JSON, but not an object",
    observed: "A source sent JSON that is not an object, such as an array or a number.",
    effect: "eKuiper skips the message and goes on. 2.x counts it as an exception of the source; 1.x writes the log line only.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "Invalid data format, cannot decode ROW to json format with error json: cannot unmarshal array into Go value of type runtime.messageWrapper",
            SOURCE_2,
        ),
        quote(
            Place::Log,
            "1.x",
            "Invalid data format, cannot decode ROW to json format with error json: cannot unmarshal array into Go value of type api.DefaultSourceTuple",
            SOURCE_1,
        ),
        quote(
            Place::RuleStatus,
            "2.x",
            r#""source_STREAM_0_last_exception": "Invalid data format, cannot decode ROW to json format with error …""#,
            SOURCE_2,
        ),
    ],
    cause: "Several rows are sent as one array. Or a source on the Go SDK 2.4.0 used the error channel of `Open`: the SDK sends that error as a JSON text and ends the source.",
    remedies: &[
        remedy(
            Sdk::Any,
            r#"Send one message for each row: `{"message":{…},"meta":null}`."#,
        ),
        remedy(Sdk::Rust, "Call `ctx.emit` once for each row."),
        remedy(Sdk::Python, "Call `ctx.emit` once for each row."),
        remedy(
            Sdk::Go,
            "Log errors with `ctx.GetLogger().Errorf` instead of sending them to the error channel.",
        ),
    ],
};

pub(super) static NO_MESSAGE: Explanation = Explanation {
    chinese: &zh::row::NO_MESSAGE,
    code: Code::RowNoMessage,
    title: "A row has no `message`",
    observed: "A source sent a JSON object in which `message` is missing or `null`.",
    effect: "eKuiper shows nothing: it passes a row without columns to the rule. The row is counted as received, `SELECT *` gives `{}`, and every column is `null`.",
    quotes: &[],
    cause: "The columns stand at the top of the row, as in `{\"temperature\":20}`.",
    remedies: &[
        remedy(
            Sdk::Any,
            r#"Wrap the columns: `{"message":{"temperature":20},"meta":null}`."#,
        ),
        remedy(Sdk::Rust, "`ctx.emit(columns)` wraps them."),
        remedy(
            Sdk::Python,
            "`ctx.emit(columns, None)` wraps them; do not pass `None` for the columns.",
        ),
        remedy(
            Sdk::Go,
            "Send `api.NewDefaultSourceTuple(columns, nil)` with a map that is not `nil`.",
        ),
    ],
};

pub(super) static MESSAGE_NOT_OBJECT: Explanation = Explanation {
    chinese: &zh::row::MESSAGE_NOT_OBJECT,
    code: Code::RowMessageNotObject,
    title: "`message` of a row is not an object",
    observed: "A source sent a row whose `message` is an array, a text or a number.",
    effect: "eKuiper skips the message and goes on. 2.x counts it as an exception of the source; 1.x writes the log line only.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "Invalid data format, cannot decode ROW to json format with error json: cannot unmarshal array into Go struct field messageWrapper.message of type map[string]interface {}",
            SOURCE_2,
        ),
        quote(
            Place::Log,
            "1.x",
            "Invalid data format, cannot decode ROW to json format with error json: cannot unmarshal array into Go struct field DefaultSourceTuple.message of type map[string]interface {}",
            SOURCE_1,
        ),
        quote(
            Place::RuleStatus,
            "2.x",
            r#""source_STREAM_0_last_exception": "Invalid data format, cannot decode ROW to json format with error …""#,
            SOURCE_2,
        ),
    ],
    cause: "A list of rows, or a single value, is emitted as one row.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Emit each row of a list by itself, and give a single value a column.",
        ),
        remedy(
            Sdk::Rust,
            "`ctx.emit` returns `EmitError::NotAnObject` and sends nothing: emit a struct or a map.",
        ),
        remedy(Sdk::Python, "Pass a `dict` to `ctx.emit`."),
    ],
};

pub(super) static META_NOT_OBJECT: Explanation = Explanation {
    chinese: &zh::row::META_NOT_OBJECT,
    code: Code::RowMetaNotObject,
    title: "`meta` of a row is neither an object nor `null`",
    observed: "A source sent a row whose `meta` is an array, a text or a number.",
    effect: "eKuiper skips the whole row, although `message` is right. 2.x counts it as an exception of the source; 1.x writes the log line only.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "Invalid data format, cannot decode ROW to json format with error json: cannot unmarshal string into Go struct field messageWrapper.meta of type map[string]interface {}",
            SOURCE_2,
        ),
        quote(
            Place::Log,
            "1.x",
            "Invalid data format, cannot decode ROW to json format with error json: cannot unmarshal string into Go struct field DefaultSourceTuple.meta of type map[string]interface {}",
            SOURCE_1,
        ),
        quote(
            Place::RuleStatus,
            "2.x",
            r#""source_STREAM_0_last_exception": "Invalid data format, cannot decode ROW to json format with error …""#,
            SOURCE_2,
        ),
    ],
    cause: "A topic or a time is passed as `meta` without a name.",
    remedies: &[
        remedy(
            Sdk::Any,
            r#"Give it a name, as in `{"topic":"t/1"}`, or send `null`."#,
        ),
        remedy(
            Sdk::Rust,
            "`ctx.emit` returns `EmitError::NotAnObject`: pass a struct, a map or `()`.",
        ),
        remedy(Sdk::Python, "Pass a `dict` or `None` to `ctx.emit`."),
    ],
};

pub(super) static ERROR: Explanation = Explanation {
    chinese: &zh::row::ERROR,
    code: Code::RowError,
    title: "A row is `{\"error\":\"text\"}`, which eKuiper does not read as an error",
    observed: "A source sent `{\"error\":\"text\"}` in place of a row.",
    effect: "eKuiper shows nothing: the text is lost. It passes a row without columns to the rule and counts it as received, without an exception.",
    quotes: &[],
    cause: "The SDK's call for errors was used: it sends this message, and no release reads it.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Log the error; what a plugin writes is in eKuiper's log.",
        ),
        remedy(Sdk::Rust, "`ctx.emit_error` logs and sends nothing."),
        remedy(
            Sdk::Python,
            "Use `logging.error` instead of `ctx.emit_error`.",
        ),
        remedy(
            Sdk::Go,
            "Use `ctx.GetLogger().Errorf`. The error channel of `Open` sends a JSON text, which is `row.not-object`, and ends the source.",
        ),
    ],
};

pub(super) static UNDECODABLE: Explanation = Explanation {
    chinese: &zh::row::UNDECODABLE,
    code: Code::RowUndecodable,
    title: "A row is JSON that cannot be decoded, for example nested too deep",
    observed: "A source sent a row that is JSON, and that Go's decoder does not accept: more than 10000 levels, or a number beyond the range of a float.",
    effect: "eKuiper skips the whole row. 2.x counts it as an exception of the source; 1.x writes the log line only.",
    quotes: &[
        quote(
            Place::Log,
            "2.x",
            "json: cannot unmarshal number 1e999 into Go struct field messageWrapper.message of type float64",
            SOURCE_2,
        ),
        quote(
            Place::Log,
            "1.x",
            "json: cannot unmarshal number 1e999 into Go struct field DefaultSourceTuple.message of type float64",
            SOURCE_1,
        ),
        quote(
            Place::Log,
            "all releases",
            "invalid character '[' exceeded max depth",
            SOURCE_2,
        ),
    ],
    cause: "A value contains itself, or a number has a huge exponent or hundreds of digits.",
    remedies: &[remedy(
        Sdk::Any,
        "Send such a number as a text, and flatten what is nested.",
    )],
};

pub(super) static SOURCE_ENDED: Explanation = Explanation {
    chinese: &zh::row::SOURCE_ENDED,
    code: Code::SourceEnded,
    title: "A source ended while rows were expected",
    observed: "The source closed its data channel and did not dial it again, and fewer rows had arrived than were asked for.",
    effect: "eKuiper shows nothing: the rule stays `running` and has no rows any more. The plugin's status stays `running`, too.",
    quotes: &[],
    cause: "`open` failed after the start was answered with `ok`, or the source came to its end: a file that was read, a counter, an exception that nobody caught.",
    remedies: &[
        remedy(
            Sdk::Any,
            "Connect to what the source reads before the start is answered, so that an error refuses the start. Later, try again instead of ending, and log why.",
        ),
        remedy(
            Sdk::Python,
            "An exception in `open` ends the instance: catch it inside, and log it.",
        ),
    ],
};
