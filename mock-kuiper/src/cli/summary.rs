//! Writes the last lines of a run: how it ended, and what each symbol did.

use std::time::Duration;

use mock_kuiper::engine::foreign::printable;

use super::text::{count, count_or_no, grouped};

/// What one symbol did.
#[derive(Debug)]
pub(super) enum Ran {
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

/// Writes the summary: the result, then one line for each symbol.
pub(super) fn lines(
    plugin: &str,
    release: &str,
    ran: &[Ran],
    errors: u64,
    took: Duration,
) -> Vec<String> {
    let seconds = took.as_secs_f64();
    let errors = count_or_no(errors, "error");
    let mut lines = vec![format!(
        "{} under eKuiper {release}: {errors} in {seconds:.2} s",
        printable(plugin)
    )];
    lines.extend(ran.iter().map(|line| match line {
        Ran::Source { symbol, rows } => format!(
            "  source {}: {}, {} per second",
            printable(symbol),
            count(*rows, "row"),
            grouped((*rows as f64 / seconds.max(0.001)).round() as u64)
        ),
        Ran::Sink {
            symbol,
            sent,
            acked,
        } => format!(
            "  sink {}: {} sent, {}",
            printable(symbol),
            count(*sent, "row"),
            count(*acked, "ack")
        ),
        Ran::Function {
            symbol,
            aggregate,
            calls,
        } => format!(
            "  {} {}: {}",
            if *aggregate { "aggregate" } else { "function" },
            printable(symbol),
            count(*calls, "call")
        ),
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_result_and_a_line_for_each_symbol() {
        let ran = [
            Ran::Source {
                symbol: "random".into(),
                rows: 12_345,
            },
            Ran::Sink {
                symbol: "append".into(),
                sent: 1,
                acked: 0,
            },
            Ran::Function {
                symbol: "mean".into(),
                aggregate: true,
                calls: 2,
            },
        ];

        let text = lines("mirror", "2.4", &ran, 1, Duration::from_millis(500)).join("\n");

        assert_eq!(
            text,
            "mirror under eKuiper 2.4: 1 error in 0.50 s\n  \
             source random: 12,345 rows, 24,690 per second\n  \
             sink append: 1 row sent, 0 acks\n  \
             aggregate mean: 2 calls"
        );
    }
}
