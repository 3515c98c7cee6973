//! What a plugin sends, read as Go's encoding/json reads it where serde_json
//! does otherwise.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Decodes JSON; half a surrogate pair becomes U+FFFD.
///
/// A plugin in Python writes `\ud83d` where its text has one.
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

/// Replaces half surrogate pairs; `None` where there are none.
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
            // Any other escape: what is behind the backslash is no new one.
            _ => escape + 2,
        };
    }
    out.push_str(&json[copied..]);
    (copied > 0).then_some(out)
}

/// The bytes of `\uXXXX`.
const UNIT: usize = 6;

/// What is escaped as `\uXXXX` here.
fn unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + UNIT)?.strip_prefix(r"\u")?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Gives the JSON of the fields with these names; the text has to be an object.
///
/// A name is found in any case, since Go finds it so: a plugin may write
/// `{"Message":…}`. Other fields are passed over; of two with one name the last
/// one counts.
///
/// # Errors
///
/// Those of syntax; one of data where the text is no object.
pub(super) fn fields<'a, const N: usize>(
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

/// Finds a name among those that are looked for.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
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
    fn what_is_wrong_otherwise_stays_an_error() {
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
