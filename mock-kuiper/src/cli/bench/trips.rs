//! Measures round trips one after the other: calls, and rows with their acks.

use std::time::{Duration, Instant};

use super::meter::{Meter, Sample, Unit, rate};
use super::metric::Metric;
use super::stage::{Failure, Stage};

/// Calls `once` repeatedly, and measures how long each call takes.
pub(super) fn measure(
    stage: &Stage<'_>,
    unit: Unit,
    mut once: impl FnMut() -> Result<(), Failure>,
) -> Result<Sample, Failure> {
    repeat(stage, stage.warm_up(), &mut once)?;
    let meter = Meter::start(stage.host)?;
    let mut took = repeat(stage, stage.time, &mut once)?;
    let costs = meter.stop(stage.host, took.len() as u64, unit)?;
    let mut sample = vec![rate(unit, took.len() as u64, took.iter().sum())];
    took.sort_unstable();
    sample.extend(latencies(&took));
    sample.extend(costs);
    Ok(sample)
}

/// Calls `once` for a time, but at least once.
fn repeat(
    stage: &Stage<'_>,
    time: Duration,
    once: &mut impl FnMut() -> Result<(), Failure>,
) -> Result<Vec<Duration>, Failure> {
    let mut took = Vec::new();
    let mut before = Instant::now();
    let deadline = before + time;
    while took.is_empty() || before < deadline {
        stage.interrupt.check()?;
        once()?;
        let now = Instant::now();
        took.push(now - before);
        before = now;
    }
    Ok(took)
}

/// Computes the percentiles of sorted times.
fn latencies(sorted: &[Duration]) -> [(Metric, f64); 4] {
    [
        (Metric::LatencyUsP50, 50),
        (Metric::LatencyUsP90, 90),
        (Metric::LatencyUsP99, 99),
        (Metric::LatencyUsMax, 100),
    ]
    .map(|(metric, percent)| (metric, percentile(sorted, percent).as_secs_f64() * 1e6))
}

/// Returns the smallest value that `percent` of the values do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_measured_values() {
        let hundred: Vec<_> = (1..=100).map(Duration::from_micros).collect();

        let shown = latencies(&hundred).map(|(_, value)| value.round());
        assert_eq!(shown, [50.0, 90.0, 99.0, 100.0]);
        let one = latencies(&hundred[..1]).map(|(_, value)| value.round());
        assert_eq!(one, [1.0; 4]);
    }
}
