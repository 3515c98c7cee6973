//! Numbers, as a person reads them.

/// Writes a number of things: `1 row`, `12,345 rows`.
pub(super) fn count(number: u64, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {of}{plural}", grouped(number))
}

/// Writes a number of things like [`count`], and `no rows` for 0.
pub(super) fn count_or_no(number: u64, of: &str) -> String {
    match number {
        0 => format!("no {of}s"),
        number => count(number, of),
    }
}

/// Writes a number with a comma after every three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut grouped = digits[..first].to_owned();
    for (index, digit) in digits[first..].chars().enumerate() {
        if index % 3 == 0 && !grouped.is_empty() {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Writes a rate as a whole number, and one below 10 with a digit after the point.
pub(super) fn rounded_rate(rate: f64) -> String {
    match rate >= 10.0 {
        true => grouped(rate.round() as u64),
        false => format!("{rate:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let shown = [0, 7, 999, 1000, 123_456, 1_234_567].map(grouped);

        assert_eq!(shown, ["0", "7", "999", "1,000", "123,456", "1,234,567"]);
    }

    #[test]
    fn only_one_thing_is_written_in_the_singular() {
        let shown = [0, 1, 2].map(|number| count_or_no(number, "error"));

        assert_eq!(shown, ["no errors", "1 error", "2 errors"]);
    }
}
