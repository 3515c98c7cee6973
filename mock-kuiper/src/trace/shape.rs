//! The shape of a JSON value: its keys and types, without its values.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::de::IgnoredAny;
use serde_json::Value;

/// The depth to which a shape is written.
const DEPTH: usize = 6;

/// The characters of the longest shape; of a longer one the rest is left out.
const LONGEST: usize = 2000;

/// Returns the shape of the JSON in a text, or `None` if it is not JSON.
#[must_use]
pub fn shape_of(text: &[u8]) -> Option<String> {
    match serde_json::from_slice(text) {
        Ok(value) => Some(shape(&value)),
        // It may have too many levels for a value.
        Err(_) => serde_json::from_slice(text)
            .ok()
            .map(|IgnoredAny| "…".to_owned()),
    }
}

/// Returns the shape of a value, for example `{"a":number,"b":[string]}`.
#[must_use]
pub fn shape(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, DEPTH);
    if let Some((end, _)) = out.char_indices().nth(LONGEST) {
        out.truncate(end);
        out.push('…');
    }
    out
}

fn write(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(_) => out.push_str("boolean"),
        Value::Number(_) => out.push_str("number"),
        Value::String(_) => out.push_str("string"),
        Value::Array(_) | Value::Object(_) if depth == 0 || out.len() > LONGEST => out.push('…'),
        Value::Array(items) => {
            let kinds: BTreeSet<_> = items
                .iter()
                .map(|item| {
                    let mut kind = String::new();
                    write(&mut kind, item, depth - 1);
                    kind
                })
                .collect();
            let kinds: Vec<_> = kinds.into_iter().collect();
            // Writing to a string does not fail.
            let _ = write!(out, "[{}]", kinds.join("|"));
        }
        Value::Object(fields) => {
            out.push('{');
            for (number, (key, value)) in fields.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                write(out, value, depth - 1);
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::any_json::any_json;

    #[test]
    fn a_shape_has_keys_and_types() {
        let text = br#"{"b":[1,2.5,"x",null],"a":{"c":true},"d":[]}"#;

        assert_eq!(
            shape_of(text).unwrap(),
            r#"{"a":{"c":boolean},"b":[null|number|string],"d":[]}"#
        );
        assert_eq!(shape_of(b"no"), None);
    }

    #[test]
    fn a_deep_or_wide_value_has_a_short_shape() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let wide: Vec<_> = (0..10_000).map(|key| format!("\"key{key}\":1")).collect();
        let wide = format!("{{{}}}", wide.join(","));

        assert_eq!(shape_of(deep.as_bytes()).unwrap(), "[[[[[[…]]]]]]");
        let deepest = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(shape_of(deepest.as_bytes()).unwrap(), "…");
        assert_eq!(
            shape_of(wide.as_bytes()).unwrap().chars().count(),
            LONGEST + 1
        );
    }

    proptest! {
        #[test]
        fn equal_values_have_equal_shapes(value in any_json()) {
            prop_assert_eq!(shape(&value), shape(&value.clone()));
            prop_assert!(shape(&value).chars().count() <= LONGEST + 1);
        }
    }
}
