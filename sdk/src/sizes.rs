//! Sizes in a configuration.

use serde::{Deserializer, Serializer};

use crate::quantity::{self, Field, Quantity};

/// Reads and writes a number of bytes, for `#[serde(with = "ekuiper::size")]` on
/// a field of the type `u64`, `usize`, or an `Option` of these.
///
/// A configuration may have
///
/// - a number: bytes;
/// - a string: `"512"`, `"512B"`, `"10MB"`, `"64KiB"`, `"1.5 GiB"`. `KB`, `MB`,
///   `GB` and `TB` are powers of 1000; `KiB`, `MiB`, `GiB` and `TiB` are powers
///   of 1024. Upper and lower case are the same, and so are `10M` and `10MB`.
///
/// A negative size is an error. A field with `with` has no default, not even an
/// `Option`. Write `#[serde(default)]` next to it or on the struct.
///
/// ```
/// use ekuiper::{Config, serde_json::json};
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     #[serde(with = "ekuiper::size")]
///     buffer: usize,
/// }
///
/// let settings: Settings = Config::from_json(json!({"buffer": "64KiB"}))?.parse()?;
/// assert_eq!(settings.buffer, 65_536);
///
/// let config = Config::from_json(json!({"buffer": "64 boxes"}))?;
/// assert_eq!(
///     config.parse::<Settings>().err().unwrap().to_string(),
///     r#"config.buffer: expected a size such as "10MB" or bytes, found string "64 boxes""#
/// );
/// # Ok::<(), ekuiper::ConfigError>(())
/// ```
///
/// Source: eKuiper writes its own sizes as a number of bytes (`rollingSize` in
/// `internal/io/file/sink.go` of 2.4.0), and has no form with units.
#[expect(
    non_camel_case_types,
    reason = "serde takes it as a path, and schemars takes the same path as a type"
)]
#[derive(Debug)]
pub enum size {}

impl size {
    /// Reads a field.
    ///
    /// # Errors
    ///
    /// An error if the value is not a size.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: Field<Quantity: Bytes>,
        D: Deserializer<'de>,
    {
        T::read(deserializer)
    }

    /// Writes a field as a number of bytes.
    ///
    /// # Errors
    ///
    /// The errors of the serializer.
    pub fn serialize<T, S>(field: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Field<Quantity: Bytes>,
        S: Serializer,
    {
        quantity::write(field, serializer)
    }
}

/// A quantity that counts bytes.
pub trait Bytes: Quantity {}

impl Bytes for u64 {}
impl Bytes for usize {}

const EXPECTED: &str = "a size such as \"10MB\" or bytes";

impl Quantity for u64 {
    const EXPECTED: &'static str = EXPECTED;

    fn from_number(bytes: u64) -> Option<Self> {
        Some(bytes)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (bytes, rest) = quantity::read_part(text.trim(), bytes_per)?;
        if rest.is_empty() {
            u64::try_from(bytes).ok()
        } else {
            None
        }
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(*self)
    }
}

impl Quantity for usize {
    const EXPECTED: &'static str = EXPECTED;

    fn from_number(bytes: u64) -> Option<Self> {
        usize::try_from(bytes).ok()
    }

    fn from_text(text: &str) -> Option<Self> {
        u64::from_text(text).and_then(Self::from_number)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (*self as u64).write(serializer)
    }
}

/// Returns the bytes of a unit.
fn bytes_per(unit: &str) -> Option<u64> {
    Some(match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        "ti" | "tib" => 1 << 40,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    #[derive(Debug, Deserialize, Serialize)]
    struct Settings {
        #[serde(with = "crate::size")]
        limit: u64,
        #[serde(default, with = "crate::size")]
        buffer: Option<usize>,
    }

    fn limit(value: Value) -> Result<u64, String> {
        let config = Config::from_json(json!({"limit": value})).unwrap();
        let settings: Result<Settings, _> = config.parse();
        settings
            .map(|settings| settings.limit)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_are_read_with_decimal_and_binary_units() {
        for (value, expected) in [
            (json!(512), 512),
            (json!(512.0), 512),
            (json!("512"), 512),
            (json!("512B"), 512),
            (json!("10MB"), 10_000_000),
            (json!("10 mb"), 10_000_000),
            (json!("10M"), 10_000_000),
            (json!("64KiB"), 65_536),
            (json!(" 1.5 GiB "), 1_610_612_736),
            (json!("2tb"), 2_000_000_000_000),
            (json!("1TiB"), 1_099_511_627_776),
            (json!("0.0001kB"), 0),
            (json!("18446744073709551615"), u64::MAX),
        ] {
            assert_eq!(limit(value.clone()), Ok(expected), "{value}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_path_and_what_was_found() {
        for (value, found) in [
            (json!("64 boxes"), r#"string "64 boxes""#),
            (json!(""), r#"string """#),
            (json!("MB"), r#"string "MB""#),
            (json!("1MB1KB"), r#"string "1MB1KB""#),
            (json!("-1MB"), r#"string "-1MB""#),
            (
                json!("18446744073709551616"),
                r#"string "18446744073709551616""#,
            ),
            (json!("99999999TiB"), r#"string "99999999TiB""#),
            (json!(-1), "integer `-1`"),
            (json!(0.5), "floating point `0.5`"),
            (json!(null), "null"),
        ] {
            let expected =
                format!(r#"config.limit: expected a size such as "10MB" or bytes, found {found}"#);
            assert_eq!(limit(value), Err(expected));
        }
    }

    #[test]
    fn sizes_are_written_as_bytes() {
        let settings: Settings = Config::from_json(json!({"limit": "1MiB", "buffer": "2kB"}))
            .unwrap()
            .parse()
            .unwrap();

        assert_eq!(
            serde_json::to_string(&settings).unwrap(),
            r#"{"limit":1048576,"buffer":2000}"#
        );
    }
}
