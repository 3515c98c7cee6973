//! How often the sinks of a process wake up for rows that nobody waits for.
//!
//! To wake a sink for a row costs more than all else that the row needs, and the host
//! pays too, because its write wakes the sink. So if several sinks are busy at the same
//! time, each lets rows gather in the kernel for a moment, and one wake-up serves them
//! all. Network drivers do the same with interrupts.
//!
//! A host that reads acks may wait for one before it sends the next row, so its rows
//! never gather.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::stop::StopSignal;

/// The time between two waits in the process from which on rows gather: 50,000 waits a
/// second, which are a third of a processor's time.
const TURN: Duration = Duration::from_micros(20);

/// The longest time for which rows gather.
pub(super) const LONGEST: Duration = Duration::from_millis(4);

/// The shortest time for which rows gather. The kernel makes each sleep some 50 µs
/// longer.
const SHORTEST: Duration = Duration::from_micros(200);

/// How often the sinks of this process have waited for rows.
static WAITS: AtomicU64 = AtomicU64::new(0);

/// The pace of one sink.
#[derive(Debug)]
pub(super) struct Pace {
    /// [`WAITS`] at the last wait of this sink.
    waits: u64,
    /// When that wait began, after the rows had gathered.
    since: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Pace {
            waits: WAITS.load(Ordering::Relaxed),
            since: Instant::now(),
        }
    }

    /// The pace of a sink among very busy ones.
    #[cfg(test)]
    pub(super) fn busy() -> Self {
        let mut pace = Self::new();
        pace.waits = pace.waits.wrapping_sub(1_000_000);
        pace
    }

    /// To be called before the sink waits for rows. If its rows are to gather, this
    /// takes the time for that, but no longer than `limit`, and not after the stop.
    pub(super) fn wait(&mut self, stop: &StopSignal, limit: Option<Duration>) {
        let before = self.waits;
        self.waits = WAITS.fetch_add(1, Ordering::Relaxed) + 1;
        let mut now = Instant::now();
        if let Some(time) = gathering(self.waits.wrapping_sub(before), now - self.since) {
            stop.sleep(limit.map_or(time, |limit| time.min(limit)));
            now = Instant::now();
        }
        self.since = now;
    }
}

/// Returns for how long the rows of a sink are to gather, if all sinks have waited
/// `waits` times since its last wait, which began so long `ago`.
fn gathering(waits: u64, ago: Duration) -> Option<Duration> {
    let waits = u32::try_from(waits).unwrap_or(u32::MAX);
    let interval = TURN.saturating_mul(waits).min(LONGEST);
    Some(interval.saturating_sub(ago)).filter(|time| *time >= SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn rows_of_many_busy_sinks_gather() {
        // Each of 100 sinks waits every 0.7 ms.
        assert_eq!(gathering(100, micros(700)), Some(micros(1300)));
        // They have gathered, and were collected in 5 µs.
        assert_eq!(gathering(100, micros(5)), Some(micros(1995)));
        assert_eq!(gathering(1000, micros(1000)), Some(micros(3000)));
        assert_eq!(gathering(u64::MAX, micros(0)), Some(micros(4000)));
    }

    #[test]
    fn a_few_sinks_and_slow_rows_do_not_gather() {
        assert_eq!(gathering(1, micros(0)), None);
        assert_eq!(gathering(9, micros(0)), None);
        // Each of 100 sinks waits every 2 ms.
        assert_eq!(gathering(100, micros(2000)), None);
        assert_eq!(gathering(100, micros(1801)), None);
        assert_eq!(gathering(1_000_000, micros(1_000_000)), None);
    }

    #[test]
    fn rows_gather_no_longer_than_the_limit_and_not_after_the_stop() {
        let took = |stop: &StopSignal, limit| {
            let begin = Instant::now();
            Pace::busy().wait(stop, limit);
            begin.elapsed()
        };
        let runs = StopSignal::default();
        let stopped = StopSignal::default();
        stopped.set();

        // What is left of a time may be too short to sleep.
        assert!(took(&runs, None) >= LONGEST - SHORTEST);
        assert!(took(&runs, Some(LONGEST / 2)) >= LONGEST / 2);
        // A busy machine may make a single sleep longer.
        let shortest = |stop, limit| (0..100).map(|_| took(stop, limit)).min().unwrap();
        assert!(shortest(&runs, Some(Duration::ZERO)) < LONGEST);
        assert!(shortest(&stopped, None) < LONGEST);
    }
}
