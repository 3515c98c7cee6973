//! The type of a plain scalar.

use serde_json::Number;

/// What a plain scalar stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Number(Number),
    /// `.nan` or `.inf`, which JSON does not have.
    NotFinite,
    /// A date, as eKuiper writes it in JSON (RFC 3339).
    Date(String),
    /// The key that merges another mapping.
    Merge,
    /// The text itself.
    Text,
    /// The text itself, with a tag other than `!!str`.
    Tagged,
    /// Text that was written in base64.
    Binary(String),
}

/// Resolves a plain scalar. As in YAML 1.2, `yes` and `no` are texts; as in YAML
/// 1.1, `017` is octal.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        "<<" => return Scalar::Merge,
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Scalar::NotFinite;
    }
    match text.as_bytes()[0] {
        b'.' => match is_float(text).then(|| text.parse()) {
            Some(Ok(value)) => float(value),
            _ => Scalar::Text,
        },
        b'0'..=b'9' | b'+' | b'-' => {
            if let Some(date) = date(text) {
                return Scalar::Date(date);
            }
            let plain = text.replace('_', "");
            if let Some(number) = integer(&plain) {
                return Scalar::Number(number);
            }
            match is_float(&plain).then(|| plain.parse()) {
                Some(Ok(value)) => float(value),
                _ => Scalar::Text,
            }
        }
        _ => Scalar::Text,
    }
}

/// Makes a number of a float. One that is too large for a float is text.
pub(super) fn float(value: f64) -> Scalar {
    Number::from_f64(value).map_or(Scalar::Text, Scalar::Number)
}

fn integer(plain: &str) -> Option<Number> {
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(plain)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    if negative {
        let digits = format!("-{digits}");
        i64::from_str_radix(&digits, radix).ok().map(Number::from)
    } else {
        u64::from_str_radix(digits, radix).ok().map(Number::from)
    }
}

/// Matches `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => {
            all_digits(whole) && all_digits(part) && !(whole.is_empty() && part.is_empty())
        }
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    exponent && mantissa
}

/// Reads a date, with or without a time, and returns it as RFC 3339 text.
fn date(text: &str) -> Option<String> {
    let (year, rest) = text.split_once('-')?;
    let (month, rest) = rest.split_once('-')?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit());
    let (day, rest) = rest.split_at(end.unwrap_or(rest.len()));
    if year.len() != 4 {
        return None;
    }
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(date + "T00:00:00Z");
    }
    let (has_zone, rest) = match rest.as_bytes()[0] {
        b'T' | b't' => (true, &rest[1..]),
        b' ' => (false, rest.trim_start_matches(' ')),
        _ => return None,
    };
    let (time, zone) = if has_zone {
        let zone = rest.find(['Z', '+', '-'])?;
        rest.split_at(zone)
    } else {
        (rest, "Z")
    };
    Some(format!("{date}T{}{}", clock(time)?, offset(zone)?))
}

/// Reads `H:M:S` with a fraction, of which nine digits count.
fn clock(text: &str) -> Option<String> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let seconds = parts.next()?;
    let (second, fraction) = match seconds.split_once(['.', ',']) {
        Some((second, fraction)) if !fraction.is_empty() => (second, fraction),
        Some(_) => return None,
        None => (seconds, ""),
    };
    let second = number(second, 2)?;
    if hour > 23 || minute > 59 || second > 59 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction[..fraction.len().min(9)].trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!(
        "{hour:02}:{minute:02}:{second:02}{point}{fraction}"
    ))
}

/// Reads `Z` or `+HH:MM`.
fn offset(text: &str) -> Option<String> {
    if text == "Z" {
        return Some(text.to_owned());
    }
    let (hours, minutes) = text[1..].split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    if hours > 24 || minutes > 60 {
        return None;
    }
    if hours == 0 && minutes == 0 {
        return Some("Z".to_owned());
    }
    Some(text.to_owned())
}

/// Reads one to `most` digits.
fn number(text: &str, most: usize) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && text.len() <= most)
        .then(|| text.parse().ok())
        .flatten()
}

/// Decodes base64. As in JSON that Go writes, bytes that are not UTF-8 are replaced.
pub(super) fn base64(text: &str) -> Option<String> {
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !b"\r\n".contains(byte))
        .collect();
    let digits = text.strip_suffix(b"==").or(text.strip_suffix(b"="));
    let digits = digits.unwrap_or(&text);
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
