//! The type of a plain scalar in the core schema of YAML 1.2.
//!
//! Rules: YAML 1.2.2, section 10.3.2.

use serde_json::Number;

use super::Tree;
use crate::foreign::in_sentence;

/// Resolves a plain scalar. Everything that is not null, a boolean or a number is
/// a text.
///
/// # Errors
///
/// Why JSON does not have the number.
pub(super) fn resolve(text: &str) -> Result<Tree, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Tree::Null,
        "true" | "True" | "TRUE" => Tree::Bool(true),
        "false" | "False" | "FALSE" => Tree::Bool(false),
        _ => match number(text)? {
            Some(number) => Tree::Number(number),
            None => Tree::Text(text.to_owned()),
        },
    })
}

/// Reads a number; `None` if the text is not one.
fn number(text: &str) -> Result<Option<Number>, String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(format!(
            "JSON does not have the number `{text}`; for the text, write `\"{text}\"`"
        ));
    }
    let based = [("0o", 8), ("0x", 16)].into_iter();
    let mut based = based.filter_map(|(prefix, radix)| Some((text.strip_prefix(prefix)?, radix)));
    if let Some((digits, radix)) = based.next()
        && !digits.is_empty()
        && digits.chars().all(|c| c.is_digit(radix))
    {
        let number = u64::from_str_radix(digits, radix).map_err(|_| too_large(text))?;
        return Ok(Some(number.into()));
    }
    if is_digits(unsigned) {
        let plain = text.strip_prefix('+').unwrap_or(text);
        let negative = plain.parse::<i64>().map(Number::from);
        let number = plain.parse::<u64>().map(Number::from).or(negative);
        return number.map(Some).map_err(|_| too_large(text));
    }
    if !is_float(unsigned) {
        return Ok(None);
    }
    let number = text.parse().ok().and_then(Number::from_f64);
    number.map(Some).ok_or_else(|| too_large(text))
}

fn too_large(text: &str) -> String {
    let text = in_sentence(text);
    format!("the number `{text}` is too large; for the text, write `\"{text}\"`")
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a text without its sign is a float: `1.5`, `.5`, `1.`, `1e3`.
fn is_float(unsigned: &str) -> bool {
    let (base, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((base, exponent)) => (base, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    let (whole, fraction) = base.split_once('.').unwrap_or((base, ""));
    let has_point = base.contains('.');
    let is_base = match (whole, fraction) {
        ("", fraction) => has_point && is_digits(fraction),
        (whole, fraction) => is_digits(whole) && (fraction.is_empty() || is_digits(fraction)),
    };
    is_base && exponent.is_none_or(is_digits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Node, Place};
    use super::*;

    #[test]
    fn a_plain_scalar_has_the_type_of_the_core_schema() {
        for (text, value) in [
            ("null", json!(null)),
            ("~", json!(null)),
            ("True", json!(true)),
            ("FALSE", json!(false)),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("017", json!(17)),
            ("0o17", json!(15)),
            ("0xfF", json!(255)),
            ("0x", json!("0x")),
            ("+12", json!(12)),
            ("-12", json!(-12)),
            (
                "18446744073709551615",
                json!(18_446_744_073_709_551_615_u64),
            ),
            (
                "-9223372036854775808",
                json!(-9_223_372_036_854_775_808_i64),
            ),
            ("9007199254740993", json!(9_007_199_254_740_993_u64)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            ("-1e3", json!(-1000.0)),
            ("1e", json!("1e")),
            (".", json!(".")),
            ("-", json!("-")),
            ("1_000", json!("1_000")),
            ("2s", json!("2s")),
            ("2026-01-01", json!("2026-01-01")),
            ("<<", json!("<<")),
        ] {
            let node = Node {
                place: Place { line: 1, column: 1 },
                span: 0..0,
                tree: resolve(text).unwrap(),
            };
            assert_eq!(node.to_json(), value, "{text}");
        }
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_a_mistake() {
        for text in ["18446744073709551616", "-9223372036854775809", "1e999"] {
            assert_eq!(
                resolve(text).unwrap_err(),
                format!("the number `{text}` is too large; for the text, write `\"{text}\"`")
            );
        }
        assert_eq!(
            resolve("-.inf").unwrap_err(),
            "JSON does not have the number `-.inf`; for the text, write `\"-.inf\"`"
        );
    }
}
