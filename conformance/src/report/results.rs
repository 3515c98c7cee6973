//! The results under one release, and how each of them counts.

use std::time::Duration;

use mock_kuiper::Code;

use crate::expect::Expected;
use crate::requirement::{Level, Requirement};
use crate::run::Trial;
use crate::verdict::{Cause, Verdict};

/// What is seen if a known failure passes.
pub(super) const STALE: &str = "the requirement passes: delete it from the known failures";

/// The results under one release, and what decides about them.
#[derive(Debug)]
pub struct Results<'a> {
    /// The plugin's name.
    pub plugin: String,
    /// The release.
    pub release: &'a str,
    /// The trials, one for each requirement.
    pub trials: Vec<Trial>,
    /// What a reader has to know about all of them, a line each: for example
    /// which symbols were examined.
    pub notes: Vec<String>,
    /// How long all of it took.
    pub took: Duration,
    /// The known failures.
    pub expected: &'a Expected,
    /// The flaky requirements.
    pub flaky: &'a Expected,
    /// Whether a failed SHOULD counts as a failure.
    pub strict: bool,
    /// The number of requirements without a trial, because the run was
    /// interrupted.
    pub unexamined: usize,
}

/// How a result counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// The requirement passed.
    Passed,
    /// The requirement failed, so the plugin fails.
    Failed,
    /// The requirement could not be tested.
    Untested {
        /// Whether the plugin fails because of it.
        counts: bool,
    },
    /// A SHOULD failed, which does not count.
    Warning,
    /// The requirement failed as expected, for this reason.
    KnownFailure(&'a str),
    /// A known failure passed: the entry is out of date.
    Stale,
    /// The requirement is known to pass in some runs and to fail in others: neither
    /// counts.
    Flaky {
        /// Why it is known.
        reason: &'a str,
        /// Whether it passed this time.
        passed: bool,
    },
    /// The requirement does not apply.
    NotApplicable,
    /// There is no verdict because of an internal or system error.
    Error,
}

impl Results<'_> {
    /// Returns how a result counts.
    #[must_use]
    pub fn standing(&self, trial: &Trial) -> Standing<'_> {
        let Requirement { id, .. } = trial.requirement;
        let expected = self.expected.reason(id, self.release);
        let flaky = self.flaky.reason(id, self.release);
        let counts = match trial.requirement.level {
            Level::Must => true,
            Level::Should => self.strict,
            Level::May => false,
        };
        match (&trial.verdict, flaky, expected) {
            (Verdict::Error { .. }, ..) => Standing::Error,
            (Verdict::NotApplicable { .. }, ..) => Standing::NotApplicable,
            (verdict, Some(reason), _) => Standing::Flaky {
                reason,
                passed: !verdict.is_failure(),
            },
            (Verdict::Passed, None, Some(_)) => Standing::Stale,
            (Verdict::Passed, None, None) => Standing::Passed,
            (_, None, Some(reason)) => Standing::KnownFailure(reason),
            (Verdict::NotTestable(_), None, None) => Standing::Untested { counts },
            (Verdict::Failed(_), None, None) if counts => Standing::Failed,
            (Verdict::Failed(_), None, None) => Standing::Warning,
        }
    }

    /// Returns the number of each requirement that failed and is not flaky, and the
    /// release.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let is_flaky = |trial: &Trial| matches!(self.standing(trial), Standing::Flaky { .. });
        let failed = self.trials.iter();
        failed
            .filter(move |trial| trial.verdict.is_failure() && !is_flaky(trial))
            .map(|trial| (trial.requirement.id, self.release))
    }

    /// Counts the results that `is` selects.
    pub fn count(&self, is: impl Fn(Standing<'_>) -> bool) -> usize {
        let trials = self.trials.iter();
        trials.filter(|trial| is(self.standing(trial))).count()
    }

    /// Returns whether the plugin fails, or a known failure is out of date.
    #[must_use]
    pub fn has_failures(&self) -> bool {
        let failures = self.count(|standing| {
            matches!(
                standing,
                Standing::Failed | Standing::Stale | Standing::Untested { counts: true }
            )
        });
        failures > 0
    }

    /// Returns whether a requirement has no verdict.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(|standing| standing == Standing::Error) > 0
    }

    /// Groups the untested requirements by their cause, the most frequent cause
    /// first.
    pub(super) fn untested(&self) -> Vec<Untested<'_>> {
        let mut groups: Vec<Untested<'_>> = Vec::new();
        for trial in &self.trials {
            let (Standing::Untested { counts }, Verdict::NotTestable(evidence)) =
                (self.standing(trial), &trial.verdict)
            else {
                continue;
            };
            let cause = evidence.cause.as_ref();
            let known = groups
                .iter_mut()
                .find(|group| cause.is_some() && group.cause == cause);
            match known {
                Some(group) => {
                    group.trials.push(trial);
                    group.counts |= counts;
                }
                None => groups.push(Untested {
                    cause,
                    trials: vec![trial],
                    counts,
                }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.trials.len()));
        groups
    }
}

/// Requirements that could not be tested for one cause.
#[derive(Debug)]
pub(super) struct Untested<'r> {
    pub(super) cause: Option<&'r Cause>,
    /// One at least.
    pub(super) trials: Vec<&'r Trial>,
    /// Whether the plugin fails because of one of them.
    pub(super) counts: bool,
}

/// Returns what was observed instead of what the rule says.
pub(super) fn seen(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Passed => "",
        Verdict::Failed(evidence) | Verdict::NotTestable(evidence) => &evidence.seen,
        Verdict::NotApplicable { reason } => reason,
        Verdict::Error { text } => text,
    }
}

/// Returns the code of the finding, if the host reported one.
pub(super) fn code(verdict: &Verdict) -> Option<Code> {
    match verdict {
        Verdict::Failed(evidence) | Verdict::NotTestable(evidence) => evidence.code,
        _ => None,
    }
}

/// Returns the last messages on the wire and the last lines of the log.
pub(super) fn transcript(verdict: &Verdict) -> &[String] {
    match verdict {
        Verdict::Failed(evidence) | Verdict::NotTestable(evidence) => &evidence.transcript,
        _ => &[],
    }
}
