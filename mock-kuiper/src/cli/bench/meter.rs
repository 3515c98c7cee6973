//! Measures how long something takes, and what it costs the plugin meanwhile.

use std::time::{Duration, Instant};

use mock_kuiper::{Host, HostError};
use nix::time::ClockId;

use super::metric::Metric;

/// The values of one measurement.
pub(super) type Sample = Vec<(Metric, f64)>;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Row,
    Call,
}

impl Unit {
    fn per_second(self) -> Metric {
        match self {
            Self::Row => Metric::RowsPerSecond,
            Self::Call => Metric::CallsPerSecond,
        }
    }

    fn processor(self) -> Metric {
        match self {
            Self::Row => Metric::ProcessorUsPerRow,
            Self::Call => Metric::ProcessorUsPerCall,
        }
    }
}

/// The clocks at the start of a measurement.
pub(super) struct Meter {
    began: Instant,
    plugin: Duration,
    ours: Duration,
}

impl Meter {
    /// Reads the processor times, then the time.
    pub(super) fn start(host: &Host) -> Result<Self, HostError> {
        let plugin = host.usage()?.processor_time;
        let ours = processor_time();
        Ok(Self {
            began: Instant::now(),
            plugin,
            ours,
        })
    }

    /// Returns when the measurement began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Reads the time, then the processor times. `count` is how many rows or calls
    /// there were since the start.
    pub(super) fn stop(self, host: &Host, count: u64, unit: Unit) -> Result<Sample, HostError> {
        let took = self.began.elapsed().as_secs_f64().max(1e-9);
        let ours = processor_time().saturating_sub(self.ours).as_secs_f64();
        let plugin = host.usage()?.processor_time;
        let plugin = plugin.saturating_sub(self.plugin).as_secs_f64();
        Ok(vec![
            (unit.processor(), plugin * 1e6 / count.max(1) as f64),
            (Metric::ProcessorPercent, plugin * 100.0 / took),
            (Metric::HostPercent, ours * 100.0 / took),
        ])
    }
}

/// Makes the rate of `count` rows or calls in a time.
pub(super) fn rate(unit: Unit, count: u64, took: Duration) -> (Metric, f64) {
    let per_second = count as f64 / took.as_secs_f64().max(1e-9);
    (unit.per_second(), per_second)
}

/// Returns the processor time of mock-kuiper itself.
fn processor_time() -> Duration {
    let now = ClockId::CLOCK_PROCESS_CPUTIME_ID.now();
    now.map_or(Duration::ZERO, Duration::from)
}
