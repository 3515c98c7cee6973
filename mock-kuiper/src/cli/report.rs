//! Writes the report of a check, as text, as JSON, and for a job on GitHub.

use std::fmt::Write as _;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use mock_kuiper::engine::foreign;
use mock_kuiper::engine::package::{CheckAdvice, CheckLevel, CheckLine, CheckReport};
use serde_json::json;
use textwrap::Options;

use super::github::{data, escaped, property, relative};
use super::output::{ERROR, NOTE, stdout_width};
use super::text::count_or_no;

const OK: Style = AnsiColor::Green.on_default();

/// The width of the level and of the space after it.
const LEVEL: usize = 9;

/// Writes a report as text. On a terminal the lines are wrapped to its width.
pub(super) fn text(report: &CheckReport) -> String {
    let width = stdout_width();
    let mut text = String::new();
    for found in &report.lines {
        let (style, level) = match found.level {
            CheckLevel::Ok => (OK, "ok"),
            CheckLevel::Note => (NOTE, "note"),
            CheckLevel::Warning => (NOTE, "warning"),
            CheckLevel::Error => (ERROR, "error"),
        };
        let gap = " ".repeat(LEVEL - level.len());
        let first = format!("{style}{level}{style:#}{gap}");
        let line = line(found);
        match width {
            Some(width) if width > 2 * LEVEL => {
                let rest = " ".repeat(LEVEL);
                let options = Options::new(width)
                    .initial_indent(&first)
                    .subsequent_indent(&rest)
                    .break_words(false);
                let _ = writeln!(text, "{}", textwrap::fill(&line, options));
            }
            _ => {
                let _ = writeln!(text, "{first}{line}");
            }
        }
    }
    let _ = writeln!(
        text,
        "{}: {}",
        foreign::in_sentence(plugin(report)),
        counts(report)
    );
    text
}

fn plugin(report: &CheckReport) -> &str {
    report.plugin.as_deref().unwrap_or("no plugin")
}

fn counts(report: &CheckReport) -> String {
    let count = |level, what| count_or_no(report.count(level) as u64, what);
    let errors = count(CheckLevel::Error, "error");
    let warnings = count(CheckLevel::Warning, "warning");
    format!("{errors}, {warnings}")
}

/// Returns an annotation for each error and warning, as workflow commands of GitHub.
///
/// The files are those of the directory `plugin`, or the file `plugin` itself.
/// GitHub reads paths relative to the root of the repository, `workspace`.
pub(super) fn annotations(report: &CheckReport, plugin: &Path, workspace: Option<&Path>) -> String {
    let mut out = String::new();
    for (level, found) in problems(report) {
        let file = match plugin.is_dir() {
            true if found.file.is_empty() => None,
            true => Some(plugin.join(&found.file)),
            false => Some(plugin.to_owned()),
        };
        let file = file.map(|file| property(&relative(&file, workspace)));
        let place = file.map_or_else(String::new, |file| format!("file={file},"));
        let text = data(&line(found));
        let _ = writeln!(out, "::{level} {place}title=mock-kuiper check::{text}");
    }
    out
}

/// Returns the job summary, in Markdown: the counts, and a table of the errors and
/// warnings.
pub(super) fn summary(report: &CheckReport) -> String {
    let name = escaped(plugin(report));
    let mut out = format!("### {name}, checked: {}\n\n", counts(report));
    for (at, (level, found)) in problems(report).enumerate() {
        if at == 0 {
            out.push_str("| | file | seen |\n|---|---|---|\n");
        }
        let field = found.field.iter().map(|field| format!("`{field}`: "));
        let text = field.collect::<String>() + &text_of(found);
        let _ = writeln!(
            out,
            "| {level} | {} | {} |",
            escaped(&found.file),
            escaped(&text)
        );
    }
    out
}

/// The errors and warnings, each with the name of its level.
fn problems(report: &CheckReport) -> impl Iterator<Item = (&'static str, &CheckLine)> {
    report.lines.iter().filter_map(|line| match line.level {
        CheckLevel::Error => Some(("error", line)),
        CheckLevel::Warning => Some(("warning", line)),
        _ => None,
    })
}

/// Writes one line of a report, without its level.
pub(super) fn line(line: &CheckLine) -> String {
    let mut text = String::new();
    if !line.file.is_empty() {
        let _ = write!(text, "{}: ", line.file);
    }
    if let Some(field) = &line.field {
        let _ = write!(text, "`{field}`: ");
    }
    foreign::line(&(text + &text_of(line)))
}

/// The text of a line, with the advice in terms of this command.
fn text_of(line: &CheckLine) -> String {
    let text = &line.text;
    match line.advice {
        Some(CheckAdvice::NameTarget) => {
            format!("{text}, or name the machine that it is for with `--target`")
        }
        Some(CheckAdvice::Fix) => format!("{text}, or use `mock-kuiper check --fix`"),
        Some(CheckAdvice::Describe) => format!(
            "{text}, or describe the properties with the feature `metadata` of the crate \
             `ekuiper`, so that it is written"
        ),
        Some(CheckAdvice::Pack) => format!("{text}, or with `mock-kuiper pack`"),
        _ => text.clone(),
    }
}

/// Writes a report as JSON.
pub(super) fn json(report: &CheckReport) -> String {
    let lines = report.lines.iter().map(|line| CheckLine {
        text: text_of(line),
        ..line.clone()
    });
    let value = json!({
        "plugin": report.plugin,
        "errors": report.count(CheckLevel::Error),
        "warnings": report.count(CheckLevel::Warning),
        "lines": lines.collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}
