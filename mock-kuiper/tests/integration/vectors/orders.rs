//! Orders are byte for byte those of recorded eKuiper releases.
//!
//! The expected bytes are read from the vectors by line number. The mock's order is
//! made of values written here, never decoded from a frame.

use mock_kuiper::Meta;
use mock_kuiper::engine::wire::{Command, Order, StreamOptions, source_config};
use serde_json::{Map, Value, json};

use super::recordings::{frame, profile};

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

fn source(release: &str, symbol: &str, meta: Meta, datasource: &str, properties: Value) -> Order {
    let stream = StreamOptions {
        datasource: datasource.to_owned(),
        ..StreamOptions::default()
    };
    let config = source_config(profile(release), &stream, map(properties));
    Order::source(symbol, meta, datasource, config)
}

fn sink(symbol: &str, meta: Meta, properties: Value) -> Order {
    Order::sink(symbol, meta, map(properties))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("an order is UTF-8")
}

#[test]
fn a_function_is_started_as_recorded() {
    for (release, file, line, symbol) in [
        ("1.8", "ekuiper-1.8.2-python", 7, "revert"),
        ("1.13", "ekuiper-1.13.5-go", 7, "goecho"),
        ("1.14", "ekuiper-1.14.7-go", 7, "goecho"),
        ("2.0", "ekuiper-2.0.8-python", 7, "revert"),
        ("2.2", "ekuiper-2.2.5-go", 7, "goecho"),
        ("2.4", "ekuiper-2.4.0-go-mirror", 7, "echo"),
    ] {
        let start = Order::function(symbol).encode(Command::Start, profile(release));

        assert_eq!(text(start), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn a_source_is_started_as_recorded() {
    for (release, file, line) in [
        ("1.8", "ekuiper-1.8.2-python", 21),
        ("1.13", "ekuiper-1.13.5-python", 27),
        ("2.0", "ekuiper-2.0.8-python", 19),
        ("2.4", "ekuiper-2.4.0-python", 20),
    ] {
        let order = source(
            release,
            "pyjson",
            Meta::new("p1", "py"),
            "topic/1",
            json!({}),
        );

        let start = order.encode(Command::Start, profile(release));

        assert_eq!(text(start), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn a_source_with_properties_is_started_and_stopped_as_recorded() {
    for (release, file, start, stop) in [
        ("1.13", "ekuiper-1.13.5-go", 35, 47),
        ("1.14", "ekuiper-1.14.7-go", 35, 60),
    ] {
        let meta = Meta::new("g1", "g");
        let order = source(release, "gosrc", meta, "topic/1", json!({"interval": 100}));
        let profile = profile(release);

        assert_eq!(
            text(order.encode(Command::Start, profile)),
            frame(file, start),
            "{file}:{start}"
        );
        assert_eq!(
            text(order.encode(Command::Stop, profile)),
            frame(file, stop),
            "{file}:{stop}"
        );
    }
}

#[test]
fn html_in_a_datasource_and_nested_properties_are_written_as_recorded() {
    let order = source(
        "2.4",
        "random",
        Meta::new("r1", "rnd"),
        "a <b> & c",
        json!({"interval": 100, "seed": 1, "pattern": {"count": 50}, "deduplicate": 0}),
    );
    let profile = profile("2.4");

    assert_eq!(
        text(order.encode(Command::Start, profile)),
        frame("ekuiper-2.4.0-go-mirror", 31)
    );
    assert_eq!(
        text(order.encode(Command::Stop, profile)),
        frame("ekuiper-2.4.0-go-mirror", 97)
    );
}

#[test]
fn a_sink_with_a_nested_config_is_started_as_recorded() {
    for (release, file, line) in [
        ("1.8", "ekuiper-1.8.2-python", 27),
        ("1.13", "ekuiper-1.13.5-python", 19),
        ("2.0", "ekuiper-2.0.8-python", 25),
        ("2.4", "ekuiper-2.4.0-python", 27),
    ] {
        let order = sink(
            "print",
            Meta::new("p1", "print_0"),
            json!({"sendSingle": true, "requireAck": true, "a": {"b": [1, 2.5, null, true]}}),
        );

        let start = order.encode(Command::Start, profile(release));

        assert_eq!(text(start), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn html_in_a_template_is_escaped_twice_as_recorded() {
    for (release, file, start, stop) in [
        ("1.8", "ekuiper-1.8.2-python", 54, None),
        ("2.0", "ekuiper-2.0.8-python", 94, Some(163)),
        ("2.4", "ekuiper-2.4.0-python", 80, Some(163)),
    ] {
        let order = sink(
            "print",
            Meta::new("p2", "print_1"),
            json!({"dataTemplate": "c={{(index . 0).c}} <&>"}),
        );
        let profile = profile(release);

        assert_eq!(
            text(order.encode(Command::Start, profile)),
            frame(file, start),
            "{file}:{start}"
        );
        if let Some(stop) = stop {
            assert_eq!(
                text(order.encode(Command::Stop, profile)),
                frame(file, stop),
                "{file}:{stop}"
            );
        }
    }
}

#[test]
fn an_empty_config_is_left_out_as_recorded() {
    for (release, file, line, symbol, meta) in [
        (
            "1.13",
            "ekuiper-1.13.5-python",
            41,
            "print",
            Meta::new("p2", "print_0"),
        ),
        (
            "1.13",
            "ekuiper-1.13.5-go",
            60,
            "gosink",
            Meta::new("g2", "gosink_1"),
        ),
        (
            "1.14",
            "ekuiper-1.14.7-go",
            78,
            "gosink",
            Meta::new("g2", "gosink_1"),
        ),
        (
            "2.0",
            "ekuiper-2.0.8-python",
            72,
            "print",
            Meta::new("p2", "print_0"),
        ),
        (
            "2.4",
            "ekuiper-2.4.0-python",
            96,
            "print",
            Meta::new("p2", "print_0"),
        ),
    ] {
        let start = sink(symbol, meta, json!({})).encode(Command::Start, profile(release));

        assert_eq!(text(start), frame(file, line), "{file}:{line}");
    }
}

#[test]
fn html_in_a_url_is_escaped_twice_as_recorded() {
    let order = sink(
        "gosink",
        Meta::new("g1", "gosink_0"),
        json!({"url": "a<b>&c", "sendSingle": true}),
    );

    let start = order.encode(Command::Start, profile("1.13"));

    assert_eq!(text(start), frame("ekuiper-1.13.5-go", 40));
}
