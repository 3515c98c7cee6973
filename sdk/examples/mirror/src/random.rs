//! The source `random`: emits rows of random numbers, one row in each period.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use ekuiper::log::info;
use ekuiper::metadata::{JsonSchema, schemars};
use ekuiper::{Source, SourceContext, Stream};
use serde::Deserialize;

/// Emits one row in each period.
pub struct Random {
    config: RandomConfig,
}

// The doc comments become the texts of `sources/random.json` and `sources/random.yaml`.
/// Emits rows of random numbers, one in each period.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RandomConfig {
    /// The time between two rows: milliseconds, or a text such as `5s`.
    #[serde(with = "ekuiper::duration")]
    period: Duration,
    /// The number of rows after which the source ends; 0 for no end.
    count: u64,
    /// The fields of a row, each with its smallest value.
    pattern: BTreeMap<String, i64>,
    /// A random number below this is added to each value. 1 adds nothing.
    seed: u64,
}

impl Default for RandomConfig {
    fn default() -> Self {
        RandomConfig {
            period: Duration::from_secs(1),
            count: 0,
            pattern: BTreeMap::from([("count".to_owned(), 50)]),
            seed: 1,
        }
    }
}

impl Source for Random {
    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let mut emitted = 0;
        while ctx.sleep(self.config.period) {
            ctx.emit(self.row(emitted))?;
            emitted += 1;
            if emitted == self.config.count {
                break;
            }
        }
        Ok(())
    }
}

impl Random {
    /// Creates the source of a stream. An error refuses the start.
    pub fn new(config: RandomConfig, stream: &Stream) -> ekuiper::Result<Self> {
        if config.seed == 0 {
            return Err("config.seed: expected at least 1, found 0".into());
        }
        info!(logger: stream.logger(), "configured with {config:?}");
        Ok(Random { config })
    }

    fn row(&self, number: u64) -> BTreeMap<&str, i64> {
        let random = RandomState::new();
        let fields = self.config.pattern.iter();
        fields
            .map(|(name, smallest)| {
                let added = random.hash_one((name, number)) % self.config.seed;
                // A sum outside the range of i64 wraps around.
                (name.as_str(), smallest.wrapping_add_unsigned(added))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::testing;

    #[test]
    fn with_a_seed_of_1_each_row_equals_the_pattern() {
        let config = json!({"period": 1, "pattern": {"a": 1, "b": -2}, "seed": 1});

        let rows = testing::source(Random::new).config(config).rows(2).unwrap();

        assert_eq!(rows[1].message, json!({"a": 1, "b": -2}));
    }

    #[test]
    fn each_value_is_between_the_pattern_and_the_pattern_plus_seed() {
        let config = json!({"period": 0, "pattern": {"n": 50}, "seed": 10});

        let rows = testing::source(Random::new)
            .config(config)
            .rows(100)
            .unwrap();

        let values = rows.iter().map(|row| row.message["n"].as_i64().unwrap());
        assert!(values.into_iter().all(|n| (50..60).contains(&n)));
    }

    #[test]
    fn the_source_ends_after_count_rows() {
        let config = json!({"period": 0, "count": 3});

        let rows = testing::source(Random::new).config(config).rows(9).unwrap();

        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn a_period_is_a_text_or_milliseconds() {
        for (period, refusal) in [
            ("10ms", None),
            (
                "soon",
                Some(
                    "configure: config.period: expected a duration such as \"5s\" or milliseconds, found string \"soon\"",
                ),
            ),
        ] {
            let test = testing::source(Random::new).config(json!({"period": period}));

            let refused = test.configure().err().map(|failure| failure.to_string());

            assert_eq!(refused.as_deref(), refusal);
        }
    }

    #[test]
    fn a_pattern_that_is_not_a_number_is_refused_with_its_path() {
        let config = json!({"pattern": {"count": "many"}});

        let refusal = testing::source(Random::new).config(config).configure();

        assert_eq!(
            refusal.unwrap_err().to_string(),
            "configure: config.pattern.count: expected i64, found string \"many\""
        );
    }
}
