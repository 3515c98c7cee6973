//! The table, the schema and the reference agree with the parser.

mod validator;

use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::*;
use crate::scenario::node::{self, Node};
use crate::scenario::parse::form_mistakes;
use crate::scenario::pattern::{MATCHERS, Pattern};

static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

fn read(text: &str) -> Node {
    let mut mistakes = Vec::new();
    let node = node::read(text, &mut mistakes);
    assert_eq!(mistakes, [], "{text}");
    node.unwrap()
}

/// What the parser and the schema say about a value of this form, as JSON, which is
/// YAML, too.
fn verdicts(form: &'static Form, value: &Value) -> (bool, bool) {
    let parser = form_mistakes(&read(&value.to_string()), form).is_empty();
    (parser, validator::is_valid(&SCHEMA, form, value))
}

#[test]
fn the_parser_and_the_schema_accept_every_example() {
    for form in FILE.all() {
        let value = read(form.example).to_json();

        assert_eq!(verdicts(form, &value), (true, true), "{}", form.name);
    }
}

#[test]
fn the_parser_and_the_schema_reject_an_unknown_key() {
    for form in FILE.all() {
        let mut value = read(form.example).to_json();
        value["surprise"] = 1.into();

        assert_eq!(verdicts(form, &value), (false, false), "{}", form.name);
    }
}

#[test]
fn the_parser_and_the_schema_agree_without_any_one_key() {
    for form in FILE.all() {
        for key in form.keys {
            let mut value = read(form.example).to_json();
            value.as_object_mut().unwrap().remove(key.name);

            let (parser, schema) = verdicts(form, &value);

            assert_eq!(parser, schema, "{} without `{}`", form.name, key.name);
            assert!(!(parser && key.is_required), "{} {}", form.name, key.name);
        }
    }
}

