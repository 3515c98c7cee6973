//! When a message is like the recorded one.

use serde_json::{Number, Value};

use crate::finding::{Finding, Observed, describe_status};
use crate::foreign::shortened;
use crate::redact::HIDDEN;
use crate::trace::shape_of;
use crate::wire::{FunctionAnswer, SourceRow, parse_ack};

/// Returns what the plugin did instead of an answer. The host does not know what is
/// running, because the trace says what is started.
pub(super) fn instead(finding: &Finding) -> String {
    match &finding.observed {
        Observed::Exited { status, .. } => {
            format!("the plugin exited: {}", describe_status(*status))
        }
        _ => finding.to_string(),
    }
}

/// Returns the shape of a source's row, or how it is invalid.
pub(super) fn row_shape(row: &[u8]) -> String {
    let text = String::from_utf8_lossy(row);
    match SourceRow::parse(&text) {
        // An empty array or a null says nothing of the type of what else may come.
        Ok(row) => {
            let message = shape_of(row.message.as_bytes()).unwrap_or_default();
            let meta = shape_of(row.meta.as_bytes()).unwrap_or_default();
            format!("{{\"message\":{message},\"meta\":{meta}}}")
        }
        Err(_) => match shape_of(row) {
            Some(shape) => format!("{shape}, which is not a row"),
            None => "bytes that are not JSON".to_owned(),
        },
    }
}

/// Whether two rows have the same message and the same meta.
pub(super) fn same_row(recorded: &[u8], came: &[u8]) -> bool {
    let parsed = |row: &[u8]| {
        let text = String::from_utf8_lossy(row);
        let row = SourceRow::parse(&text).ok()?;
        let value = |json: &str| serde_json::from_str::<Value>(json).ok();
        Some((value(row.message)?, value(row.meta)?))
    };
    match (parsed(recorded), parsed(came)) {
        (Some((message, meta)), Some((other, other_meta))) => {
            same(&message, &other) && same(&meta, &other_meta)
        }
        (None, None) => recorded == came,
        _ => false,
    }
}

/// Whether two acks say the same.
pub(super) fn same_ack(recorded: &[u8], came: &[u8]) -> bool {
    match (parse_ack(recorded), parse_ack(came)) {
        (Ok(recorded), Ok(came)) => recorded == came,
        (Err(_), Err(_)) => recorded == came,
        _ => false,
    }
}

/// Whether two answers to an order say the same.
pub(super) fn same_answer(recorded: &[u8], came: &[u8]) -> bool {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    recorded == came || same_text(&text(recorded), &text(came))
}

/// Whether two error texts are equal. Of Python's tracebacks, which are full of paths,
/// the last lines are compared: they say what failed.
fn same_text(recorded: &str, came: &str) -> bool {
    match (last_of_traceback(recorded), last_of_traceback(came)) {
        (Some(recorded), Some(came)) => recorded == came,
        _ => recorded == came,
    }
}

/// Returns the last line of a Python traceback; `None` for another text.
fn last_of_traceback(text: &str) -> Option<&str> {
    let traceback = text.strip_prefix("Traceback (most recent call last):")?;
    traceback.trim_end().lines().next_back()
}

/// Whether two answers of a function say the same.
pub(super) fn same_reply(recorded: &[u8], came: &[u8]) -> bool {
    match (FunctionAnswer::parse(recorded), FunctionAnswer::parse(came)) {
        (Ok(FunctionAnswer::Done(recorded)), Ok(FunctionAnswer::Done(came))) => {
            same(&recorded, &came)
        }
        (Ok(FunctionAnswer::Failed(recorded)), Ok(FunctionAnswer::Failed(came))) => {
            same_text(&recorded, &came)
        }
        (Ok(recorded), Ok(came)) => recorded == came,
        (Err(_), Err(_)) => recorded == came,
        _ => false,
    }
}

/// Whether a value is the recorded one, `a`; `1` and `1.0` are the same number. One that
/// was hidden when it was recorded may be any.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(text), _) if text == HIDDEN => true,
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let alike = |(key, value): (&String, &Value)| {
                b.get(key).is_some_and(|other| same(value, other))
            };
            a.len() == b.len() && a.iter().all(alike)
        }
        _ => a == b,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
}

/// Shows a message in a sentence.
pub(super) fn shown(message: &[u8]) -> String {
    match message {
        [] => "no bytes".to_owned(),
        message => shortened(&String::from_utf8_lossy(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_by_value_and_keys_in_any_order() {
        let reply = |result: &str| format!(r#"{{"state":true,"result":{result}}}"#);
        let same = |a: &str, b: &str| same_reply(reply(a).as_bytes(), reply(b).as_bytes());

        assert!(same(r#"{"a":1,"b":[2.0]}"#, r#"{"b":[2],"a":1.0}"#));
        assert!(!same("9007199254740993", "9007199254740992"));
        assert!(!same(r#"{"a":1}"#, r#"{"a":1,"b":null}"#));
        assert!(!same("[1,2]", "[2,1]"));
        assert!(!same("1", r#""1""#));
        assert!(!same_reply(
            br#"{"state":false,"result":"1"}"#,
            reply("1").as_bytes()
        ));
        assert!(same_reply(b"no", b"no") && !same_reply(b"no", b"nope"));
        // What was hidden when it was recorded.
        assert!(same(r#"{"a":["[redacted]"]}"#, r#"{"a":[7]}"#));
        assert!(!same("7", r#""[redacted]""#));
    }

    #[test]
    fn of_tracebacks_only_what_failed_is_compared() {
        let first =
            b"Traceback (most recent call last):\n  File \"/a/b.py\", line 1\nKeyError: 'x'\n";
        let second = b"Traceback (most recent call last):\n  File \"/c.py\", line 2\nKeyError: 'x'";
        let third = b"Traceback (most recent call last):\n  File \"/c.py\", line 2\nKeyError: 'y'";

        assert!(same_answer(first, second));
        assert!(!same_answer(first, third));
        assert!(!same_answer(first, b"KeyError: 'x'"));
        assert!(same_answer(b"no", b"no") && !same_answer(b"no", b"no "));
    }

    #[test]
    fn acks_are_the_same_if_they_report_the_same() {
        assert!(same_ack(b"{}", br#"{ "error": null }"#));
        assert!(same_ack(br#"{"error":"a"}"#, br#"{"error": "a"}"#));
        assert!(!same_ack(br#"{"error":"a"}"#, b"{}"));
        assert!(!same_ack(b"ok", b"{}"));
    }

    #[test]
    fn rows_have_shapes_and_are_equal_by_message_and_meta() {
        assert_eq!(
            row_shape(br#"{"message":{"n":1},"meta":null}"#),
            r#"{"message":{"n":number},"meta":null}"#
        );
        assert_eq!(row_shape(b"[]"), "[], which is not a row");
        assert_eq!(row_shape(b"no"), "bytes that are not JSON");
        assert!(same_row(
            br#"{"message":{"n":1}}"#,
            br#"{"message": {"n": 1.0}, "meta": null}"#
        ));
        assert!(!same_row(
            br#"{"message":{"n":1}}"#,
            br#"{"message":{"n":2}}"#
        ));
        assert!(!same_row(b"no", br#"{"message":{"n":2}}"#));
    }
}
