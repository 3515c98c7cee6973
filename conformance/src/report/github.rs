//! Results in the page of a GitHub Actions job.

use std::fmt::Write as _;

use super::text::conclusion;
use super::{Results, Standing, seen};

/// An annotation for each failure, as workflow commands.
#[must_use]
pub fn annotations(results: &Results<'_>) -> String {
    let mut out = String::new();
    for outcome in &results.outcomes {
        let kind = match results.standing(outcome) {
            Standing::Failed | Standing::Stale | Standing::Trouble => "error",
            Standing::Tolerated => "warning",
            _ => continue,
        };
        let requirement = outcome.requirement;
        let text = match results.standing(outcome) {
            Standing::Stale => "it passes, and is in the file of known failures".to_owned(),
            _ => format!("{} Seen: {}", requirement.rule, seen(&outcome.verdict)),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "::{kind} title={} under eKuiper {}::{}",
            requirement.id,
            results.release,
            escape(&text)
        );
    }
    out
}

/// A table of what did not pass, in Markdown.
#[must_use]
pub fn summary(results: &Results<'_>) -> String {
    let mut out = format!("### {}\n\n", conclusion(results));
    let rows: Vec<_> = (results.outcomes.iter())
        .filter(|outcome| {
            !matches!(
                results.standing(outcome),
                Standing::Passed | Standing::NotApplicable
            )
        })
        .collect();
    if rows.is_empty() {
        return out;
    }
    out.push_str("| | rule | seen |\n|---|---|---|\n");
    for outcome in rows {
        let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            outcome.requirement.id,
            cell(outcome.requirement.rule),
            cell(seen(&outcome.verdict))
        );
    }
    out
}

/// A workflow command is one line.
fn escape(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_stays_on_one_line() {
        assert_eq!(escape("50 %\r\nof it"), "50 %25%0D%0Aof it");
    }
}
