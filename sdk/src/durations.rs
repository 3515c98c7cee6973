//! Durations in a configuration.

use std::time::Duration;

use serde::{Deserializer, Serializer};

use crate::quantity::{self, Field, Quantity};

/// Reads and writes a duration as eKuiper writes it in its own configurations,
/// for `#[serde(with = "ekuiper::duration")]` on a field of the type
/// [`Duration`] or `Option<Duration>`.
///
/// A configuration may have
///
/// - a number: milliseconds;
/// - a string with units: `"5s"`, `"10ms"`, `"1h30m"`, `"1.5s"`. The units are
///   `h`, `m`, `s`, `ms`, `us` (`µs`) and `ns`.
///
/// The longest duration has about 292 years, as in eKuiper. A negative one is an
/// error.
///
/// A field with `with` has no default, not even an `Option`. Write
/// `#[serde(default)]` next to it or on the struct.
///
/// ```
/// use std::time::Duration;
/// use ekuiper::{Config, serde_json::json};
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     #[serde(with = "ekuiper::duration")]
///     period: Duration,
///     #[serde(default, with = "ekuiper::duration")]
///     timeout: Option<Duration>,
/// }
///
/// let settings: Settings = Config::from_json(json!({"period": "1m30s"}))?.parse()?;
/// assert_eq!(settings.period, Duration::from_secs(90));
/// assert_eq!(settings.timeout, None);
///
/// let config = Config::from_json(json!({"period": "5 parsecs"}))?;
/// assert_eq!(
///     config.parse::<Settings>().err().unwrap().to_string(),
///     r#"config.period: expected a duration such as "5s" or milliseconds, found string "5 parsecs""#
/// );
/// # Ok::<(), ekuiper::ConfigError>(())
/// ```
///
/// Source: eKuiper's `ConvertDuration` (`pkg/cast/type.go` in 2.4.0), which
/// reads a string with Go's `time.ParseDuration`, and a number as milliseconds.
#[expect(
    non_camel_case_types,
    reason = "serde takes it as a path, and schemars takes the same path as a type"
)]
#[derive(Debug)]
pub enum duration {}

impl duration {
    /// Reads a field.
    ///
    /// # Errors
    ///
    /// An error if the value is not a duration.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: Field<Quantity = Duration>,
        D: Deserializer<'de>,
    {
        T::read(deserializer)
    }

    /// Writes a field: whole milliseconds as a number, which every release of
    /// eKuiper understands, and others as a string.
    ///
    /// # Errors
    ///
    /// The errors of the serializer.
    pub fn serialize<T, S>(field: &T, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Field<Quantity = Duration>,
        S: Serializer,
    {
        quantity::write(field, serializer)
    }
}

/// Go's longest duration. A longer one would overflow where it is added to a
/// time.
const LONGEST: u128 = i64::MAX as u128;

const NANOS_PER_MILLI: u64 = 1_000_000;

impl Quantity for Duration {
    const EXPECTED: &'static str = "a duration such as \"5s\" or milliseconds";

    fn from_number(millis: u64) -> Option<Self> {
        from_nanos(u128::from(millis) * u128::from(NANOS_PER_MILLI))
    }

