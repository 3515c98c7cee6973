//! Rows: from a source, and to a sink.
//!
//! Rules: protocol.md section 6.

use std::fmt;

use serde_json::Value;

use super::go::{self, fields};
use super::{excerpt, scan};
use crate::go_json::{Numbers, write_value};

/// A row of a source, its JSON borrowed as the plugin wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRow<'a> {
    /// The row, an object.
    pub message: &'a str,
    /// What the source says about it: an object, or `null`.
    pub meta: &'a str,
}

impl<'a> SourceRow<'a> {
    /// Reads and checks what a source has sent, in one pass. Go puts U+FFFD in
    /// the place of bytes that are not UTF-8; so does [`Source`](crate::host::Source).
    ///
    /// Fields other than `message`, `meta` and `error` are passed over, and
    /// these are found in any case, as Go's encoding/json does. Where `message`
    /// or `meta` stands twice, the last one counts.
    ///
    /// # Errors
    ///
    /// A variant of [`InvalidRow`] for each way of not being a row.
    pub fn parse(text: &'a str) -> Result<Self, InvalidRow> {
        scan::row(text).map_or_else(|| Self::decode(text), Ok)
    }

    /// Reads any row, and finds out what is wrong with any other text.
    pub(super) fn decode(text: &'a str) -> Result<Self, InvalidRow> {
        let bytes = text.as_bytes();
        let [message, meta, error] =
            fields(text, ["message", "meta", "error"]).map_err(|error| {
                if error.is_data() {
                    InvalidRow::NoObject(excerpt(bytes))
                } else {
                    InvalidRow::NotJson {
                        got: excerpt(bytes),
                        reason: error.to_string(),
                    }
                }
            })?;
        let Some(message) = message.filter(|&json| json != "null") else {
            return Err(match error {
                Some(error) => {
                    InvalidRow::Error(go::decode(error).unwrap_or_else(|_| error.to_owned()))
                }
                None => InvalidRow::NoMessage(excerpt(bytes)),
            });
        };
        if !message.starts_with('{') {
            return Err(InvalidRow::MessageNoObject(excerpt(message.as_bytes())));
        }
        let meta = meta.unwrap_or("null");
        if !meta.starts_with('{') && meta != "null" {
            return Err(InvalidRow::MetaNoObject(excerpt(meta.as_bytes())));
        }
        Ok(SourceRow { message, meta })
    }
}

/// Why what a source has sent is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRow {
    /// The bytes are not JSON.
    NotJson {
        /// The bytes, shortened.
        got: String,
        /// What is wrong with them, and where.
        reason: String,
    },
    /// It is JSON, but no object. Holds it, shortened.
    NoObject(String),
    /// `message` is missing or `null`. Holds the row, shortened.
    NoMessage(String),
    /// `message` is not an object. Holds it, shortened.
    MessageNoObject(String),
    /// `meta` is neither an object nor `null`. Holds it, shortened.
    MetaNoObject(String),
    /// `{"error":"text"}`: an SDK reports an error of the source, which no
    /// eKuiper reads as one. Holds the text.
    Error(String),
    /// The row cannot be decoded to be sent on. Holds what is wrong, and where.
    Undecodable(String),
}

impl fmt::Display for InvalidRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidRow::NotJson { got, reason } => write!(
                f,
                "expected a row {{\"message\":{{…}},\"meta\":{{…}}}}, got `{got}`, \
                 which is not JSON: {reason}"
            ),
            InvalidRow::NoObject(got) => write!(
                f,
                "expected a row {{\"message\":{{…}},\"meta\":{{…}}}}, got `{got}`, \
                 which is no object"
            ),
            InvalidRow::NoMessage(got) => {
                write!(f, "the row `{got}` has no `message`; put its columns there")
            }
            InvalidRow::MessageNoObject(got) => {
                write!(f, "`message` of a row has to be an object, it is `{got}`")
            }
            InvalidRow::MetaNoObject(got) => write!(
                f,
                "`meta` of a row has to be an object or null, it is `{got}`"
            ),
            InvalidRow::Error(text) => write!(
                f,
                "the source sent an error in the place of a row: {text}; \
                 no eKuiper reads it as one, log it instead"
            ),
            InvalidRow::Undecodable(reason) => write!(f, "the row cannot be decoded: {reason}"),
        }
    }
}

impl std::error::Error for InvalidRow {}

