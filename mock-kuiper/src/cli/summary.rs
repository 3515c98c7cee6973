//! Writes the last lines of a run: how it ended, and what each symbol did.

use std::time::Duration;

use mock_kuiper::engine::foreign::printable;

use super::text::{count, count_or_no, rounded_rate};

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
        undelivered: u64,
    },
    Function {
        symbol: String,
        aggregate: bool,
        calls: u64,
        /// The calls that it answered with an error.
        errors: u64,
    },
}

/// Writes the summary: the result, the lines of the findings, then one line for
/// each symbol.
pub(super) fn lines(
    plugin: &str,
    release: &str,
    ran: &[Ran],
    errors: u64,
    findings: Vec<String>,
    took: Duration,
) -> Vec<String> {
    let seconds = took.as_secs_f64();
    let errors = count_or_no(errors, "error");
    let mut lines = vec![format!(
        "{} under eKuiper {release}: {errors} in {seconds:.2} s",
        printable(plugin)
    )];
    lines.extend(findings);
    lines.extend(ran.iter().map(|line| match line {
        Ran::Source { symbol, rows } => format!(
            "  source {}: {}, {} per second",
            printable(symbol),
            count(*rows, "row"),
            rounded_rate(*rows as f64 / seconds.max(0.001))
        ),
        Ran::Sink {
            symbol,
            sent,
            acked,
            undelivered,
        } => {
            let mut line = format!(
                "  sink {}: {} sent, {}",
                printable(symbol),
                count(*sent, "row"),
                count(*acked, "ack")
            );
            if *undelivered > 0 {
                line.push_str(&format!(", {} not delivered", count(*undelivered, "row")));
            }
            line
        }
        Ran::Function {
            symbol,
            aggregate,
            calls,
            errors,
        } => {
            let kind = if *aggregate { "aggregate" } else { "function" };
            let calls = count(*calls, "call");
            let mut line = format!("  {kind} {}: {calls}", printable(symbol));
            if *errors > 0 {
                line.push_str(&format!(", {errors} answered with an error"));
            }
            line
        }
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_result_the_findings_and_a_line_for_each_symbol() {
        let ran = [
            Ran::Source {
                symbol: "random".into(),
                rows: 12_345,
            },
            Ran::Source {
                symbol: "slow".into(),
                rows: 1,
            },
            Ran::Sink {
                symbol: "append".into(),
                sent: 1,
                acked: 0,
                undelivered: 299,
            },
            Ran::Function {
                symbol: "mean".into(),
                aggregate: true,
                calls: 2,
                errors: 1,
            },
        ];

        let findings = vec!["  ack.missing: sink `append` sent no ack".to_owned()];
        let took = Duration::from_millis(500);
        let text = lines("mirror", "2.4", &ran, 1, findings, took).join("\n");

        assert_eq!(
            text,
            "mirror under eKuiper 2.4: 1 error in 0.50 s\n  \
             ack.missing: sink `append` sent no ack\n  \
             source random: 12,345 rows, 24,690 per second\n  \
             source slow: 1 row, 2.0 per second\n  \
             sink append: 1 row sent, 0 acks, 299 rows not delivered\n  \
             aggregate mean: 2 calls, 1 answered with an error"
        );
    }
}
