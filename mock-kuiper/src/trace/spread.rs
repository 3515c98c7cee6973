//! How long many things took, in memory that does not grow with their number.

/// The buckets for each doubling of a duration: a percentile is up to 3 % off.
const STEPS: f64 = 24.0;

/// The shortest duration that is told apart, in seconds.
const SHORTEST: f64 = 1e-5;

/// The doublings from the shortest duration to more than a day.
const DOUBLINGS: usize = 34;

/// How long many things took, in seconds.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    count: u64,
    max: f64,
    buckets: Vec<u64>,
}

impl Spread {
    /// Adds a duration; one that is negative, because times went back, counts as 0.
    pub fn add(&mut self, seconds: f64) {
        let seconds = seconds.max(0.0);
        if self.buckets.is_empty() {
            self.buckets = vec![0; DOUBLINGS * STEPS as usize];
        }
        let place = (seconds.max(SHORTEST) / SHORTEST).log2() * STEPS;
        let last = self.buckets.len() - 1;
        self.buckets[(place as usize).min(last)] += 1;
        self.count += 1;
        self.max = self.max.max(seconds);
    }

    /// Returns how many durations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the longest duration.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Returns the duration that half of all do not exceed; 0 if there are none.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut before = 0;
        let bucket = self.buckets.iter().position(|count| {
            before += count;
            before * 2 >= self.count
        });
        let bucket = bucket.unwrap_or_default() as f64;
        if bucket == 0.0 {
            return 0.0;
        }
        (SHORTEST * ((bucket + 0.5) / STEPS).exp2()).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_near_and_the_maximum_exact() {
        let mut spread = Spread::default();
        for millisecond in 1..=999 {
            spread.add(f64::from(millisecond) / 1e3);
        }

        assert_eq!((spread.count(), spread.max()), (999, 0.999));
        assert!((spread.median() - 0.5).abs() < 0.02, "{}", spread.median());
    }

    #[test]
    fn any_duration_has_a_place() {
        let mut spread = Spread::default();
        for seconds in [-1.0, 0.0, 1e300, f64::INFINITY] {
            spread.add(seconds);
        }

        assert_eq!(spread.count(), 4);
        assert_eq!(spread.median(), 0.0);
        assert_eq!(Spread::default().median(), 0.0);
    }
}
