//! What a plugin answers: to an order, to a request on a function's channel, and
//! to a row with an ack.
//!
//! Rules: protocol.md sections 5 to 7.

use std::fmt;

use serde_json::Value;

use crate::foreign::excerpt;
use crate::go_json::depth::{self, is_deeper};
use crate::go_json::{decode, fields};

/// The answer to an order.
///
/// Some releases do not recognize a greeting here
/// ([`Release::regreet_on_control`](crate::release::Release::regreet_on_control)).
/// They take it for a refusal with the text [`OrderAnswer::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderAnswer<'a> {
    /// `ok`: the order was carried out.
    Done,
    /// A message that begins with `h`.
    Greeting(&'a [u8]),
    /// Anything else: an error text.
    Refused(&'a [u8]),
}

impl<'a> OrderAnswer<'a> {
    /// Reads an answer. Any bytes are a valid one.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Self {
        match bytes {
            b"ok" => OrderAnswer::Done,
            [b'h', ..] => OrderAnswer::Greeting(bytes),
            _ => OrderAnswer::Refused(bytes),
        }
    }

    /// Returns the whole answer as text, with invalid UTF-8 replaced.
    #[must_use]
    pub fn text(self) -> String {
        let bytes = match self {
            OrderAnswer::Done => b"ok",
            OrderAnswer::Greeting(bytes) | OrderAnswer::Refused(bytes) => bytes,
        };
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// The answer to a request on a function's channel.
#[derive(Debug, Clone, PartialEq)]
pub enum FunctionAnswer {
    /// A message that begins with `h`: a greeting, not an answer.
    Greeting,
    /// The call succeeded (`state` is true), with this `result`.
    Done(Value),
    /// The call succeeded, with a `result` of more than 127 levels. Holds its text: it
    /// is not decoded, because a [`Value`] of so many levels could exhaust the stack.
    DoneDeep(String),
    /// The call failed (`state` is false), with this text as `result`.
    Failed(String),
}

impl FunctionAnswer {
    /// Reads an answer. Bytes that are not UTF-8 become U+FFFD, as in Go.
    ///
    /// # Errors
    ///
    /// [`InvalidAnswer`] for anything except an object with a boolean `state`, and for a
    /// `result` that Go does not decode, such as one of more than 10000 levels.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidAnswer> {
        if bytes.first() == Some(&b'h') {
            return Ok(FunctionAnswer::Greeting);
        }
        let invalid = InvalidAnswer::of(bytes, r#"{"state":true or false,"result":…}"#);
        let text = String::from_utf8_lossy(bytes);
        let [state, result] = object(&text, ["state", "result"]).map_err(&invalid)?;
        let is_done = match state {
            Some("true") => true,
            Some("false") => false,
            Some(_) => return Err(invalid("`state` is not a boolean".to_owned())),
            None => return Err(invalid("`state` is missing".to_owned())),
        };
        let json = result.unwrap_or("null");
        let result = match decode(json) {
            Ok(result) => result,
            Err(_) if is_deeper(&text, depth::GO) => {
                let levels = depth::GO;
                return Err(invalid(format!(
                    "it is nested more than {levels} levels deep"
                )));
            }
            Err(_) if is_deeper(json, depth::VALUE) => {
                let json = json.to_owned();
                return Ok(match is_done {
                    true => FunctionAnswer::DoneDeep(json),
                    false => FunctionAnswer::Failed(json),
                });
            }
            Err(error) => return Err(invalid(format!("`result`: {error}"))),
        };
        Ok(match (is_done, result) {
            (true, result) => FunctionAnswer::Done(result),
            (false, Value::String(text)) => FunctionAnswer::Failed(text),
            (false, other) => FunctionAnswer::Failed(other.to_string()),
        })
    }
}

/// What a sink reports about one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ack {
    /// `{}`: the row was processed.
    Done,
    /// `{"error":"text"}`: the row failed.
    Failed(String),
}

/// Reads an ack. Bytes that are not UTF-8 become U+FFFD, as in Go.
///
/// # Errors
///
/// [`InvalidAnswer`] for anything except an object whose `error`, if it has one,
/// is a string. `null` is accepted, since Go takes it for an empty object.
pub fn parse_ack(bytes: &[u8]) -> Result<Ack, InvalidAnswer> {
    if bytes.trim_ascii() == b"null" {
        return Ok(Ack::Done);
    }
    let invalid = InvalidAnswer::of(bytes, r#"{} or {"error":"text"}"#);
    let json = String::from_utf8_lossy(bytes);
    let [error] = object(&json, ["error"]).map_err(&invalid)?;
    let text: Option<String> = match error {
        None => None,
        Some(json) => decode(json).map_err(|error| invalid(format!("`error`: {error}")))?,
    };
    Ok(match text {
        None => Ack::Done,
        Some(text) if text.is_empty() => Ack::Done,
        Some(text) => Ack::Failed(text),
    })
}

/// Returns the JSON text of an object's fields, or what is wrong with the object.
fn object<'a, const N: usize>(
    text: &'a str,
    names: [&'static str; N],
) -> Result<[Option<&'a str>; N], String> {
    fields(text, names).map_err(|error| match error.is_data() {
        true => "it is not an object".to_owned(),
        false => error.to_string(),
    })
}

/// An answer or an ack that eKuiper cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAnswer {
    expected: &'static str,
    got: String,
    reason: String,
}

impl InvalidAnswer {
    /// Returns a constructor that takes the reason.
    fn of(bytes: &[u8], expected: &'static str) -> impl Fn(String) -> Self {
        move |reason| Self {
            expected,
            got: excerpt(bytes),
            reason,
        }
    }
}

impl fmt::Display for InvalidAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {}, got `{}` ({})",
            self.expected, self.got, self.reason
        )
    }
}

