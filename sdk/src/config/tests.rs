//! Which configurations parse, and the errors for the others.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::Secret;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    #[serde(default)]
    interval: u64,
    path: Option<String>,
    #[serde(default)]
    pattern: Pattern,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    limits: BTreeMap<u8, f32>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    count: u32,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Append,
    Rotate {
        bytes: u64,
    },
    Keep(u8),
    Both(u8, u8),
}

fn config(value: Value) -> Config {
    Config::from_json(value).unwrap()
}

fn error(value: Value) -> String {
    config(value).parse::<Settings>().unwrap_err().to_string()
}

#[test]
fn a_complete_configuration_is_parsed() {
    let config = config(json!({
        "interval": 1000, "path": "/tmp/x", "pattern": {"count": 50}, "topics": ["a", "b"],
        "mode": {"rotate": {"bytes": 9}}, "limits": {"7": 1.5}, "format": "json"
    }));

    let settings: Settings = config.parse().unwrap();

    assert_eq!(
        settings,
        Settings {
            interval: 1000,
            path: Some("/tmp/x".to_owned()),
            pattern: Pattern { count: 50 },
            topics: vec!["a".to_owned(), "b".to_owned()],
            mode: Mode::Rotate { bytes: 9 },
            limits: BTreeMap::from([(7, 1.5)]),
        }
    );
}

#[test]
fn a_copy_of_an_error_has_its_path_and_its_text() {
    let error = config(json!({"topics": ["a", 7]}))
        .parse::<Settings>()
        .unwrap_err();

    let copy = error.clone();

    assert_eq!(copy.path(), "config.topics[1]");
    assert_eq!(copy.to_string(), error.to_string());
}

#[test]
fn every_form_of_an_enum_is_parsed() {
    for (value, mode) in [
        (json!("append"), Mode::Append),
        (json!({"append": null}), Mode::Append),
        (json!({"keep": 3}), Mode::Keep(3)),
        (json!({"both": [1, 2]}), Mode::Both(1, 2)),
    ] {
        let config = config(json!({"mode": value}));

        assert_eq!(config.parse::<Settings>().unwrap().mode, mode);
    }
}

#[test]
fn an_empty_configuration_and_null_are_read_as_defaults() {
    for config in [
        Config::default(),
        Config::from_json(Value::Null).unwrap(),
        Config::from_json(json!({})).unwrap(),
    ] {
        assert!(config.is_empty());
        assert!(config.parse::<Settings>().is_ok());
        assert_eq!(config, Config::default());
    }
}

#[test]
fn an_error_names_the_path_and_what_was_expected() {
    let cases = [
        (
            json!({"pattern": {"count": "many"}}),
            "config.pattern.count: expected u32, found string \"many\"",
        ),
        (
            json!({"pattern": {"count": -1}}),
            "config.pattern.count: expected u32, found integer `-1`",
        ),
        (
            json!({"pattern": {"count": 1.5}}),
            "config.pattern.count: expected u32, found floating point `1.5`",
        ),
        (
            json!({"pattern": {"count": 4294967296u64}}),
            "config.pattern.count: expected u32, found integer `4294967296`",
        ),
        (
            json!({"pattern": {}}),
            "config.pattern.count: required, but missing",
        ),
        (
            json!({"pattern": {"count": 1, "speed": 2}}),
            "config.pattern.speed: unknown field, expected `count`",
        ),
        (
            json!({"topics": ["a", null]}),
            "config.topics[1]: expected a string, found null",
        ),
        (
            json!({"topics": {"a": 1}}),
            "config.topics: expected a sequence, found an object",
        ),
        (
            json!({"mode": "sleep"}),
            "config.mode: expected one of `append`, `rotate`, `keep`, `both`, found \"sleep\"",
        ),
        (
            json!({"mode": {"rotate": {"bytes": []}}}),
            "config.mode.rotate.bytes: expected u64, found an array",
        ),
        (
            json!({"mode": "keep"}),
            "config.mode: `keep` needs a value, as in {\"keep\": …}",
        ),
        (
            json!({"mode": 7}),
            "config.mode: expected a string or an object with one field, found integer `7`",
        ),
        (
            json!({"limits": {"x": 1}}),
            "config.limits: expected u8, found string \"x\"",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(error(value), expected);
    }
}

#[test]
fn the_error_for_a_missing_property_names_the_one_that_is_misspelled() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "they are only read")]
    struct Poll {
        interval: u64,
        url: Option<String>,
    }
    let error = |value| config(value).parse::<Poll>().unwrap_err().to_string();

    assert_eq!(
        error(json!({"intervall": 5, "url": "x"})),
        "config.interval: required, but missing; `intervall` is unknown: did you mean `interval`?"
    );
    assert_eq!(
        error(json!({"topic": 5})),
        "config.interval: required, but missing"
    );
}

#[test]
fn a_configuration_must_be_an_object() {
    let error = Config::from_json(json!([1])).unwrap_err();

    assert_eq!(
        error.to_string(),
        "config: expected an object, found an array"
    );
    assert_eq!(error.path(), "config");
}

