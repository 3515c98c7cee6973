//! Typed configurations: spelling, unknown properties, secrets.

use ekuiper_sp::{Options, Pull};
use serde_json::{Value, json};

use crate::host::{Host, Instance, text};

fn typed_source(config: Value) -> (Instance, Pull) {
    let source = Instance::new("source", "typed", config);
    let rows = Pull::listen(&source.data_url(), Options::default()).unwrap();
    (source, rows)
}

#[test]
fn a_start_warns_once_of_each_property_that_no_field_takes() {
    let mut host = Host::launch();
    let (source, mut rows) = typed_source(json!({
        "datasource": "t", "format": "json", "interval": 5,
        "callperiod": "1m30s", "pasword": "x", "password": "q7"
    }));

    host.start(&source);

    assert_eq!(
        text(&mut rows),
        r#"{"message":{"password":"q7","period":90000},"meta":null}"#
    );
    // The same order again starts nothing.
    host.start(&source);
    let log = host.plugin.log();
    let rule = &source.rule;
    let warnings: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once(" WARN  ekuiper::config: "))
        .map(|(_, warning)| warning)
        .collect();
    assert_eq!(
        warnings,
        [
            format!(
                "{rule}/typed/0: config.callperiod: read as `callPeriod`: eKuiper 2.x writes the keys of a yaml in lower case, unless the source's json gives them back"
            ),
            format!(
                "{rule}/typed/0: config.pasword: unknown property, ignored: did you mean `password`?"
            ),
        ]
    );
}

#[test]
fn a_secret_is_neither_in_the_log_nor_in_a_refusal() {
    let mut host = Host::launch();
    let (source, mut rows) = typed_source(json!({"callPeriod": 5, "password": "q7w8"}));
    host.start(&source);
    text(&mut rows);
    let (bad, _rows) = typed_source(json!({"callPeriod": 5, "password": {"q7w8": 1}}));

    let answer = host.order("start", &bad.argument);

    assert_eq!(
        answer,
        "cannot start source `typed`: config.password: expected a string, found an object"
    );
    host.plugin
        .wait_log("TypedSettings { call_period: 5ms, password: [redacted] }");
    assert!(!host.plugin.log().contains("q7w8"), "{}", host.plugin.log());
}
