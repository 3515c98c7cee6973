//! The loads that a plugin is put under, and what is measured of it.
//!
//! Each row carries the running number of its instance, and each load checks it:
//! a row that is lost, doubled or out of order is an error.

mod calls;
mod each;
mod sink;
mod source;

use std::time::Duration;

use crate::Result;
use crate::host::Host;
use crate::usage;

pub(crate) use source::config as source_config;

/// How long a load runs before anything is measured, until threads, caches and
/// buffers have settled.
pub(crate) const WARM_UP: Duration = Duration::from_millis(100);

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// Rows of `bytes` bytes from `instances` instances, as fast as they come. With
    /// `pause`, the host pauses after each read.
    Source {
        bytes: usize,
        instances: usize,
        pause: Option<Duration>,
    },
    /// One row each millisecond.
    SingleRows,
    /// `instances` instances, each with one row every 100 ms.
    Calm { instances: usize },
    /// Rows of `bytes` bytes to `instances` instances, one write for each row, as
    /// eKuiper does it. With `acks`, the host requests acks and reads them.
    Sink {
        bytes: usize,
        instances: usize,
        acks: bool,
    },
    /// `instances` sinks that are started, get one row each, and are stopped.
    Each { instances: usize },
    /// Calls of a function, one after the other.
    Calls,
}

/// What was measured under a load.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Reading {
    /// Rows or calls per second.
    pub(crate) rate: Option<f64>,
    /// Median and 99th percentile, in microseconds.
    pub(crate) latency: Option<(f64, f64)>,
    /// Processor time of the plugin for each row or call, in microseconds.
    pub(crate) cpu: Option<f64>,
    /// Peak memory of the plugin, in MiB.
    pub(crate) memory: Option<f64>,
    /// Microseconds that each instance took.
    pub(crate) time_each: Option<f64>,
    /// Memory of the plugin for each instance, in KiB.
    pub(crate) memory_each: Option<f64>,
}

impl Load {
    /// Whether each message is timed by itself, so that it matters on which
    /// processors host and plugin run.
    pub(crate) fn is_timed_singly(self) -> bool {
        matches!(self, Self::SingleRows | Self::Calls)
    }

    /// Whether only the SDK's plugin is put under this load: it is compared with
    /// itself.
    pub(crate) fn is_of_the_sdk(self) -> bool {
        matches!(self, Self::Each { .. })
    }

    /// How long this load is measured if the others are measured for `time`: calls
    /// need longer, as they are few.
    pub(crate) fn time(self, time: Duration) -> Duration {
        match self {
            Self::Calls => 3 * time,
            _ => time,
        }
    }

    /// Puts a plugin under this load for `time`, and measures it.
    pub(crate) fn run(self, host: &mut Host, time: Duration) -> Result<Reading> {
        let reading = match self {
            Self::Source {
                bytes,
                instances,
                pause,
            } => source::flood(host, time, bytes, instances, pause),
            Self::SingleRows => source::single_rows(host, time),
            Self::Calm { instances } => source::calm(host, time, instances),
            Self::Sink {
                bytes,
                instances,
                acks,
            } => sink::flood(host, time, bytes, instances, acks),
            Self::Each { instances } => each::one_row_each(host, instances),
            Self::Calls => calls::one_by_one(host, time),
        }?;
        Ok(Reading {
            memory: usage::peak_memory(host.pid()),
            ..reading
        })
    }
}

/// The length of the pad that makes a row `bytes` long, if `row` is the row
/// without a pad.
fn pad(row: &str, bytes: usize) -> usize {
    bytes.saturating_sub(row.len())
}

/// The number that follows a key near the start of a row, with or without spaces.
fn number(row: &[u8], key: &[u8]) -> Option<u64> {
    let at = row.windows(key.len()).position(|window| window == key)?;
    let mut digits = row[at + key.len()..]
        .iter()
        .skip_while(|byte| **byte == b' ')
        .take_while(|byte| byte.is_ascii_digit())
        .peekable();
    digits.peek()?;
    Some(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// The median and the 99th percentile of some times.
fn percentiles(mut took: Vec<f64>) -> Result<(f64, f64)> {
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took.get(took.len() * share / 100).copied();
    let found = at(50).zip(at(99));
    Ok(found.ok_or("nothing was measured")?)
}
