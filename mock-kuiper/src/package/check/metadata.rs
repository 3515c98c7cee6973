//! UI metadata: `sources/NAME.json`, `sinks/NAME.json`, `functions/NAME.json`.
//!
//! eKuiper's REST API hands them to its UI. None is needed to run a plugin.
//!
//! Source: eKuiper 2.4.0, internal/meta/sourceMeta.go, sinkMeta.go (the types
//! `fileSource`, `fileSink`, `fileAbout`, `fileField`) and func_meta.go.

use serde_json::Value;

use super::super::manifest::kind;
use crate::go_json::field;

/// What a value must be; `null` is as good as none, as for Go.
enum Shape {
    Text,
    Flag,
    List(&'static Shape),
    Map(&'static Shape),
    Object(&'static [(&'static str, Shape)]),
    /// The default of a property: a list is one of properties.
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

/// Of functions eKuiper reads nothing: it passes the text on.
const FUNCTION: Shape = Object(&[("functions", List(&Object(&[("name", Text)])))]);

/// Finds what is wrong with a file of one of the three directories; the fields
/// and texts.
pub(super) fn check(directory: &str, bytes: &[u8]) -> Vec<(Option<String>, String)> {
    let value = match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => value,
        Err(error) => return vec![(None, format!("is not valid JSON: {error}"))],
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
        let text = "is missing; an empty object suffices".to_owned();
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
    found.push((path, format!("expected {expected}, found {}", kind(value))));
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
    fn an_about_suffices() {
        let none: [&str; 0] = [];

        assert_eq!(found("sources", r#"{"about":{}}"#), none);
        assert_eq!(found("sinks", r#"{"About":{},"libs":null,"more":1}"#), none);
        assert_eq!(found("functions", "{}"), none);
    }

    #[test]
    fn without_an_about_it_is_not_shown() {
        let text = "about: is missing; an empty object suffices";

        assert_eq!(found("sources", "{}"), [text]);
        assert_eq!(found("sinks", r#"{"about":null}"#), [text]);
    }

    #[test]
    fn every_field_of_the_wrong_type_is_found() {
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
    fn a_sink_has_a_list_of_properties_and_a_source_sections_of_them() {
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
    fn what_is_no_object_is_told_as_such() {
        let broken = found("functions", "{");

        assert_eq!(found("sinks", "null"), [": expected an object, found null"]);
        assert_eq!(
            found("functions", "[]"),
            [": expected an object, found a list"]
        );
        assert!(broken[0].starts_with(": is not valid JSON: "), "{broken:?}");
    }
}
