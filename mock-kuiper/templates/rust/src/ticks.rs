//! The source `ticks`: emits a number that counts up, one row in each period.

use std::time::Duration;

use ekuiper::{Source, SourceContext, Stream};
use serde::{Deserialize, Serialize};

/// The properties of the source, with their defaults in `sources/ticks.yaml`.
#[derive(Debug, Deserialize)]
pub struct TicksConfig {
    /// The time between two rows: milliseconds, or a text such as "10s".
    #[serde(with = "ekuiper::duration")]
    period: Duration,
}

/// A row.
#[derive(Debug, Serialize)]
struct Tick<'a> {
    topic: &'a str,
    n: u64,
}

/// Emits one row in each period.
#[derive(Debug)]
pub struct Ticks {
    topic: String,
    period: Duration,
}

impl Ticks {
    /// Makes the source of a stream. An error refuses the rule.
    pub fn new(config: TicksConfig, stream: &Stream) -> ekuiper::Result<Self> {
        if config.period.is_zero() {
            return Err("config.period: expected more than 0".into());
        }
        Ok(Ticks {
            topic: stream.datasource().to_owned(),
            period: config.period,
        })
    }
}

impl Source for Ticks {
    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let mut n = 0;
        // `sleep` returns false once the rule was stopped.
        while ctx.sleep(self.period) {
            n += 1;
            let topic = &self.topic;
            ctx.emit(Tick { topic, n })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::testing;

    #[test]
    fn rows_have_the_topic_and_count_up_from_1() {
        let rows = testing::source(Ticks::new)
            .datasource("demo")
            .config(json!({"period": "1ms"}))
            .rows(2)
            .unwrap();

        assert_eq!(rows[0].message, json!({"topic": "demo", "n": 1}));
        assert_eq!(rows[1].message, json!({"topic": "demo", "n": 2}));
    }

    #[test]
    fn a_period_of_0_is_refused() {
        let refusal = testing::source(Ticks::new)
            .config(json!({"period": 0}))
            .configure();

        assert_eq!(
            refusal.unwrap_err().to_string(),
            "configure: config.period: expected more than 0"
        );
    }
}
