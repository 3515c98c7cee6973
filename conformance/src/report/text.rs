//! Results for a person.

use std::fmt::Write as _;

use mock_kuiper::profile::Profile;

use super::{Results, Standing, seen, transcript};
use crate::Requirement;
use crate::requirement::SECTIONS;
use crate::run::Verdict;

/// Lines of the transcript that are shown.
const SHOWN: usize = 12;

/// A line for each requirement, by section; below a failure what was seen, why
/// it matters, and the last lines of its transcript. `short` leaves out what is
/// as it should be.
#[must_use]
pub fn text(results: &Results<'_>, short: bool) -> String {
    let mut out = String::new();
    for (prefix, section) in SECTIONS {
        let is_fine = |standing| {
            matches!(
                standing,
                Standing::Passed | Standing::NotApplicable | Standing::Expected(_)
            )
        };
        let of: Vec<_> = (results.outcomes.iter())
            .filter(|outcome| outcome.requirement.id.starts_with(prefix))
            .filter(|outcome| !short || !is_fine(results.standing(outcome)))
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
        .filter(|(what, count)| *count > 0 || ["passed", "failed"].contains(what))
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

/// What no test of a plugin can observe, and why.
const UNOBSERVED: [(&str, &str); 6] = [
    (
        "A sink collects its rows in the order in which they came.",
        "Only the sink knows what it collected; SNK-03 sees that acks come one by one.",
    ),
    (
        "An ack `{}` means that the row was collected.",
        "As before.",
    ),
    (
        "A late answer of a function is not taken for that of the next call.",
        "No function can be made slow from outside; the socket's request ids see to it, and CTL-12 \
         looks at them on the control channel.",
    ),
    (
        "A refused configuration is the answer's text.",
        "Which configuration a plugin has to refuse only its author knows: CTL-18 with `--refused`.",
    ),
    (
        "A plugin that writes much to its log goes on.",
        "Not every plugin can be made to write; the host reads all output, as eKuiper does.",
    ),
    (
        "A plugin MAY end when its control address stays away.",
        "eKuiper ends it with SIGKILL before that.",
    ),
];

/// All requirements, as the page `docs/requirements.md`.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "<!-- Written by `ekuiper-conformance --explain all`. -->\n\n# What is required of a plugin\n\n\
         Each rule is one of [the protocol](protocol.md), and is observed on a process of the plugin's \
         own. A failed MUST makes a plugin fall short, a failed SHOULD with `--strict`.\n",
    );
    for (prefix, section) in SECTIONS {
        let _ = writeln!(out, "\n## {section}");
        let all = crate::requirement::all();
        for requirement in all.iter().filter(|rule| rule.id.starts_with(prefix)) {
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
            let _ = writeln!(
                out,
                "\n### {id}\n\n**{rule}** ({level}, releases: {releases})\n\n- Why it matters: \
                 {why}\n- How it is observed: {how}\n- Source: {source}"
            );
        }
    }
    out.push_str("\n## What no test observes\n\n");
    for (rule, reason) in UNOBSERVED {
        let _ = writeln!(out, "- {rule} {reason}");
    }
    out
}
