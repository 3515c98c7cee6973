//! UI metadata: `sources/NAME.json`, `sinks/NAME.json`, `functions/NAME.json`.
//!
//! eKuiper's REST API passes them to its UI. A plugin runs without them.
//!
//! Source: eKuiper 2.4.0, internal/meta/sourceMeta.go, sinkMeta.go (the types
//! `fileSource`, `fileSink`, `fileAbout`, `fileField`) and func_meta.go.

use serde_json::Value;

use super::super::manifest::describe;
use super::super::spelling::parse_json;
use crate::go_json::field;

/// The type that a value must have. As in Go, `null` counts as missing.
enum Shape {
    Text,
    Flag,
    List(&'static Shape),
    Map(&'static Shape),
    Object(&'static [(&'static str, Shape)]),
    /// The default of a property: any value, but a list must be one of properties.
    Default,
}

use Shape::{Flag, List, Object, Text};

const LANGUAGES: Shape = Object(&[("en_US", Text), ("zh_CN", Text)]);

const ABOUT: Shape = Object(&[
    ("trial", Flag),
    ("installed", Flag),
    (
        "author",
        Object(&[
            ("name", Text),
            ("email", Text),
            ("company", Text),
            ("website", Text),
        ]),
    ),
    ("helpUrl", LANGUAGES),
    ("description", LANGUAGES),
]);

const PROPERTY: Shape = Object(&[
    ("name", Text),
    ("default", Shape::Default),
    ("control", Text),
    ("connection_related", Flag),
    ("optional", Flag),
    ("type", Text),
    ("hint", LANGUAGES),
    ("label", LANGUAGES),
]);

const SOURCE: Shape = Object(&[
    ("about", ABOUT),
    ("libs", List(&Text)),
    ("properties", Shape::Map(&List(&PROPERTY))),
]);

const SINK: Shape = Object(&[
    ("about", ABOUT),
    ("libs", List(&Text)),
    ("properties", List(&PROPERTY)),
]);

/// eKuiper passes the metadata of functions on without reading it.
const FUNCTION: Shape = Object(&[("functions", List(&Object(&[("name", Text)])))]);

/// Finds what is wrong with a file in one of the three directories. Returns the
/// field and the text of each mistake.
pub(super) fn check(directory: &str, bytes: &[u8]) -> Vec<(Option<String>, String)> {
    let value = match parse_json(bytes) {
        Ok(value) => value,
        Err(text) => return vec![(None, text)],
    };
    let shape = match directory {
        "sources" => &SOURCE,
        "sinks" => &SINK,
        _ => &FUNCTION,
    };
    let mut found = Vec::new();
    look(shape, &value, "", &mut found);
    if let Value::Object(fields) = &value
        && directory != "functions"
        && field(fields, "about").is_none()
    {
        let text = "is missing; an empty object is enough".to_owned();
        found.push((Some("about".to_owned()), text));
    }
    found
}

fn look(shape: &Shape, value: &Value, path: &str, found: &mut Vec<(Option<String>, String)>) {
    let expected = match (shape, value) {
        (Text, Value::String(_)) | (Flag, Value::Bool(_)) => return,
        (_, Value::Null) if !path.is_empty() => return,
        (List(item), Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                look(item, value, &format!("{path}[{index}]"), found);
            }
            return;
        }
        (Shape::Default, value) => {
            if value.is_array() {
                look(&List(&PROPERTY), value, path, found);
            }
            return;
        }
        (Shape::Map(item), Value::Object(items)) => {
            for (name, value) in items {
                look(item, value, &below(path, name), found);
            }
            return;
        }
        (Object(fields), Value::Object(values)) => {
            for (name, shape) in *fields {
                if let Some(value) = field(values, name) {
                    look(shape, value, &below(path, name), found);
                }
            }
            return;
        }
        (Text, _) => "a string",
        (Flag, _) => "true or false",
        (List(_), _) => "a list",
        (Shape::Map(_) | Object(_), _) => "an object",
    };
    let path = (!path.is_empty()).then(|| path.to_owned());
    found.push((
        path,
        format!("expected {expected}, found {}", describe(value)),
    ));
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(directory: &str, json: &str) -> Vec<String> {
        let found = check(directory, json.as_bytes()).into_iter();
        found
            .map(|(field, text)| format!("{}: {text}", field.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn an_about_is_enough() {
        let none: [&str; 0] = [];

        assert_eq!(found("sources", r#"{"about":{}}"#), none);
        assert_eq!(found("sinks", r#"{"About":{},"libs":null,"more":1}"#), none);
        assert_eq!(found("functions", "{}"), none);
    }

    #[test]
    fn a_missing_about_is_reported() {
        let text = "about: is missing; an empty object is enough";

        assert_eq!(found("sources", "{}"), [text]);
        assert_eq!(found("sinks", r#"{"about":null}"#), [text]);
    }

    #[test]
    fn every_field_of_the_wrong_type_is_reported() {
        let json = r#"{"about":{"author":"me","trial":"no","description":{"en_US":1}},
            "libs":"a","properties":{"default":[{"name":"a","default":["x"]},{"optional":1},2],
            "fast":{}}}"#;

        assert_eq!(
            found("sources", json),
            [
                "about.trial: expected true or false, found the string `no`",
                "about.author: expected an object, found the string `me`",
                "about.description.en_US: expected a string, found `1`",
                "libs: expected a list, found the string `a`",
                "properties.default[0].default[0]: expected an object, found the string `x`",
                "properties.default[1].optional: expected true or false, found `1`",
                "properties.default[2]: expected an object, found `2`",
                "properties.fast: expected a list, found an object",
            ]
        );
    }

    #[test]
    fn properties_of_a_sink_are_a_list_and_those_of_a_source_an_object() {
        let list = r#"{"about":{},"properties":[]}"#;
        let map = r#"{"about":{},"properties":{}}"#;

        assert_eq!(
            found("sources", list),
            ["properties: expected an object, found a list"]
        );
        assert_eq!(
            found("sinks", map),
            ["properties: expected a list, found an object"]
        );
    }

    #[test]
    fn a_file_that_is_not_an_object_is_reported() {
        let broken = found("functions", "{");

        assert_eq!(found("sinks", "null"), [": expected an object, found null"]);
        assert_eq!(
            found("functions", "[]"),
            [": expected an object, found a list"]
        );
        assert!(broken[0].starts_with(": is not valid JSON: "), "{broken:?}");
    }
}