impl std::error::Error for InvalidAnswer {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_ok_is_success_and_an_initial_h_is_a_greeting() {
        assert_eq!(OrderAnswer::parse(b"ok"), OrderAnswer::Done);
        assert_eq!(
            OrderAnswer::parse(b"handshake"),
            OrderAnswer::Greeting(b"handshake")
        );
        assert_eq!(
            OrderAnswer::parse(b"host down"),
            OrderAnswer::Greeting(b"host down")
        );
        assert_eq!(OrderAnswer::parse(b"ok "), OrderAnswer::Refused(b"ok "));
        assert_eq!(OrderAnswer::parse(b""), OrderAnswer::Refused(b""));
        assert_eq!(OrderAnswer::parse(b"\xff").text(), "\u{fffd}");
    }

    #[test]
    fn a_functions_answer_has_a_state_and_a_result() {
        let parse = |bytes: &[u8]| FunctionAnswer::parse(bytes).unwrap();

        assert_eq!(
            parse(br#"{"state": true, "result": {"a": [1, null]}}"#),
            FunctionAnswer::Done(json!({"a": [1, null]}))
        );
        assert_eq!(
            parse(br#"{"state":true}"#),
            FunctionAnswer::Done(Value::Null)
        );
        assert_eq!(
            parse(br#"{"state":false,"result":"no"}"#),
            FunctionAnswer::Failed("no".into())
        );
        assert_eq!(
            parse(br#"{"state":false,"result":{"e":1}}"#),
            FunctionAnswer::Failed(r#"{"e":1}"#.into())
        );
        assert_eq!(
            parse(br#"{"State":true,"Result":[1]}"#),
            FunctionAnswer::Done(json!([1]))
        );
        assert_eq!(
            parse(b"{\"state\":true,\"result\":\"a\xff\"}"),
            FunctionAnswer::Done(json!("a\u{fffd}"))
        );
        assert_eq!(parse(b"handshake"), FunctionAnswer::Greeting);
    }

    #[test]
    fn a_result_may_have_as_many_levels_as_go_reads() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        let parse = |state: &str, levels| {
            let result = nested(levels);
            FunctionAnswer::parse(format!(r#"{{"state":{state},"result":{result}}}"#).as_bytes())
        };

        assert!(matches!(parse("true", 127), Ok(FunctionAnswer::Done(_))));
        for levels in [128, 9_999] {
            let text = nested(levels);
            assert_eq!(
                parse("true", levels),
                Ok(FunctionAnswer::DoneDeep(text.clone()))
            );
            assert_eq!(parse("false", levels), Ok(FunctionAnswer::Failed(text)));
        }
        let error = parse("true", 10_000).unwrap_err().to_string();
        assert!(
            error.ends_with(" (it is nested more than 10000 levels deep)"),
            "{error}"
        );
    }

    #[test]
    fn an_invalid_answer_is_quoted_in_the_error() {
        let error = FunctionAnswer::parse(b"[true, 1]").unwrap_err();

        assert_eq!(
            error.to_string(),
            r#"expected {"state":true or false,"result":…}, got `[true, 1]` (it is not an object)"#
        );
        for bytes in [&b"ok"[..], b"{}", br#"{"state":1}"#, b"", b"\xff"] {
            assert!(FunctionAnswer::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn an_ack_is_an_empty_object_or_has_an_error_text() {
        assert_eq!(parse_ack(b"{}"), Ok(Ack::Done));
        assert_eq!(parse_ack(b" null\n"), Ok(Ack::Done));
        assert_eq!(parse_ack(br#"{"error":null,"x":[]}"#), Ok(Ack::Done));
        assert_eq!(
            parse_ack(br#"{"Error":"as a Go struct has it"}"#),
            Ok(Ack::Failed("as a Go struct has it".into()))
        );
        assert_eq!(
            parse_ack(br#"{"error": "disk full"}"#),
            Ok(Ack::Failed("disk full".into()))
        );
        assert_eq!(
            parse_ack(b"{\"error\": \"\xffull\"}"),
            Ok(Ack::Failed("\u{fffd}ull".into()))
        );
        for bytes in [&b"ok"[..], b"[]", br#"{"error":1}"#, b"", br#""{}""#] {
            assert!(parse_ack(bytes).is_err(), "{bytes:?}");
        }
    }
}