#[test]
fn a_configuration_shows_no_secret() {
    let config = config(json!({
        "url": "http://x", "password": "p1", "headers": {"Authorization": "Bearer x"},
        "servers": [{"api_key": 7}]
    }));

    let shown = r#"{"headers":{"Authorization":"[redacted]"},"password":"[redacted]","servers":[{"api_key":"[redacted]"}],"url":"http://x"}"#;
    assert_eq!(config.to_string(), shown);
    let debug = format!("{config:?}");
    assert!(debug.starts_with("Config("), "{debug}");
    for secret in ["p1", "Bearer", "7"] {
        assert!(!debug.contains(secret), "{debug}");
    }
    assert_eq!(config.get("password"), Some(&json!("p1")));
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(dead_code, reason = "they are only read")]
struct Login {
    password: u16,
    key: Secret,
    access_token: Mode,
    token: Ipv4Addr,
    #[serde(flatten)]
    more: More,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct More {
    pin_secret: u8,
}

impl Default for Login {
    fn default() -> Self {
        Login {
            password: 0,
            key: Secret::default(),
            access_token: Mode::Append,
            token: Ipv4Addr::LOCALHOST,
            more: More::default(),
        }
    }
}

#[test]
fn no_error_shows_a_secret() {
    #[derive(Debug, Deserialize)]
    struct Strict {
        #[expect(dead_code, reason = "it is only read")]
        passwords: Vec<u16>,
    }
    let error = |value| config(value).parse::<Login>().unwrap_err();
    let text = |value| error(value).to_string();

    assert_eq!(
        text(json!({"key": 12345})),
        "config.key: expected a string, found a number: write it in quotes"
    );
    assert_eq!(
        text(json!({"password": "x"})),
        "config.password: expected u16, found [redacted]"
    );
    assert_eq!(
        text(json!({"accessToken": "hush"})),
        "config.accessToken: expected one of `append`, `rotate`, `keep`, `both`, found [redacted]"
    );
    // Serde reads flattened fields as a whole, so that their errors have no path.
    assert_eq!(
        text(json!({"pin_secret": 999})),
        "config: expected u8, found [redacted]"
    );
    assert_eq!(
        text(json!({"token": "1.2.3"})),
        "config.token: the value is not valid (its error may contain a secret and is not shown)"
    );
    let error = config(json!({"passwords": [1, "q7"]}))
        .parse::<Strict>()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "config.passwords[1]: expected u16, found [redacted]"
    );
    assert!(!format!("{error:?}").contains("q7"), "{error:?}");
}

#[test]
fn an_error_of_the_plugins_own_type_that_quotes_a_secret_is_not_shown() {
    #[derive(Debug)]
    struct Quoting;
    impl<'de> Deserialize<'de> for Quoting {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("what is {text}?")))
        }
    }
    #[derive(Debug, Deserialize)]
    struct Settings {
        #[expect(dead_code, reason = "it is only read")]
        token: Quoting,
    }

    let error = config(json!({"token": "x7"})).parse::<Settings>();

    assert_eq!(
        error.unwrap_err().to_string(),
        "config.token: the value is not valid (its error may contain a secret and is not shown)"
    );
}

#[test]
fn a_secret_that_the_plugins_own_type_has_changed_is_not_shown() {
    /// Trims the text, and does not accept it.
    #[derive(Debug)]
    struct Trimmed;
    impl<'de> Deserialize<'de> for Trimmed {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            let found = serde::de::Unexpected::Str(text.trim());
            Err(serde::de::Error::invalid_value(found, &"a token"))
        }
    }
    /// Shows the text with escapes, and does not accept it.
    #[derive(Debug)]
    struct Escaped;
    impl<'de> Deserialize<'de> for Escaped {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("what is {text:?}?")))
        }
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "they are only read")]
    struct Settings {
        token: Option<Trimmed>,
        password: Option<Escaped>,
        #[serde(flatten)]
        more: Flattened,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "they are only read")]
    struct Flattened {
        secret: Option<Escaped>,
    }
    let error = |value| config(value).parse::<Settings>().unwrap_err().to_string();
    let not_shown = "the value is not valid (its error may contain a secret and is not shown)";

    assert_eq!(
        error(json!({"token": " hunter2 "})),
        "config.token: expected a token, found [redacted]"
    );
    assert_eq!(
        error(json!({"password": "hun\"ter2"})),
        format!("config.password: {not_shown}")
    );
    assert_eq!(
        error(json!({"secret": "hun\"ter2"})),
        format!("config: {not_shown}")
    );
}

#[test]
fn an_error_is_short_whatever_the_length_of_the_value() {
    let long = "x".repeat(1024 * 1024);
    let shown = "x".repeat(100);

    assert_eq!(
        error(json!({"interval": long})),
        format!("config.interval: expected u64, found string \"{shown}\"… (1048576 bytes)")
    );
    assert_eq!(
        error(json!({"mode": long})),
        format!(
            "config.mode: expected one of `append`, `rotate`, `keep`, `both`, found \"{shown}\"… (1048576 bytes)"
        )
    );
    #[derive(Debug)]
    struct Quoting;
    impl<'de> Deserialize<'de> for Quoting {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(text))
        }
    }
    let error = parse::<Quoting>(&json!(long), "argument 1").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("argument 1: {}… (1048576 bytes)", "x".repeat(1024))
    );
}

#[test]
fn a_list_with_more_elements_than_the_type_is_refused() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Area {
        center: (u8, u8),
        corner: Option<Corner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Corner(i32, i32);

    let read = |value| {
        let config = Config::from_json(value).unwrap();
        config.parse::<Area>().map_err(|error| error.to_string())
    };

    assert_eq!(
        read(json!({"center": [1, 2], "corner": [3, 4]})),
        Ok(Area {
            center: (1, 2),
            corner: Some(Corner(3, 4)),
        })
    );
    assert_eq!(
        read(json!({"center": [1, 2, 3]})).unwrap_err(),
        "config.center: expected a list of length 2, found one of length 3"
    );
    assert_eq!(
        read(json!({"center": [1, 2], "corner": [3, 4, 5, 6]})).unwrap_err(),
        "config.corner: expected a list of length 2, found one of length 4"
    );
    assert_eq!(
        crate::Args::from(vec![json!([1, 2])])
            .parse::<(u8,)>(0)
            .unwrap_err()
            .to_string(),
        "argument 1: expected a list of length 1, found one of length 2"
    );
}
