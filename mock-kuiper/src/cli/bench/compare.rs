//! Compares two records: what got slower or heavier, what faster or lighter.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use mock_kuiper::engine::foreign::printable;

use super::metric::Metric;
use super::record::{Record, Series, Subject};
use crate::cli::output::ERROR;

const BETTER: Style = AnsiColor::Green.on_default();

/// The smallest change of a median that counts: memory comes in pages and often
/// does not vary between rounds.
const LEAST_CHANGE: f64 = 0.05;

/// The result of a comparison.
pub(super) struct Comparison {
    pub(super) text: String,
    /// How many numbers got worse.
    pub(super) worse: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Worse,
    Better,
}

/// Lists what differs between two records by more than the spread of their
/// rounds.
pub(super) fn compare(old: &Record, new: &Record, old_name: &str) -> Comparison {
    let mut text = String::new();
    for difference in differences(old, new) {
        let _ = writeln!(text, "note: {difference}");
    }
    let (mut worse, mut better) = (0, 0);
    for measurement in &new.measurements {
        let Some(before) = old.find(&measurement.subject) else {
            continue;
        };
        for (&metric, now) in &measurement.metrics {
            let Some(was) = before.metrics.get(&metric) else {
                continue;
            };
            let (slower, faster) = metric.verdicts();
            let (style, verdict) = match change(metric, was, now) {
                Some(Verdict::Worse) => (ERROR, slower),
                Some(Verdict::Better) => (BETTER, faster),
                None => continue,
            };
            match style == ERROR {
                true => worse += 1,
                false => better += 1,
            }
            let of = match &measurement.subject {
                Subject::Plugin => String::new(),
                subject => format!("{}: ", printable(&subject.to_string())),
            };
            let _ = writeln!(
                text,
                "{style}{verdict:7}{style:#}  {of}{} {}, was {}{}",
                metric.name(),
                metric.show(now.median),
                metric.show(was.median),
                ratio(was, now)
            );
        }
    }
    for (has, misses, whose) in [(old, new, old_name), (new, old, "this run")] {
        for measurement in &has.measurements {
            if misses.find(&measurement.subject).is_none() {
                let subject = printable(&measurement.subject.to_string());
                let _ = writeln!(text, "only in {whose}: {subject}");
            }
        }
    }
    let result = match (worse, better) {
        (0, 0) => "no change beyond the spread of the rounds".to_owned(),
        _ => format!("{worse} worse, {better} better, beyond the spread of the rounds"),
    };
    Comparison {
        text: format!("\nCompared with {old_name}: {result}\n{text}"),
        worse,
    }
}

/// Compares two series. They differ if every round of one lies beyond every round
/// of the other, and if the medians differ by more than a twentieth.
fn change(metric: Metric, was: &Series, now: &Series) -> Option<Verdict> {
    let more = now.min > was.max;
    let less = now.max < was.min;
    let far = (now.median - was.median).abs() > LEAST_CHANGE * was.median.abs();
    if !metric.is_compared() || !far || !(more || less) {
        return None;
    }
    Some(match more == metric.more_is_better() {
        true => Verdict::Better,
        false => Verdict::Worse,
    })
}

/// Writes how many times the median grew.
fn ratio(was: &Series, now: &Series) -> String {
    match now.median / was.median {
        ratio if ratio.is_finite() => format!(" (×{ratio:.2})"),
        _ => String::new(),
    }
}

/// Lists what makes two records hard to compare.
fn differences(old: &Record, new: &Record) -> Vec<String> {
    let (was, now) = (&old.environment, &new.environment);
    let (was_name, now_name) = (&old.plugin.name, &new.plugin.name);
    let built = |debug| match debug {
        true => "without optimizations".to_owned(),
        false => "with optimizations".to_owned(),
    };
    let pairs = [
        ("plugin", was_name.clone(), now_name.clone()),
        ("release", was.release.clone(), now.release.clone()),
        ("transport", was.transport.clone(), now.transport.clone()),
        (
            "--isolate",
            was.isolated.to_string(),
            now.isolated.to_string(),
        ),
        (
            "--debug",
            was.plugin_debug.to_string(),
            now.plugin_debug.to_string(),
        ),
        (
            "build of mock-kuiper",
            built(was.mock_kuiper_debug),
            built(now.mock_kuiper_debug),
        ),
        (
            "number of processors",
            was.processors.to_string(),
            now.processors.to_string(),
        ),
        (
            "time",
            format!("{} ms", was.time_ms),
            format!("{} ms", now.time_ms),
        ),
    ];
    let mut differences: Vec<_> = pairs
        .into_iter()
        .filter(|(_, was, now)| was != now)
        .map(|(what, was, now)| printable(&format!("{what} differs: {was} then, {now} now")))
        .collect();
    if was.rounds.min(now.rounds) < 3 {
        differences.push(format!(
            "{} and {} rounds show too little of the spread; use at least 3",
            was.rounds, now.rounds
        ));
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_change(metric: Metric, was: [f64; 3], now: [f64; 3], expected: Option<Verdict>) {
        let (was, now) = (Series::new(was.to_vec()), Series::new(now.to_vec()));
        assert_eq!(change(metric, &was, &now), expected, "{was:?} {now:?}");
    }

    #[test]
    fn rounds_that_overlap_have_not_changed() {
        let rows = Metric::RowsPerSecond;
        assert_change(rows, [100.0, 200.0, 300.0], [50.0, 60.0, 100.0], None);
        assert_change(
            rows,
            [100.0, 200.0, 300.0],
            [50.0, 60.0, 99.0],
            Some(Verdict::Worse),
        );
    }

    #[test]
    fn more_rows_are_better_and_more_memory_is_worse() {
        let (less, more) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
        let (rows, memory) = (Metric::CallsPerSecond, Metric::MemoryPeakBytes);
        assert_change(rows, less, more, Some(Verdict::Better));
        assert_change(rows, more, less, Some(Verdict::Worse));
        assert_change(memory, less, more, Some(Verdict::Worse));
        assert_change(memory, more, less, Some(Verdict::Better));
    }

    #[test]
    fn less_than_a_twentieth_is_no_change_though_no_round_is_like_another() {
        let memory = Metric::MemoryAtRestBytes;
        assert_change(memory, [1000.0; 3], [1049.0; 3], None);
        assert_change(memory, [1000.0; 3], [1051.0; 3], Some(Verdict::Worse));
    }

    #[test]
    fn the_slowest_call_of_all_is_not_judged() {
        assert_change(Metric::LatencyUsMax, [1.0; 3], [9.0; 3], None);
    }
}
