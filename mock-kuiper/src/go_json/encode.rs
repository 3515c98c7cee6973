//! Writing JSON byte for byte as Go's `encoding/json` does.
//!
//! Orders, requests and rows are compared with what eKuiper sends, and a plugin
//! may compare a row with a golden file. So keys are in byte order (that of
//! `serde_json::Map`), there are no spaces, and escapes and floats are Go's.
//!
//! The escapes are those of Go 1.22 and later: `\b` and `\f`, which an older Go
//! writes as `\u0008` and `\u000c`.

use std::io::Write as _;

use serde_json::{Map, Number, Value};
use wide::u8x16;

use super::chunk::{CHUNK, any, controls, each, equal};

/// The Go type in which eKuiper holds a value's numbers.
///
/// It depends on where eKuiper has the value from, and JSON text does not show
/// it, so the caller states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// Integers are integers and are written with all their digits.
    ///
    /// This applies to values from YAML (`sources/NAME.yaml`) and to integer
    /// literals in SQL (the arguments of a call).
    Exact,
    /// Every number is a `float64`: `12345678901234567890` becomes
    /// `12345678901234567000`.
    ///
    /// This applies to values from JSON: rows of a source, properties of an
    /// action set over REST, results of a function.
    Float64,
}

/// Appends a value to `out`.
pub fn write_value(out: &mut Vec<u8>, value: &Value, numbers: Numbers) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(out, number, numbers),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, item, numbers);
            }
            out.push(b']');
        }
        Value::Object(map) => write_map(out, map, numbers),
    }
}

/// Appends an object to `out`, its keys sorted.
pub fn write_map(out: &mut Vec<u8>, map: &Map<String, Value>, numbers: Numbers) {
    out.push(b'{');
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(out, key);
        out.push(b':');
        write_value(out, value, numbers);
    }
    out.push(b'}');
}

