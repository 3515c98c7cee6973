//! Results for a person.

use std::fmt::Write as _;

use mock_kuiper::profile::Profile;

use super::{Results, Standing, seen, transcript};
use crate::Requirement;
use crate::requirement::SECTIONS;
use crate::run::Verdict;

/// Lines of the transcript that are shown.
const SHOWN: usize = 12;

/// A line for each requirement, by section; below a failure what was expected
/// and seen, and the last lines of its transcript.
#[must_use]
pub fn text(results: &Results<'_>) -> String {
    let mut out = String::new();
    for (prefix, section) in SECTIONS {
        let of: Vec<_> = (results.outcomes.iter())
            .filter(|outcome| outcome.requirement.id.starts_with(prefix))
            .collect();
        if of.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        let _ = writeln!(out, "{section}");
        for outcome in of {
            let Requirement { id, rule, .. } = outcome.requirement;
            let standing = results.standing(outcome);
            let word = match (standing, &outcome.verdict) {
                (Standing::Passed, _) => "ok      ",
                (Standing::Failed, Verdict::NotTestable(_)) => "UNTESTED",
                (Standing::Failed, _) => "FAILED  ",
                (Standing::Tolerated, _) => "should  ",
                (Standing::Expected(_), _) => "expected",
                (Standing::Stale, _) => "STALE   ",
                (Standing::NotApplicable, _) => "-       ",
                (Standing::Trouble, _) => "TROUBLE ",
            };
            let _ = writeln!(out, "  {word} {id}  {rule}");
            let mut below = |name: &str, text: &str| {
                let text = text.replace('\n', "\n                      ");
                let _ = writeln!(out, "           {name:<10} {text}");
            };
            match standing {
                Standing::Passed => {}
                Standing::NotApplicable => below("because", seen(&outcome.verdict)),
                Standing::Expected(reason) => below("known", reason),
                Standing::Stale => below("seen", "it passes: delete it from the known failures"),
                Standing::Trouble => below("seen", seen(&outcome.verdict)),
                Standing::Failed | Standing::Tolerated => {
                    below("seen", seen(&outcome.verdict));
                    below("matters", outcome.requirement.why);
                    let lines = transcript(&outcome.verdict);
                    for line in &lines[lines.len().saturating_sub(SHOWN)..] {
                        below("", line);
                    }
                }
            }
        }
    }
    let _ = writeln!(out, "{}", conclusion(results));
    out
}

/// `mirror under eKuiper 2.4: 40 passed, 1 failed, 2 not applicable`.
pub(super) fn conclusion(results: &Results<'_>) -> String {
    let counts = [
        ("passed", results.count(|s| s == Standing::Passed)),
        ("failed", results.count(|s| s == Standing::Failed)),
        (
            "known failures passed",
            results.count(|s| s == Standing::Stale),
        ),
        (
            "known to fail",
            results.count(|s| matches!(s, Standing::Expected(_))),
        ),
        (
            "not as they should be",
            results.count(|s| s == Standing::Tolerated),
        ),
        (
            "not applicable",
            results.count(|s| s == Standing::NotApplicable),
        ),
        (
            "without a verdict",
            results.count(|s| s == Standing::Trouble),
        ),
    ];
    let counts: Vec<_> = (counts.iter())
        .filter(|(what, count)| *count > 0 || *what == "failed")
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    format!(
        "{} under eKuiper {}: {}",
        results.plugin,
        results.release,
        counts.join(", ")
    )
}

/// A line for each requirement of a release.
#[must_use]
pub fn list(requirements: &[&Requirement], profile: &Profile) -> String {
    let of = requirements
        .iter()
        .filter(|requirement| requirement.releases.has(profile));
    of.map(|requirement| {
        let Requirement {
            id, level, rule, ..
        } = requirement;
        format!("{id}  {level:<6}  {rule}\n")
    })
    .collect()
}

/// All that is known of a requirement.
#[must_use]
pub fn explain(requirement: &Requirement) -> String {
    let Requirement {
        id,
        level,
        releases,
        rule,
        why,
        how,
        source,
        ..
    } = requirement;
    format!(
        "{id}  {level}, releases: {releases}\n\n{rule}\n\nWhy it matters: {why}\n\n\
         How it is observed: {how}\n\nSource: {source}\n"
    )
}
