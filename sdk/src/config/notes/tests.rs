//! Which properties cause a warning.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Owner;
use crate::Config;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    hat_id: u32,
    #[serde(alias = "period")]
    interval: u64,
    server: Server,
    servers: Vec<Server>,
    headers: BTreeMap<String, String>,
    by_name: BTreeMap<String, Server>,
    mode: Mode,
    anything: Value,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            hat_id: 0,
            interval: 0,
            server: Server::default(),
            servers: Vec::new(),
            headers: BTreeMap::new(),
            by_name: BTreeMap::new(),
            mode: Mode::Plain,
            anything: Value::Null,
        }
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Server {
    host_name: String,
}

#[derive(Debug, PartialEq, Deserialize)]
enum Mode {
    Plain,
    Rotating {
        #[serde(rename = "maxSize")]
        max_size: u64,
    },
}

fn config(value: Value) -> Config {
    Config::from_json(value).unwrap()
}

fn source_warnings(value: Value) -> Vec<String> {
    let config = config(value);
    config.parse::<Settings>().unwrap();
    config.oddities(Owner::Source)
}

const LOWERED: &str =
    "eKuiper 2.x writes the keys of a yaml in lower case, unless the source's json gives them back";

#[test]
fn properties_in_lower_case_find_their_fields_at_any_depth() {
    let config = config(json!({
        "hatid": 7,
        "server": {"hostname": "a"},
        "servers": [{"hostname": "b"}],
        "byname": {"x": {"hostname": "c"}},
        "mode": {"rotating": {"maxsize": 9}},
    }));

    let settings: Settings = config.parse().unwrap();

    let server = |name: &str| Server {
        host_name: name.to_owned(),
    };
    assert_eq!(
        settings,
        Settings {
            hat_id: 7,
            server: server("a"),
            servers: vec![server("b")],
            by_name: BTreeMap::from([("x".to_owned(), server("c"))]),
            mode: Mode::Rotating { max_size: 9 },
            ..Settings::default()
        }
    );
    assert_eq!(
        config.oddities(Owner::Source),
        [
            ("byname", "byName"),
            ("byname.x.hostname", "hostName"),
            ("hatid", "hatId"),
            ("mode.rotating", "Rotating"),
            ("mode.rotating.maxsize", "maxSize"),
            ("server.hostname", "hostName"),
            ("servers[0].hostname", "hostName"),
        ]
        .map(|(path, field)| format!("config.{path}: read as `{field}`: {LOWERED}"))
    );
}

#[test]
fn an_exact_match_wins_and_the_other_spelling_is_reported() {
    let config = config(json!({"HATID": 1, "hatId": 2, "hatid": 3}));

    let settings: Settings = config.parse().unwrap();

    assert_eq!(settings.hat_id, 2);
    assert_eq!(
        config.oddities(Owner::Source),
        [
            "config.HATID: ignored, because `hatId` is set, too",
            "config.hatid: ignored, because `hatId` is set, too",
        ]
    );
}

#[test]
fn a_respelled_property_of_an_action_is_to_be_written_as_the_field() {
    let config = config(json!({"hatid": 1}));
    config.parse::<Settings>().unwrap();

    assert_eq!(
        config.oddities(Owner::Sink),
        ["config.hatid: read as `hatId`: write it like that"]
    );
}

#[test]
fn an_unknown_property_is_reported_with_the_nearest_name_at_any_depth() {
    assert_eq!(
        source_warnings(json!({
            "intervall": 5, "priod": 5, "colour": "red", "stritcValidation": true,
            "server": {"hostNmae": "x"}, "servers": [{}, {"color": {"deep": 1}}],
            "mode": {"Rotating": {"maxSize": 1, "minSize": 2}}
        })),
        [
            "config.colour: unknown property, ignored",
            "config.intervall: unknown property, ignored: did you mean `interval`?",
            "config.mode.Rotating.minSize: unknown property, ignored: did you mean `maxSize`?",
            "config.priod: unknown property, ignored: did you mean `period`?",
            "config.server.hostNmae: unknown property, ignored: did you mean `hostName`?",
            "config.servers[1].color: unknown property, ignored",
            "config.stritcValidation: unknown property, ignored: did you mean eKuiper's own `strictValidation`?",
        ]
    );
}

#[test]
fn the_hosts_own_properties_cause_no_warning_in_any_case() {
    assert_eq!(
        source_warnings(json!({
            "datasource": "t", "format": "json", "key": "", "retainSize": 0, "schemaid": "",
            "STRICTVALIDATION": false, "timestampFormat": "", "connectionselector": "x"
        })),
        [""; 0]
    );
    // Of a sink, others are the host's, and only at the top.
    let config = config(json!({
        "sendSingle": true, "requireAck": true, "dataTemplate": "", "batchSize": 5,
        "lingerInterval": 10, "resourceId": "x", "RESENDINTERVAL": 1, "timestamp": "",
        "server": {"format": "json"}
    }));
    config.parse::<Settings>().unwrap();
    assert_eq!(
        config.oddities(Owner::Sink),
        [
            "config.server.format: unknown property, ignored",
            "config.timestamp: unknown property, ignored",
        ]
    );
}

#[test]
fn what_any_parse_or_get_has_taken_is_known() {
    #[derive(Deserialize)]
    struct Other {
        #[expect(dead_code, reason = "it is only read")]
        colour: String,
        #[expect(dead_code, reason = "it is only read")]
        server: Value,
    }
    let config = config(json!({
        "colour": "red", "size": {"x": 1}, "shape": "round", "server": {"port": 1}
    }));

    config.clone().parse::<Settings>().unwrap();
    config.parse::<Other>().ok().unwrap();
    config.get("size");
    config.get("missing");

    assert_eq!(
        config.oddities(Owner::Source),
        ["config.shape: unknown property, ignored"]
    );
}

#[test]
fn maps_and_flattened_fields_take_everything() {
    #[derive(Deserialize)]
    struct Flattened {
        #[serde(flatten)]
        _rest: BTreeMap<String, Value>,
    }
    let value = json!({"a": {"b": 1}});

    assert_eq!(
        source_warnings(json!({"headers": {"X": "1"}, "anything": value})),
        [""; 0]
    );
    let config = config(value);
    config.parse::<Flattened>().ok().unwrap();
    config.parse::<Settings>().unwrap();
    assert_eq!(config.oddities(Owner::Source), [""; 0]);
}

#[test]
fn a_plugin_that_parses_no_type_gets_no_warning() {
    let config = config(json!({"a": 1, "b": 2}));

    config.get("a");
    config.parse::<Server>().unwrap();
    assert_eq!(config.oddities(Owner::Source).len(), 1);

    let config = Config::from_json(json!({"a": 1})).unwrap();
    config.get("x");
    assert_eq!(config.oddities(Owner::Source), [""; 0]);
}

#[test]
fn a_parse_that_fails_takes_nothing() {
    let config = config(json!({"hatId": "x", "colour": "red"}));

    config.parse::<Settings>().unwrap_err();

    assert_eq!(config.oddities(Owner::Source), [""; 0]);
}
