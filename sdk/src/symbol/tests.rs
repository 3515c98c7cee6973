//! Constructors of every form, and what they refuse.

use super::*;
use crate::{Data, SinkContext, SourceContext, testing};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Settings {
    url: String,
}

struct Weather {
    row: serde_json::Value,
}

impl Weather {
    fn new(config: Settings, stream: &Stream) -> Result<Self> {
        if config.url.is_empty() {
            return Err("url is empty".into());
        }
        let from = stream.datasource();
        Ok(Weather {
            row: json!({"url": config.url, "from": from, "rule": stream.rule_id()}),
        })
    }
}

impl Source for Weather {
    fn open(&mut self, ctx: &SourceContext) -> Result {
        Ok(ctx.emit(&self.row)?)
    }
}

#[test]
fn a_source_is_constructed_from_its_typed_configuration_and_its_stream() {
    let rows = testing::source(Weather::new)
        .config(json!({"url": "http://x"}))
        .datasource("paris")
        .rows(1)
        .unwrap();

    assert_eq!(
        rows[0].message,
        json!({"url": "http://x", "from": "paris", "rule": "test"})
    );
}

#[test]
fn a_constructor_that_fails_and_a_property_that_does_not_fit_refuse_the_start() {
    let refusal = |config| {
        let test = testing::source(Weather::new).config(config);
        test.configure().unwrap_err().to_string()
    };

    assert_eq!(refusal(json!({"url": ""})), "configure: url is empty");
    assert_eq!(
        refusal(json!({"url": 1})),
        "configure: config.url: expected a string, found integer `1`"
    );
    assert_eq!(
        refusal(json!({})),
        "configure: config.url: required, but missing"
    );
}

struct Print;

impl Sink for Print {
    fn collect(&mut self, _ctx: &SinkContext, _data: Data<'_>) -> Result {
        Ok(())
    }
}

#[test]
fn constructors_of_every_form_make_a_source_and_a_sink() {
    let always = |config: Settings| Weather {
        row: json!({"url": config.url}),
    };
    let fallible = |config: Settings| -> Result<Weather, String> { Err(config.url) };
    let _ = [always.into_source(), fallible.into_source()];

    let _ = [
        (|| Print).into_sink(),
        (|_: Settings| Print).into_sink(),
        (|_: Settings, _: &Action| Print).into_sink(),
        (|_: Settings, action: &Action| -> Result<Print, String> {
            Err(action.op_id().to_owned())
        })
        .into_sink(),
    ];
}
