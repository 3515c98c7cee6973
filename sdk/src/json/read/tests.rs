use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

/// Checks that what is accepted is what serde_json reads. Returns whether it is.
fn check<'de, T: Deserialize<'de> + fmt::Debug>(bytes: &'de [u8]) -> bool {
    let Ok(value) = read_fast::<T>(bytes) else {
        return false;
    };
    let expected = serde_json::from_slice::<T>(bytes);
    let shown = String::from_utf8_lossy(bytes);
    let expected = expected.unwrap_or_else(|error| panic!("accepted {shown}: {error}"));
    // Not all types can be compared.
    assert_eq!(format!("{value:?}"), format!("{expected:?}"), "{shown}");
    true
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read by Debug")]
struct Row<'a> {
    n: Option<i64>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(default)]
    list: Vec<f32>,
    kind: Option<Kind>,
    pair: Option<Pair>,
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "read by Debug")]
enum Kind {
    Unit,
    Newtype(u128),
    Struct { a: char, b: Box<[bool]> },
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read by Debug")]
struct Pair((u8, String), ());

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read by Debug")]
struct Few {
    n: u64,
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[ -!#-\\[a-zé]{0,200}", "[\\x00-\\x23\\\\é]{0,20}"]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map("[a-z]{0,9}", inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Rows that a [`Row`] can mostly be read from.
fn rows() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just(json!("unit")),
        Just(json!({"newtype": 7})),
        Just(json!({"struct": {"a": "x", "b": [true, false]}})),
        Just(json!("other")),
    ];
    let pair = prop_oneof![Just(json!([[1, "é\\"], null])), Just(json!([[1, ""]]))];
    (
        any::<i64>(),
        texts(),
        vec(any::<f32>(), 0..3),
        kind,
        pair,
        values(),
    )
        .prop_map(|(n, text, list, kind, pair, rest)| {
            json!({
                "n": n, "text": text, "list": list, "kind": kind, "pair": pair, "raw": rest,
                "rest": rest,
            })
        })
}

proptest! {
    #[test]
    fn any_value_is_read_as_serde_json_does(value in values()) {
        for text in [value.to_string(), format!("\t{value:#}\r\n ")] {
            let bytes = text.as_bytes();
            let has_escaped_key = text.contains("\\\":");

            assert!(check::<Value>(bytes) || has_escaped_key, "{text}");
            assert!(check::<IgnoredAny>(bytes) || has_escaped_key, "{text}");
            check::<Row<'_>>(bytes);
            check::<Vec<BTreeMap<String, u16>>>(bytes);
        }
    }

    #[test]
    fn any_row_is_read_as_serde_json_does(row in rows()) {
        let text = row.to_string();

        assert!(check::<Few>(text.as_bytes()) || row["n"].as_u64().is_none());
        let is_row = serde_json::from_str::<Row<'_>>(&text).is_ok();
        assert_eq!(check::<Row<'_>>(text.as_bytes()), is_row);
        check::<[Few; 1]>(format!("[{text}]").as_bytes());
    }

    #[test]
    fn what_is_not_json_is_refused(
        value in rows(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(br#"{}[],:" \n\"#.to_vec())],
        how in 0..3,
    ) {
        let mut bytes = value.to_string().into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => _ = bytes.remove(at),
            _ => bytes.truncate(at),
        }

        check::<Value>(&bytes);
        check::<Row<'_>>(&bytes);
        check::<Few>(&bytes);
        check::<IgnoredAny>(&bytes);
    }
}

#[test]
fn only_values_that_end_are_accepted() {
    for bytes in [
        "",
        " ",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{\"a\" 1}",
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "1 2",
        "[]]",
        "{}}",
        "nul",
        "tru",
        "+1",
        "01",
        "1.",
        "\"\n\"",
        "\"\\x\"",
        "[}",
        "{]",
    ] {
        assert!(read_fast::<Value>(bytes.as_bytes()).is_err(), "{bytes}");
        assert!(
            read_fast::<IgnoredAny>(bytes.as_bytes()).is_err(),
            "{bytes}"
        );
    }
    for bytes in [
        &b"\"\\ud800\""[..],
        b"\"\xff\"",
        b"{\"\xff\":1}",
        b"\xef\xbb\xbf1",
    ] {
        assert!(read_fast::<Value>(bytes).is_err());
    }
}

#[test]
fn what_serde_json_finds_too_deep_is_refused() {
    for depth in [DEEPEST + 1, 127, 128, 200, 100_000] {
        let lists = "[".repeat(depth) + &"]".repeat(depth);
        let raw = format!("{{\"kind\":{lists},\"raw\":{lists}}}");

        assert!(read_fast::<Value>(lists.as_bytes()).is_err());
        assert!(read_fast::<IgnoredAny>(lists.as_bytes()).is_err());
        assert!(read_fast::<Row<'_>>(raw.as_bytes()).is_err());
    }
    let lists = "[".repeat(DEEPEST) + &"]".repeat(DEEPEST);
    assert!(check::<Value>(lists.as_bytes()));
}

/// A text, or "none" if it cannot be read.
#[derive(Debug)]
struct Forgiving(String);

impl<'de> Deserialize<'de> for Forgiving {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer);
        Ok(Forgiving(text.unwrap_or("none".to_owned())))
    }
}

#[test]
fn a_type_that_ignores_an_error_gets_what_serde_json_gives_it() {
    let text = |text: &str| format!("\"{}\"", text.repeat(LONG));

    let good: Forgiving = read(text("a").as_bytes()).unwrap();
    let key = format!("{{\"a\\\"\":{}}}", text("a"));
    let map: BTreeMap<String, Forgiving> = read(key.as_bytes()).unwrap();

    assert_eq!(good.0.len(), LONG);
    assert_eq!(map["a\""].0.len(), LONG);
}

#[test]
fn a_long_message_has_the_error_of_serde_json() {
    let text = format!(
        "[{{\"n\":1,\"pad\":\"{}\"}},\n{{\"n\":-2}}]",
        "x".repeat(LONG)
    );

    let error = read::<Vec<Few>>(text.as_bytes()).unwrap_err();

    assert_eq!(
        error.to_string(),
        "invalid value: integer `-2`, expected u64 at line 2 column 7"
    );
}

#[test]
fn a_long_text_is_borrowed() {
    let text = format!("[\"{}\",\"{}\"]", "x".repeat(LONG), "é".repeat(100));

    let [long, short]: [&str; 2] = read(text.as_bytes()).unwrap();

    assert_eq!(long.as_ptr(), text[2..].as_ptr());
    assert_eq!(short, "é".repeat(100));
    assert!(check::<[&str; 2]>(text.as_bytes()));
}

#[test]
fn any_byte_at_each_end_of_a_block_is_read_as_serde_json_does() {
    for byte in 0..=u8::MAX {
        for place in [1, 2, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1] {
            let mut bytes = format!("\"{}\"", "x".repeat(2 * BLOCK + 1)).into_bytes();
            bytes[place] = byte;

            let is_read = serde_json::from_slice::<String>(&bytes).is_ok();
            assert_eq!(check::<String>(&bytes), is_read, "{byte} at {place}");
        }
    }
}
