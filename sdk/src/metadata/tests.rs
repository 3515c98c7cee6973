use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::{Data, Secret, Sink, SinkContext, Source, SourceContext, Stream};

/// Polls a station,
/// and emits its values.
///
/// Stops at the end.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("zh_CN" = "轮询站点。"))]
struct Settings {
    /// The time between two rows.
    #[serde(with = "crate::duration")]
    #[schemars(extend("label" = "Period", "label_zh_CN" = "周期", "zh_CN" = "间隔"))]
    period: Duration,
    #[serde(with = "crate::size")]
    buffer: u64,
    /// The unit of the values.
    unit: Unit,
    qos: Option<Qos>,
    verbose: bool,
    factor: f64,
    #[serde(rename = "retryLimit")]
    retries: u8,
    tags: Vec<String>,
    limits: Limits,
    fields: BTreeMap<String, i64>,
    headers: HashMap<String, String>,
    #[schemars(extend("control" = "textarea"))]
    body: String,
    path: Option<PathBuf>,
    token: Option<Secret>,
    #[serde(skip)]
    _inner: u8,
}

/// Degrees.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    /// As in Europe.
    Celsius,
    /// As in Belize.
    Fahrenheit,
}

#[derive(Deserialize, Serialize, JsonSchema)]
enum Qos {
    Once,
    Twice,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Limits {
    /// The highest value.
    high: f64,
    low: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            period: Duration::from_secs(1),
            buffer: 65_536,
            unit: Unit::Celsius,
            qos: None,
            verbose: false,
            factor: 1.5,
            retries: 3,
            tags: vec!["a".to_owned()],
            limits: Limits {
                high: 40.0,
                low: -40.0,
            },
            fields: BTreeMap::from([("count".to_owned(), 50)]),
            headers: HashMap::new(),
            body: String::new(),
            path: None,
            token: None,
            _inner: 0,
        }
    }
}

/// Returns the description of a source or sink of this configuration.
fn described<C: JsonSchema>() -> Value {
    serde_json::to_value(properties::of::<C>()).unwrap()
}

/// Returns the property of this name.
fn property(about: &Value, name: &str) -> Value {
    let properties = about["properties"].as_array().unwrap().iter();
    let mut property = properties
        .filter(|property| property["name"] == name)
        .cloned()
        .collect::<Vec<_>>();
    assert_eq!(property.len(), 1, "{name}");
    property.remove(0)
}

#[test]
fn each_field_becomes_what_the_user_interface_shows_for_its_type() {
    let about = described::<Settings>();

    for expected in [
        json!({"name": "period", "default": 1000, "optional": true, "control": "text",
            "type": "int", "hint": {"en_US": "The time between two rows.", "zh_CN": "间隔"},
            "label": {"en_US": "Period", "zh_CN": "周期"}}),
        json!({"name": "buffer", "default": 65_536, "optional": true, "control": "text",
            "type": "int"}),
        json!({"name": "unit", "default": "celsius", "optional": true, "control": "select",
            "type": "string", "values": ["celsius", "fahrenheit"],
            "hint": {"en_US": "The unit of the values."}}),
        json!({"name": "qos", "optional": true, "control": "select", "type": "string",
            "values": ["Once", "Twice"]}),
        json!({"name": "verbose", "default": false, "optional": true, "control": "radio",
            "type": "bool"}),
        json!({"name": "factor", "default": 1.5, "optional": true, "control": "text",
            "type": "float"}),
        json!({"name": "retryLimit", "default": 3, "optional": true, "control": "text",
            "type": "int"}),
        json!({"name": "tags", "default": [], "optional": true, "control": "list",
            "type": "list_string"}),
        json!({"name": "limits", "optional": true, "control": "list", "type": "list_object",
        "default": [
            {"name": "high", "default": 40.0, "optional": false, "control": "text",
                "type": "float", "hint": {"en_US": "The highest value."}},
            {"name": "low", "default": -40.0, "optional": false, "control": "text",
                "type": "float"},
        ]}),
        json!({"name": "fields", "optional": true, "control": "list", "type": "list_object",
            "default": [{"name": "count", "default": 50, "optional": false, "control": "text",
                "type": "int"}]}),
        json!({"name": "headers", "default": {}, "optional": true, "control": "list",
            "type": "object"}),
        json!({"name": "body", "default": "", "optional": true, "control": "textarea",
            "type": "string"}),
        json!({"name": "path", "optional": true, "control": "text", "type": "string"}),
        json!({"name": "token", "optional": true, "control": "text", "type": "string"}),
    ] {
        let name = expected["name"].as_str().unwrap();
        assert_eq!(property(&about, name), expected);
    }
    assert_eq!(about["properties"].as_array().unwrap().len(), 14);
}

#[test]
fn the_doc_comment_of_the_struct_is_the_description_and_defaults_are_as_configured() {
    let about = described::<Settings>();

    assert_eq!(
        about["description"],
        json!({"en_US": "Polls a station, and emits its values.\nStops at the end.",
            "zh_CN": "轮询站点。"})
    );
    assert_eq!(
        about["defaults"],
        json!({"period": 1000, "buffer": 65_536, "unit": "celsius", "verbose": false,
            "factor": 1.5, "retryLimit": 3, "tags": ["a"], "limits": {"high": 40.0, "low": -40.0},
            "fields": {"count": 50}, "headers": {}, "body": ""})
    );
    assert_eq!(about.get("open"), None);
}

