//! Fuzz targets: rows, answers and acks, and the JSON in them.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::answer::{Ack, FunctionAnswer, OrderAnswer, parse_ack};
use super::row::{SourceRow, write_sink_row};
use crate::go_json::depth::{self, is_deeper};
use crate::go_json::{Numbers, decode, write_value};

/// The scan that recognizes most rows accepts only what the parser accepts, with the
/// same parts; what a sink gets of a row is written alike when it is read again.
pub(crate) fn rows(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let decoded = SourceRow::decode(&text);
    if let Some(row) = SourceRow::recognize(&text) {
        assert_eq!(decoded, Ok(row));
    }
    assert_eq!(SourceRow::parse(&text), decoded);
    let row = match decoded {
        Ok(row) => row,
        Err(error) => {
            assert!(!error.to_string().contains(['\n', '\u{1b}']), "{error}");
            return;
        }
    };
    assert!(row.meta == "null" || row.meta.starts_with('{'));
    for single in [false, true] {
        let mut out = b"kept".to_vec();
        let written = write_sink_row(&mut out, row.message, single);
        let out = out.strip_prefix(b"kept").expect("what was there stays");
        if written.is_err() {
            assert_eq!(out, b"");
            continue;
        }
        if is_deeper(row.message, depth::VALUE - 1) {
            // It is not decoded.
            continue;
        }
        let read: Value = serde_json::from_slice(out).expect("a row is JSON");
        let object = if single { &read } else { &read[0] };
        assert!(object.is_object());
        assert_eq!(encoded(&read, Numbers::Float64), out);
    }
}

/// What serde_json accepts is decoded to the same value; a value that was written is
/// read as the same value.
pub(crate) fn json(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let decoded = decode::<Value>(&text);
    if let Ok(plain) = serde_json::from_str::<Value>(&text) {
        assert_eq!(decoded.as_ref().ok(), Some(&plain));
    }
    let Ok(value) = decoded else {
        return;
    };
    for numbers in [Numbers::Exact, Numbers::Float64] {
        let out = encoded(&value, numbers);
        let read: Value = serde_json::from_slice(&out).expect("what is written is JSON");
        assert!(
            is_same(&value, &read, numbers),
            "{value} is written as {read}"
        );
        assert_eq!(encoded(&read, numbers), out);
    }
}

fn encoded(value: &Value, numbers: Numbers) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(&mut out, value, numbers);
    assert!(!out.contains(&b'<') && !out.contains(&b'\n'));
    out
}

/// Returns whether two values are equal; an integer may be written for a whole float.
fn is_same(a: &Value, b: &Value, numbers: Numbers) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            (a == b && numbers == Numbers::Exact) || a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b, numbers))
        }
        (Value::Object(a), Value::Object(b)) => {
            let mut pairs = a.iter().zip(b);
            a.len() == b.len()
                && pairs
                    .all(|((a_name, a), (b_name, b))| a_name == b_name && is_same(a, b, numbers))
        }
        (a, b) => a == b,
    }
}

/// Answers and acks mean what plain JSON says, if that can read them.
pub(crate) fn answers(data: &[u8]) {
    let order = OrderAnswer::parse(data);
    assert_eq!(order == OrderAnswer::Done, data == b"ok");
    assert_eq!(order.text(), String::from_utf8_lossy(data));

    let answer = FunctionAnswer::parse(data);
    let ack = parse_ack(data);
    for error in [answer.as_ref().err(), ack.as_ref().err()]
        .into_iter()
        .flatten()
    {
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }
    if data.first() == Some(&b'h') {
        assert_eq!(answer, Ok(FunctionAnswer::Greeting));
        return;
    }
    let Ok(plain) = serde_json::from_str::<Value>(&String::from_utf8_lossy(data)) else {
        return;
    };
    let Some(fields) = plain.as_object() else {
        assert!(answer.is_err());
        assert_eq!(ack.is_ok(), plain.is_null());
        return;
    };
    if !is_plain(fields, &["state", "result", "error"]) {
        return;
    }
    let result = fields.get("result").cloned().unwrap_or_default();
    let expected = match (fields.get("state"), result) {
        (Some(Value::Bool(true)), result) => Some(FunctionAnswer::Done(result)),
        (Some(Value::Bool(false)), Value::String(text)) => Some(FunctionAnswer::Failed(text)),
        (Some(Value::Bool(false)), other) => Some(FunctionAnswer::Failed(other.to_string())),
        _ => None,
    };
    assert_eq!(answer.ok(), expected);
    let expected = match fields.get("error") {
        None | Some(Value::Null) => Some(Ack::Done),
        Some(Value::String(text)) if text.is_empty() => Some(Ack::Done),
        Some(Value::String(text)) => Some(Ack::Failed(text.clone())),
        _ => None,
    };
    assert_eq!(ack.ok(), expected);
}

/// Returns whether these names occur only as they are written here.
fn is_plain(fields: &Map<String, Value>, names: &[&str]) -> bool {
    fields.keys().all(|name| {
        let lower = Cow::from(name.to_ascii_lowercase());
        *name == lower || !names.contains(&&*lower)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_messages_pass() {
        rows(br#"{"message": {"b": 1e21, "a": "<\ud83d"}, "meta": {}}"#);
        rows(b"no json");
        json(br#"{"a": [1.0, -0.0, 12345678901234567890, "\ud83d\u2028"], "A": null}"#);
        for answer in [
            &b"ok"[..],
            b"handshake",
            br#"{"state":true,"result":[1]}"#,
            br#"{"state":false,"result":{"e":1}}"#,
            br#"{"Error":"x","error":""}"#,
            b"null",
        ] {
            answers(answer);
        }
    }
}
