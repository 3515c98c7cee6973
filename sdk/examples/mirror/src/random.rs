//! The source `random`: emits rows of random numbers, one row in each period.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use ekuiper::log::info;
use ekuiper::{Config, Source, SourceContext};
use serde::Deserialize;

/// Emits one row in each period.
#[derive(Default)]
pub struct Random {
    settings: Settings,
}

/// The options from `sources/random.yaml` that this source uses. The stream's
/// own options, such as `format`, are for the host.
#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    /// The milliseconds between two rows.
    period: u64,
    /// The number of rows after which the source ends; 0 for no end.
    count: u64,
    /// The fields of a row, each with its smallest value.
    pattern: BTreeMap<String, i64>,
    /// A random number below this is added to each value. 1 adds nothing.
    seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            period: 1000,
            count: 0,
            pattern: BTreeMap::from([("count".to_owned(), 50)]),
            seed: 1,
        }
    }
}

impl Source for Random {
    fn configure(&mut self, datasource: &str, config: &Config) -> ekuiper::Result {
        info!("random is configured with datasource {datasource:?} and {config}");
        self.settings = config.parse()?;
        if self.settings.seed == 0 {
            return Err("config.seed: expected at least 1, found 0".into());
        }
        Ok(())
    }

    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let period = Duration::from_millis(self.settings.period);
        let mut emitted = 0;
        while ctx.sleep(period) {
            ctx.emit(self.row(emitted))?;
            emitted += 1;
            if emitted == self.settings.count {
                break;
            }
        }
        Ok(())
    }
}

impl Random {
    fn row(&self, number: u64) -> BTreeMap<&str, i64> {
        let random = RandomState::new();
        let fields = self.settings.pattern.iter();
        fields
            .map(|(name, smallest)| {
                let added = random.hash_one((name, number)) % self.settings.seed;
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

        let rows = testing::source(Random::default())
            .config(config)
            .rows(2)
            .unwrap();

        assert_eq!(rows[1].message, json!({"a": 1, "b": -2}));
    }

    #[test]
    fn each_value_is_between_the_pattern_and_the_pattern_plus_seed() {
        let config = json!({"period": 0, "pattern": {"n": 50}, "seed": 10});

        let rows = testing::source(Random::default())
            .config(config)
            .rows(100)
            .unwrap();

        let values = rows.iter().map(|row| row.message["n"].as_i64().unwrap());
        assert!(values.into_iter().all(|n| (50..60).contains(&n)));
    }

    #[test]
    fn the_source_ends_after_count_rows() {
        let config = json!({"period": 0, "count": 3});

        let rows = testing::source(Random::default())
            .config(config)
            .rows(9)
            .unwrap();

        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn a_pattern_that_is_not_a_number_is_refused_with_its_path() {
        let config = json!({"pattern": {"count": "many"}});

        let refusal = testing::source(Random::default())
            .config(config)
            .configure();

        assert_eq!(
            refusal.unwrap_err().to_string(),
            "configure: config.pattern.count: expected i64, found string \"many\""
        );
    }
}
