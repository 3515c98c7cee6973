//! What is told of the results: as text, as JSON, as JUnit, and to GitHub.

mod github;
mod json;
mod junit;
mod text;

pub use self::github::{annotations, summary};
pub use self::json::json;
pub use self::junit::junit;
pub use self::text::{explain, list, markdown, rules, text};

use std::time::Duration;

use crate::expect::Expected;
use crate::requirement::Level;
use crate::run::{Outcome, Verdict};

/// The results under one release, and what decides on them.
#[derive(Debug)]
pub struct Results<'a> {
    /// The plugin's name.
    pub plugin: String,
    /// The release.
    pub release: &'a str,
    /// What came of each requirement.
    pub outcomes: Vec<Outcome>,
    /// How long all of it took.
    pub took: Duration,
    /// The failures that are known.
    pub expected: &'a Expected,
    /// Whether a SHOULD counts.
    pub strict: bool,
}

/// How a result is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// As it should be.
    Passed,
    /// A failure that decides.
    Failed,
    /// A failure that does not decide: of a SHOULD.
    Tolerated,
    /// A failure that was expected: why.
    Expected(&'a str),
    /// Expected to fail, and passed.
    Stale,
    /// Nothing to say.
    NotApplicable,
    /// No verdict.
    Trouble,
}

impl Results<'_> {
    /// Returns how a result is counted.
    #[must_use]
    pub fn standing(&self, outcome: &Outcome) -> Standing<'_> {
        let expected = self.expected.reason(outcome.requirement.id, self.release);
        match (&outcome.verdict, expected) {
            (Verdict::Trouble { .. }, _) => Standing::Trouble,
            (Verdict::NotApplicable { .. }, _) => Standing::NotApplicable,
            (Verdict::Passed, Some(_)) => Standing::Stale,
            (Verdict::Passed, None) => Standing::Passed,
            (_, Some(reason)) => Standing::Expected(reason),
            (_, None) if outcome.requirement.level == Level::Must || self.strict => {
                Standing::Failed
            }
            (_, None) => Standing::Tolerated,
        }
    }

    /// Returns the number of each requirement that failed, and the release.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let failed = self.outcomes.iter();
        failed
            .filter(|outcome| outcome.verdict.is_failure())
            .map(|outcome| (outcome.requirement.id, self.release))
    }

    /// Counts the results of a standing.
    pub fn count(&self, is: impl Fn(Standing<'_>) -> bool) -> usize {
        let outcomes = self.outcomes.iter();
        outcomes
            .filter(|outcome| is(self.standing(outcome)))
            .count()
    }

    /// Whether the plugin fell short, or a known failure is none any more.
    #[must_use]
    pub fn falls_short(&self) -> bool {
        self.count(|standing| matches!(standing, Standing::Failed | Standing::Stale)) > 0
    }

    /// Whether there is a requirement without a verdict.
    #[must_use]
    pub fn has_trouble(&self) -> bool {
        self.count(|standing| standing == Standing::Trouble) > 0
    }
}

/// What was seen in the place of what the rule says.
fn seen(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Passed => "",
        Verdict::Failed(evidence) | Verdict::NotTestable(evidence) => &evidence.seen,
        Verdict::NotApplicable { reason } => reason,
        Verdict::Trouble { text } => text,
    }
}

/// The last that went over the wire.
fn transcript(verdict: &Verdict) -> &[String] {
    match verdict {
        Verdict::Failed(evidence) | Verdict::NotTestable(evidence) => &evidence.transcript,
        _ => &[],
    }
}
