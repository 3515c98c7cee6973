//! The steps of a case.

use super::{Form, KeyForm, Rule, Shape};

const WITHIN: KeyForm = KeyForm::optional(
    "within",
    Shape::Duration,
    "How long the step may take until what it expects holds. Default: `5s`.",
);

const ANSWER_WITHIN: KeyForm = KeyForm::optional(
    "within",
    Shape::Duration,
    "How long the answer may take, at most the limit of the release, which is the default.",
);

const ARGS: KeyForm = KeyForm::optional(
    "args",
    Shape::List(&Shape::Value),
    "The arguments. Default: none.",
);

const RESULT: KeyForm = KeyForm::optional("result", Shape::Pattern, "The expected result.");

const ERROR: KeyForm = KeyForm::optional(
    "error",
    Shape::Pattern,
    "The expected text of the error, if the call must fail.",
);

const CAPTURE: KeyForm = KeyForm::optional(
    "capture",
    Shape::Map(&Shape::Pointer),
    "Variables for later steps of the case, each with a JSON pointer into what was seen: the \
     list of rows, or the result.",
);

const CONFIG: KeyForm = KeyForm::optional(
    "config",
    Shape::Object,
    "The properties, which are laid over those of the source's yaml.",
);

const SINK_CONFIG: KeyForm = KeyForm::optional("config", Shape::Object, "The properties.");

const ALIAS: KeyForm = KeyForm::optional(
    "as",
    Shape::Text,
    "The name under which later steps mean this instance. Default: the name of the symbol.",
);

const SOURCE: KeyForm = KeyForm::required("source", Shape::Text, "The name of the source.");

const DATASOURCE: KeyForm = KeyForm::optional(
    "datasource",
    Shape::Template,
    "The stream's `DATASOURCE`. Where it arrives depends on the release: from 2.0 on in \
         `config`.",
);

const CONF_KEY: KeyForm =
    KeyForm::optional("confKey", Shape::Text, "The section of the source's yaml.");

const OPTIONS: KeyForm = KeyForm::optional(
    "options",
    Shape::Object,
    "Other options of the stream, for example `{FORMAT: json}`.",
);

const SINK: KeyForm = KeyForm::required("sink", Shape::Text, "The name of the sink.");

const REQUIRE_ACK: KeyForm = KeyForm::optional(
    "requireAck",
    Shape::Bool,
    "Whether the next row is sent only after the ack of the one before.",
);

const SEND_SINGLE: KeyForm = KeyForm::optional(
    "sendSingle",
    Shape::Bool,
    "Whether each row is sent as it is, and not in an array.",
);

static START_SOURCE: Form = Form {
    name: "A source to start",
    doc: "Starts a source.",
    keys: &[SOURCE, ALIAS, DATASOURCE, CONF_KEY, OPTIONS, CONFIG],
    rules: &[],
    example: "\
source: random
as: src
datasource: topic/1
confKey: fast
options: {FORMAT: json}
config: {period: 10}
",
};

