//! What the rows of a source are like in a trace.

use std::collections::BTreeSet;

use serde_json::Value;

use super::compare::row_shape;
use crate::redact::HIDDEN;

/// The shapes, and the places of hidden values, that are remembered.
const MOST: usize = 1000;

/// The bytes of the longest place that is remembered.
const LONGEST: usize = 2000;

/// The rows of one source in a trace.
#[derive(Debug, Default)]
pub(super) struct Rows {
    shapes: BTreeSet<String>,
    /// Where values were hidden when the trace was recorded, which may be of any type.
    hidden: BTreeSet<String>,
}

impl Rows {
    /// Adds a row of the trace.
    pub(super) fn add(&mut self, row: &[u8]) {
        if self.shapes.len() < MOST {
            self.shapes.insert(row_shape(row));
        }
        if memchr::memmem::find(row, HIDDEN.as_bytes()).is_some()
            && let Ok(mut row) = serde_json::from_slice(row)
        {
            visit(&mut row, &mut String::new(), &mut |place, value| {
                let is_kept = self.hidden.len() < MOST && place.len() <= LONGEST;
                if is_kept && *value == HIDDEN {
                    self.hidden.insert(place.to_owned());
                }
            });
        }
    }

    /// Whether a row has the shape of one in the trace.
    pub(super) fn have_shape_of(&self, row: &[u8]) -> bool {
        self.shapes.contains(&row_shape(row))
            || self
                .with_hidden(row)
                .is_some_and(|row| self.shapes.contains(&row_shape(&row)))
    }

    /// Hides the values of a row that were hidden in the trace.
    fn with_hidden(&self, row: &[u8]) -> Option<Vec<u8>> {
        if self.hidden.is_empty() {
            return None;
        }
        let mut row = serde_json::from_slice(row).ok()?;
        visit(&mut row, &mut String::new(), &mut |place, value| {
            if self.hidden.contains(place) {
                *value = HIDDEN.into();
            }
        });
        Some(row.to_string().into_bytes())
    }
}

/// Calls `see` for a value and all values in it, each with its place: the keys that lead
/// to it. All items of an array have one place.
fn visit(value: &mut Value, place: &mut String, see: &mut impl FnMut(&str, &mut Value)) {
    see(place, value);
    let length = place.len();
    match value {
        Value::Array(items) => {
            place.push_str("[]");
            items.iter_mut().for_each(|item| visit(item, place, see));
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                place.push_str(&Value::from(key.as_str()).to_string());
                visit(value, place, see);
                place.truncate(length);
            }
        }
        _ => {}
    }
    place.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(recorded: &[&str]) -> Rows {
        let mut rows = Rows::default();
        recorded.iter().for_each(|row| rows.add(row.as_bytes()));
        rows
    }

    #[test]
    fn a_hidden_value_may_be_of_any_type_and_no_other_value_may() {
        let rows = rows(&[
            r#"{"message":{"n":1,"p":"[redacted]"}}"#,
            r#"{"message":{"list":[{"p":"[redacted]"}]},"meta":{"p":"[redacted]"}}"#,
        ]);

        for (row, has_shape) in [
            (r#"{"message":{"n":2,"p":7}}"#, true),
            (r#"{"message":{"n":2,"p":"x"},"meta":null}"#, true),
            (r#"{"message":{"n":2,"p":{"a":[1]}}}"#, true),
            (r#"{"message":{"n":2,"p":null}}"#, true),
            (
                r#"{"message":{"list":[{"p":1},{"p":"x"}]},"meta":{"p":true}}"#,
                true,
            ),
            (r#"{"message":{"n":"2","p":7}}"#, false),
            (r#"{"message":{"n":2}}"#, false),
            (r#"{"message":{"n":2,"p":7,"q":7}}"#, false),
            (
                r#"{"message":{"list":[{"p":1,"q":1}]},"meta":{"p":true}}"#,
                false,
            ),
            (r#"{"message":{"list":{"p":1}},"meta":{"p":true}}"#, false),
            ("7", false),
            ("no", false),
        ] {
            assert_eq!(rows.have_shape_of(row.as_bytes()), has_shape, "{row}");
        }
    }

    #[test]
    fn a_value_that_was_hidden_in_some_rows_only_has_its_type_in_the_others() {
        let rows = rows(&[
            r#"{"message":{"p":1,"old":true}}"#,
            r#"{"message":{"p":"[redacted]"}}"#,
        ]);

        assert!(rows.have_shape_of(br#"{"message":{"p":2,"old":false}}"#));
        assert!(rows.have_shape_of(br#"{"message":{"p":2}}"#));
        assert!(!rows.have_shape_of(br#"{"message":{"p":"x","old":false}}"#));
    }
}
