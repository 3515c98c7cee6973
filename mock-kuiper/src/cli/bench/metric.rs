//! The quantities that are measured: their units, and whether more is better.

use serde::{Deserialize, Serialize};

use crate::cli::text::grouped;

/// A quantity that every round measures. Its name in JSON contains its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Metric {
    TimeToGreetingUs,
    MemoryAtRestBytes,
    MemoryPeakBytes,
    RowsPerSecond,
    CallsPerSecond,
    LatencyUsP50,
    LatencyUsP90,
    LatencyUsP99,
    LatencyUsMax,
    /// Processor time of the plugin's process group.
    ProcessorUsPerRow,
    ProcessorUsPerCall,
    /// The processor time of the plugin's process group as a part of the time that
    /// passed; 100 is one processor.
    ProcessorPercent,
    /// The processor time of mock-kuiper itself as a part of the time that passed.
    HostPercent,
}

impl Metric {
    /// Returns its name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TimeToGreetingUs => "time to greeting",
            Self::MemoryAtRestBytes => "memory at rest",
            Self::MemoryPeakBytes => "peak memory",
            Self::RowsPerSecond => "rows per second",
            Self::CallsPerSecond => "calls per second",
            Self::LatencyUsP50 => "latency, p50",
            Self::LatencyUsP90 => "latency, p90",
            Self::LatencyUsP99 => "latency, p99",
            Self::LatencyUsMax => "latency, max",
            Self::ProcessorUsPerRow => "CPU per row",
            Self::ProcessorUsPerCall => "CPU per call",
            Self::ProcessorPercent => "CPU of the plugin",
            Self::HostPercent => "CPU of mock-kuiper",
        }
    }

    /// Whether two records are compared by it. Shares of a processor are neither
    /// good nor bad, and the slowest single call depends on the machine more than
    /// on the plugin.
    pub(super) fn is_compared(self) -> bool {
        !matches!(
            self,
            Self::LatencyUsMax | Self::ProcessorPercent | Self::HostPercent
        )
    }

    /// Whether a greater value is better.
    pub(super) fn more_is_better(self) -> bool {
        matches!(self, Self::RowsPerSecond | Self::CallsPerSecond)
    }

    /// Returns the words for a change for the worse and for the better.
    pub(super) fn verdicts(self) -> (&'static str, &'static str) {
        match self {
            Self::MemoryAtRestBytes
            | Self::MemoryPeakBytes
            | Self::ProcessorUsPerRow
            | Self::ProcessorUsPerCall => ("heavier", "lighter"),
            _ => ("slower", "faster"),
        }
    }

    /// Writes a value with its unit.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::MemoryAtRestBytes | Self::MemoryPeakBytes => {
                format!("{:.1} MiB", value / (1024.0 * 1024.0))
            }
            Self::RowsPerSecond | Self::CallsPerSecond if value >= 99.95 => {
                grouped(value.round() as u64)
            }
            Self::RowsPerSecond | Self::CallsPerSecond => three_digits(value),
            Self::ProcessorPercent | Self::HostPercent => format!("{value:.0} %"),
            _ => time(value),
        }
    }

    /// Writes a value in few letters.
    pub(super) fn show_short(self, value: f64) -> String {
        match self {
            Self::RowsPerSecond | Self::CallsPerSecond => match value {
                999_500.0.. => format!("{}M", three_digits(value / 1e6)),
                999.5.. => format!("{}k", three_digits(value / 1e3)),
                _ => three_digits(value),
            },
            _ => self.show(value),
        }
    }
}

/// Writes a number of microseconds in the unit that fits.
fn time(microseconds: f64) -> String {
    match microseconds {
        999_500.0.. => format!("{} s", three_digits(microseconds / 1e6)),
        999.5.. => format!("{} ms", three_digits(microseconds / 1e3)),
        _ => format!("{} µs", three_digits(microseconds)),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        99.95.. => format!("{value:.0}"),
        9.995.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_three_digits_in_the_unit_that_fits() {
        let shown = [0.004, 1.0, 9.996, 48.25, 999.4, 999.6, 1_234_567.0].map(time);

        assert_eq!(
            shown,
            [
                "0.00 µs", "1.00 µs", "10.0 µs", "48.2 µs", "999 µs", "1.00 ms", "1.23 s"
            ]
        );
    }

    #[test]
    fn a_rate_is_written_in_full_and_within_a_range_in_short() {
        let rates = [2.5, 99.96, 20_123.4, 1_012_345.0];

        assert_eq!(
            rates.map(|rate| Metric::RowsPerSecond.show(rate)),
            ["2.50", "100", "20,123", "1,012,345"]
        );
        assert_eq!(
            rates.map(|rate| Metric::RowsPerSecond.show_short(rate)),
            ["2.50", "100", "20.1k", "1.01M"]
        );
    }
}
