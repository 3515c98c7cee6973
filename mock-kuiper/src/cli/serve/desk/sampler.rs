//! Which rows are shown: at most some in a second, so that nobody writes JSON that
//! nobody reads.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The rows in a second that are shown by default.
pub(in crate::cli::serve) const SHOWN: u32 = 50;

/// Lets through so many in a second, a fifth of them at once.
#[derive(Debug)]
pub(in crate::cli::serve) struct Bucket {
    per_second: u32,
    left: f64,
    at: Instant,
}

impl Bucket {
    /// Makes a bucket; 0 lets everything through.
    pub(in crate::cli::serve) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            left: room(per_second),
            at: Instant::now(),
        }
    }

    /// Whether one more may pass now.
    pub(in crate::cli::serve) fn takes(&mut self, now: Instant) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let gained = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + gained * f64::from(self.per_second)).min(room(self.per_second));
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

fn room(per_second: u32) -> f64 {
    (f64::from(per_second) / 5.0).max(1.0)
}

/// Lets through as many as the observer needs who wants most.
#[derive(Debug)]
pub(in crate::cli::serve) struct Sampler {
    /// How many in a second; 0 for all.
    per_second: AtomicU32,
    bucket: Mutex<Bucket>,
    /// What the observers want.
    wanted: Mutex<Vec<u32>>,
}

/// Keeps the wish of an observer until it is dropped.
#[derive(Debug)]
pub(in crate::cli::serve) struct Wish {
    sampler: Arc<Sampler>,
    per_second: u32,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            per_second: SHOWN.into(),
            bucket: Mutex::new(Bucket::new(SHOWN)),
            wanted: Mutex::default(),
        }
    }
}

impl Sampler {
    /// Whether this one is shown.
    pub(super) fn shows(&self) -> bool {
        self.per_second.load(Ordering::Relaxed) == 0 || self.bucket().takes(Instant::now())
    }

    /// Shows at least so many in a second, 0 for all, as long as the wish lives.
    pub(in crate::cli::serve) fn wish(self: &Arc<Self>, per_second: u32) -> Wish {
        self.change(|wanted| wanted.push(per_second));
        Wish {
            sampler: Arc::clone(self),
            per_second,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u32>)) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut wanted);
        let all = wanted.contains(&0);
        let most = wanted.iter().copied().max().unwrap_or(0).max(SHOWN);
        let per_second = if all { 0 } else { most };
        *self.bucket() = Bucket::new(per_second);
        self.per_second.store(per_second, Ordering::Relaxed);
    }

    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.sampler.change(|wanted| {
            if let Some(place) = wanted.iter().position(|one| *one == self.per_second) {
                wanted.swap_remove(place);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_lets_a_fifth_through_at_once_and_the_rest_in_time() {
        let mut bucket = Bucket::new(10);
        let start = bucket.at;

        let at_once = (0..100).filter(|_| bucket.takes(start)).count();
        let later = (1..=1000)
            .filter(|ms| bucket.takes(start + Duration::from_millis(*ms)))
            .count();

        assert_eq!((at_once, later), (2, 10));
    }

    #[test]
    fn the_observer_counts_who_wants_most() {
        let sampler = Arc::new(Sampler::default());
        let shown = |rows: usize| (0..rows).filter(|_| sampler.shows()).count();

        let all = sampler.wish(0);
        let few = sampler.wish(1);
        assert_eq!(shown(10_000), 10_000);
        drop(all);
        assert!(shown(10_000) < 10_000);
        drop(few);

        assert_eq!(sampler.per_second.load(Ordering::Relaxed), SHOWN);
    }
}