/// Appends a string to `out`, in quotes. `<`, `>` and `&` are escaped too, so
/// that the text is safe in HTML.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Without a loop: this is where most of the time of a long text
    // goes, also if nothing is optimized.
    let specials = |vector| {
        let [a, b, c, d, e, f] = const { SPECIAL_VECTORS };
        let quotes = equal(vector, a) | equal(vector, b);
        let others = equal(vector, c) | equal(vector, d) | equal(vector, e) | equal(vector, f);
        controls(vector) | quotes | others
    };
    let mut copied = 0;
    out.push(b'"');
    for (index, part) in bytes.chunks(CHUNK).enumerate() {
        // Most bytes of a long text are written as they are.
        if part
            .first_chunk()
            .is_some_and(|chunk| !any(chunk, specials))
        {
            continue;
        }
        for (offset, &byte) in part.iter().enumerate() {
            if byte < b' ' || SPECIAL.contains(&byte) {
                copied = escape(out, bytes, copied, index * CHUNK + offset);
            }
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    out.push(b'"');
}

/// Appends the bytes from `copied` to `at`, and the escape of the byte at `at`, if it
/// needs one. Returns up to where `bytes` is written.
fn escape(out: &mut Vec<u8>, bytes: &[u8], copied: usize, at: usize) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let byte = bytes[at];
    let short = match byte {
        b'"' => *br#"\""#,
        b'\\' => *br"\\",
        b'\n' => *br"\n",
        b'\r' => *br"\r",
        b'\t' => *br"\t",
        0x08 => *br"\b",
        0x0c => *br"\f",
        0xe2 => {
            // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
            let last = match bytes[at..] {
                [0xe2, 0x80, 0xa8, ..] => b'8',
                [0xe2, 0x80, 0xa9, ..] => b'9',
                _ => return copied,
            };
            out.extend_from_slice(&bytes[copied..at]);
            out.extend_from_slice(br"\u202");
            out.push(last);
            return at + 3;
        }
        _ => {
            out.extend_from_slice(&bytes[copied..at]);
            out.extend_from_slice(br"\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 0xf)]);
            return at + 1;
        }
    };
    out.extend_from_slice(&bytes[copied..at]);
    out.extend_from_slice(&short);
    at + 1
}

/// The bytes that are escaped besides control characters, and the one that may begin a
/// character that is.
const SPECIAL: [u8; 6] = [b'"', b'\\', b'<', b'>', b'&', 0xe2];

/// A vector of each of them.
const SPECIAL_VECTORS: [u8x16; 6] = {
    let [a, b, c, d, e, f] = SPECIAL;
    [each(a), each(b), each(c), each(d), each(e), each(f)]
};

/// Integers below this have an exact `float64`, printed with the same digits.
const FLOAT64_EXACT: u64 = 1 << 53;

fn write_number(out: &mut Vec<u8>, number: &Number, numbers: Numbers) {
    let exact = |magnitude| numbers == Numbers::Exact || magnitude < FLOAT64_EXACT;
    if let Some(integer) = number.as_u64().filter(|&n| exact(n)) {
        write_display(out, integer);
    } else if let Some(integer) = number.as_i64().filter(|n| exact(n.unsigned_abs())) {
        write_display(out, integer);
    } else if let Some(float) = number.as_f64() {
        write_float(out, float);
    }
}

/// Appends a float with the fewest digits that read back as the same float: a
/// plain decimal from 1e-6 up to 1e21, otherwise with an exponent.
///
/// If two digit strings are equally near, Go takes the even one. serde_json does
/// so too, but the standard library does not: the digits come from serde_json.
fn write_float(out: &mut Vec<u8>, float: f64) {
    if float < 0.0 || (float == 0.0 && float.is_sign_negative()) {
        out.push(b'-');
    }
    if float == 0.0 {
        out.push(b'0');
        return;
    }
    let (digits, point) = shortest_digits(float.abs());
    let (digits, count) = (digits.as_bytes(), digits.len() as i32);
    if !(-5..=21).contains(&point) {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if point > 0 { b"e+" } else { b"e" });
        write_display(out, point - 1);
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', point.unsigned_abs() as usize));
        out.extend_from_slice(digits);
    } else if point >= count {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', (point - count) as usize));
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// Returns the digits of a positive float, without zeros at either end, and the
/// position of the decimal point relative to the first digit.
fn shortest_digits(float: f64) -> (String, i32) {
    let text = serde_json::to_string(&float).expect("a float of JSON is finite");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().expect("an exponent is an integer");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let zeros = (all.len() - significant.len()) as i32;
    let point = whole.len() as i32 - zeros + exponent;
    (significant.trim_end_matches('0').to_owned(), point)
}

fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a write to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(json: &str, numbers: Numbers) -> String {
        let value = serde_json::from_str(json).expect("the test's JSON is valid");
        let mut out = Vec::new();
        write_value(&mut out, &value, numbers);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        write_string(&mut out, text);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn keys_are_in_byte_order_and_there_are_no_spaces() {
        let json = r#" {"b": 1, "a": {"z": [], "ä": {}, "Z": null}, "": [true, false]} "#;

        assert_eq!(
            go(json, Numbers::Exact),
            r#"{"":[true,false],"a":{"Z":null,"z":[],"ä":{}},"b":1}"#
        );
    }

    #[test]
    fn characters_of_html_and_javascript_line_ends_are_escaped() {
        assert_eq!(string("x<y>&"), r#""x\u003cy\u003e\u0026""#);
        assert_eq!(string("a\u{2028}b\u{2029}"), r#""a\u2028b\u2029""#);
        assert_eq!(
            string("\u{2027}\u{202a}‰â中文😀"),
            "\"\u{2027}\u{202a}‰â中文😀\""
        );
    }

    #[test]
    fn control_characters_are_escaped_and_delete_is_not() {
        assert_eq!(
            string("\u{0}\u{7}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f} \"\\/"),
            "\"\\u0000\\u0007\\b\\t\\n\\u000b\\f\\r\\u001f\u{7f} \\\"\\\\/\""
        );
    }

    #[test]
    fn an_escape_is_the_same_wherever_it_is_in_a_long_text() {
        let escapes = [
            ("\"", r#"\""#),
            ("\\", r"\\"),
            ("\n", r"\n"),
            ("\u{1}", r"\u0001"),
            ("<", r"\u003c"),
            (">", r"\u003e"),
            ("&", r"\u0026"),
            ("\u{2028}\u{2029}", r"\u2028\u2029"),
            ("\u{2030}", "\u{2030}"),
            ("\u{2028}\"", r#"\u2028\""#),
        ];
        for (character, escape) in escapes {
            for before in 0..100 {
                let (before, after) = ("x".repeat(before), "中".repeat(before));

                assert_eq!(
                    string(&format!("{before}{character}{after}{character}")),
                    format!("\"{before}{escape}{after}{escape}\"")
                );
            }
        }
    }

    #[test]
    fn floats_are_plain_from_1e_minus_6_up_to_1e21() {
        for (json, expected) in [
            ("1.0", "1"),
            ("-0.0", "-0"),
            ("0.0", "0"),
            ("2.50", "2.5"),
            ("1e2", "100"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("-1.5e-9", "-1.5e-9"),
            ("1.25e-10", "1.25e-10"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("-1.5e300", "-1.5e+300"),
            ("0.1", "0.1"),
            ("209453827530850.625", "209453827530850.62"),
            ("5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ] {
            assert_eq!(go(json, Numbers::Float64), expected, "{json}");
            assert_eq!(go(json, Numbers::Exact), expected, "{json}");
        }
    }

    #[test]
    fn integers_keep_all_digits_unless_numbers_are_floats() {
        for (json, exact, float64) in [
            ("0", "0", "0"),
            ("-1", "-1", "-1"),
            ("9007199254740991", "9007199254740991", "9007199254740991"),
            ("9007199254740993", "9007199254740993", "9007199254740992"),
            (
                "-9007199254740993",
                "-9007199254740993",
                "-9007199254740992",
            ),
            (
                "12345678901234567890",
                "12345678901234567890",
                "12345678901234567000",
            ),
            (
                "-9223372036854775808",
                "-9223372036854775808",
                "-9223372036854776000",
            ),
        ] {
            assert_eq!(go(json, Numbers::Exact), exact);
            assert_eq!(go(json, Numbers::Float64), float64);
        }
    }

    #[test]
    fn a_long_decimal_is_read_as_the_nearest_float() {
        // serde_json's default reads floats less exactly, to one digit less here.
        assert_eq!(
            go("122.416294033786585", Numbers::Float64),
            "122.41629403378658"
        );
    }
}
