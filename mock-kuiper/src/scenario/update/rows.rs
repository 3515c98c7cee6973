//! Rows as a file has them: without a `meta` that nobody expects.

use std::borrow::Cow;

use serde_json::Value;

use crate::scenario::node::Node;

/// Leaves out each `meta` that an expectation of rows, `node`, does not name: any
/// is right. A `meta` that is `null` is also left out where there is no row in the
/// file yet.
pub(super) fn as_expected<'a>(node: &Node, seen: &'a Value) -> Cow<'a, Value> {
    let mut seen = Cow::Borrowed(seen);
    let count = seen.as_array().map_or(0, Vec::len);
    for index in 0..count {
        let row = node.items().get(index);
        let names = |key: &str| row.is_some_and(|row| row.get(key).is_some());
        let is_null = seen[index].get("meta") == Some(&Value::Null);
        let is_left_out = !names("meta") && (names("message") || is_null);
        if is_left_out && let Some(fields) = seen.to_mut()[index].as_object_mut() {
            fields.remove("meta");
        }
    }
    seen
}
