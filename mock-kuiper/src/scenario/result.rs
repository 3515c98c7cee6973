//! What came of the cases of a test file: data that every report is made from.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::node::Place;
use crate::event::Frame;
use crate::finding::Finding;

/// What came of a case on a release.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CaseResult {
    /// The test file.
    pub file: PathBuf,
    /// Where the case begins.
    pub place: Place,
    /// The name of the case.
    pub name: String,
    /// The eKuiper release that was played.
    pub release: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// How often it was tried.
    pub attempts: u32,
    /// How long the last attempt took, with its setup and teardown.
    pub took: Duration,
    /// Why the last attempt that failed did so. A case that passed after a retry
    /// has those of the attempt before.
    pub failures: Vec<Failure>,
    /// What a reader should know although the case has not failed for it, for
    /// example that `acks` was ignored on this release.
    pub notes: Vec<String>,
    /// What the plugin wrote to stdout and stderr during the attempt.
    pub log: Vec<LogLine>,
    /// What the commands of `setup` and `teardown` wrote.
    pub output: Vec<String>,
    /// The last messages on the wire during the attempt.
    pub frames: Vec<Frame>,
    /// The steps, with the times at which they began and ended.
    pub steps: Vec<StepTime>,
    /// The command that runs this case alone.
    pub command: String,
    /// What `--update` would write.
    pub(crate) updates: Vec<Update>,
}

/// The verdict about a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// All expectations held.
    Passed,
    /// They held after a retry.
    Flaky,
    /// One did not hold, or the plugin did something wrong.
    Failed,
    /// The file or its plugin is wrong: nothing can be said about the plugin's
    /// behaviour.
    Invalid,
    /// An internal or system error: nothing can be said about the plugin.
    Error,
    /// It did not run, because of `--fail-fast` or an interrupt.
    Skipped,
}

/// A line that the plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The time since the case began.
    pub at: Duration,
    /// The line, as the plugin wrote it; at most 64 KiB of it.
    pub text: String,
}

/// When a step ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTime {
    /// The step, in short: `rows src`, `call echo("hi")`.
    pub step: String,
    /// Where it is in the file.
    pub place: Place,
    /// The time since the case began.
    pub began: Duration,
    /// The time since the case began.
    pub ended: Duration,
}

/// Why a case failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The step or the command that failed, in short: `rows src`.
    pub step: String,
    /// Where in the file.
    pub place: Place,
    /// What was observed, as a sentence without its full stop.
    pub text: String,
    /// What was expected and is not, if a value was compared.
    pub differences: Vec<Difference>,
    /// What the plugin did wrong.
    pub finding: Option<Finding>,
}

/// A part of a value that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// A JSON pointer to the part; empty for the whole value.
    pub pointer: String,
    /// What was expected there, in the words of the file: `{"$gte":50}`, or
    /// `nothing`.
    pub expected: String,
    /// The JSON that was seen there; `None` if there is none.
    pub seen: Option<String>,
}

/// A part of a test file that `--update` replaces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    /// The bytes of the file that hold the pattern.
    pub(crate) span: Range<usize>,
    /// What was seen.
    pub(crate) seen: Value,
    /// The values that variables of the pattern had.
    pub(crate) variables: BTreeMap<String, Value>,
}
