//! Rows: read from a source, and written to a sink.
//!
//! Rules: protocol.md section 6.

use std::fmt;

use serde_json::Value;

use crate::foreign::{excerpt, in_sentence};
use crate::go_json::depth::{self, is_deeper};
use crate::go_json::{Numbers, decode, fields, scan, write_value};

/// A row from a source. Its JSON is borrowed from the text that the plugin sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRow<'a> {
    /// The row, an object.
    pub message: &'a str,
    /// The row's metadata, an object or `null`.
    pub meta: &'a str,
}

impl<'a> SourceRow<'a> {
    /// Reads and checks what a source sent. Go replaces bytes that are not UTF-8
    /// by U+FFFD, and so does [`Source`](crate::host::Source).
    ///
    /// Names match in any case, as in Go. Fields other than `message`, `meta` and
    /// `error` are skipped. If a name occurs twice, the last field counts.
    ///
    /// # Errors
    ///
    /// A variant of [`InvalidRow`] for each way in which a text is not a row.
    pub fn parse(text: &'a str) -> Result<Self, InvalidRow> {
        Self::recognize(text).map_or_else(|| Self::decode(text), Ok)
    }

    /// Recognizes a row that is written as almost all are: `message`, then
    /// `meta`, and nothing else. `None` does not mean that the text is not a row.
    pub(super) fn recognize(text: &'a str) -> Option<Self> {
        let rest = scan::literal(scan::space(text.as_bytes()), b"{")?;
        let message = scan::name(rest, b"\"message\"")?;
        let rest = scan::object(message)?;
        let message = between(text, message, rest);
        let rest = scan::literal(scan::space(rest), b",")?;
        let meta = scan::name(rest, b"\"meta\"")?;
        let rest = match meta {
            [b'{', ..] => scan::object(meta)?,
            _ => scan::literal(meta, b"null")?,
        };
        let meta = between(text, meta, rest);
        let rest = scan::literal(scan::space(rest), b"}")?;
        scan::space(rest)
            .is_empty()
            .then_some(SourceRow { message, meta })
    }

    /// Reads any row, and finds out what is wrong with a text that is not one.
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
        if is_deeper(text, depth::GO) {
            let reason = format!("it is nested more than {} levels deep", depth::GO);
            return Err(InvalidRow::Undecodable(reason));
        }
        let Some(message) = message.filter(|&json| json != "null") else {
            return Err(match error {
                Some(error) => {
                    InvalidRow::Error(decode(error).unwrap_or_else(|_| error.to_owned()))
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

/// Returns the part of a text between two places. Each place is given by the rest
/// of the text after it.
fn between<'a>(text: &'a str, start: &[u8], end: &[u8]) -> &'a str {
    &text[text.len() - start.len()..text.len() - end.len()]
}

/// Why a message from a source is not a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRow {
    /// The bytes are not JSON.
    NotJson {
        /// The bytes, shortened.
        got: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The message is JSON, but not an object. Holds the message, shortened.
    NoObject(String),
    /// `message` is missing or `null`. Holds the row, shortened.
    NoMessage(String),
    /// `message` is not an object. Holds its value, shortened.
    MessageNoObject(String),
    /// `meta` is neither an object nor `null`. Holds its value, shortened.
    MetaNoObject(String),
    /// The message is `{"error":"text"}`. The Go and Python SDKs report an error
    /// in this way, but no eKuiper release reads it. Holds the text.
    Error(String),
    /// The row is JSON, but its values cannot be decoded. Holds what is wrong, and
    /// where.
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
                 which is not an object"
            ),
            InvalidRow::NoMessage(got) => {
                write!(f, "the row `{got}` has no `message`; put its columns there")
            }
            InvalidRow::MessageNoObject(got) => {
                write!(f, "`message` of a row must be an object, got `{got}`")
            }
            InvalidRow::MetaNoObject(got) => {
                write!(f, "`meta` of a row must be an object or null, got `{got}`")
            }
            InvalidRow::Error(text) => write!(
                f,
                "the source sent an error instead of a row: {}; \
                 eKuiper does not read such an error, log it instead",
                in_sentence(text)
            ),
            InvalidRow::Undecodable(reason) => write!(f, "the row cannot be decoded: {reason}"),
        }
    }
}

impl std::error::Error for InvalidRow {}

