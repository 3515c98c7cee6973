//! JSON numbers, compared without losing digits.

use std::cmp::Ordering;

use serde_json::Number;

/// Compares the values of two numbers. An integer is never rounded to a float.
pub(super) fn compare(a: &Number, b: &Number) -> Ordering {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => compare_mixed(a, float(b)),
        (None, Some(b)) => compare_mixed(b, float(a)).reverse(),
        (None, None) => float(a).partial_cmp(&float(b)).unwrap_or(Ordering::Equal),
    }
}

/// Returns whether a number has no fraction.
pub(super) fn is_integer(number: &Number) -> bool {
    integer(number).is_some() || float(number).fract() == 0.0
}

/// Returns whether two numbers differ by at most `within`, in decimal: 1.6 is
/// within 0.1 of 1.5, although the nearest floats are not.
pub(super) fn is_near(a: &Number, b: &Number, within: &Number) -> bool {
    let [a, b, within] = [a, b, within].map(Decimal::of);
    let lowest = a.exponent.min(b.exponent).min(within.exponent);
    let [a, b, within] = [a, b, within].map(|number| number.scaled_to(lowest));
    if within.is_negative {
        return false;
    }
    let distance = if a.is_negative == b.is_negative {
        subtract(&a.digits, &b.digits)
    } else {
        add(&a.digits, &b.digits)
    };
    compare_digits(&distance, &within.digits) != Ordering::Greater
}

fn integer(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

fn compare_mixed(integer: i128, float: f64) -> Ordering {
    // Every float below 2^127 has an exact whole part in an `i128`; larger ones
    // saturate, beyond any 64-bit integer.
    let whole = float.trunc();
    let by_whole = integer.cmp(&(whole as i128));
    by_whole.then_with(|| {
        let fraction = float - whole;
        0.0.partial_cmp(&fraction).unwrap_or(Ordering::Equal)
    })
}

/// A decimal: digits, the last one first, with a power of ten.
struct Decimal {
    is_negative: bool,
    digits: Vec<u8>,
    exponent: i32,
}

impl Decimal {
    fn of(number: &Number) -> Self {
        let text = number.to_string();
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
        let fraction = mantissa
            .split_once('.')
            .map_or(0, |(_, digits)| digits.len());
        let digits = mantissa.bytes().rev().filter(u8::is_ascii_digit);
        Self {
            is_negative: mantissa.starts_with('-'),
            digits: digits.map(|digit| digit - b'0').collect(),
            exponent: exponent.parse::<i32>().unwrap_or_default() - fraction as i32,
        }
    }

    fn scaled_to(mut self, exponent: i32) -> Self {
        let zeros = (self.exponent - exponent).max(0) as usize;
        self.digits.splice(0..0, std::iter::repeat_n(0, zeros));
        self.exponent = exponent;
        self
    }
}

fn digit(digits: &[u8], at: usize) -> u8 {
    digits.get(at).copied().unwrap_or(0)
}

fn compare_digits(a: &[u8], b: &[u8]) -> Ordering {
    let places = (0..a.len().max(b.len())).rev();
    let mut by_place = places.map(|at| digit(a, at).cmp(&digit(b, at)));
    by_place
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let places = 0..=a.len().max(b.len());
    let sums = places.map(|at| {
        let sum = digit(a, at) + digit(b, at) + carry;
        carry = sum / 10;
        sum % 10
    });
    sums.collect()
}

/// Returns the difference without its sign.
fn subtract(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (more, less) = match compare_digits(a, b) {
        Ordering::Less => (b, a),
        _ => (a, b),
    };
    let mut borrowed = 0;
    let places = 0..more.len().max(less.len());
    let rest = places.map(|at| {
        let taken = digit(less, at) + borrowed;
        borrowed = u8::from(digit(more, at) < taken);
        digit(more, at) + 10 * borrowed - taken
    });
    rest.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).expect("a number")
    }

    fn ordered(a: &str, b: &str) -> Ordering {
        assert_eq!(
            compare(&number(b), &number(a)),
            compare(&number(a), &number(b)).reverse()
        );
        compare(&number(a), &number(b))
    }

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        for (a, b) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("-0.0", "0"),
            ("9223372036854775808", "9223372036854775808.0"),
            ("0.1", "1e-1"),
        ] {
            assert_eq!(ordered(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn no_digit_is_lost() {
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("9007199254740992.0", "9007199254740993"),
            ("18446744073709551614", "18446744073709551615"),
            ("18446744073709551615", "18446744073709551616.0"),
            ("18446744073709551615", "1e300"),
            ("-1e300", "-9223372036854775808"),
            ("-9223372036854775808", "18446744073709551615"),
            ("1", "1.0000000000000002"),
            ("-1.5", "-1"),
        ] {
            assert_eq!(ordered(less, more), Ordering::Less, "{less} {more}");
        }
    }

    #[test]
    fn nearness_is_measured_in_decimal() {
        let near = |a, b, within| is_near(&number(a), &number(b), &number(within));

        assert!(near("1.6", "1.5", "0.1"));
        assert!(near("1.4", "1.5", "0.1"));
        assert!(!near("1.6000000000000003", "1.5", "0.1"));
        assert!(near("-0.05", "0.05", "0.1"));
        assert!(!near("-0.06", "0.05", "0.1"));
        assert!(near("9007199254740993", "9007199254740992", "1"));
        assert!(!near("9007199254740993", "9007199254740992", "0"));
        assert!(near("18446744073709551615", "-9223372036854775808", "3e19"));
        assert!(!near(
            "18446744073709551615",
            "-9223372036854775808",
            "2e19"
        ));
        assert!(near("5e-324", "0", "1e-323"));
        assert!(!near("1e300", "0", "1e299"));
        assert!(!near("1", "1", "-1"));
    }

    #[test]
    fn an_integer_has_no_fraction() {
        assert!(is_integer(&number("18446744073709551615")));
        assert!(is_integer(&number("1.0")));
        assert!(!is_integer(&number("1.5")));
    }

    proptest! {
        #[test]
        fn nearness_of_integers_is_exact(a: i64, b: i64, within: u64) {
            let expected = (i128::from(a) - i128::from(b)).unsigned_abs() <= u128::from(within);

            prop_assert_eq!(is_near(&a.into(), &b.into(), &within.into()), expected);
        }

        #[test]
        fn small_integers_are_ordered_like_their_floats(a in -4_i32..4, b in -4_i32..4) {
            let half = Number::from_f64(f64::from(b) + 0.5).expect("a number");
            let whole = Number::from_f64(b.into()).expect("a number");

            prop_assert_eq!(compare(&a.into(), &half), f64::from(a).total_cmp(&(f64::from(b) + 0.5)));
            prop_assert_eq!(compare(&a.into(), &whole), a.cmp(&b));
        }
    }
}
