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
                (Standing::Tolerated, Verdict::NotTestable(_)) => "untested",
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
                    below("expected", outcome.requirement.how);
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
    let took = results.took.as_secs_f64();
    let _ = writeln!(out, "{}, in {took:.1} s", conclusion(results));
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

/// A rule that no test of a plugin can observe.
struct Unobserved {
    id: &'static str,
    level: &'static str,
    rule: &'static str,
    /// Why not.
    reason: &'static str,
    source: &'static str,
}

const UNOBSERVED: [Unobserved; 10] = [
    Unobserved {
        id: "CTL-24",
        level: "MUST",
        rule: "Properties arrive as they were written.",
        reason: "Only the symbol knows what it got: CTL-10 sees that a start with them is answered with \
                 `ok`, CTL-23 that names are decoded.",
        source: "ekuiper-2.4.0-go.jsonl:35",
    },
    Unobserved {
        id: "CTL-25",
        level: "MAY",
        rule: "The stop of what does not run is answered with an error text.",
        reason: "eKuiper takes either answer, and so does CTL-16.",
        source: "ekuiper-2.4.0-go.jsonl:272",
    },
    Unobserved {
        id: "SRC-10",
        level: "MAY",
        rule: "The `meta` of a row is `null`.",
        reason: "eKuiper takes either, and so does SRC-02.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/source.go",
    },
    Unobserved {
        id: "SNK-14",
        level: "MUST",
        rule: "An ack `{}` means that the row was collected.",
        reason: "Only the sink knows what it did with the row.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
    },
    Unobserved {
        id: "SNK-15",
        level: "MAY",
        rule: "Where `requireAck` is not set, no ack is sent.",
        reason: "Nobody reads them; SNK-04 sees that rows are taken either way.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/sink.go",
    },
    Unobserved {
        id: "FUN-15",
        level: "MUST",
        rule: "A slow call of one function does not hold up another function.",
        reason: "No function can be made slow from outside; FUN-09 calls all at once.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
    },
    Unobserved {
        id: "FUN-16",
        level: "MUST",
        rule: "An answer that comes after eKuiper's 5 s is not mixed with the next call.",
        reason: "As FUN-15. eKuiper throws a late answer away itself, and FUN-13 sees that only what was \
                 asked under the last id is answered.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/connection.go",
    },
    Unobserved {
        id: "FUN-17",
        level: "MAY",
        rule: "A call or its arguments are refused, with `state` false and a text.",
        reason: "What a function takes is its own affair; FUN-02 and FUN-03 take any verdict.",
        source: "eKuiper 2.4.0 internal/plugin/portable/runtime/function.go",
    },
    Unobserved {
        id: "LIF-10",
        level: "MAY",
        rule: "The process ends when its control address stays away.",
        reason: "eKuiper ends it with SIGKILL before that.",
        source: "eKuiper 2.4.0 sdk/python/ekuiper/runtime/connection.py",
    },
    Unobserved {
        id: "LIF-11",
        level: "MAY",
        rule: "The argument is ignored.",
        reason: "Nothing of what it says has to be done; LIF-07 sees that any is taken.",
        source: "ekuiper-2.4.0-go.jsonl:2",
    },
];

/// The rules for a plugin as the tables of `docs/protocol.md`, a section each.
#[must_use]
pub fn rules() -> String {
    let mut out = String::new();
    for (prefix, section) in SECTIONS {
        let _ = writeln!(
            out,
            "### {section}\n\n| rule | | releases | | source |\n|---|---|---|---|---|"
        );
        let all = crate::requirement::all();
        for requirement in all.iter().filter(|rule| rule.id.starts_with(prefix)) {
            let Requirement {
                id,
                level,
                releases,
                rule,
                source,
                ..
            } = requirement;
            let _ = writeln!(out, "| {id} | {level} | {releases} | {rule} | {source} |");
        }
        for unobserved in UNOBSERVED.iter().filter(|rule| rule.id.starts_with(prefix)) {
            let Unobserved {
                id,
                level,
                rule,
                source,
                ..
            } = unobserved;
            let _ = writeln!(out, "| {id} | {level} | all | {rule} | {source} |");
        }
        out.push('\n');
    }
    out
}

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
    for Unobserved {
        id,
        level,
        rule,
        reason,
        ..
    } in &UNOBSERVED
    {
        let _ = writeln!(out, "- {id} ({level}): **{rule}** {reason}");
    }
    out
}
