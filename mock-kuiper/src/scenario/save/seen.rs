//! From what went over the wire to the values of a case.

use serde_json::{Value, json};

use crate::go_json;
use crate::wire::{SourceRow, write_sink_value};

/// Returns a row of a source as a case expects it; `None` if it is not JSON.
#[must_use]
pub fn saved_row(row: SourceRow<'_>) -> Option<Value> {
    let message: Value = go_json::decode(row.message).ok()?;
    let meta: Value = go_json::decode(row.meta).ok()?;
    Some(json!({"message": message, "meta": meta}))
}

/// Returns the row for a step `send` after which a sink gets exactly these bytes. If
/// it can be, that is the value that they are, without the array around it; `single`:
/// the sink is started with `sendSingle`.
#[must_use]
pub fn saved_sink_row(bytes: &[u8], single: bool) -> Value {
    let whole: Option<Value> = serde_json::from_slice(bytes).ok();
    let only = match whole.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => Some(only.clone()),
        _ => None,
    };
    let is_exact = |row: &Value| {
        let mut written = Vec::new();
        write_sink_value(&mut written, row, single);
        // A text would be sent as its bytes.
        written == bytes && !row.is_string()
    };
    let mut rows = only.into_iter().chain(whole);
    rows.find(is_exact)
        .unwrap_or_else(|| String::from_utf8_lossy(bytes).into())
}
