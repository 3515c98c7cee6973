//! What a test file says, after its mistakes were found.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::node::Place;
use super::pattern::{Pattern, Template};
use crate::fault::Fault;
use crate::release::Release;

/// How long an expectation may take to hold by default: the time that eKuiper
/// gives a function.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// How long nothing must happen by default, where nothing is expected.
pub(super) const QUIET: Duration = Duration::from_millis(300);

/// A test file.
#[derive(Debug, Clone)]
pub struct TestFile {
    /// The file, as it was named.
    pub path: PathBuf,
    /// The plugin: a directory, a zip or a Cargo package.
    pub(super) plugin: PathBuf,
    /// The Python interpreter.
    pub(super) python: PathBuf,
    /// What is added to the plugin's environment. Values may have `${tmp}` and
    /// `${port}`.
    pub(super) env: Vec<(String, Template)>,
    /// How long the plugin may take from its launch to its greeting.
    pub(super) init_timeout: Option<Duration>,
    /// The releases on which each case runs; never empty.
    pub(super) releases: Vec<&'static Release>,
    /// How long a process of the plugin lives.
    pub(super) process: ProcessScope,
    /// The variables that `setup`, `teardown` and `env` use, of `tmp` and `port`.
    pub(super) variables: BTreeSet<String>,
    /// Run before the first case, on each release.
    pub(super) setup: Vec<Command>,
    /// Run after the last case.
    pub(super) teardown: Vec<Command>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// How long a process of the plugin lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ProcessScope {
    /// Each case has its own.
    #[default]
    Case,
    /// The cases of a file share one on each release, and run one after another.
    File,
}

/// A case of a test file.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name, which is unique in the file.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// The releases, if they are other than the file's.
    pub(super) releases: Option<Vec<&'static Release>>,
    /// How often it is tried again if it fails.
    pub(super) retries: u32,
    /// The variables that it uses, of `tmp` and `port`.
    pub(super) variables: BTreeSet<String>,
    /// Run before its steps.
    pub(super) setup: Vec<Command>,
    /// Run after its steps, also if one has failed.
    pub(super) teardown: Vec<Command>,
    /// Its steps. The rows of the table form, `calls`, are steps, too.
    pub(super) steps: Vec<Step>,
}

/// A command of `setup` or `teardown`, for `sh -c`, in the directory of the file.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) place: Place,
    pub(super) run: Template,
    /// Whether the command goes on while the cases run, and is ended afterwards.
    pub(super) background: bool,
    /// When a command in the background counts as ready.
    pub(super) ready: Option<Ready>,
    /// How long the command, or its readiness, may take.
    pub(super) within: Duration,
}

/// When a command in the background counts as ready.
#[derive(Debug, Clone)]
pub(super) enum Ready {
    /// Something listens on this TCP port of 127.0.0.1.
    Port(Template),
    /// The file exists.
    File(Template),
    /// A line of its output matches.
    Log(Pattern),
    /// This command ends with status 0.
    Run(Template),
}

/// A step of a case.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) place: Place,
    /// Whether it is a row of a table, which does not depend on those before.
    pub(super) is_row: bool,
    /// How long its expectation may take to hold: [`WITHIN`] without it, or
    /// [`QUIET`] if nothing is expected.
    pub(super) within: Option<Duration>,
    pub(super) action: Action,
}

/// What a step does.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Starts a source or a sink.
    Start(Start),
    /// Stops a source or a sink, by its alias. The rows that were not taken are
    /// dropped.
    Stop { alias: String },
    /// Takes rows of a source, in order.
    Rows {
        alias: String,
        /// What is expected of the list of rows, each of which is
        /// `{"message": …, "meta": …}`.
        expect: Expected,
        /// How many rows are taken.
        count: usize,
        capture: Vec<Capture>,
    },
    /// Sends rows to a sink.
    Send {
        alias: String,
        rows: Vec<Template>,
        /// What is expected of the list of acks: `"ok"` or `{"error": text}`.
        acks: Option<Expected>,
    },
    /// Calls a function.
    Call {
        function: String,
        args: Vec<Template>,
        outcome: Outcome,
        capture: Vec<Capture>,
    },
    /// Asks a function whether it accepts arguments.
    Validate {
        function: String,
        args: Vec<Template>,
        /// `None`: it accepts them. Otherwise what is expected of the text with
        /// which it refuses them.
        refused: Option<Expected>,
    },
    /// Waits for a line of the plugin's output.
    Log {
        line: Pattern,
        /// How many lines of the case must match: at least one without it.
        times: Option<usize>,
    },
    /// Reads a file.
    File { path: Template, content: Content },
    /// Plays a fault on all that runs, and checks that it survives.
    Fault {
        fault: Fault,
        /// A row that the sinks get meanwhile; without one they get none.
        row: Option<Template>,
    },
    /// Kills the plugin's process. It stays dead until `reload`.
    Kill,
    /// Replaces the plugin's process, as a plugin update does, and starts again
    /// what was running.
    Reload,
    /// Asks the plugin for nothing for a time.
    Idle(Duration),
    /// Runs a rule: the rows of a source go through functions to sinks.
    Rule(Rule),
}

/// Starts a source or a sink.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) symbol: StartSymbol,
    /// The name under which later steps mean this instance; the symbol's name
    /// without one.
    pub(super) alias: String,
    /// Its properties, an object.
    pub(super) config: Template,
    /// What is expected of the text with which the start is refused; `None`: it
    /// is not refused.
    pub(super) refused: Option<Expected>,
}

/// What is started.
#[derive(Debug, Clone)]
pub(super) enum StartSymbol {
    Source {
        name: String,
        datasource: Option<Template>,
        conf_key: Option<String>,
        /// Other options of the stream, an object.
        options: Template,
    },
    Sink {
        name: String,
        require_ack: bool,
        send_single: bool,
    },
}

/// What a call is expected to give.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// A result.
    Result(Expected),
    /// An error with a text.
    Error(Expected),
    /// A result, whatever it is.
    Answered,
}

/// A pattern, and where the file has it: an update writes there what was seen.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) pattern: Pattern,
    /// The bytes of the file that hold the pattern.
    pub(super) span: Range<usize>,
}

/// Names a part of what a step has seen, for later steps of the case.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    pub(super) name: String,
    /// A JSON pointer into the list of rows, or into the result of a call.
    pub(super) pointer: String,
}

/// What is expected of a file.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Of the list of its lines, without their ends.
    Lines(Expected),
    /// Of its text.
    Text(Expected),
    /// Of the JSON that it holds.
    Json(Expected),
    /// It does not exist.
    Absent,
    /// It exists.
    Present,
}

/// Runs a rule: `SELECT f(*) FROM source`, with actions.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) source: Start,
    /// Each function is called with the row as its only argument, and its result
    /// is the row for the next.
    pub(super) functions: Vec<String>,
    pub(super) sinks: Vec<Start>,
    /// How many rows go through the rule.
    pub(super) rows: usize,
}

impl StartSymbol {
    /// Returns the name of the symbol.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Source { name, .. } | Self::Sink { name, .. } => name,
        }
    }
}
