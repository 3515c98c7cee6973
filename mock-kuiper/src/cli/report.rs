//! How a check is shown.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};
use mock_kuiper::package::{CheckAdvice, CheckLevel, CheckLine, CheckReport};
use serde_json::json;
use textwrap::Options;

const OK: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Columns of the level, and of the space behind it.
const LEVEL: usize = 9;

/// Writes the lines of a report; on a terminal they are broken to its width.
pub(super) fn text(report: &CheckReport) -> String {
    let stdout = std::io::stdout();
    // `termwidth` is a guess where there is no terminal.
    let width = stdout.is_terminal().then(textwrap::termwidth);
    let mut text = String::new();
    for found in &report.lines {
        let (style, level) = match found.level {
            CheckLevel::Ok => (OK, "ok"),
            CheckLevel::Warning => (WARNING, "warning"),
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
    let count = |level, what| match report.count(level) {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let name = report.plugin.as_deref().unwrap_or("no plugin");
    let _ = writeln!(
        text,
        "{}: {}, {}",
        printable(name),
        count(CheckLevel::Error, "error"),
        count(CheckLevel::Warning, "warning")
    );
    text
}

/// One line of a report, without its level.
pub(super) fn line(line: &CheckLine) -> String {
    let mut text = String::new();
    if !line.file.is_empty() {
        let _ = write!(text, "{}: ", line.file);
    }
    if let Some(field) = &line.field {
        let _ = write!(text, "`{field}`: ");
    }
    printable(&(text + &text_of(line)))
}

/// The text of a line, with the advice in terms of this command.
fn text_of(line: &CheckLine) -> String {
    let text = &line.text;
    match line.advice {
        Some(CheckAdvice::NameTarget) => {
            format!("{text}, or name the machine that it is for with `--target`")
        }
        Some(CheckAdvice::Pack) => format!("{text}, or with `mock-kuiper pack`"),
        _ => text.clone(),
    }
}

/// The report as JSON.
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

/// Shows names from a zip without harm to a terminal.
pub(super) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