static START_SINK: Form = Form {
    name: "A sink to start",
    doc: "Starts a sink.",
    keys: &[SINK, ALIAS, SINK_CONFIG, REQUIRE_ACK, SEND_SINGLE],
    rules: &[],
    example: "\
sink: append
as: out
config: {path: \"${tmp}/rows\"}
requireAck: true
sendSingle: false
",
};

static RULE_SOURCE: Form = Form {
    name: "The source of a rule",
    doc: "The source of a rule.",
    keys: &[SOURCE, DATASOURCE, CONF_KEY, OPTIONS, CONFIG],
    rules: &[],
    example: "source: random\nconfig: {period: 10}\n",
};

static RULE_SINK: Form = Form {
    name: "A sink of a rule",
    doc: "A sink of a rule.",
    keys: &[SINK, SINK_CONFIG, REQUIRE_ACK, SEND_SINGLE],
    rules: &[],
    example: "sink: append\nconfig: {path: \"${tmp}/rows\"}\n",
};

static RULE: Form = Form {
    name: "A rule",
    doc: "The parts of the rule of a step `rule`.",
    keys: &[
        KeyForm::required(
            "source",
            Shape::Form(&RULE_SOURCE),
            "Where the rows come from.",
        ),
        KeyForm::optional(
            "functions",
            Shape::List(&Shape::Text),
            "Functions `f`, `g`: the sinks get what `SELECT g(f(*)) AS g` gives, `{g: RESULT}`. \
             Without them they get the row.",
        ),
        KeyForm::required(
            "sinks",
            Shape::Filled(&Shape::Form(&RULE_SINK)),
            "Where the rows go to.",
        ),
        KeyForm::required(
            "rows",
            Shape::Count(1),
            "How many rows go through the rule.",
        ),
    ],
    rules: &[],
    example: "\
source: {source: random, config: {period: 10}}
functions: [echo]
sinks: [{sink: append, config: {path: \"${tmp}/rows\"}}]
rows: 3
",
};

/// All steps.
pub(in super::super) static STEPS: &[&Form] = &[
    &START, &STOP, &ROWS, &SEND, &CALL, &VALIDATE, &LOG, &FILE, &FAULT, &KILL, &RELOAD, &IDLE,
    &RULE_STEP,
];

static START: Form = Form {
    name: "Step `start`",
    doc: "Starts a source or a sink.",
    keys: &[
        KeyForm::required(
            "start",
            Shape::OneOf("what to start", &[&START_SOURCE, &START_SINK]),
            "What is started, with its properties.",
        ),
        KeyForm::optional(
            "refused",
            Shape::Pattern,
            "The expected text with which the start is refused. Default: the start must succeed.",
        ),
    ],
    rules: &[],
    example: "\
start: {source: random, config: {period: soon}}
refused: {$contains: config.period}
",
};

static STOP: Form = Form {
    name: "Step `stop`",
    doc: "Stops a source or a sink. Rows of a source that no step has taken are dropped.",
    keys: &[KeyForm::required(
        "stop",
        Shape::Text,
        "The alias of what is stopped.",
    )],
    rules: &[],
    example: "stop: src\n",
};

static ROWS: Form = Form {
    name: "Step `rows`",
    doc: "Takes rows of a source, in order from its start. The rows that it does not take wait \
          for the next step `rows`. After a stop, it checks that no rows come.",
    keys: &[
        KeyForm::required("rows", Shape::Text, "The alias of the source."),
        KeyForm::required(
            "expect",
            Shape::Pattern,
            "The expected list of rows, each of which is `{message: …, meta: …}`; without `meta` \
             it may have any. As many are taken as the list has: a list, `{$unordered: […]}`, or \
             a mapping with `$len: N`.",
        ),
        CAPTURE,
        KeyForm::optional(
            "within",
            Shape::Duration,
            "How long it may take until the rows are as expected. Default: `5s`, or `300ms` if \
             none are expected.",
        ),
    ],
    rules: &[],
    example: "\
rows: src
within: 2s
expect: [{message: {count: {$gte: 50}}, meta: null}]
capture: {n: /0/message/count}
",
};

static SEND: Form = Form {
    name: "Step `send`",
    doc: "Sends rows to a sink, one after another. Without acks, the step only shows that the \
          sink has read them; what it made of them is for the steps `file` and `log`.",
    keys: &[
        KeyForm::required("send", Shape::Text, "The alias of the sink."),
        KeyForm::required(
            "rows",
            Shape::Filled(&Shape::Value),
            "The rows. A text is sent as its bytes, everything else as JSON: in an array, unless \
             the sink was started with `sendSingle`.",
        ),
        KeyForm::optional(
            "acks",
            Shape::Pattern,
            "The expected list of acks, one for each row: `ok` or `{error: TEXT}`. Ignored on \
             releases that have no acks.",
        ),
        WITHIN,
    ],
    rules: &[],
    example: "\
send: out
rows: [{a: 1}, \"c=1\"]
acks: [ok, {error: {$regex: expected}}]
",
};

static CALL: Form = Form {
    name: "Step `call`",
    doc: "Calls a function, and does not ask it before whether it accepts the arguments: that is \
          the step `validate`. Without an expectation any result will do.",
    keys: &[
        KeyForm::required("call", Shape::Text, "The name of the function."),
        ARGS,
        RESULT,
        ERROR,
        CAPTURE,
        ANSWER_WITHIN,
    ],
    rules: &[
        Rule::AtMostOne(&["result", "error"]),
        Rule::AtMostOne(&["capture", "error"]),
    ],
    example: "\
call: echo
args: [{k: \"${n}\"}]
result: {k: {$type: number}}
capture: {k: /k}
",
};

static VALIDATE: Form = Form {
    name: "Step `validate`",
    doc: "Asks a function whether it accepts arguments, as eKuiper does when a rule is made.",
    keys: &[
        KeyForm::required("validate", Shape::Text, "The name of the function."),
        ARGS,
        KeyForm::optional(
            "refused",
            Shape::Pattern,
            "The expected text with which it refuses them. Default: it must accept them.",
        ),
    ],
    rules: &[],
    example: "\
validate: echo
args: []
refused: {$regex: one argument}
",
};

static LOG: Form = Form {
    name: "Step `log`",
    doc: "Waits for a line that the plugin has written to stdout or stderr since the case began.",
    keys: &[
        KeyForm::required("log", Shape::Pattern, "What is expected of the line."),
        KeyForm::optional(
            "times",
            Shape::Count(0),
            "How many lines must be as expected. Default: at least one.",
        ),
        KeyForm::optional(
            "within",
            Shape::Duration,
            "How long it may take until the lines are there. Default: `5s`, or `300ms` with \
             `times: 0`.",
        ),
    ],
    rules: &[],
    example: "log: {$regex: \"WARN.*expected\"}\ntimes: 1\n",
};

static FILE: Form = Form {
    name: "Step `file`",
    doc: "Reads a file until it is as expected.",
    keys: &[
        KeyForm::required("file", Shape::Template, "The path of the file."),
        KeyForm::optional(
            "lines",
            Shape::Pattern,
            "The expected list of its lines, without their ends.",
        ),
        KeyForm::optional("text", Shape::Pattern, "The expected text."),
        KeyForm::optional(
            "json",
            Shape::Pattern,
            "The expected value that it has as JSON.",
        ),
        KeyForm::optional("exists", Shape::Bool, "Whether it must exist."),
        WITHIN,
    ],
    rules: &[Rule::ExactlyOne(&["lines", "text", "json", "exists"])],
    example: "file: \"${tmp}/rows\"\nlines: ['{\"a\":1}', '{\"a\":2}']\n",
};

static FAULT: Form = Form {
    name: "Step `fault`",
    doc: "Plays a fault on everything that runs, and checks that the plugin survives it.",
    keys: &[
        KeyForm::required(
            "fault",
            Shape::Fault,
            "A fault of `mock-kuiper run`, by its name, with or without a value.",
        ),
        KeyForm::optional(
            "row",
            Shape::Value,
            "A row that the sinks get meanwhile; without it they get none.",
        ),
    ],
    rules: &[],
    example: "fault: kill=200ms\n",
};

static KILL: Form = Form {
    name: "Step `kill`",
    doc: "Kills the plugin's process, as a crash does. It stays dead until `reload`.",
    keys: &[KeyForm::required("kill", Shape::Nothing, "Write `- kill`.")],
    rules: &[],
    example: "kill:\n",
};

static RELOAD: Form = Form {
    name: "Step `reload`",
    doc: "Replaces the plugin's process, as an update of the plugin does, and starts again what \
          ran.",
    keys: &[KeyForm::required(
        "reload",
        Shape::Nothing,
        "Write `- reload`.",
    )],
    rules: &[],
    example: "reload:\n",
};

static IDLE: Form = Form {
    name: "Step `idle`",
    doc: "Asks the plugin for nothing for a time.",
    keys: &[KeyForm::required("idle", Shape::Duration, "How long.")],
    rules: &[],
    example: "idle: 2s\n",
};

/// A row of the table form of a case.
pub(super) static CALL_ROW: Form = Form {
    name: "A row of `calls`",
    doc: "A row calls the function of the case. With `refused` the function is only asked \
          whether it accepts the arguments. Without an expectation any result will do. The rows \
          after one that fails are tried, too.",
    keys: &[
        ARGS,
        RESULT,
        ERROR,
        KeyForm::optional(
            "refused",
            Shape::Pattern,
            "The expected text with which the function refuses the arguments when it validates them.",
        ),
        CAPTURE,
        ANSWER_WITHIN,
    ],
    rules: &[
        Rule::AtMostOne(&["result", "error", "refused"]),
        Rule::AtMostOne(&["capture", "error"]),
        Rule::AtMostOne(&["capture", "refused"]),
        Rule::AtMostOne(&["refused", "within"]),
    ],
    example: "\
args: [{$base64: photo.jpg}]
result: {$type: string}
within: 2s
",
};

static RULE_STEP: Form = Form {
    name: "Step `rule`",
    doc: "Runs a rule: the rows of a source go through functions to sinks. The step ends when \
          the sinks have got all rows, and stops what it has started.",
    keys: &[
        KeyForm::required("rule", Shape::Form(&RULE), "The parts of the rule."),
        WITHIN,
    ],
    rules: &[],
    example: "\
rule:
  source: {source: random, config: {period: 10}}
  sinks: [{sink: append, config: {path: \"${tmp}/rows\"}}]
  rows: 3
",
};
