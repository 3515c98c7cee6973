//! Writes replacements into a file, in the layout of their place.

use std::ops::Range;

use super::edit::{Edit, Replacement, is_flow};
use crate::scenario::node::Tree;
use crate::scenario::words::{Words, fits};

/// Which forms a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forms {
    /// Also lines below `|`, if the file has the text so.
    All,
    /// Quotation marks only.
    Quoted,
}

/// Applies replacements, which are in the order of the file.
pub(super) fn apply(file: &str, edits: &[Edit<'_>], forms: Forms) -> String {
    let line_end = if file.contains("\r\n") { "\r\n" } else { "\n" };
    let mut written = String::new();
    let mut done = 0;
    for edit in edits {
        let (range, text) = match edit {
            Edit::Replace(replacement) => replace(file, replacement, forms, line_end),
            Edit::Lengthen { list, words } => {
                let at = end_of_line(file, list.span.end);
                let indent = list.place.column - 1;
                let lines = Words::List(words.clone()).block(indent, line_end);
                (at..at, format!("{line_end}{}{lines}", " ".repeat(indent)))
            }
            Edit::Shorten { list, last } => {
                let end = end_of_line(file, list.span.end);
                (end_of_line(file, last.span.end)..end, String::new())
            }
        };
        written.push_str(file.get(done..range.start).unwrap_or_default());
        written.push_str(&text);
        done = range.end;
    }
    written.push_str(&file[done..]);
    written
}

/// Returns where the line ends that has this byte.
fn end_of_line(file: &str, at: usize) -> usize {
    let line = file[at..].split('\n').next().unwrap_or_default();
    at + line.strip_suffix('\r').unwrap_or(line).len()
}

/// Returns the bytes that are replaced, and by which text.
fn replace(
    file: &str,
    edit: &Replacement<'_>,
    forms: Forms,
    line_end: &str,
) -> (Range<usize>, String) {
    let mut span = edit.node.span.clone();
    let is_implied = span.is_empty();
    // A null that is not written is before the colon of its key.
    if is_implied && file[span.start..].starts_with(':') {
        span = span.start + 1..span.end + 1;
    }
    let flow = edit.words.flow();
    let before = &file[..span.start];
    let gap = if is_implied { " " } else { "" };
    if edit.site.is_in_flow {
        return (span, format!("{gap}{flow}"));
    }
    let column = edit.node.place.column - 1 + gap.len();
    let line = before.rsplit('\n').next().unwrap_or_default();
    // On a line of its own, or as an element of a list.
    let is_first = line.trim_start_matches([' ', '-']).is_empty();
    let below_key = edit.site.key.map_or(column, |key| key.place.column + 1);
    if forms == Forms::All
        && let Some(lines) = edit.words.literal(below_key, line_end)
    {
        return (span, format!("{gap}{lines}"));
    }
    // A mapping on lines stays on lines.
    let has_lines = matches!(
        (&edit.node.tree, &edit.words),
        (Tree::Map(entries), Words::Map(_)) if !entries.is_empty()
    ) && !is_flow(file, &span);
    let is_short = |before| !edit.words.has_parts() || !has_lines && fits(before, &flow);
    match edit.site.key {
        Some(key) if is_first => {
            // The value is below its key.
            let start = before.trim_end().len();
            let width = before[..start]
                .rsplit('\n')
                .next()
                .map_or(0, |line| line.chars().count());
            let follows_key = before[..start].ends_with(':');
            if follows_key && is_short(width + 1) {
                return (start..span.end, format!(" {flow}"));
            }
            let is_short = is_short(column);
            // Only a list may have the indentation of its key.
            let is_list = matches!(edit.words, Words::List(_)) && !is_short;
            let indent = match is_list || column >= key.place.column {
                true => column,
                false => below_key,
            };
            let gap = " ".repeat(indent - column);
            match is_short {
                true => (span, format!("{gap}{flow}")),
                false => (span, format!("{gap}{}", edit.words.block(indent, line_end))),
            }
        }
        _ if is_short(column) => (span, format!("{gap}{flow}")),
        Some(_) => {
            let start = before.trim_end_matches(' ').len();
            let indent = " ".repeat(below_key);
            let block = edit.words.block(below_key, line_end);
            (start..span.end, format!("{line_end}{indent}{block}"))
        }
        None => (span, format!("{gap}{}", edit.words.block(column, line_end))),
    }
}
