//! The results on the page of a GitHub Actions job, and in a pull request.

use std::fmt::Write as _;
use std::path::Path;

use anstream::adapter::strip_str;
use mock_kuiper::scenario::{CaseResult, Results, Verdict};

use super::{phrase, text};
use crate::cli::github::{data, escaped, property, relative};

/// The annotations that are written.
const ANNOTATIONS: usize = 50;

/// The bytes after which the job summary has no further row, and no further
/// details. GitHub takes 1 MiB of it.
const TABLE: usize = 300_000;
const WHOLE: usize = 800_000;

/// The cases that the job summary shows with their details.
const DETAILED: usize = 20;

/// The characters of the details of one case.
const DETAILS: usize = 20_000;

/// Returns an annotation for each case that did not pass, as workflow commands.
///
/// GitHub reads paths relative to the root of the repository, `workspace`.
pub(super) fn annotations(results: &Results, workspace: Option<&Path>) -> String {
    let mut out = String::new();
    for case in bad(results).take(ANNOTATIONS) {
        let command = if case.verdict == Verdict::Flaky {
            "warning"
        } else {
            "error"
        };
        let first = case.failures.first();
        let place = first.map_or(case.place, |failure| failure.place);
        let details = text::details(case);
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "::{command} file={},line={},col={},title={}::{}",
            property(&relative(&case.file, workspace)),
            place.line,
            place.column,
            property(&phrase::name(case)),
            data(strip_str(&details).to_string().trim_end()),
        );
    }
    out
}

/// Returns the job summary, in Markdown: the counts, a table of what did not pass,
/// and the details of the first of them.
pub(super) fn summary(results: &Results) -> String {
    let line = text::summary(results);
    let plugins: Vec<_> = results.plugins.iter().map(|name| escaped(name)).collect();
    let mut out = format!("### {}: {}\n\n", plugins.join(", "), strip_str(&line));
    let count = bad(results).count();
    if count == 0 {
        return out;
    }
    out.push_str("| | case | eKuiper | place | seen |\n|---|---|---|---|---|\n");
    let mut rows = 0;
    for case in bad(results) {
        if out.len() > TABLE {
            break;
        }
        rows += 1;
        let first = case.failures.first();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {}:{} | {} |",
            case.verdict.name(),
            escaped(&case.name),
            case.release,
            escaped(&phrase::file(case)),
            first.map_or(case.place, |failure| failure.place).line,
            first
                .map(|failure| escaped(&failure.text))
                .unwrap_or_default(),
        );
    }
    if count > rows {
        let _ = writeln!(out, "\n… and {} more.", count - rows);
    }
    for case in bad(results).take(DETAILED) {
        if out.len() > WHOLE {
            break;
        }
        let details = strip_str(&text::details(case)).to_string();
        let shown: String = details.chars().take(DETAILS).collect();
        let fence = fence(&shown);
        let _ = writeln!(
            out,
            "\n<details><summary>{}</summary>\n\n{fence}text\n{}\n{fence}\n\n</details>",
            escaped(&phrase::name(case)),
            shown.trim_end()
        );
    }
    out
}

/// What did not pass, or not at once.
fn bad(results: &Results) -> impl Iterator<Item = &CaseResult> {
    let cases = results.cases.iter();
    cases.filter(|case| !matches!(case.verdict, Verdict::Passed | Verdict::Skipped))
}

/// Returns a fence that the text cannot close.
fn fence(text: &str) -> String {
    let mut longest = 2;
    let mut run = 0;
    for character in text.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(longest + 1)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn of(cases: Vec<CaseResult>) -> Results {
        let mut results = Results::default();
        results.plugins = vec!["mirror".to_owned()];
        results.cases = cases;
        results
    }

    #[test]
    fn what_did_not_pass_is_annotated_at_the_step() {
        let here = std::env::current_dir().unwrap();
        let above = here.parent().unwrap();
        let directory = here.file_name().unwrap().to_string_lossy();
        let mut flaky = samples::flaky();
        flaky.frames.clear();
        let results = of(vec![samples::passed(), samples::finding(), flaky]);

        assert_eq!(
            annotations(&results, Some(above)),
            format!(
                "::error file={directory}/tests/echo.test.yaml,line=33,col=3,title=random starts \
                 (eKuiper 1.13)::  line 33, start source random: source `random` refused to start: \
                 missing field `url`%0A    code     order.refused%0A    help     set `url` in the \
                 `config` of source `random`\n\
                 ::warning file={directory}/tests/sink.test.yaml,line=9,col=3,title=append survives \
                 a crash (eKuiper 2.4)::  passed at attempt 2; the attempt before failed:%0A  line 9, \
                 send out: no ack came within 5s\n"
            )
        );
    }

    #[test]
    fn hostile_text_makes_no_other_workflow_command() {
        let text = annotations(&of(vec![samples::hostile()]), None);

        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("::error file=tests/"), "{text}");
        assert!(text.contains("%250A%3A%3Aerror%3A%3A"), "{text}");
    }

    #[test]
    fn the_job_summary_has_a_table_and_the_details() {
        assert_eq!(
            summary(&of(vec![samples::passed(), samples::finding()])),
            "### mirror: 1 passed, 1 failed in 0.0 s\n\n\
             | | case | eKuiper | place | seen |\n\
             |---|---|---|---|---|\n\
             | failed | random starts | 1.13 | tests/echo.test.yaml&#58;33:33 | source \\`random\\` \
             refused to start&#58; missing field \\`url\\` |\n\n\
             <details><summary>random starts (eKuiper 1.13)</summary>\n\n\
             ```text\n  line 33, start source random: source `random` refused to start: missing field \
             `url`\n    code     order.refused\n    help     set `url` in the `config` of source \
             `random`\n```\n\n</details>\n"
                .replace("&#58;33:33", ":33")
        );
        assert_eq!(
            summary(&of(vec![samples::passed()])),
            "### mirror: 1 passed in 0.0 s\n\n"
        );
    }

    #[test]
    fn hostile_text_is_text_in_the_job_summary() {
        let mut case = samples::hostile();
        (case.frames, case.log, case.output) = Default::default();

        let text = summary(&of(vec![case; 300]));

        let outside = text.split("```").step_by(2).collect::<String>();
        assert!(!outside.contains("<script"), "{outside}");
        assert!(text.contains("&lt;script&gt;"), "{text}");
        assert!(text.contains("\n… and "), "{text}");
        assert!(text.len() < 1 << 20, "{} bytes", text.len());
    }

    #[test]
    fn a_fence_is_longer_than_those_in_the_text() {
        assert_eq!(fence("a"), "```");
        assert_eq!(fence("a ````` b ```"), "``````");
    }
}
