//! The results on the page of a GitHub Actions job.

use std::fmt::Write as _;

use super::conclusion;
use super::results::{Results, Standing, Untested, code, seen};

/// Returns an annotation for each failure, and one for each cause of untested
/// requirements, as workflow commands. A flaky requirement that failed is a notice.
#[must_use]
pub fn annotations(results: &Results<'_>) -> String {
    let mut out = String::new();
    let mut annotate = |kind: &str, title: &str, text: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "::{kind} title={title} under eKuiper {}::{}",
            results.release,
            escape(text)
        );
    };
    for trial in &results.trials {
        let requirement = trial.requirement;
        let observed = || {
            let code = code(&trial.verdict).map(|code| format!(" ({code})"));
            format!(
                "{} Seen: {}{}",
                requirement.rule,
                seen(&trial.verdict),
                code.unwrap_or_default()
            )
        };
        let (kind, text) = match results.standing(trial) {
            Standing::Failed | Standing::Error => ("error", observed()),
            Standing::Warning => ("warning", observed()),
            Standing::Stale => (
                "error",
                "The requirement passes, but is in the file of known failures.".to_owned(),
            ),
            Standing::Flaky {
                reason,
                passed: false,
            } => ("notice", format!("Flaky ({reason}): {}", observed())),
            _ => continue,
        };
        annotate(kind, requirement.id, &text);
    }
    for group in results.untested() {
        let kind = if group.counts { "error" } else { "warning" };
        annotate(
            kind,
            &ids(&group),
            &format!("Untested: {}", because(&group)),
        );
    }
    out
}

/// Returns a table of what did not pass, in Markdown.
#[must_use]
pub fn summary(results: &Results<'_>) -> String {
    let mut out = format!("### {}\n\n", conclusion::plain(results));
    let mut rows: Vec<_> = (results.trials.iter())
        .filter(|trial| {
            !matches!(
                results.standing(trial),
                Standing::Passed
                    | Standing::NotApplicable
                    | Standing::Untested { .. }
                    | Standing::Flaky { passed: true, .. }
            )
        })
        .map(|trial| {
            let requirement = trial.requirement;
            let seen = match results.standing(trial) {
                Standing::Flaky { .. } => format!("(flaky) {}", seen(&trial.verdict)),
                _ => seen(&trial.verdict).to_owned(),
            };
            (requirement.id.to_owned(), requirement.rule, seen)
        })
        .collect();
    for group in results.untested() {
        rows.push((ids(&group), "(untested)", because(&group)));
    }
    if rows.is_empty() {
        return out;
    }
    out.push_str("| | rule | seen |\n|---|---|---|\n");
    for (ids, rule, seen) in rows {
        let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(out, "| {ids} | {} | {} |", cell(rule), cell(&seen));
    }
    out
}

fn ids(group: &Untested<'_>) -> String {
    let ids = group.trials.iter().map(|trial| trial.requirement.id);
    ids.collect::<Vec<_>>().join(" ")
}

/// Returns what the first requirement of a group observed, its code, and where to
/// look.
fn because(group: &Untested<'_>) -> String {
    let verdict = &group.trials[0].verdict;
    let code = code(verdict).map(|code| code.to_string());
    let see = group.cause.map(|cause| format!("see {}", cause.see));
    let more: Vec<_> = code.into_iter().chain(see).collect();
    match more.is_empty() {
        true => seen(verdict).to_owned(),
        false => format!("{} ({})", seen(verdict), more.join(", ")),
    }
}

/// Escapes a text, because a workflow command is one line.
fn escape(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_command_stays_on_one_line() {
        assert_eq!(escape("50 %\r\nof it"), "50 %25%0D%0Aof it");
    }
}
