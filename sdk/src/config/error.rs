//! The error of a configuration: the path of a value, what was expected there,
//! and what was found.

use std::fmt;

use serde::de::{Expected, Unexpected};
use serde_json::Value;

use crate::secret::{HIDDEN, is_secret};
use crate::short::Short;

/// The error of a value that cannot be read, such as `config.port: expected u16,
/// found string "x"`.
///
/// The value of a property whose name says that it is a secret is shown as
/// `[redacted]`.
#[derive(Clone, Debug)]
pub struct ConfigError {
    /// The segments of the path, from the innermost to the root.
    path: Vec<String>,
    message: String,
    /// Whether the message is from the type's own code.
    foreign: bool,
    /// The value that was found, with its type.
    found: Option<String>,
    /// For a missing property, the name of one that was probably meant to be it.
    misspelled: Option<String>,
}

impl ConfigError {
    /// Returns the path of the value, such as `config.pattern.count` or
    /// `config.topics[2]`.
    pub fn path(&self) -> String {
        self.path.iter().rev().map(String::as_str).collect()
    }

    /// Creates the error for a missing value at `path`.
    pub(crate) fn missing(path: &str) -> Self {
        Self::text(MISSING).at(path)
    }

    /// Creates the error for a value of another type.
    pub(super) fn unexpected(found: &Value, expected: &dyn Expected) -> Self {
        Self::expected(unexpected(found), expected)
    }

    /// Creates an error from a complete text.
    pub(super) fn text(message: impl fmt::Display) -> Self {
        ConfigError {
            path: Vec::new(),
            message: message.to_string(),
            foreign: false,
            found: None,
            misspelled: None,
        }
    }

    fn expected(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        // Serde expects "a borrowed string" for a `&str`. JSON has no such term.
        let expected = expected.to_string().replace("a borrowed ", "a ");
        ConfigError {
            found: Some(Found(found).to_string()),
            ..Self::text(format_args!("expected {expected}"))
        }
    }

    /// Adds the segment in which the value is.
    pub(super) fn at(mut self, segment: impl Into<String>) -> Self {
        self.path.push(segment.into());
        self
    }

    /// Returns the path of the property that is missing, if that is the error.
    pub(super) fn missing_path(&self) -> Option<String> {
        (!self.foreign && self.message == MISSING).then(|| self.path())
    }

    /// Adds the name of a property that was probably meant to be the missing one.
    pub(super) fn misspelled(self, misspelled: Option<String>) -> Self {
        ConfigError { misspelled, ..self }
    }

    /// Removes these secrets from the text, and all that the text says about a
    /// value that is inside a secret.
    pub(super) fn hide(mut self, secrets: &[&Value]) -> Self {
        let in_secret = self.path.iter().any(|segment| is_secret(segment));
        let shows = |text: &str| in_secret || secrets.iter().any(|secret| mentions(text, secret));
        if let Some(found) = &mut self.found {
            if !TYPES.contains(&found.as_str()) && shows(found) {
                HIDDEN.clone_into(found);
            }
        }
        if self.foreign && shows(&self.message) {
            "the value is not valid (its error may contain a secret and is not shown)"
                .clone_into(&mut self.message);
        }
        self
    }
}

/// Returns whether a text contains a secret, as it is, trimmed or with escapes.
fn mentions(text: &str, secret: &Value) -> bool {
    let Value::String(secret) = secret else {
        let number = secret.to_string();
        return text == Found(unexpected(secret)).to_string()
            || number.len() >= SHORTEST && text.contains(&number);
    };
    let trimmed = secret.trim();
    let escaped = format!("{trimmed:?}");
    let escaped = &escaped[1..escaped.len() - 1];
    text == Found(Unexpected::Str(secret)).to_string()
        || text == quoted(secret)
        || trimmed.len() >= SHORTEST && (text.contains(trimmed) || text.contains(escaped))
}

/// The length in bytes of the shortest secret that is looked for inside a text. A
/// shorter one may be a part of any text by chance.
const SHORTEST: usize = 3;

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path(), Short(&self.message))?;
        if let Some(found) = &self.found {
            write!(f, ", found {found}")?;
        }
        if let (Some(misspelled), Some(segment)) = (&self.misspelled, self.path.first()) {
            let field = segment.trim_start_matches('.');
            write!(f, "; `{misspelled}` is unknown: did you mean `{field}`?")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl serde::de::Error for ConfigError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ConfigError {
            foreign: true,
            ..Self::text(message)
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::expected(found, expected)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::text(MISSING).at(format!(".{field}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::text(format_args!("unknown field, expected {}", OneOf(expected)))
            .at(format!(".{field}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        ConfigError {
            found: Some(quoted(variant)),
            ..Self::text(format_args!("expected {}", OneOf(expected)))
        }
    }
}

const MISSING: &str = "required, but missing";

/// Writes a text in quotes, and only the beginning of a long one.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}… ({} bytes)", &text[..end], text.len()),
    }
}

const NULL: &str = "null";
const OBJECT: &str = "an object";
const ARRAY: &str = "an array";

/// What may be shown of a secret: the types of values that are not one text.
const TYPES: [&str; 3] = [NULL, OBJECT, ARRAY];

/// Writes what was found in terms of JSON: `null` instead of serde's "unit
/// value".
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Unit => f.write_str(NULL),
            Unexpected::Map => f.write_str(OBJECT),
            Unexpected::Seq => f.write_str(ARRAY),
            Unexpected::Str(text) => write!(f, "string {}", quoted(text)),
            other => other.fmt(f),
        }
    }
}

/// The characters of a text that are shown. An image is a text, too.
const SHOWN: usize = 100;

struct OneOf(&'static [&'static str]);

impl fmt::Display for OneOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0 {
            return write!(f, "`{only}`");
        }
        f.write_str("one of ")?;
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        Ok(())
    }
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => {
            if let Some(value) = number.as_u64() {
                Unexpected::Unsigned(value)
            } else if let Some(value) = number.as_i64() {
                Unexpected::Signed(value)
            } else {
                Unexpected::Float(number.as_f64().unwrap_or(f64::NAN))
            }
        }
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}
