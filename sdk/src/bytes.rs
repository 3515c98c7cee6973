//! Bytes in JSON: base64 text.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine, alphabet};
use base64_simd::{AsOut, STANDARD};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

/// Bytes, such as an image: a `bytea` column of a stream.
///
/// In JSON they are base64 text, in the standard alphabet and with padding. This
/// type reads and writes it in the arguments and results of functions, in rows
/// and in configurations. Text that is not base64 is an error with its path and
/// the position in the text: `size: argument 1: expected base64 text, found '*' at
/// byte 5`. Line breaks in the text are ignored.
///
/// ```
/// use ekuiper::{Bytes, serde_json::json, testing};
///
/// let mut reverse = testing::function(|mut bytes: Bytes| {
///     bytes.reverse();
///     bytes
/// });
/// assert_eq!(reverse.exec([json!("AQID")])?, json!("AwIB"));
/// # Ok::<(), testing::Failure>(())
/// ```
///
/// # In eKuiper
///
/// - A stream with `FORMAT="BINARY"` has one column `self` of the type `bytea`. In
///   a stream of another format, a column can be declared as `bytea`.
/// - A function gets the value of such a column as base64 text, because the host
///   writes its requests with Go's encoding/json
///   (internal/plugin/portable/runtime/function.go).
/// - A sink gets base64 text in its rows, for the same reason
///   (internal/converter/json/converter.go).
/// - Bytes in a row of a portable source, and in the result of a portable
///   function, remain text in the rule: eKuiper does not know that they were
///   bytes. Another function or a sink plugin reads them with this type. For a
///   built-in function that takes `bytea`, write `cast(f(x), "bytea")` in the SQL,
///   which decodes base64 and takes any other text as it is (pkg/cast/cast.go,
///   `ToByteA`).
///
/// Source: eKuiper 2.4.0, the files above and internal/xsql/parser.go.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Vec<u8>);

/// As Go's `base64.StdEncoding`, which accepts any bits after the last byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

impl Bytes {
    /// Converts the bytes to a vector, without a copy.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }

    /// Returns the bytes as base64 text.
    pub(crate) fn to_text(&self) -> String {
        STANDARD.encode_to_string(&self.0)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(bytes)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes(bytes.to_vec())
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

/// Shows the first 32 bytes, and the number of all.
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = &self.0[..self.0.len().min(32)];
        let more = if first.len() < self.0.len() {
            "…"
        } else {
            ""
        };
        write!(
            f,
            "Bytes(b\"{}{more}\", {})",
            first.escape_ascii(),
            self.len()
        )
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Text(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Base64)
    }
}

/// Bytes that display as base64.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 4096];
        for piece in self.0.chunks(text.len() / 4 * 3) {
            f.write_str(STANDARD.encode_as_str(piece, text[..].as_out()))?;
        }
        Ok(())
    }
}

/// Decodes base64 from a borrowed text.
struct Base64;

impl Visitor<'_> for Base64 {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64 text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        // This is many times as fast as the other decoder, but accepts less and does
        // not tell what is wrong.
        if let Ok(bytes) = STANDARD.decode_to_vec(text) {
            return Ok(Bytes(bytes));
        }
        let decoded = match BASE64.decode(text) {
            Err(DecodeError::InvalidByte(_, b'\n' | b'\r')) => decode_lines(text),
            other => other,
        };
        decoded.map(Bytes).map_err(|error| match error {
            DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol { offset: at, .. } => {
                let symbol = text.get(at..).and_then(|rest| rest.chars().next());
                let found = format!("{:?} at byte {at}", symbol.unwrap_or_default());
                E::invalid_value(Unexpected::Other(&found), &self)
            }
            DecodeError::InvalidLength(length) => {
                let found = format!("{length} characters: a multiple of 4 is needed");
                E::invalid_value(Unexpected::Other(&found), &self)
            }
            DecodeError::InvalidPadding => {
                let found = "text without the padding `=` at its end";
                E::invalid_value(Unexpected::Other(found), &self)
            }
        })
    }
}

