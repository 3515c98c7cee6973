//! Values in the words of a test file, and how YAML writes them.

use serde_json::Value;

use super::node::{Node, Tree};
use super::pattern::{Variables, escape_key, escape_part, escape_text};

/// The columns of a line.
pub(super) const WIDTH: usize = 100;

/// A value as a file has it: with matchers, variables and escapes.
#[derive(Debug, Clone)]
pub(super) enum Words {
    /// `null`, a boolean or a number.
    Scalar(String),
    Text(String, Style),
    List(Vec<Words>),
    Map(Vec<(String, Words)>),
}

/// How a text is written, if possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// Lines below a `|`.
    Block,
}

impl Words {
    /// Returns the words for a value that was seen, which only it matches. The
    /// directory `tmp`, which is another one in each run, becomes a variable.
    pub(super) fn of_seen(seen: &Value, variables: &Variables) -> Self {
        match seen {
            Value::String(text) => Self::Text(text_words(text, variables), Style::Plain),
            Value::Array(items) => {
                let items = items.iter().map(|item| Self::of_seen(item, variables));
                Self::List(items.collect())
            }
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields =
                    fields.map(|(key, value)| (escape_key(key), Self::of_seen(value, variables)));
                Self::Map(fields.collect())
            }
            scalar => Self::Scalar(scalar.to_string()),
        }
    }

    /// Returns the words for a text that was seen, in the style of the text that it
    /// replaces.
    pub(super) fn of_text(seen: &str, variables: &Variables, style: Style) -> Self {
        Self::Text(text_words(seen, variables), style)
    }

    /// Returns the words for a text in which nothing has a meaning of its own, such as
    /// a name.
    pub(super) fn verbatim(text: impl Into<String>) -> Self {
        Self::Text(text.into(), Style::Plain)
    }

    /// Returns the words that the file already has.
    pub(super) fn of_node(node: &Node, file: &str) -> Self {
        match &node.tree {
            Tree::Text(text) => Self::Text(text.clone(), Style::of_node(node, file)),
            Tree::List(items) => {
                Self::List(items.iter().map(|item| Self::of_node(item, file)).collect())
            }
            Tree::Map(entries) => {
                let entries = entries.iter();
                let entries =
                    entries.map(|(key, value)| (key.text.clone(), Self::of_node(value, file)));
                Self::Map(entries.collect())
            }
            Tree::Null | Tree::Bool(_) | Tree::Number(_) => {
                Self::Scalar(node.to_json().to_string())
            }
        }
    }

    /// Returns whether there are elements or fields to put on lines of their own.
    pub(super) fn has_parts(&self) -> bool {
        match self {
            Self::Scalar(_) | Self::Text(..) => false,
            Self::List(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
        }
    }

    /// Writes the value on one line.
    pub(super) fn flow(&self) -> String {
        match self {
            Self::Scalar(text) => text.clone(),
            Self::Text(text, style) => quoted(text, *style),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(entries) => {
                let entries = entries.iter();
                let entries = entries.map(|(key, value)| {
                    let (key, value) = (key_text(key), value.flow());
                    match is_long(&key) {
                        true => format!("? {key} : {value}"),
                        false => format!("{key}: {value}"),
                    }
                });
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Writes a list or a mapping on lines, the first of which is not indented.
    pub(super) fn block(&self, indent: usize, line_end: &str) -> String {
        let lines: Vec<_> = match self {
            Self::List(items) if !items.is_empty() => {
                let items = items.iter();
                let lines = items.map(|item| {
                    let flow = item.flow();
                    match item.has_parts() && !fits(indent + 2, &flow) {
                        true => format!("- {}", item.block(indent + 2, line_end)),
                        false => format!("- {flow}"),
                    }
                });
                lines.collect()
            }
            Self::Map(entries) if !entries.is_empty() => {
                let entries = entries.iter();
                let lines = entries.map(|(key, value)| {
                    let key = key_text(key);
                    let flow = value.flow();
                    let before = indent + key.chars().count() + 2;
                    if is_long(&key) {
                        let below = " ".repeat(indent);
                        return format!("? {key}{line_end}{below}: {flow}");
                    }
                    match value.has_parts() && !fits(before, &flow) {
                        true => {
                            let below = " ".repeat(indent + 2);
                            let value = value.block(indent + 2, line_end);
                            format!("{key}:{line_end}{below}{value}")
                        }
                        false => format!("{key}: {flow}"),
                    }
                });
                lines.collect()
            }
            _ => vec![self.flow()],
        };
        lines.join(&format!("{line_end}{}", " ".repeat(indent)))
    }

    /// Writes a text on lines below `|`, if that is its style and can hold it.
    pub(super) fn literal(&self, indent: usize, line_end: &str) -> Option<String> {
        let Self::Text(text, Style::Block) = self else {
            return None;
        };
        let body = text.strip_suffix('\n');
        let header = if body.is_some() { "|" } else { "|-" };
        let body = body.unwrap_or(text);
        let is_line = |line: &str| {
            line.is_empty() || !line.trim().is_empty() && line.chars().all(is_printable)
        };
        let suits = !body.is_empty()
            && !body.starts_with([' ', '\n', '\t'])
            && !body.ends_with('\n')
            && body.split('\n').all(is_line);
        suits.then(|| {
            let indent = " ".repeat(indent);
            let lines = body.split('\n').map(|line| match line {
                "" => line_end.to_owned(),
                line => format!("{line_end}{indent}{line}"),
            });
            format!("{header}{}", lines.collect::<String>())
        })
    }
}

impl Style {
    /// Returns how a text of the file is written.
    pub(super) fn of_node(node: &Node, file: &str) -> Self {
        match file
            .get(node.span.clone())
            .and_then(|text| text.chars().next())
        {
            Some('\'') => Self::Single,
            Some('"') => Self::Double,
            Some('|' | '>') => Self::Block,
            _ => Self::Plain,
        }
    }
}

pub(super) fn fits(before: usize, text: &str) -> bool {
    before + text.chars().count() <= WIDTH
}

fn text_words(text: &str, variables: &Variables) -> String {
    match variables.get("tmp").and_then(Value::as_str) {
        Some(directory) if !directory.is_empty() && text.contains(directory) => {
            let parts: Vec<_> = text.split(directory).map(escape_part).collect();
            parts.join("${tmp}")
        }
        _ => escape_text(text),
    }
}

/// Returns whether a key needs a `?`: without one it has at most 1024 characters.
fn is_long(key: &str) -> bool {
    key.chars().count() > 1000
}

fn key_text(key: &str) -> String {
    quoted(key, Style::Plain)
}

fn quoted(text: &str, style: Style) -> String {
    let has_no_escape = text.chars().all(is_printable);
    match style {
        Style::Plain if is_plain(text) => text.to_owned(),
        Style::Single if has_no_escape => single(text),
        Style::Plain | Style::Block if has_no_escape && text.contains(['"', '\\']) => single(text),
        _ => double(text),
    }
}

/// Returns whether a text is one without quotation marks, everywhere in a document.
fn is_plain(text: &str) -> bool {
    const OTHERS: [&str; 7] = ["null", "true", "false", "yes", "no", "on", "off"];
    let is_first = |c: char| c.is_alphabetic() || matches!(c, '_' | '$' | '/');
    let is_next = |c: char| c.is_alphanumeric() || "_-./$+= ".contains(c);
    // A path may begin with `../`.
    text.trim_start_matches("../").starts_with(is_first)
        && text.chars().all(is_next)
        && !text.ends_with(' ')
        && !OTHERS.contains(&&text.to_lowercase()[..])
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn double(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            c => {
                let code = u32::from(c);
                quoted.push_str(&match code {
                    ..=0xff => format!("\\x{code:02x}"),
                    0x100..=0xffff => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                });
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Returns whether a character can stand in a line as it is: YAML has it, and
/// editors neither hide it nor end the line with it.
fn is_printable(c: char) -> bool {
    let is_hidden = matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    );
    !c.is_control() && !is_hidden
}