#[test]
fn the_parser_and_the_schema_agree_about_other_values_of_every_key() {
    let values = json!([
        null, true, 7, 0, -1, 0.5, 4294967296_u64, 65535, 65536, "", "x", "2s", "2 parsecs", "2.4", "2.4.1",
        "all", "case", "kill", "kill=1s", "kil", "/a", [], [[]], ["x"], [""], ["2.4"], ["2.5"],
        {}, {"x": 1}, {"$file": "x"}, {"x": "/y"}, {"port": 1}, {"port": 0}, {"port": 65536}, {"port": true}, {"port": 1, "file": "x"},
        {"source": "x"}, {"sink": "x"}, {"source": "x", "sink": "y"}, ["reload", "kill"],
        ["start"], [{"run": "x"}], [{"args": []}], [{"name": "x", "steps": ["kill"]}],
        [{"kill": null}], [{"kill": 1}], [{"rows": "x", "send": "y"}], [{"log": 1, "stop": "x"}],
    ]);
    let mut accepted = 0;
    for form in FILE.all() {
        for key in form.keys {
            for value in values.as_array().unwrap() {
                let mut whole = read(form.example).to_json();
                whole[key.name] = value.clone();

                let (parser, schema) = verdicts(form, &whole);

                assert_eq!(parser, schema, "{}, `{}`: {value}", form.name, key.name);
                accepted += usize::from(parser);
            }
        }
    }
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn the_parser_and_the_schema_agree_about_keys_that_exclude_each_other() {
    for form in FILE.all() {
        for one in form.keys {
            for other in form.keys {
                let mut value = read(form.example).to_json();
                let optional = form.keys.iter().filter(|key| !key.is_required);
                for key in optional {
                    value.as_object_mut().unwrap().remove(key.name);
                }
                for key in [one, other] {
                    value[key.name] = some(&key.shape);
                }

                let (parser, schema) = verdicts(form, &value);

                assert_eq!(parser, schema, "{}: {value}", form.name);
            }
        }
    }
}

/// A value of a shape.
fn some(shape: &Shape) -> Value {
    match shape {
        Shape::Value | Shape::Pattern | Shape::Template | Shape::Scalar => json!("x"),
        Shape::Text | Shape::Port => json!("x"),
        Shape::Object | Shape::Map(_) => json!({}),
        Shape::Nothing => json!(null),
        Shape::Bool => json!(true),
        Shape::Count(_) => json!(1),
        Shape::Word(words) => json!(words[0]),
        Shape::Path => json!("."),
        Shape::Duration => json!("2s"),
        Shape::Release => json!("2.4"),
        Shape::Fault => json!("kill"),
        Shape::Pointer => json!(""),
        Shape::List(item) | Shape::Filled(item) => json!([some(item)]),
        Shape::Form(form) | Shape::OneOf(_, [form, ..]) => read(form.example).to_json(),
        Shape::OneOf(_, []) => json!(null),
        Shape::Or(one, _) => some(one),
    }
}

#[test]
fn the_schema_knows_the_same_times_as_the_parser() {
    let pattern = &SCHEMA["properties"]["init_timeout"]["pattern"];
    let pattern = regex::Regex::new(pattern.as_str().unwrap()).unwrap();

    for text in [
        "0", "1s", "500ms", "1h 30min", "1h30m", "4.2s", "2 s", "3years", "", "s", "1", "-1s",
        "1 ", "1s,", "1parsec", "10µs",
    ] {
        assert_eq!(duration(text).is_some(), pattern.is_match(text), "{text:?}");
    }
}

#[test]
fn the_parser_and_the_schema_accept_the_example_of_every_matcher() {
    for matcher in MATCHERS {
        let node = read(matcher.example);
        let mut mistakes = Vec::new();
        let _ = Pattern::parse(&node, Path::new("."), &mut mistakes);
        // The files of the examples do not exist.
        let is_file = ["$file", "$base64"].contains(&matcher.name);

        assert!(mistakes.is_empty() || is_file, "{mistakes:?}");
        assert!(
            validator::is_pattern(&SCHEMA, &node.to_json()),
            "{}",
            matcher.name
        );
    }
    for wrong in [
        json!({"$regexp": "x"}),
        json!({"$gt": "x"}),
        json!({"$any": false}),
        json!({"$gt": 1, "field": 2}),
        json!({"$near": {"value": 1}}),
        json!([{"a": {"$or": []}}]),
    ] {
        let mut mistakes = Vec::new();
        let _ = Pattern::parse(&read(&wrong.to_string()), Path::new("."), &mut mistakes);

        assert!(!mistakes.is_empty(), "{wrong}");
        assert!(!validator::is_pattern(&SCHEMA, &wrong), "{wrong}");
    }
}

#[test]
fn every_reference_of_the_schema_leads_to_a_definition() {
    fn walk(value: &Value, definitions: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref") {
                    let name = target.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    assert!(definitions.get(name).is_some(), "{name}");
                }
                fields.values().for_each(|value| walk(value, definitions));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, definitions)),
            _ => {}
        }
    }
    walk(&SCHEMA, &SCHEMA["$defs"]);

    let definitions = SCHEMA["$defs"].as_object().unwrap();
    // All forms but the file itself, and `pattern`, `value` and `object`.
    assert_eq!(definitions.len(), FILE.all().len() - 1 + 3);
}

#[test]
fn every_text_of_the_table_is_a_sentence() {
    for form in FILE.all() {
        let docs = form.keys.iter().map(|key| key.doc);
        for text in docs.chain([form.doc]) {
            assert!(text.ends_with('.') && !text.contains('\n'), "{text}");
            assert!(!text.contains("  ") && !text.contains('|'), "{text}");
        }
    }
}

#[test]
fn every_link_of_the_reference_leads_to_one_of_its_headings() {
    let page = reference();
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let anchors: Vec<_> = headings
        .map(|heading| heading.to_lowercase().replace('`', "").replace(' ', "-"))
        .collect();

    let links = page.split("](#").skip(1);
    let links: Vec<_> = links.filter_map(|rest| rest.split(')').next()).collect();

    assert!(links.len() > 20, "{}", links.len());
    for link in links {
        assert!(anchors.iter().any(|anchor| anchor == link), "{link}");
    }
}

#[test]
fn the_nearest_word_is_named_only_if_it_is_near() {
    assert_eq!(
        tip("exepct", ["expect", "rows"]),
        "; did you mean `expect`?"
    );
    assert_eq!(tip("surprise", ["expect", "rows"]), "");
    assert_eq!(tip("a", ["b"]), "");
}
