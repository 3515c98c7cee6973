//! The source `pyjson`: emits the same row five times a second.

use std::time::Duration;

use ekuiper::log::info;
use ekuiper::serde_json::{Value, json};
use ekuiper::{Config, Source, SourceContext};

pub struct PyJson {
    data: Value,
}

impl Default for PyJson {
    fn default() -> Self {
        PyJson {
            data: json!({"name": "pyjson", "value": 2021}),
        }
    }
}

impl Source for PyJson {
    fn configure(&mut self, datasource: &str, config: &Config) -> ekuiper::Result {
        info!("configuring with datasource {datasource} and conf {config}");
        Ok(())
    }

    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        info!("opening");
        while !ctx.stopped() {
            ctx.emit(&self.data)?;
            ctx.sleep(Duration::from_millis(200));
        }
        info!("closed");
        Ok(())
    }

    fn close(&mut self, _ctx: &SourceContext) -> ekuiper::Result {
        info!("closing");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::testing;

    #[test]
    fn every_row_is_the_same() {
        let rows = testing::source(PyJson::default()).rows(2).unwrap();

        assert_eq!(rows[0].message, json!({"name": "pyjson", "value": 2021}));
        assert_eq!(rows[0], rows[1]);
        assert!(rows[0].meta.is_null());
    }
}