/// Appends to `out` what a sink receives for a row under `SELECT *`: an array of
/// one object, or with `single` (`sendSingle`) the object itself.
///
/// As in eKuiper the row is decoded and encoded again: keys are sorted and numbers
/// are floats. `message` is that of a [`SourceRow`]. One of more than 127 levels is
/// written as it came, because it cannot be decoded here.
///
/// # Errors
///
/// [`InvalidRow::Undecodable`] for what only decoding finds, such as a number
/// beyond a float's range.
pub fn write_sink_row(out: &mut Vec<u8>, message: &str, single: bool) -> Result<(), InvalidRow> {
    match decode(message) {
        Ok(row) => write_sink_value(out, &row, single),
        Err(_) if is_deeper(message, depth::VALUE) => {
            out.extend((!single).then_some(b'['));
            out.extend(message.as_bytes());
            out.extend((!single).then_some(b']'));
        }
        Err(error) => return Err(InvalidRow::Undecodable(error.to_string())),
    }
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::any_json::any_json;

    #[test]
    fn a_row_keeps_the_text_that_was_sent() {
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
    fn names_match_in_any_case() {
        let row = SourceRow::parse(r#"{"Meta":{"t":1},"more":0,"MESSAGE":{"a":1}}"#).unwrap();

        assert_eq!((row.message, row.meta), (r#"{"a":1}"#, r#"{"t":1}"#));
    }

    #[test]
    fn each_kind_of_invalid_row_has_its_own_error() {
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
    fn a_sink_receives_the_row_encoded_again() {
        let mut array = Vec::new();
        let mut object = Vec::new();

        write_sink_row(&mut array, r#"{ "b": 1.0, "a": "<\u4e2d>" }"#, false).unwrap();
        write_sink_row(&mut object, r#"{ "b": 1e2, "a": null }"#, true).unwrap();

        assert_eq!(array, "[{\"a\":\"\\u003c中\\u003e\",\"b\":1}]".as_bytes());
        assert_eq!(object, br#"{"a":null,"b":100}"#);
    }

    #[test]
    fn a_row_that_cannot_be_decoded_is_not_written() {
        let mut out = Vec::new();

        let result = write_sink_row(&mut out, r#"{"a":1e999}"#, false);

        assert!(matches!(result, Err(InvalidRow::Undecodable(_))));
        assert!(out.is_empty());
    }

    #[test]
    fn a_row_may_have_as_many_levels_as_go_reads() {
        let row = |levels: usize| {
            let (open, close) = (r#"{"a":"#.repeat(levels), "}".repeat(levels));
            format!(r#"{{"message":{open}1{close},"meta":null}}"#)
        };
        let (deepest, deeper) = (row(9_999), row(10_000));
        let mut out = Vec::new();

        let message = SourceRow::parse(&deepest).unwrap().message;
        write_sink_row(&mut out, message, false).unwrap();
        let deeper = SourceRow::parse(&deeper);

        assert_eq!(out, format!("[{message}]").as_bytes());
        let reason = "it is nested more than 10000 levels deep".to_owned();
        assert_eq!(deeper, Err(InvalidRow::Undecodable(reason)));
    }

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::hash_map("[a-z\"\\\\ ]{0,12}", any_json(), 0..6)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
    }

    /// A row as SDKs write it: without spaces, as Python writes it, on several lines.
    fn text() -> impl Strategy<Value = String> {
        let meta = prop_oneof![Just(Value::Null), object()];
        (object(), meta, 0..3).prop_map(|(message, meta, manner)| match manner {
            0 => format!(r#"{{"message":{message},"meta":{meta}}}"#),
            1 => format!("{{\"message\": {message:#}, \"meta\": {meta:#}}}"),
            _ => format!(" {{\r\n\t\"message\" : {message} , \"meta\" : {meta}\n}} "),
        })
    }

    /// A text that is recognized must have the result that serde_json gives.
    fn assert_agrees(text: &str) {
        if let Some(row) = SourceRow::recognize(text) {
            assert_eq!(SourceRow::decode(text), Ok(row), "{text}");
        }
    }

    proptest! {
        #[test]
        fn rows_as_sdks_write_them_are_recognized(text in text()) {
            prop_assert!(SourceRow::recognize(&text).is_some(), "{}", text);
            assert_agrees(&text);
        }

        #[test]
        fn a_changed_row_is_recognized_only_if_it_is_still_a_row(
            text in text(),
            at in any::<prop::sample::Index>(),
            by in prop_oneof![
                "[\\x00-\\x20\"\\\\/{}\\[\\]:,0-9+.eEtfnu-]",
                any::<char>().prop_map(String::from),
                Just(String::new()),
            ],
        ) {
            let (place, old) = text.char_indices().nth(at.index(text.chars().count())).unwrap();
            let mut changed = text.clone();
            changed.replace_range(place..place + old.len_utf8(), &by);
            assert_agrees(&changed);
            changed.truncate(place);
            assert_agrees(&changed);
        }
    }

    /// Pieces of a string, valid and not, and whether a row that has it is one.
    const PIECES: [(&str, bool); 22] = [
        ("\\\"", true),
        (r"\\", true),
        (r"\/", true),
        (r"\b\f\n\r\t", true),
        (r"\u4e2d", true),
        (r"\uD83D\uDE00", true),
        (r"\ud83d", true),
        (r"\ude00\ud83d", true),
        ("\u{7f}\u{4e2d}\u{1f600}\u{2028}", true),
        ("\u{fffd}", true),
        (r#"","b":"{[]}"#, true),
        ("\u{0}", false),
        ("\u{1f}", false),
        ("\n", false),
        ("\t", false),
        ("\"", false),
        (r"\x", false),
        (r"\U4e2d", false),
        (r"\u12g4", false),
        (r"\u+123", false),
        ("\\\u{e9}", false),
        (r#"\u12",""#, false),
    ];

    #[test]
    fn a_piece_of_a_long_text_has_the_same_result_wherever_it_is() {
        for (piece, is_row) in PIECES {
            for before in 0..300 {
                for after in [0, 1, 7, 40, 200] {
                    let text = format!(
                        r#"{{"message":{{"a":"{}{piece}{}"}},"meta":null}}"#,
                        "x".repeat(before),
                        "y".repeat(after)
                    );

                    let row = SourceRow::recognize(&text);

                    assert_eq!(row.is_some(), is_row, "{text}");
                    assert_eq!(SourceRow::decode(&text).ok(), row, "{text}");
                }
            }
        }
    }

    #[test]
    fn a_long_row_that_is_cut_anywhere_is_not_a_row() {
        let pad = "x".repeat(200);
        let text = format!(r#"{{"message":{{"a":"{pad}\u4e2d{pad}"}},"meta":null}}"#);
        for end in 0..text.len() {
            assert_eq!(SourceRow::recognize(&text[..end]), None, "{end}");
        }
    }

    #[test]
    fn invalid_json_is_not_recognized() {
        for value in [
            "01",
            "1.",
            ".5",
            "-",
            "+1",
            "1e",
            "1e+",
            "0x1",
            "1 2",
            "tru",
            "nulll",
            "NaN",
            "",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12",
            "\"\t\"",
            "\"1234567\n\"",
            "'a'",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "[",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{a:1}"#,
            r#"{1:1}"#,
            r#"{"a":1]"#,
            r#"{"a" 1}"#,
            "{",
        ] {
            let text = format!(r#"{{"message":{{"a":{value}}},"meta":null}}"#);
            assert_eq!(SourceRow::recognize(&text), None, "{text}");
            assert!(SourceRow::decode(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn rows_written_in_other_ways_are_left_to_serde_json() {
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        for text in [
            r#"{"meta":{},"message":{}}"#.to_owned(),
            r#"{"message":{}}"#.to_owned(),
            r#"{"message":{},"meta":{},"more":1}"#.to_owned(),
            r#"{"\u006dessage":{},"meta":{}}"#.to_owned(),
            format!(r#"{{"message":{{"a":{}}},"meta":{{}}}}"#, deep(9_000)),
        ] {
            assert_eq!(SourceRow::recognize(&text), None);
            assert!(SourceRow::parse(&text).is_ok());
        }
        let text = format!(r#"{{"message":{{"a":{}}},"meta":{{}}}}"#, deep(20));
        assert!(SourceRow::recognize(&text).is_some());
        for text in [
            r#"{"message":[],"meta":{}}"#,
            r#"{"message":{},"meta":1}"#,
            "",
            "{}",
        ] {
            assert_eq!(SourceRow::recognize(text), None);
        }
        assert!(
            SourceRow::recognize(
                &json!({"message": {"s": "\u{1}\\\"\u{7f}"}, "meta": null}).to_string()
            )
            .is_some()
        );
    }
}
