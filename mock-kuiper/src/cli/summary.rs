//! The last lines of a run: what ran, and what came of it.

use std::time::Duration;

/// What one symbol did.
#[derive(Debug)]
pub(super) enum Line {
    Source {
        symbol: String,
        rows: u64,
    },
    Sink {
        symbol: String,
        sent: u64,
        acked: u64,
    },
    Function {
        symbol: String,
        aggregate: bool,
        calls: u64,
    },
}

/// Writes the summary, one line for each symbol.
pub(super) fn lines(
    plugin: &str,
    release: &str,
    ran: &[Line],
    errors: u64,
    took: Duration,
) -> Vec<String> {
    let seconds = took.as_secs_f64();
    let errors = match errors {
        0 => "no errors".to_owned(),
        errors => count(errors, "error"),
    };
    let mut lines = vec![format!(
        "{plugin} under eKuiper {release}: {seconds:.2} s, {errors}"
    )];
    lines.extend(ran.iter().map(|line| match line {
        Line::Source { symbol, rows } => format!(
            "  source {symbol}: {}, {} a second",
            count(*rows, "row"),
            grouped((*rows as f64 / seconds.max(0.001)).round() as u64)
        ),
        Line::Sink {
            symbol,
            sent,
            acked,
        } => format!(
            "  sink {symbol}: {} sent, {}",
            count(*sent, "row"),
            count(*acked, "ack")
        ),
        Line::Function {
            symbol,
            aggregate,
            calls,
        } => format!(
            "  {} {symbol}: {}",
            if *aggregate { "aggregate" } else { "function" },
            count(*calls, "call")
        ),
    }));
    lines
}

/// `1 row`, `12,345 rows`.
pub(super) fn count(number: u64, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {of}{plural}", grouped(number))
}

/// A number with a comma after each three digits.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_a_line_for_each_symbol() {
        let ran = [
            Line::Source {
                symbol: "random".into(),
                rows: 12_345,
            },
            Line::Sink {
                symbol: "append".into(),
                sent: 1,
                acked: 0,
            },
            Line::Function {
                symbol: "mean".into(),
                aggregate: true,
                calls: 2,
            },
        ];

        let text = lines("mirror", "2.4", &ran, 1, Duration::from_millis(500)).join("\n");

        assert_eq!(
            text,
            "mirror under eKuiper 2.4: 0.50 s, 1 error\n  \
             source random: 12,345 rows, 24,690 a second\n  \
             sink append: 1 row sent, 0 acks\n  \
             aggregate mean: 2 calls"
        );
    }

    #[test]
    fn digits_are_grouped_by_three() {
        let shown: Vec<_> = [0, 7, 999, 1000, 123_456, 1_234_567]
            .map(grouped)
            .into_iter()
            .collect();

        assert_eq!(shown, ["0", "7", "999", "1,000", "123,456", "1,234,567"]);
    }
}
