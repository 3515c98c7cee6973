use std::collections::{BTreeMap, HashMap};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;

/// Checks that a value is written as serde_json writes it.
fn check(value: &(impl Serialize + ?Sized)) {
    let mut out = b"before".to_vec();

    let written = write(&mut out, value);

    match serde_json::to_vec(value) {
        Ok(expected) => {
            written.unwrap();
            let shown = String::from_utf8_lossy(&out);
            assert_eq!(&out[6..], expected, "{shown}");
            assert!(out.starts_with(b"before"));
        }
        Err(error) => assert_eq!(written.unwrap_err().to_string(), error.to_string()),
    }
}

/// Texts in which few, many or all characters are escaped, some longer than a piece.
fn texts() -> impl Strategy<Value = String> {
    let any_text = vec(any::<char>(), 0..20).prop_map(String::from_iter);
    let escaped = "[\\x00-\\x22\\\\\\x7fé]{0,200}";
    let long = ("[ -!#-\\[a-z]{0,300}", "[\"\\\\\\n]{0,2}", "[a-zé]{0,300}");
    prop_oneof![
        any_text,
        escaped,
        long.prop_map(|(before, escaped, after)| before + &escaped + &after),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(texts(), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[derive(Clone, Debug, Serialize)]
enum Kind {
    Unit,
    Newtype(f32),
    Tuple(u128, Option<char>),
    Struct { text: String, none: Option<i8> },
    EmptyStruct {},
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Unit),
        Just(Kind::EmptyStruct {}),
        any::<f32>().prop_map(Kind::Newtype),
        any::<(u128, Option<char>)>().prop_map(|(a, b)| Kind::Tuple(a, b)),
        (texts(), any::<Option<i8>>()).prop_map(|(text, none)| Kind::Struct { text, none }),
    ]
}

#[derive(Debug, Serialize)]
struct Unit;

#[derive(Debug, Serialize)]
struct Pair(i128, ());

#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(rename = "a \"name\"")]
    kinds: &'a [Kind],
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<u8>,
    numbers: BTreeMap<i16, f64>,
    flags: BTreeMap<bool, Unit>,
    characters: BTreeMap<char, Pair>,
    bytes: AsBytes<'a>,
    #[serde(flatten)]
    rest: HashMap<String, u32>,
}

#[derive(Debug)]
struct AsBytes<'a>(&'a [u8]);

impl Serialize for AsBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A value that serializes as its `Display` form, in pieces.
struct Shown<'a>(&'a [String]);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|text| f.write_str(text))
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

proptest! {
    #[test]
    fn any_text_is_written_as_serde_json_does(text in texts()) {
        check(&text);
    }

    #[test]
    fn any_value_is_written_as_serde_json_does(value in values()) {
        check(&value);
    }

    #[test]
    fn any_row_is_written_as_serde_json_does(
        kinds in vec(kinds(), 0..5),
        skipped: Option<u8>,
        numbers: BTreeMap<i16, f64>,
        pairs in vec(any::<(char, i128)>(), 0..4),
        bytes in vec(any::<u8>(), 0..5),
        name in texts(),
    ) {
        check(&Row {
            kinds: &kinds,
            skipped,
            numbers,
            flags: BTreeMap::from([(skipped.is_some(), Unit)]),
            characters: pairs.into_iter().map(|(key, number)| (key, Pair(number, ()))).collect(),
            bytes: AsBytes(&bytes),
            rest: HashMap::from([(name, 7)]),
        });
    }

    #[test]
    fn a_text_in_pieces_is_written_as_serde_json_does(pieces in vec(texts(), 0..4)) {
        check(&Shown(&pieces));
    }
}

#[test]
fn every_byte_is_escaped_at_every_place_of_a_piece() {
    for byte in 0..0x80 {
        for place in 0..2 * PIECE + 2 {
            let mut text = "x".repeat(2 * PIECE + 2);
            text.replace_range(place..=place, char::from(byte).encode_utf8(&mut [0; 4]));

            check(&text);
        }
    }
}

#[test]
fn every_byte_is_escaped_at_each_end_of_a_block() {
    for byte in 0..0x80 {
        for place in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK - 1, 2 * BLOCK] {
            let mut text = "x".repeat(2 * BLOCK + 1);
            text.replace_range(place..=place, char::from(byte).encode_utf8(&mut [0; 4]));

            check(&text);
        }
    }
}

#[test]
fn escapes_are_those_of_json() {
    let mut out = Vec::new();

    write(&mut out, "\u{8}\t\n\u{c}\r\"\\/\u{1f}\u{7f}é").unwrap();

    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\"\\b\\t\\n\\f\\r\\\"\\\\/\\u001f\u{7f}é\""
    );
}

#[test]
fn numbers_that_json_has_not_become_null() {
    check(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300]);
    check(&[f32::NAN, f32::MIN_POSITIVE, 0.1]);
    check(&(u128::MAX, i128::MIN));
}

#[test]
fn a_raw_value_is_written_unchanged() {
    let raw = RawValue::from_string("{ \"a\" : 1e5 }".to_owned()).unwrap();

    check(&raw);
    check(&json!({"list": [1, "a"]}));
    check(&BTreeMap::from([("first", &raw), ("second", &raw)]));
}

#[test]
fn a_key_that_cannot_be_one_is_the_error_of_serde_json() {
    check(&HashMap::from([(vec![1], 2)]));
    check(&BTreeMap::from([((), 1)]));
    check(&[BTreeMap::from([(Some("key"), 1)])]);
    check(&BTreeMap::from([(Pair(1, ()).0, Unit)]));
}

struct Fails;

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, _serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Err(ser::Error::custom("no value"))
    }
}

#[test]
fn an_error_of_a_value_is_returned() {
    check(&Fails);
    check(&BTreeMap::from([("key", [Some(Fails)])]));
}
