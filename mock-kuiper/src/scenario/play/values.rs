//! What templates stand for.

use serde_json::{Map, Value};

use crate::scenario::pattern::{Template, Variables};

/// Returns the text that a template stands for; a number is one, too.
pub(super) fn text(template: &Template, variables: &Variables) -> Result<String, String> {
    Ok(text_of(template.resolve(variables)?))
}

/// Returns a text as it is, and anything else as JSON.
pub(super) fn text_of(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Returns an object; `null` is an empty one.
pub(super) fn object(value: Value, what: &str) -> Result<Map<String, Value>, String> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(fields) => Ok(fields),
        other => Err(format!("`{what}` must be an object, got `{other}`")),
    }
}
