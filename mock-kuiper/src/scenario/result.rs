//! What came of the cases of a test file: data that every report is made from.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::node::Place;
use crate::event::Frame;
use crate::finding::Finding;
use crate::foreign::in_sentence;
use crate::redact::Secrets;

/// What came of all cases of a run.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Results {
    /// The plugins under test, by name; each once.
    pub plugins: Vec<String>,
    /// The results: those of a file together, and those of a case together.
    pub cases: Vec<CaseResult>,
    /// How long the run took.
    pub took: Duration,
    /// The seed, if one was given.
    pub seed: Option<u64>,
}

impl Results {
    /// Returns the number of results with a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        let cases = self.cases.iter();
        cases.filter(|case| case.verdict == verdict).count()
    }

    /// Panics with what went wrong unless all cases have passed; for a test in
    /// Rust.
    ///
    /// # Panics
    ///
    /// If a case has not passed.
    pub fn assert_passed(&self) {
        let cases = self.cases.iter();
        let bad: Vec<_> = cases.filter(|case| !case.verdict.is_good()).collect();
        if !bad.is_empty() {
            let texts: Vec<_> = bad.iter().map(ToString::to_string).collect();
            let (bad, all) = (bad.len(), self.cases.len());
            panic!("{bad} of {all} cases did not pass\n{}", texts.join("\n"));
        }
    }

    /// Returns the results by file, in their order.
    pub fn by_file(&self) -> impl Iterator<Item = &[CaseResult]> {
        self.cases.chunk_by(|a, b| a.file == b.file)
    }
}

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
    /// How long the attempt took that is described, with its setup and teardown: the
    /// last one, and of a flaky case the one before, which failed.
    pub took: Duration,
    /// Why it failed.
    pub failures: Vec<Failure>,
    /// What a reader should know although the case has not failed for it, for
    /// example that `acks` was ignored on this release.
    pub notes: Vec<String>,
    /// What the plugin wrote to stdout and stderr during the attempt.
    pub log: Vec<LogLine>,
    /// What the commands of `setup` and `teardown` wrote.
    pub output: Vec<String>,
    /// The last messages on the wire during the attempt. Their times count from
    /// the beginning of the case.
    pub frames: Vec<Frame>,
    /// The steps, with the times at which they began and ended.
    pub steps: Vec<StepTime>,
    /// The command that runs this case alone.
    pub command: String,
    /// What an update would write.
    pub(super) updates: Vec<Update>,
}

impl CaseResult {
    /// Makes the result of a case of which nothing else is known: one attempt
    /// that took no time.
    #[must_use]
    pub fn new(
        file: impl Into<PathBuf>,
        place: Place,
        name: impl Into<String>,
        release: &'static str,
        verdict: Verdict,
    ) -> Self {
        Self {
            file: file.into(),
            place,
            name: name.into(),
            release,
            verdict,
            attempts: 1,
            took: Duration::ZERO,
            failures: Vec::new(),
            notes: Vec::new(),
            log: Vec::new(),
            output: Vec::new(),
            frames: Vec::new(),
            steps: Vec::new(),
            command: String::new(),
            updates: Vec::new(),
        }
    }
}

impl CaseResult {
    /// Hides secrets in all texts.
    pub(super) fn hide(&mut self, secrets: &Secrets) {
        if secrets.is_empty() {
            return;
        }
        let hide = |text: &mut String| *text = secrets.hide(text);
        self.notes.iter_mut().for_each(hide);
        self.output.iter_mut().for_each(hide);
        self.log.iter_mut().for_each(|line| hide(&mut line.text));
        for frame in &mut self.frames {
            frame.body = secrets.hide(&frame.text()).into_bytes();
        }
        for failure in &mut self.failures {
            hide(&mut failure.text);
            for difference in &mut failure.differences {
                hide(&mut difference.expected);
                difference.seen.iter_mut().for_each(hide);
            }
            // Its details may have the secret; its text stays.
            if let Some(finding) = &failure.finding
                && secrets.hide(&finding.to_string()) != finding.to_string()
            {
                failure.finding = None;
            }
        }
    }
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
    /// It did not run, because another case had failed before or because of an
    /// interrupt.
    Skipped,
}

impl fmt::Display for CaseResult {
    /// Writes the case, why it did not pass, and the last of the plugin's output and
    /// of the messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LAST: usize = 10;
        let (file, line, name) = (
            self.file.display(),
            self.place.line,
            in_sentence(&self.name),
        );
        let (verdict, release) = (self.verdict.name(), self.release);
        writeln!(f, "{file}:{line} {name} (eKuiper {release}): {verdict}")?;
        for failure in &self.failures {
            write!(f, "{failure}")?;
        }
        for line in self.log.iter().skip(self.log.len().saturating_sub(LAST)) {
            writeln!(f, "    log {}", in_sentence(&line.text))?;
        }
        for frame in self
            .frames
            .iter()
            .skip(self.frames.len().saturating_sub(LAST))
        {
            writeln!(f, "    {frame}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, step) = (self.place.line, in_sentence(&self.step));
        writeln!(f, "  line {line}, {step}: {}", in_sentence(&self.text))?;
        for difference in &self.differences {
            let Difference {
                pointer,
                expected,
                seen,
            } = difference;
            let (pointer, expected) = (in_sentence(pointer), in_sentence(expected));
            let seen = seen.as_deref().map_or("nothing".to_owned(), in_sentence);
            writeln!(f, "    at `{pointer}`: expected {expected}, seen {seen}")?;
        }
        if let Some(finding) = &self.finding {
            writeln!(
                f,
                "    {}: {}",
                finding.code(),
                in_sentence(&finding.to_string())
            )?;
            for advice in finding.advice() {
                writeln!(f, "    help: {}", in_sentence(&advice.to_string()))?;
            }
        }
        Ok(())
    }
}

impl Verdict {
    /// Whether the plugin did what was expected.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Passed | Self::Flaky)
    }

    /// All verdicts, in the order in which a summary counts them.
    pub const ALL: [Self; 6] = [
        Self::Passed,
        Self::Failed,
        Self::Flaky,
        Self::Invalid,
        Self::Error,
        Self::Skipped,
    ];

    /// Returns the verdict in one word, as in the JSON of a result.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Flaky => "flaky",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
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

impl Failure {
    /// Makes a failure without differences and without a finding.
    #[must_use]
    pub fn new(step: impl Into<String>, place: Place, text: impl Into<String>) -> Self {
        Self {
            step: step.into(),
            place,
            text: text.into(),
            differences: Vec::new(),
            finding: None,
        }
    }
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

/// A part of a test file that an update replaces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Update {
    /// The bytes of the file that hold the pattern.
    pub(super) span: Range<usize>,
    /// What was seen.
    pub(super) seen: Value,
    /// The values that variables of the pattern had.
    pub(super) variables: BTreeMap<String, Value>,
    /// Whether the value is a list of rows, in which a `meta` may be left out.
    pub(super) is_rows: bool,
}
