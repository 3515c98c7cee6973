//! A quick look at rows that are written as nearly all are: `message`, then
//! `meta`, and nothing else.
//!
//! A source may send millions of rows a second, and the check of each would be
//! what holds it up. What is not recognized here may be a row still: serde_json
//! decides then, and has the words for what is wrong. Each row that is
//! recognized here serde_json takes, too, and no differently (a test).

use super::SourceRow;

/// How deep values may be nested; what is deeper is left to serde_json.
const DEPTH: u8 = 32;

/// Recognizes a row; `None` says nothing about the text.
pub(super) fn row(text: &str) -> Option<SourceRow<'_>> {
    let rest = literal(space(text.as_bytes()), b"{")?;
    let message = field(rest, b"\"message\"")?;
    let rest = object(message, DEPTH)?;
    let message = between(text, message, rest);
    let rest = literal(space(rest), b",")?;
    let meta = field(rest, b"\"meta\"")?;
    let rest = match meta {
        [b'{', ..] => object(meta, DEPTH)?,
        _ => literal(meta, b"null")?,
    };
    let meta = between(text, meta, rest);
    let rest = literal(space(rest), b"}")?;
    space(rest)
        .is_empty()
        .then_some(SourceRow { message, meta })
}

/// What is between two places in a text, of which the rest is given.
fn between<'a>(text: &'a str, start: &[u8], end: &[u8]) -> &'a str {
    &text[text.len() - start.len()..text.len() - end.len()]
}

// Each of these takes the text from some place on, and gives what is left of it
// behind what it is called after, or `None`.

fn space(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\t' | b'\r', rest @ ..] = text {
        text = rest;
    }
    text
}

fn literal<'a, const N: usize>(text: &'a [u8], literal: &[u8; N]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_first_chunk()?;
    (start == literal).then_some(rest)
}

/// A name, in its quotes, and the colon: what is left begins with the value.
fn field<'a, const N: usize>(text: &'a [u8], name: &[u8; N]) -> Option<&'a [u8]> {
    let rest = literal(space(text), name)?;
    Some(space(literal(space(rest), b":")?))
}

fn value(text: &[u8], depth: u8) -> Option<&[u8]> {
    match text.first()? {
        b'"' => string(text),
        b'{' => object(text, depth.checked_sub(1)?),
        b'[' => array(text, depth.checked_sub(1)?),
        b't' => literal(text, b"true"),
        b'f' => literal(text, b"false"),
        b'n' => literal(text, b"null"),
        _ => number(text),
    }
}

fn object(text: &[u8], depth: u8) -> Option<&[u8]> {
    let mut rest = space(literal(text, b"{")?);
    if let [b'}', rest @ ..] = rest {
        return Some(rest);
    }
    loop {
        rest = literal(space(string(rest)?), b":")?;
        rest = space(value(space(rest), depth)?);
        match rest {
            [b',', next @ ..] => rest = space(next),
            [b'}', next @ ..] => return Some(next),
            _ => return None,
        }
    }
}

fn array(text: &[u8], depth: u8) -> Option<&[u8]> {
    let mut rest = space(literal(text, b"[")?);
    if let [b']', rest @ ..] = rest {
        return Some(rest);
    }
    loop {
        rest = space(value(rest, depth)?);
        match rest {
            [b',', next @ ..] => rest = space(next),
            [b']', next @ ..] => return Some(next),
            _ => return None,
        }
    }
}

fn string(text: &[u8]) -> Option<&[u8]> {
    let mut rest = literal(text, b"\"")?;
    loop {
        rest = plain(rest);
        rest = match rest {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', rest @ ..] => escape(rest)?,
            _ => return None,
        }
    }
}

/// What is behind a backslash.
fn escape(text: &[u8]) -> Option<&[u8]> {
    match text {
        [
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            rest @ ..,
        ] => Some(rest),
        [b'u', rest @ ..] => {
            let (digits, rest) = rest.split_first_chunk::<4>()?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(rest)
        }
        _ => None,
    }
}

