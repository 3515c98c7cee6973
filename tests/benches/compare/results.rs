//! The measured figures: one value for each round.

use serde_json::{Value, json};

/// What a figure measures, in the order of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Rows or calls per second.
    Rate,
    /// Microseconds that a row or a call takes, the median.
    Median,
    /// Microseconds that a row or a call takes, the 99th percentile.
    P99,
    /// Microseconds of the plugin's processor time for each row or call.
    Cpu,
    /// Peak resident memory in MiB.
    Memory,
    /// Milliseconds from the launch to the greeting.
    Greeting,
    /// Milliseconds from the order to stop to its answer, the median of all instances.
    Stop,
    /// Milliseconds from the order to stop to its answer, the longest of all instances.
    LongestStop,
    /// Size of the executable in KiB.
    Size,
    /// Milliseconds from the start of a command to its first line.
    FirstRow,
    /// Microseconds that each of many instances takes.
    TimeEach,
    /// KiB of memory that each of many instances takes.
    MemoryEach,
}

impl Metric {
    fn key(self) -> &'static str {
        match self {
            Self::Rate => "per_second",
            Self::Median => "median_us",
            Self::P99 => "p99_us",
            Self::Cpu => "cpu_us",
            Self::Memory => "memory_mib",
            Self::Greeting => "greeting_ms",
            Self::Stop => "stop_ms",
            Self::LongestStop => "longest_stop_ms",
            Self::Size => "size_kib",
            Self::FirstRow => "first_row_ms",
            Self::TimeEach => "instance_us",
            Self::MemoryEach => "instance_kib",
        }
    }
}

/// The values of one figure in all rounds.
#[derive(Debug)]
struct Series {
    load: &'static str,
    peer: &'static str,
    metric: Metric,
    values: Vec<f64>,
}

/// All figures.
#[derive(Debug, Default)]
pub(crate) struct Results {
    series: Vec<Series>,
    /// The first failure of each peer under each load.
    pub(crate) failures: Vec<(&'static str, &'static str, String)>,
}

/// The median and the range of some values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Results {
    pub(crate) fn add(
        &mut self,
        load: &'static str,
        peer: &'static str,
        metric: Metric,
        value: f64,
    ) {
        let same = |series: &&mut Series| {
            series.load == load && series.peer == peer && series.metric == metric
        };
        match self.series.iter_mut().find(same) {
            Some(series) => series.values.push(value),
            None => self.series.push(Series {
                load,
                peer,
                metric,
                values: vec![value],
            }),
        }
    }

    pub(crate) fn fail(&mut self, load: &'static str, peer: &'static str, text: String) {
        let known = |(l, p, _): &(&str, &str, String)| *l == load && *p == peer;
        if !self.failures.iter().any(known) {
            self.failures.push((load, peer, text));
        }
    }

    pub(crate) fn get(&self, load: &str, peer: &str, metric: Metric) -> Option<Summary> {
        let same = |series: &&Series| {
            series.load == load && series.peer == peer && series.metric == metric
        };
        self.series.iter().find(same).map(Series::summary)
    }

    pub(crate) fn median(&self, load: &str, peer: &str, metric: Metric) -> Option<f64> {
        self.get(load, peer, metric).map(|summary| summary.median)
    }

    pub(crate) fn json(&self) -> Value {
        let series = self.series.iter().map(|series| {
            let Summary { median, min, max } = series.summary();
            json!({
                "load": series.load,
                "of": series.peer,
                "metric": series.metric.key(),
                "median": median,
                "min": min,
                "max": max,
                "rounds": series.values,
            })
        });
        let failures = self.failures.iter();
        let failures =
            failures.map(|(load, peer, text)| json!({"load": load, "of": peer, "failure": text}));
        json!({
            "figures": series.collect::<Vec<_>>(),
            "failures": failures.collect::<Vec<_>>(),
        })
    }
}

impl Series {
    fn summary(&self) -> Summary {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        Summary {
            median: values[values.len() / 2],
            min: values[0],
            max: values[values.len() - 1],
        }
    }
}

impl Summary {
    /// Half the range from the lowest to the highest value, as a share of the
    /// median.
    pub(crate) fn spread(self) -> f64 {
        (self.max - self.min) / 2.0 / self.median
    }
}