    fn from_text(text: &str) -> Option<Self> {
        let text = text.strip_prefix('+').unwrap_or(text);
        // The only text without a unit that Go accepts.
        if text == "0" {
            return Some(Duration::ZERO);
        }
        let (mut nanos, mut rest) = quantity::read_part(text, nanos_per)?;
        while !rest.is_empty() {
            let (more, next) = quantity::read_part(rest, nanos_per)?;
            nanos = nanos.checked_add(more)?;
            rest = next;
        }
        from_nanos(nanos)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nanos = self.as_nanos();
        if nanos % u128::from(NANOS_PER_MILLI) == 0 {
            // The number of milliseconds of a `Duration` may exceed 64 bits.
            serializer.serialize_u64(u64::try_from(self.as_millis()).unwrap_or(u64::MAX))
        } else if nanos % 1000 == 0 {
            serializer.collect_str(&format_args!("{}us", nanos / 1000))
        } else {
            serializer.collect_str(&format_args!("{nanos}ns"))
        }
    }
}

fn from_nanos(nanos: u128) -> Option<Duration> {
    (nanos <= LONGEST).then(|| {
        let nanos = u64::try_from(nanos).expect("fits in an i64");
        Duration::from_nanos(nanos)
    })
}

/// Returns the nanoseconds of a unit.
///
/// Source: `unitMap` in Go's `time/format.go`.
fn nanos_per(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // U+00B5 is the micro sign, U+03BC the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1000,
        "ms" => NANOS_PER_MILLI,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    #[derive(Debug, Deserialize, Serialize)]
    struct Settings {
        #[serde(with = "crate::duration")]
        period: Duration,
        #[serde(default, with = "crate::duration")]
        timeout: Option<Duration>,
    }

    fn period(value: Value) -> Result<Duration, String> {
        let config = Config::from_json(json!({"period": value})).unwrap();
        let settings: Result<Settings, _> = config.parse();
        settings
            .map(|settings| settings.period)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_that_ekuiper_accepts_is_read() {
        let millis = Duration::from_millis;
        for (value, expected) in [
            (json!("5s"), millis(5000)),
            (json!("10ms"), millis(10)),
            (json!("1h30m"), millis(5_400_000)),
            (json!("1h15m30.918s"), millis(4_530_918)),
            (json!("1.5s"), millis(1500)),
            (json!(".5s"), millis(500)),
            (json!("5.s"), millis(5000)),
            (json!("+3s"), millis(3000)),
            (json!("2s1s"), millis(3000)),
            (json!("0"), millis(0)),
            (json!("0s"), millis(0)),
            (json!("7us"), Duration::from_micros(7)),
            (json!("7µs"), Duration::from_micros(7)),
            (json!("7μs"), Duration::from_micros(7)),
            (json!("1.9ns"), Duration::from_nanos(1)),
            (json!(0), millis(0)),
            (json!(250), millis(250)),
            (json!(1000.0), millis(1000)),
            (
                json!("9223372036854775807ns"),
                Duration::from_nanos(9_223_372_036_854_775_807),
            ),
        ] {
            assert_eq!(period(value.clone()), Ok(expected), "{value}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_path_and_what_was_found() {
        for (value, found) in [
            (json!("5 parsecs"), r#"string "5 parsecs""#),
            (json!("5 s"), r#"string "5 s""#),
            (json!("500"), r#"string "500""#),
            (json!(""), r#"string """#),
            (json!("+"), r#"string "+""#),
            (json!("."), r#"string ".""#),
            (json!(".s"), r#"string ".s""#),
            (json!("1..5s"), r#"string "1..5s""#),
            (json!("s"), r#"string "s""#),
            (json!("-5s"), r#"string "-5s""#),
            (json!("5S"), r#"string "5S""#),
            (json!("3d"), r#"string "3d""#),
            (
                json!("9223372036854775808ns"),
                r#"string "9223372036854775808ns""#,
            ),
            (
                json!("99999999999999999999h"),
                r#"string "99999999999999999999h""#,
            ),
            (
                json!("18446744073709551615h18446744073709551615h"),
                r#"string "18446744073709551615h18446744073709551615h""#,
            ),
            (json!(-1), "integer `-1`"),
            (json!(1.5), "floating point `1.5`"),
            (json!(9_223_372_036_855_u64), "integer `9223372036855`"),
            (json!(true), "boolean `true`"),
            (json!(null), "null"),
            (json!(["5s"]), "an array"),
        ] {
            let expected = format!(
                r#"config.period: expected a duration such as "5s" or milliseconds, found {found}"#
            );
            assert_eq!(period(value), Err(expected));
        }
    }

    #[test]
    fn an_optional_duration_may_be_missing_or_null() {
        let timeout = |config: Value| {
            let config = Config::from_json(config).unwrap();
            config
                .parse::<Settings>()
                .map(|settings| settings.timeout)
                .map_err(|error| error.to_string())
        };

        assert_eq!(timeout(json!({"period": 1})), Ok(None));
        assert_eq!(timeout(json!({"period": 1, "timeout": null})), Ok(None));
        assert_eq!(
            timeout(json!({"period": 1, "timeout": "2s"})),
            Ok(Some(Duration::from_secs(2)))
        );
        assert_eq!(
            timeout(json!({"period": 1, "timeout": {}})),
            Err(
                "config.timeout: expected a duration such as \"5s\" or milliseconds, \
                 found an object"
                    .to_owned()
            )
        );
    }

    #[test]
    fn whole_milliseconds_are_written_as_a_number_and_others_as_a_string() {
        let written =
            |period, timeout| serde_json::to_string(&Settings { period, timeout }).unwrap();

        assert_eq!(
            written(Duration::from_secs(1), None),
            r#"{"period":1000,"timeout":null}"#
        );
        assert_eq!(
            written(
                Duration::from_micros(1500),
                Some(Duration::from_nanos(1_000_001))
            ),
            r#"{"period":"1500us","timeout":"1000001ns"}"#
        );
    }
}