/// Decodes text with line breaks. The position in an error is that in the text.
fn decode_lines(text: &str) -> Result<Vec<u8>, DecodeError> {
    let is_text = |(_, byte): &(usize, u8)| !matches!(byte, b'\n' | b'\r');
    let place = |at| {
        let mut places = text.bytes().enumerate().filter(is_text);
        places.nth(at).map_or(text.len(), |(place, _)| place)
    };
    let joined: Vec<u8> = text
        .bytes()
        .enumerate()
        .filter(is_text)
        .map(|(_, byte)| byte)
        .collect();
    BASE64.decode(joined).map_err(|error| match error {
        DecodeError::InvalidByte(at, byte) => DecodeError::InvalidByte(place(at), byte),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Data, testing};
    use serde_json::{Value, from_str, json, to_string, to_value};

    fn text(value: Value) -> String {
        let error = crate::Args::from(vec![value]).parse::<Bytes>(0);
        error.unwrap_err().to_string()
    }

    #[test]
    fn every_length_is_written_and_read_as_go_does() {
        for (bytes, text) in [
            (&b""[..], r#""""#),
            (b"\0", r#""AA==""#),
            (b"\xff\xfe", r#""//4=""#),
            (b"\xfb\xef\xbe", r#""++++""#),
            (b"eKuiper", r#""ZUt1aXBlcg==""#),
        ] {
            let value = Bytes::from(bytes);

            assert_eq!(to_string(&value).unwrap(), text);
            assert_eq!(to_value(&value).unwrap(), from_str::<Value>(text).unwrap());
            assert_eq!(from_str::<Bytes>(text).unwrap(), value);
        }
    }

    #[test]
    fn all_bytes_survive_in_a_large_value() {
        let all: Vec<u8> = (0..=255).cycle().take(100_001).collect();

        let text = to_string(&Bytes::from(all.clone())).unwrap();

        assert_eq!(text.len(), 133_336 + 2);
        assert_eq!(from_str::<Bytes>(&text).unwrap().into_vec(), all);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_written_as_base64_and_read(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..10_000),
        ) {
            let value = Bytes::from(bytes.clone());
            let text = BASE64.encode(&bytes);

            assert_eq!(to_string(&value).unwrap(), format!("\"{text}\""));
            assert_eq!(value.to_text(), text);
            assert_eq!(from_str::<Bytes>(&format!("\"{text}\"")).unwrap().into_vec(), bytes);
        }

        #[test]
        fn any_text_is_read_as_the_lenient_decoder_reads_it(text in "[A-Zb/+=]{0,9}") {
            let read = from_str::<Bytes>(&format!("\"{text}\""));

            assert_eq!(read.ok().map(Bytes::into_vec), BASE64.decode(&text).ok());
        }
    }

    #[test]
    fn escaped_characters_and_line_breaks_are_read() {
        assert_eq!(
            &*from_str::<Bytes>(r#""\/\/4\u003d""#).unwrap(),
            b"\xff\xfe"
        );
        assert_eq!(
            &*from_str::<Bytes>("\"ZUt1\\r\\naXBl\\ncg==\\n\"").unwrap(),
            b"eKuiper"
        );
        // Bits after the last byte, as Go's decoder accepts them.
        assert_eq!(&*from_str::<Bytes>(r#""AB==""#).unwrap(), b"\0");
    }

    #[test]
    fn text_that_is_not_base64_is_an_error_with_its_position() {
        assert_eq!(
            text(json!("AQID*QID")),
            "argument 1: expected base64 text, found '*' at byte 4"
        );
        assert_eq!(
            text(json!("AQ\nID\r\néQID")),
            "argument 1: expected base64 text, found 'é' at byte 7"
        );
        assert_eq!(
            text(json!("AQI")),
            "argument 1: expected base64 text, found text without the padding `=` at its end"
        );
        assert_eq!(
            text(json!("AQIDA")),
            "argument 1: expected base64 text, found 5 characters: a multiple of 4 is needed"
        );
        assert_eq!(
            text(json!([1])),
            "argument 1: expected base64 text, found an array"
        );
    }

    #[derive(Debug, serde::Deserialize)]
    struct Settings {
        logo: Logo,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Logo {
        image: Option<Bytes>,
    }

    #[test]
    fn configurations_and_rows_have_bytes() {
        let config = Config::from_json(json!({"logo": {"image": "AQID"}})).unwrap();
        let bad = Config::from_json(json!({"logo": {"image": "AQ?D"}})).unwrap();

        let settings: Settings = config.parse().unwrap();
        let rows = Data::new(br#"[{"image":"AQID"},{"image":null}]"#).rows::<Logo>();
        let rows = rows.unwrap();

        assert_eq!(settings.logo.image.unwrap().into_vec(), [1, 2, 3]);
        assert_eq!(
            bad.parse::<Settings>().unwrap_err().to_string(),
            "config.logo.image: expected base64 text, found '?' at byte 2"
        );
        assert_eq!(&**rows[0].image.as_ref().unwrap(), [1, 2, 3]);
        assert_eq!(rows[1].image, None);
    }

    #[test]
    fn functions_take_and_return_bytes() {
        let mut first = testing::function(|image: Option<Bytes>| -> Result<Bytes, String> {
            let image = image.ok_or("no image")?;
            Ok(Bytes::from(&image[..1]))
        });
        let mut all = testing::aggregate(|images: Vec<Bytes>| Bytes::from(images.concat()));

        assert_eq!(first.exec([json!("AQID")]).unwrap(), "AQ==");
        assert_eq!(
            first.exec([Value::Null]).unwrap_err().to_string(),
            "exec: no image"
        );
        assert_eq!(
            first.exec([json!("A")]).unwrap_err().to_string(),
            "exec: test: argument 1: expected base64 text, found 1 characters: a multiple of 4 is needed"
        );
        assert_eq!(all.exec([json!(["AQ==", "AgM="])]).unwrap(), "AQID");
    }

    #[test]
    fn the_debug_form_is_short() {
        assert_eq!(
            format!("{:?}", Bytes::from(&b"a\0"[..])),
            r#"Bytes(b"a\x00", 2)"#
        );
        assert_eq!(
            format!("{:?}", Bytes::from(vec![b'x'; 1000])),
            format!("Bytes(b\"{}…\", 1000)", "x".repeat(32))
        );
    }
}