fn number(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match text {
        [b'0', rest @ ..] => rest,
        _ => digits(text)?,
    };
    if let [b'.', fraction @ ..] = rest {
        rest = digits(fraction)?;
    }
    match rest {
        [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] => {
            digits(exponent)
        }
        _ => Some(rest),
    }
}

/// One digit or more.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    while let [b'0'..=b'9', next @ ..] = rest {
        rest = next;
    }
    (rest.len() < text.len()).then_some(rest)
}

/// All up to the first quote, backslash or control character.
fn plain(mut text: &[u8]) -> &[u8] {
    while let Some((chunk, rest)) = text.split_first_chunk() {
        match special(u64::from_le_bytes(*chunk)) {
            0 => text = rest,
            special => return &text[special.trailing_zeros() as usize / 8..],
        }
    }
    while let [b' '..=b'!' | b'#'..=b'[' | b']'.., rest @ ..] = text {
        text = rest;
    }
    text
}

/// Looks at eight bytes at once: the lowest bit that is set is in the first
/// byte that is a quote, a backslash or a control character.
///
/// A byte minus n has its high bit set, and had it not before, where the byte
/// is below n; what is borrowed from the bytes above makes no lower bit wrong.
fn special(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(ONES * u64::from(limit)) & !bytes & HIGH;
    let is = |byte: u8| below(bytes ^ (ONES * u64::from(byte)), 1);
    below(bytes, b' ') | is(b'"') | is(b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::any_json::any_json;

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::hash_map("[a-z\"\\\\ ]{0,12}", any_json(), 0..6)
            .prop_map(|fields| Value::Object(fields.into_iter().collect()))
    }

    /// A row as the SDKs write it: without spaces, on lines, as Python does.
    fn text() -> impl Strategy<Value = String> {
        let meta = prop_oneof![Just(Value::Null), object()];
        (object(), meta, 0..3).prop_map(|(message, meta, manner)| match manner {
            0 => format!(r#"{{"message":{message},"meta":{meta}}}"#),
            1 => format!("{{\"message\": {message:#}, \"meta\": {meta:#}}}"),
            _ => format!(" {{\r\n\t\"message\" : {message} , \"meta\" : {meta}\n}} "),
        })
    }

    /// What is recognized has to be what serde_json makes of it.
    fn assert_agrees(text: &str) {
        if let Some(row) = row(text) {
            assert_eq!(SourceRow::decode(text), Ok(row), "{text}");
        }
    }

    proptest! {
        #[test]
        fn rows_are_recognized_as_serde_json_has_them(text in text()) {
            prop_assert!(row(&text).is_some(), "{}", text);
            assert_agrees(&text);
        }

        #[test]
        fn a_row_with_a_character_changed_is_recognized_only_where_it_is_one(
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

    #[test]
    fn what_is_no_json_is_not_recognized() {
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
            assert_eq!(row(&text), None, "{text}");
            assert!(SourceRow::decode(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_in_another_manner_is_left_to_serde_json() {
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        for text in [
            r#"{"meta":{},"message":{}}"#.to_owned(),
            r#"{"message":{}}"#.to_owned(),
            r#"{"message":{},"meta":{},"more":1}"#.to_owned(),
            r#"{"\u006dessage":{},"meta":{}}"#.to_owned(),
            format!(r#"{{"message":{{"a":{}}},"meta":{{}}}}"#, deep(100_000)),
        ] {
            assert_eq!(row(&text), None);
            assert!(SourceRow::parse(&text).is_ok());
        }
        let text = format!(r#"{{"message":{{"a":{}}},"meta":{{}}}}"#, deep(20));
        assert!(row(&text).is_some());
        for text in [
            r#"{"message":[],"meta":{}}"#,
            r#"{"message":{},"meta":1}"#,
            "",
            "{}",
        ] {
            assert_eq!(row(text), None);
        }
        assert!(
            row(&json!({"message": {"s": "\u{1}\\\"\u{7f}"}, "meta": null}).to_string()).is_some()
        );
    }
}
