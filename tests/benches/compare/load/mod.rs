//! The loads: what a plugin is put under, and what is read off.
//!
//! Every row carries a running number of its instance, and every load checks it:
//! a row that is lost, doubled or out of its order is an error, not a number.

mod calls;
mod sink;
mod source;

use std::time::Duration;

use crate::Outcome;
use crate::host::Host;
use crate::usage;

pub(crate) use source::config as source_config;

/// Not counted: until threads, caches and buffers are as they stay.
pub(crate) const WARM_UP: Duration = Duration::from_millis(100);

/// What a plugin is put under.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// Rows of so many bytes from so many instances, as fast as they come. With
    /// a pause, the host looks only that often.
    Source {
        bytes: usize,
        instances: usize,
        pause: Option<Duration>,
    },
    /// A row each millisecond, and nothing else.
    SingleRows,
    /// So many instances, each with a row every 100 ms.
    Calm { instances: usize },
    /// Rows of so many bytes for so many instances, one write a row, as eKuiper
    /// sends them; with acks that are read, or that nobody reads.
    Sink {
        bytes: usize,
        instances: usize,
        acks: bool,
    },
    /// Calls, one after the other.
    Calls,
}

/// What is read off.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Reading {
    /// Rows or calls a second.
    pub(crate) rate: Option<f64>,
    /// Microseconds, the median and the 99th percentile.
    pub(crate) latency: Option<(f64, f64)>,
    /// The plugin's processor time in microseconds a row or call.
    pub(crate) cpu: Option<f64>,
    /// The plugin's peak of memory in MiB.
    pub(crate) memory: Option<f64>,
}

impl Load {
    /// Whether single messages are timed, so that it matters where both run.
    pub(crate) fn is_timed_singly(self) -> bool {
        matches!(self, Self::SingleRows | Self::Calls)
    }

    /// How long it is measured where others are for `time`: calls are few.
    pub(crate) fn time(self, time: Duration) -> Duration {
        match self {
            Self::Calls => 3 * time,
            _ => time,
        }
    }

    /// Puts a plugin under this load for `time`.
    pub(crate) fn run(self, host: &mut Host, time: Duration) -> Outcome<Reading> {
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
            Self::Calls => calls::one_by_one(host, time),
        }?;
        Ok(Reading {
            memory: usage::peak_memory(host.pid()),
            ..reading
        })
    }
}

/// How much the pad has so that a row is as long as asked for, while its number
/// has 7 digits.
fn pad(row: &str, bytes: usize) -> usize {
    bytes.saturating_sub(row.len())
}

/// The number behind a key that stands near the front, spaces or not.
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

/// The median and the 99th percentile.
fn percentiles(mut took: Vec<f64>) -> Outcome<(f64, f64)> {
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took.get(took.len() * share / 100).copied();
    let found = at(50).zip(at(99));
    Ok(found.ok_or("nothing was measured")?)
}