/// Appends what a sink gets of a row under `SELECT *`: an array of one, or
/// with `single` (`sendSingle`) the object.
///
/// The host decodes and encodes it again: keys are sorted, numbers are floats.
/// `message` is the JSON of an object, as of [`SourceRow`].
///
/// # Errors
///
/// [`InvalidRow::Undecodable`] for what a full decoding alone finds, such as a
/// number beyond a float's range.
pub fn write_sink_row(out: &mut Vec<u8>, message: &str, single: bool) -> Result<(), InvalidRow> {
    let row: Value =
        go::decode(message).map_err(|error| InvalidRow::Undecodable(error.to_string()))?;
    write_sink_value(out, &row, single);
    Ok(())
}

/// Appends the message that carries `row` to a sink: an array of one, or with
/// `single` (`sendSingle`) the row itself. An array is a batch, and written as
/// it is.
pub fn write_sink_value(out: &mut Vec<u8>, row: &Value, single: bool) {
    let wrapped = !single && !row.is_array();
    out.extend(wrapped.then_some(b'['));
    write_value(out, row, Numbers::Float64);
    out.extend(wrapped.then_some(b']'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_borrowed_as_it_was_written() {
        let row = SourceRow::parse(
            r#" {"x": [1], "message": {"b": 1.0, "a": "\u4e2d"}, "meta": {"t": 1} } "#,
        );

        assert_eq!(
            row,
            Ok(SourceRow {
                message: r#"{"b": 1.0, "a": "\u4e2d"}"#,
                meta: r#"{"t": 1}"#,
            })
        );
    }

    #[test]
    fn meta_may_be_null_or_missing() {
        for text in [r#"{"message":{},"meta":null}"#, r#"{"message":{}}"#] {
            let row = SourceRow::parse(text).unwrap();

            assert_eq!((row.message, row.meta), ("{}", "null"));
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let row = SourceRow::parse(r#"{"Meta":{"t":1},"more":0,"MESSAGE":{"a":1}}"#).unwrap();

        assert_eq!((row.message, row.meta), (r#"{"a":1}"#, r#"{"t":1}"#));
    }

    #[test]
    fn each_way_of_not_being_a_row_has_its_own_error() {
        let error = |text| SourceRow::parse(text).unwrap_err();

        for text in [
            "no json",
            "",
            r#"{"message":{}"#,
            r#"{"message":{}} x"#,
            r#"{"message":{"a":NaN}}"#,
            r#"{"message":{"a":01}}"#,
            "{\"message\":{}}\u{fffd}",
        ] {
            assert!(
                matches!(error(text), InvalidRow::NotJson { .. }),
                "{text:?}"
            );
        }
        assert_eq!(error("[{}]"), InvalidRow::NoObject("[{}]".into()));
        assert_eq!(error("{}"), InvalidRow::NoMessage("{}".into()));
        assert_eq!(
            error(r#"{"message":[1]}"#),
            InvalidRow::MessageNoObject("[1]".into())
        );
        assert_eq!(
            error(r#"{"message":{},"meta":"x"}"#),
            InvalidRow::MetaNoObject("\"x\"".into())
        );
        assert_eq!(
            error(r#"{"error": "the sensor is away"}"#),
            InvalidRow::Error("the sensor is away".into())
        );
    }

    #[test]
    fn a_sink_gets_the_row_encoded_anew() {
        let mut array = Vec::new();
        let mut object = Vec::new();

        write_sink_row(&mut array, r#"{ "b": 1.0, "a": "<\u4e2d>" }"#, false).unwrap();
        write_sink_row(&mut object, r#"{ "b": 1e2, "a": null }"#, true).unwrap();

        assert_eq!(array, "[{\"a\":\"\\u003c中\\u003e\",\"b\":1}]".as_bytes());
        assert_eq!(object, br#"{"a":null,"b":100}"#);
    }

    #[test]
    fn an_array_is_sent_to_a_sink_as_a_batch() {
        let written = |row: Value, single| {
            let mut out = Vec::new();
            write_sink_value(&mut out, &row, single);
            String::from_utf8(out).unwrap()
        };

        assert_eq!(
            written(serde_json::json!([{"a": 1}]), false),
            r#"[{"a":1}]"#
        );
        assert_eq!(written(serde_json::json!([{"a": 1}]), true), r#"[{"a":1}]"#);
        assert_eq!(written(serde_json::json!(1), false), "[1]");
    }

    #[test]
    fn a_row_that_only_decoding_finds_wrong_is_an_error() {
        let mut out = Vec::new();

        let result = write_sink_row(&mut out, r#"{"a":1e999}"#, false);

        assert!(matches!(result, Err(InvalidRow::Undecodable(_))));
        assert!(out.is_empty());
    }
}
