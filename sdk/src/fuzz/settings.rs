//! Configurations, and the values with a form of their own in them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::Owner;
use crate::quantity::Quantity as _;
use crate::{Bytes, Config, Secret};

/// Settings with one field of each kind.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Settings {
    text: String,
    count: Option<u32>,
    small: i8,
    ratio: Option<f64>,
    flag: bool,
    list: Vec<Inner>,
    inner: Option<Inner>,
    mode: Mode,
    pair: (u8, Option<char>),
    other: BTreeMap<String, Value>,
    image: Option<Bytes>,
    unit: Option<()>,
    password: Option<Secret>,
    #[serde(with = "crate::duration")]
    period: Duration,
    #[serde(with = "crate::size")]
    limit: Option<u64>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Inner {
    id: u64,
    #[serde(default)]
    more: Option<Box<Inner>>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Off,
    Level(u8),
    Window {
        from: i32,
        to: i32,
    },
}

/// A value of `password` in the seeds, which occurs nowhere else.
const SECRET: &str = "TOP-SECRET";

/// A configuration whose names are in lower case is read as serde_json reads it, and
/// no value of a property that is secret is shown.
pub(super) fn config(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let Ok(config) = Config::from_json(value.clone()) else {
        assert!(!value.is_object() && !value.is_null());
        return;
    };
    let parsed = config.parse::<Settings>();
    for owner in [Owner::Source, Owner::Sink] {
        config.warn_of_oddities(owner, &log::logger());
    }
    let shown = format!("{config}\n{config:?}\n{:?}", parsed.as_ref().err());
    let is_secret = value["password"]
        .as_str()
        .is_some_and(|text| text.starts_with(SECRET));
    let times = data
        .windows(SECRET.len())
        .filter(|part| *part == SECRET.as_bytes());
    if is_secret && times.count() == 1 {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    if is_lower(&value) && !value.is_null() {
        assert_eq!(parsed.ok(), serde_json::from_value(value).ok());
    }
}

/// Returns whether no name has a letter of which there is another case.
fn is_lower(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_lower),
        Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| *name == name.to_lowercase() && is_lower(value)),
        _ => true,
    }
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Period(#[serde(with = "crate::duration")] Duration);

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Limit(#[serde(with = "crate::size")] u64);

/// A duration is read as Go's `time.ParseDuration` reads it, and written such that it
/// is read again.
pub(super) fn durations(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let own = Duration::from_text(text);
    let go = go_duration(text);
    match (own, go) {
        (Some(own), Some((go, parts))) => {
            // Go computes each fraction with floats.
            let off = own.as_nanos().abs_diff(u128::from(go));
            assert!(off <= parts, "{text:?}: {own:?}, Go {go} ns");
        }
        (own, go) => assert_eq!(own.is_some(), go.is_some(), "{text:?}: {own:?}, Go {go:?}"),
    }
    if let Some(own) = own {
        let written = serde_json::to_value(Period(own)).expect("a duration is written");
        assert_eq!(serde_json::from_value(written).ok(), Some(Period(own)));
    }
}

/// Reads a duration as Go 1.22 does (`ParseDuration` in `time/format.go`): returns the
/// nanoseconds, and the number of parts.
fn go_duration(text: &str) -> Option<(u64, u128)> {
    let mut rest = text.strip_prefix('+').unwrap_or(text).as_bytes();
    if rest == b"0" {
        return Some((0, 0));
    }
    let (mut sum, mut parts) = (0_u64, 0);
    if rest.is_empty() {
        return None;
    }
    while let Some(&first) = rest.first() {
        if first != b'.' && !first.is_ascii_digit() {
            return None;
        }
        let before = rest.len();
        let mut value = 0_u64;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            value = value
                .checked_mul(10)?
                .checked_add(u64::from(digit - b'0'))?;
            (value <= 1 << 63).then_some(())?;
            rest = after;
        }
        let has_whole = rest.len() < before;
        let (mut fraction, mut scale, mut has_fraction, mut is_full) = (0_u64, 1.0, false, false);
        if let [b'.', after @ ..] = rest {
            rest = after;
            let before = rest.len();
            while let [digit @ b'0'..=b'9', after @ ..] = rest {
                rest = after;
                let next = fraction
                    .checked_mul(10)
                    .map(|ten| ten + u64::from(digit - b'0'));
                match next.filter(|next| !is_full && *next <= 1 << 63) {
                    Some(next) => {
                        fraction = next;
                        scale *= 10.0;
                    }
                    None => is_full = true,
                }
            }
            has_fraction = rest.len() < before;
        }
        if !has_whole && !has_fraction {
            return None;
        }
        let end = rest
            .iter()
            .position(|byte| *byte == b'.' || byte.is_ascii_digit());
        let (unit, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        let unit: u64 = match unit {
            b"ns" => 1,
            b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => 1_000,
            b"ms" => 1_000_000,
            b"s" => 1_000_000_000,
            b"m" => 60_000_000_000,
            b"h" => 3_600_000_000_000,
            _ => return None,
        };
        value = value.checked_mul(unit).filter(|value| *value <= 1 << 63)?;
        if fraction > 0 {
            value += (fraction as f64 * (unit as f64 / scale)) as u64;
            (value <= 1 << 63).then_some(())?;
        }
        sum = sum.checked_add(value).filter(|sum| *sum <= 1 << 63)?;
        parts += 1;
    }
    (sum < 1 << 63).then_some((sum, parts))
}

/// A size is written such that it is read again, and with a unit it is a multiple.
pub(super) fn sizes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some(size) = u64::from_text(text) else {
        assert!(
            text.trim().parse::<u64>().is_err() || text.trim().starts_with('+'),
            "{text:?}"
        );
        return;
    };
    let written = serde_json::to_value(Limit(size)).expect("a size is written");
    assert_eq!(serde_json::from_value(written).ok(), Some(Limit(size)));
    assert_eq!(u64::from_text(&size.to_string()), Some(size));
    assert_eq!(u64::from_text(&format!(" {size} B ")), Some(size));
    if let Some(kilo) = size.checked_mul(1000) {
        assert_eq!(u64::from_text(&format!("{size}kB")), Some(kilo));
    }
    if let Ok(plain) = text.trim().parse::<u64>() {
        assert_eq!(size, plain);
    }
}

/// Base64 text is read alike from JSON text and from a value; bytes are written such
/// that they are read again.
pub(super) fn bytes(data: &[u8]) {
    let bytes = Bytes::from(data);
    let written = serde_json::to_string(&bytes).expect("bytes are written");
    assert_eq!(serde_json::from_str::<Bytes>(&written).ok(), Some(bytes));
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let value = json!({ "image": text });
    let read = serde_json::from_value::<Bytes>(value["image"].clone());
    let from_text = serde_json::from_str::<Bytes>(&value["image"].to_string());
    assert_eq!(read.as_ref().ok(), from_text.as_ref().ok());
    let config = Config::from_json(value).expect("an object");
    let settings = config.parse::<Settings>().map(|settings| settings.image);
    assert_eq!(settings.ok().flatten().as_ref(), read.as_ref().ok());
    // The length follows from the text: three bytes for four symbols.
    if let Ok(read) = read {
        let symbols = text.bytes().filter(|byte| !b"\r\n=".contains(byte)).count();
        assert_eq!(read.len(), symbols * 3 / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_every_kind_pass() {
        config(br#"{"text":"a","count":1,"list":[{"id":1,"more":{"id":2}}],"mode":{"level":3},"pair":[1,"x"],"period":"1m30s","limit":"10MB","image":"AQID","password":"TOP-SECRET"}"#);
        config(br#"{"Period":5,"LIMIT":7,"mode":{"window":{"from":1,"to":2}}}"#);
        for text in [
            "1h15m30.918s",
            "+.5s",
            "9223372036854775807ns",
            "0",
            "-1s",
            "1.\u{b5}s",
        ] {
            durations(text.as_bytes());
        }
        sizes(b"1.5 GiB");
        sizes(b"18446744073709551615");
        bytes(b"ZUt1aXBlcg==");
        bytes(b"AB\r\n==");
    }
}
