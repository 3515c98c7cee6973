//! The pages about the requirements: lists, explanations and tables.

use std::fmt::Write as _;

use mock_kuiper::Release;

use crate::requirement::{Requirement, SECTIONS, Unobserved};
use crate::section;

/// Returns a line for each requirement that a release has.
#[must_use]
pub fn list(requirements: &[&Requirement], profile: &Release) -> String {
    let listed = requirements
        .iter()
        .filter(|requirement| requirement.releases.has(profile));
    let lines = listed.map(|requirement| {
        let Requirement {
            id, level, rule, ..
        } = requirement;
        format!("{id}  {level:<6}  {rule}\n")
    });
    lines.collect()
}

/// Returns everything that is known of a requirement.
#[must_use]
pub fn explain(requirement: &Requirement) -> String {
    let Requirement {
        id,
        level,
        releases,
        rule,
        why,
        how,
        expected,
        source,
        ..
    } = requirement;
    format!(
        "{id}  {level}, releases: {releases}\n\n{rule}\n\nWhy it matters: {why}\n\n\
         How it is observed: {how}\n\nExpected: {expected}\n\nSource: {source}\n"
    )
}

/// Returns the rules for a plugin as the tables of `docs/protocol.md`, one for
/// each section.
#[must_use]
pub fn rules() -> String {
    let mut out = String::new();
    for (prefix, section) in SECTIONS {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "### {section}\n\n| rule | | releases | | source |\n|---|---|---|---|---|"
        );
        for requirement in section::all() {
            let Requirement {
                id,
                level,
                releases,
                rule,
                source,
                ..
            } = requirement;
            if id.starts_with(prefix) {
                let _ = writeln!(out, "| {id} | {level} | {releases} | {rule} | {source} |");
            }
        }
        for unobserved in section::unobserved() {
            let Unobserved {
                id,
                level,
                rule,
                source,
                ..
            } = unobserved;
            if id.starts_with(prefix) {
                let _ = writeln!(out, "| {id} | {level} | all | {rule} | {source} |");
            }
        }
        out.push('\n');
    }
    out
}

/// Returns all requirements as the page `docs/requirements.md`.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "<!-- Written by `ekuiper-conformance --explain all`. -->\n\n# Requirements for a \
         plugin\n\nEach requirement is a rule of [the protocol](protocol.md), and is observed on a \
         process of its own. A plugin fails if it breaks a MUST; with `--strict` also if it breaks \
         a SHOULD.\n",
    );
    for (prefix, section) in SECTIONS {
        let _ = writeln!(out, "\n## {section}");
        for requirement in section::all() {
            let Requirement {
                id,
                level,
                releases,
                rule,
                why,
                how,
                expected,
                source,
                ..
            } = requirement;
            if id.starts_with(prefix) {
                let _ = writeln!(
                    out,
                    "\n### {id}\n\n**{rule}** ({level}, releases: {releases})\n\n- Why it \
                     matters: {why}\n- How it is observed: {how}\n- Expected: {expected}\n- Source: {source}"
                );
            }
        }
    }
    out.push_str("\n## Rules that no test observes\n\n");
    for unobserved in section::unobserved() {
        let Unobserved {
            id,
            level,
            rule,
            reason,
            ..
        } = unobserved;
        let _ = writeln!(out, "- {id} ({level}): **{rule}** {reason}");
    }
    out
}
