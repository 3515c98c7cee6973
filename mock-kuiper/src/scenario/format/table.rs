//! The file, its cases and its commands. The steps have a file of their own.

use super::steps::{CALL_ROW, STEPS};
use super::{Form, KeyForm, Rule, Shape};

/// A test file.
pub(in super::super) static FILE: Form = Form {
    name: "The file",
    doc: "A test file has the cases of one plugin. Its name ends in `.test.yaml`. Paths in it \
          are relative to its directory.",
    keys: &[
        KeyForm::required(
            "plugin",
            Shape::Path,
            "The plugin: a directory or a zip, or a Cargo package or a Go module, which is built first.",
        ),
        KeyForm::required("cases", Shape::Filled(&Shape::Form(&CASE)), "The cases."),
        KeyForm::optional(
            "releases",
            RELEASES,
            "The eKuiper releases on which each case runs: a list, or `all`. Default: the newest.",
        ),
        KeyForm::optional(
            "process",
            Shape::Word(&["case", "file"]),
            "How long a process of the plugin lives: `case` gives each case its own, `file` lets \
             the cases share one and run one after another. Default: `case`.",
        ),
        KeyForm::optional(
            "python",
            Shape::Path,
            "The Python interpreter. A name without `/` is looked up in `PATH`. Default: `python3`.",
        ),
        KeyForm::optional(
            "env",
            Shape::Map(&Shape::Scalar),
            "What is added to the plugin's environment. A value may have `${tmp}` and `${port}`.",
        ),
        KeyForm::optional(
            "init_timeout",
            Shape::Duration,
            "How long the plugin may take from its launch to its greeting. Default: the limit of the release.",
        ),
        KeyForm::optional(
            "setup",
            COMMANDS,
            "Commands that run before the first case, once for each release, one release after \
             another. They may make the plugin, for example with `go build`.",
        ),
        KeyForm::optional(
            "teardown",
            COMMANDS,
            "Commands that run after the last case, once for each release.",
        ),
    ],
    rules: &[],
    example: "\
plugin: .
releases: [\"2.4\", \"1.13\"]
cases:
- name: echo returns its argument
  function: echo
  calls:
  - {args: [hi], result: hi}
",
};

const RELEASES: Shape = Shape::Or(&Shape::Word(&["all"]), &Shape::Filled(&Shape::Release));

const COMMANDS: Shape = Shape::List(&Shape::Or(&Shape::Template, &Shape::Form(&COMMAND)));

static CASE: Form = Form {
    name: "A case",
    doc: "A case is a list of steps, or, with `function` and `calls`, a table of calls. It fails \
          if an expectation does not hold, and if the plugin does something wrong or exits.",
    keys: &[
        KeyForm::required(
            "name",
            Shape::Text,
            "Its name, which no other case of the file has.",
        ),
        KeyForm::optional(
            "function",
            Shape::Text,
            "The function that the rows of `calls` call.",
        ),
        KeyForm::optional(
            "calls",
            Shape::Filled(&Shape::Form(&CALL_ROW)),
            "Calls of the function, one after another.",
        ),
        KeyForm::optional(
            "steps",
            Shape::Filled(&Shape::OneOf("a step", STEPS)),
            "The steps, one after another. A step is a mapping with the key of one of the steps \
             below.",
        ),
        KeyForm::optional(
            "releases",
            RELEASES,
            "The releases on which the case runs, if they are other than the file's.",
        ),
        KeyForm::optional(
            "retries",
            Shape::Count(0),
            "How often the case is tried again if it fails; a case that then passes is reported \
             as flaky.",
        ),
        KeyForm::optional("setup", COMMANDS, "Commands that run before the steps."),
        KeyForm::optional(
            "teardown",
            COMMANDS,
            "Commands that run after the steps, even if one has failed.",
        ),
    ],
    rules: &[
        Rule::ExactlyOne(&["calls", "steps"]),
        Rule::Needs("calls", "function"),
        Rule::Needs("function", "calls"),
    ],
    example: "\
name: random emits
releases: all
retries: 1
steps:
- start: {source: random, config: {period: 10}}
- rows: random
  expect: [{message: {count: 50}, meta: null}]
",
};

static COMMAND: Form = Form {
    name: "A command of `setup` or `teardown`",
    doc: "A command runs with `sh -c` in the directory of the file; one that ends with another \
          status than 0 fails. A text is the same as a mapping with `run` alone. `${port}` is a \
          free port of 127.0.0.1, `${tmp}` an empty directory; both are the same for a whole \
          case and its plugin.",
    keys: &[
        KeyForm::required("run", Shape::Template, "The command."),
        KeyForm::optional(
            "background",
            Shape::Bool,
            "Whether the command goes on meanwhile, and is ended afterwards.",
        ),
        KeyForm::optional(
            "ready",
            Shape::OneOf(
                "a condition",
                &[&READY_PORT, &READY_FILE, &READY_LOG, &READY_RUN],
            ),
            "When a command in the background counts as ready. Default: at once.",
        ),
        KeyForm::optional(
            "within",
            Shape::Duration,
            "How long the command may take, or in the background its readiness. Default: `5s`.",
        ),
    ],
    rules: &[Rule::Needs("ready", "background")],
    example: "\
run: mosquitto -p ${port}
background: true
ready: {port: \"${port}\"}
within: 10s
",
};

static READY_PORT: Form = Form {
    name: "Readiness by `port`",
    doc: "The command is ready when something listens on the port.",
    keys: &[KeyForm::required(
        "port",
        Shape::Port,
        "A TCP port of 127.0.0.1.",
    )],
    rules: &[],
    example: "port: \"${port}\"\n",
};

static READY_FILE: Form = Form {
    name: "Readiness by `file`",
    doc: "The command is ready when the file exists.",
    keys: &[KeyForm::required("file", Shape::Template, "The file.")],
    rules: &[],
    example: "file: \"${tmp}/ready\"\n",
};

static READY_LOG: Form = Form {
    name: "Readiness by `log`",
    doc: "The command is ready when it has written a line that is as expected.",
    keys: &[KeyForm::required(
        "log",
        Shape::Pattern,
        "What is expected of the line.",
    )],
    rules: &[],
    example: "log: {$contains: listening}\n",
};

static READY_RUN: Form = Form {
    name: "Readiness by `run`",
    doc: "The command is ready when another command ends with status 0. That one runs again \
          until it does.",
    keys: &[KeyForm::required(
        "run",
        Shape::Template,
        "The other command, for `sh -c`.",
    )],
    rules: &[],
    example: "run: nc -z 127.0.0.1 ${port}\n",
};