#[test]
fn required_properties_come_first_in_their_order() {
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Settings {
        #[serde(default)]
        a: u8,
        user: String,
        host: String,
        #[serde(flatten)]
        more: HashMap<String, Value>,
    }

    let about = described::<Settings>();

    let names = about["properties"].as_array().unwrap().iter();
    let names: Vec<_> = names
        .map(|property| (property["name"].clone(), property["optional"].clone()))
        .collect();
    let expected = [("user", false), ("host", false), ("a", true)];
    assert_eq!(json!(names), json!(expected));
    assert_eq!(about["open"], true);
}

#[test]
fn the_default_of_a_secret_is_not_described() {
    /// A text that is hidden in the user interface.
    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Login {
        user: String,
        password: String,
        #[schemars(extend("format" = "password"))]
        pin: Option<String>,
    }
    #[derive(Deserialize, JsonSchema)]
    #[serde(default)]
    struct Settings {
        token: String,
        login: Login,
        credentials: Login,
        logins: Vec<Login>,
        headers: BTreeMap<String, String>,
        more: Value,
    }
    impl Default for Settings {
        fn default() -> Self {
            let login = || Login {
                user: "me".to_owned(),
                password: "hush1".to_owned(),
                pin: Some("hush2".to_owned()),
            };
            let headers = [("Accept", "*/*"), ("Authorization", "hush3")];
            Settings {
                token: "hush4".to_owned(),
                login: login(),
                credentials: Login {
                    user: "hush7".to_owned(),
                    ..login()
                },
                logins: vec![login()],
                headers: headers
                    .map(|(name, value)| (name.into(), value.into()))
                    .into(),
                more: json!({"api_key": "hush5", "deep": [{"pwd": "hush6"}]}),
            }
        }
    }

    let about = described::<Settings>();

    assert!(!about.to_string().contains("hush"), "{about}");
    assert_eq!(
        about["defaults"],
        json!({"login": {"user": "me"}, "logins": [{"user": "me"}],
            "headers": {"Accept": "*/*"}, "more": {"deep": [{}]}})
    );
    assert_eq!(
        property(&about, "token"),
        json!({"name": "token", "optional": true, "control": "text", "type": "string"})
    );
    assert_eq!(
        property(&about, "headers")["default"],
        json!([
            {"name": "Accept", "default": "*/*", "optional": false, "control": "text",
                "type": "string"},
            {"name": "Authorization", "optional": false, "control": "text", "type": "string"},
        ])
    );
}

#[test]
fn a_type_that_contains_itself_is_described_to_a_limit() {
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Node {
        next: Option<Box<Node>>,
    }

    let about = described::<Node>();

    assert_eq!(property(&about, "next")["name"], "next");
}

struct Nothing;

impl Source for Nothing {
    fn open(&mut self, _: &SourceContext) -> crate::Result {
        Ok(())
    }
}

impl Sink for Nothing {
    fn collect(&mut self, _: &SinkContext, _: Data<'_>) -> crate::Result {
        Ok(())
    }
}

/// Takes rows.
#[derive(Deserialize, JsonSchema)]
struct Empty {}

#[test]
fn a_wrapped_symbol_has_the_texts_that_it_is_given() {
    let source = source(|_: Empty, _: &Stream| Nothing)
        .label("Nothing")
        .label_zh_cn("无")
        .description("Emits nothing.")
        .section("fast", json!({"period": 10}));
    let sink = sink(|_: Empty| Nothing).description_zh_cn("接收行。");
    let function = function(|celsius: f64, _digits: Option<u8>| celsius)
        .argument("celsius", "float", "Degrees.")
        .argument("digits", "int", "Digits.");
    let plain = IntoFunction::into_function(|a: f64, b: Option<f64>| b.map_or(a, |b| a + b));

    let describe = |describe: Option<crate::describe::Describe>| {
        serde_json::to_value(describe.expect("a description")()).unwrap()
    };

    assert_eq!(
        describe(source.into_source().about),
        json!({"label": {"en_US": "Nothing", "zh_CN": "无"},
            "description": {"en_US": "Emits nothing."}, "properties": [],
            "sections": {"fast": {"period": 10}}})
    );
    assert_eq!(
        describe(sink.into_sink().about),
        json!({"description": {"en_US": "Takes rows.", "zh_CN": "接收行。"}, "properties": []})
    );
    assert_eq!(
        describe(function.into_function().about),
        json!({"args": [{"name": "celsius", "optional": false, "control": "field",
            "type": "float", "hint": {"en_US": "Degrees."}},
            {"name": "digits", "optional": true, "control": "field",
            "type": "int", "hint": {"en_US": "Digits."}}]})
    );
    assert_eq!(
        describe(plain.about)["args"],
        json!([
            {"name": "arg1", "optional": false, "control": "field", "type": "any"},
            {"name": "arg2", "optional": true, "control": "field", "type": "any"},
        ])
    );
}

#[test]
#[should_panic(expected = "the section `default` is made from the defaults of the type")]
fn a_section_named_default_panics() {
    let _ = source(|_: Empty, _: &Stream| Nothing).section("default", json!({}));
}

#[test]
#[should_panic(expected = "the properties of the section `fast` must be an object")]
fn a_section_that_is_not_an_object_panics() {
    let _ = source(|_: Empty, _: &Stream| Nothing).section("fast", json!(10));
}

#[test]
fn bytes_are_a_text() {
    #[derive(Deserialize, JsonSchema)]
    struct Signed {
        /// The key of the signature.
        #[serde(default)]
        _key: crate::Bytes,
    }

    let schema = serde_json::to_value(schemars::schema_for!(Signed)).unwrap();

    assert_eq!(schema["properties"]["_key"]["type"], "string");
}
