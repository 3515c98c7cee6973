//! Reading JSON where Go's `encoding/json` accepts what serde_json does not:
//! half a surrogate pair, and names in any case.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Decodes JSON. Half a surrogate pair becomes U+FFFD.
///
/// A plugin in Python writes such a half as `\ud83d`.
///
/// # Errors
///
/// Those of serde_json.
pub(crate) fn decode<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(json).or_else(|error| match without_halves(json) {
        Some(json) => serde_json::from_str(&json),
        None => Err(error),
    })
}

/// Reads bytes as text. Invalid UTF-8 becomes U+FFFD; such a text is put into
/// `replaced`.
pub(crate) fn text<'a>(bytes: &'a [u8], replaced: &'a mut String) -> &'a str {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => {
            *replaced = String::from_utf8_lossy(bytes).into_owned();
            replaced
        }
    }
}

/// Replaces half surrogate pairs. Returns `None` if there are none.
fn without_halves(json: &str) -> Option<String> {
    let mut out = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(rest) = json.as_bytes().get(at..) {
        let Some(found) = rest.iter().position(|&byte| byte == b'\\') else {
            break;
        };
        let escape = at + found;
        at = match (unit(json, escape), unit(json, escape + UNIT)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape + 2 * UNIT,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str(&json[copied..escape]);
                out.push_str(r"\ufffd");
                copied = escape + UNIT;
                copied
            }
            // Any other escape: the byte after the backslash begins no escape.
            _ => escape + 2,
        };
    }
    out.push_str(&json[copied..]);
    (copied > 0).then_some(out)
}

/// The length of `\uXXXX` in bytes.
const UNIT: usize = 6;

/// Returns the UTF-16 code unit that is written as `\uXXXX` at `at`.
fn unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + UNIT)?.strip_prefix(r"\u")?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Returns the JSON text of the fields of an object that have these names.
///
/// Names match in any case, as in Go: a plugin may write `{"Message":…}`. Other
/// fields are skipped. If a name occurs twice, the last field counts.
///
/// # Errors
///
/// A syntax error, or a data error ([`serde_json::Error::is_data`]) if the text
/// is not an object.
pub(crate) fn fields<'a, const N: usize>(
    text: &'a str,
    names: [&'static str; N],
) -> Result<[Option<&'a str>; N], serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let found = reader.deserialize_map(Fields(names, PhantomData))?;
    reader.end()?;
    Ok(found)
}

struct Fields<'a, const N: usize>([&'static str; N], PhantomData<&'a ()>);

impl<'de, const N: usize> Visitor<'de> for Fields<'de, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(place) = map.next_key_seed(Name(&self.0))? {
            match place {
                Some(place) => found[place] = Some(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Deserializes a field's name to its position among the wanted names.
struct Name<'n>(&'n [&'static str]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let mut names = self.0.iter();
        Ok(names.position(|known| known.eq_ignore_ascii_case(name)))
    }
}

/// Returns a field of a decoded object as Go finds it: by its exact name if there
/// is one, otherwise in any case. A field that is `null` counts as missing.
pub(crate) fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| {
            let mut fields = object.iter();
            let found = fields.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value)
        })
        .filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn half_a_surrogate_pair_becomes_a_replacement_character() {
        for (text, expected) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (
                r#""\uDE00x\ud83d\ude00\ud83d\ud83d\ude00""#,
                "\u{fffd}x\u{1f600}\u{fffd}\u{1f600}",
            ),
            (r#""\ud83d\n\\ud83d""#, "\u{fffd}\n\\ud83d"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\u4e2d\\""#, "\u{4e2d}\\"),
        ] {
            assert_eq!(decode::<Value>(text).unwrap(), json!(expected), "{text}");
        }
    }

    #[test]
    fn invalid_utf_8_is_replaced_wherever_it_is() {
        let pieces: [(&[u8], &str); 10] = [
            (b"\x80", "\u{fffd}"),
            (b"\xff", "\u{fffd}"),
            (b"\xc3", "\u{fffd}"),
            (b"\xc0\xaf", "\u{fffd}\u{fffd}"),
            (b"\xe4\xb8", "\u{fffd}"),
            (b"\xed\xa0\xbd", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xf0\x9f\x98", "\u{fffd}"),
            (b"\xf4\x90\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xe4\xb8\xad", "\u{4e2d}"),
            (b"\xf0\x9f\x98\x80", "\u{1f600}"),
        ];
        for (piece, replaced) in pieces {
            for before in 0..300 {
                for after in [0, 1, 100] {
                    let (before, after) = ("x".repeat(before), "y".repeat(after));
                    let bytes = [before.as_bytes(), piece, after.as_bytes()].concat();

                    let mut buffer = String::new();
                    let text = text(&bytes, &mut buffer);

                    assert_eq!(text, format!("{before}{replaced}{after}"));
                }
            }
        }
    }

    #[test]
    fn other_invalid_json_stays_an_error() {
        for text in [
            r#""\ud83"#,
            r#""\ud83d"#,
            r#""\ud83d\"#,
            r#""\ud8+d""#,
            r#""\x""#,
            "\"\\\u{e9}\"",
            "\\",
            "",
            r#"["\ud83d",]"#,
            "1e999",
        ] {
            assert!(decode::<Value>(text).is_err(), "{text}");
        }
    }
}
