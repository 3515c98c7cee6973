//! Latencies, counted in memory that does not grow.

use std::time::Duration;

/// Buckets for each doubling of the time: a bucket is at most 3 % wide.
const STEPS: usize = 32;

/// The longest time is 2 to this power, in nanoseconds.
const DOUBLINGS: usize = 40;

/// How often each time was measured.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    counts: Vec<u64>,
    count: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            counts: vec![0; STEPS * DOUBLINGS],
            count: 0,
        }
    }
}

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        let step = (took.as_nanos().max(1) as f64).log2() * STEPS as f64;
        let last = self.counts.len() - 1;
        self.counts[(step as usize).min(last)] += 1;
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the time in microseconds that a share of all calls did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        2_f64.powf((at.unwrap_or(0) as f64 + 0.5) / STEPS as f64) / 1e3
    }
}
