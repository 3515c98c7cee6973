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
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    scan.space();
    scan.literal(b"{")?;
    let message = scan.field(b"\"message\"")?;
    scan.space();
    scan.literal(b",")?;
    let meta = scan.field(b"\"meta\"")?;
    scan.space();
    scan.literal(b"}")?;
    scan.space();
    let is_row = scan.at == text.len()
        && text[message.clone()].starts_with('{')
        && matches!(text.as_bytes()[meta.start], b'{' | b'n');
    is_row.then(|| SourceRow {
        message: &text[message],
        meta: &text[meta],
    })
}

/// A place in the JSON; all before it is in order. Each step goes on from
/// there, or gives `None`.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        let is_there = self.bytes[self.at..].starts_with(literal);
        self.at += literal.len();
        is_there.then_some(())
    }

    /// A field with this name, in its quotes; gives where the value is.
    fn field(&mut self, name: &[u8]) -> Option<std::ops::Range<usize>> {
        self.space();
        self.literal(name)?;
        self.space();
        self.literal(b":")?;
        self.space();
        let start = self.at;
        self.value(DEPTH)?;
        Some(start..self.at)
    }

    fn value(&mut self, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: u8) -> Option<()> {
        self.elements(b'}', |scan| {
            if scan.peek()? != b'"' {
                return None;
            }
            scan.string()?;
            scan.space();
            scan.literal(b":")?;
            scan.space();
            scan.value(depth)
        })
    }

    fn array(&mut self, depth: u8) -> Option<()> {
        self.elements(b']', |scan| scan.value(depth))
    }

    /// What is between brackets, from the first bracket on, with commas.
    fn elements(&mut self, end: u8, element: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.space();
        if self.peek()? == end {
            self.at += 1;
            return Some(());
        }
        loop {
            element(self)?;
            self.space();
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => self.space(),
                next => return (next == end).then_some(()),
            }
        }
    }

    /// A string, from its quote on.
    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            let special = self.peek()?;
            self.at += 1;
            match special {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// What is behind a backslash.
    fn escape(&mut self) -> Option<()> {
        let escaped = self.peek()?;
        self.at += 1;
        match escaped {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.bytes.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

/// How many bytes there are before the first quote, backslash or control
/// character.
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let special = special(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes[at..].iter();
    at + rest
        .take_while(|&&byte| byte >= b' ' && byte != b'"' && byte != b'\\')
        .count()
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

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ -~\u{e9}\u{4e2d}]{0,40}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::hash_map("[a-z\"\\\\ ]{0,12}", value(), 0..6)
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
            assert!(SourceRow::parse(text.as_bytes()).is_ok());
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
