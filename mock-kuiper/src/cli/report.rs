//! Writes the report of a check, as text and as JSON.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use mock_kuiper::engine::foreign;
use mock_kuiper::engine::package::{CheckAdvice, CheckLevel, CheckLine, CheckReport};
use serde_json::json;
use textwrap::Options;

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
    let count = |level, what| count_or_no(report.count(level) as u64, what);
    let name = report.plugin.as_deref().unwrap_or("no plugin");
    let _ = writeln!(
        text,
        "{}: {}, {}",
        foreign::in_sentence(name),
        count(CheckLevel::Error, "error"),
        count(CheckLevel::Warning, "warning")
    );
    text
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
