//! The format as a JSON schema, for editors.
//!
//! The schema accepts what the parser accepts. It cannot know aliases, variables and
//! files, and of a text such as a time it knows only the form.

use serde_json::{Map, Value, json};

use super::table::FILE;
use super::{Form, Rule, Shape};
use crate::fault::{Amount, Fault};
use crate::release::Release;
use crate::scenario::pattern::MATCHERS;

/// Returns the JSON schema (draft 2020-12) of a test file.
#[must_use]
pub fn schema() -> Value {
    let mut root = form(&FILE);
    let mut definitions = Map::new();
    for inner in FILE.all().into_iter().skip(1) {
        definitions.insert(key_of(inner), form(inner).into());
    }
    definitions.insert("pattern".to_owned(), pattern());
    definitions.insert("value".to_owned(), value());
    definitions.insert("object".to_owned(), object());
    let mut schema = Map::new();
    let draft = "https://json-schema.org/draft/2020-12/schema";
    schema.insert("$schema".to_owned(), draft.into());
    schema.insert("title".to_owned(), "A test file of mock-kuiper".into());
    schema.append(&mut root);
    schema.insert("$defs".to_owned(), definitions.into());
    schema.into()
}

/// Returns the name of a form's definition: its words, with `-` between them.
pub(super) fn key_of(form: &Form) -> String {
    let words = form.name.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty() && !["A", "The"].contains(word));
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn form(form: &Form) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in form.keys {
        let mut schema = shape(&key.shape);
        schema["description"] = key.doc.into();
        properties.insert(key.name.to_owned(), schema);
    }
    let required = form.keys.iter().filter(|key| key.is_required);
    let required: Vec<_> = required.map(|key| key.name).collect();
    let schema = json!({
        "description": form.doc,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "allOf": form.rules.iter().map(rule).collect::<Value>(),
    });
    match schema {
        Value::Object(mut schema) => {
            if form.rules.is_empty() {
                schema.remove("allOf");
            }
            schema
        }
        _ => Map::new(),
    }
}

fn rule(rule: &Rule) -> Value {
    match rule {
        Rule::ExactlyOne(names) => {
            let alternatives = names.iter().map(|name| json!({"required": [name]}));
            json!({"oneOf": alternatives.collect::<Value>()})
        }
        Rule::AtMostOne(names) => {
            let pairs = names.iter().enumerate().flat_map(|(index, one)| {
                let others = names[index + 1..].iter();
                others.map(move |other| json!({"not": {"required": [one, other]}}))
            });
            json!({"allOf": pairs.collect::<Value>()})
        }
        Rule::Needs(name, other) => json!({"dependentRequired": {*name: [other]}}),
    }
}

fn shape(of: &Shape) -> Value {
    match of {
        Shape::Value => reference("value"),
        Shape::Pattern => reference("pattern"),
        Shape::Object => reference("object"),
        Shape::Template => json!({"type": "string"}),
        Shape::Scalar => json!({"type": ["string", "number", "boolean"]}),
        Shape::Port => json!({"anyOf": [
            {"type": "string"},
            {"type": "integer", "minimum": 1, "maximum": u16::MAX},
        ]}),
        Shape::Nothing => json!({"type": "null"}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Count(least) => json!({"type": "integer", "minimum": least, "maximum": u32::MAX}),
        Shape::Text | Shape::Path => json!({"type": "string", "minLength": 1}),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Duration => json!({"type": "string", "pattern": DURATION}),
        Shape::Pointer => json!({"type": "string", "pattern": "^(/|$)"}),
        Shape::Release => {
            let names: Vec<_> = Release::all().iter().map(|release| release.name).collect();
            json!({"anyOf": [
                {"enum": names},
                {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
            ]})
        }
        Shape::Fault => fault(),
        Shape::List(item) => json!({"type": "array", "items": shape(item)}),
        Shape::Filled(item) => json!({"type": "array", "items": shape(item), "minItems": 1}),
        Shape::Map(value) => json!({"type": "object", "additionalProperties": shape(value)}),
        Shape::Form(form) => reference(&key_of(form)),
        Shape::OneOf(_, forms) => {
            let texts = forms.iter().map(|form| form.verb());
            let texts = texts.filter(|verb| matches!(verb.shape, Shape::Nothing));
            let texts: Vec<_> = texts.map(|verb| verb.name).collect();
            let mut all: Vec<_> = forms.iter().map(|form| reference(&key_of(form))).collect();
            if !texts.is_empty() {
                all.push(json!({"enum": texts}));
            }
            json!({"anyOf": all})
        }
        Shape::Or(one, other) => json!({"anyOf": [shape(one), shape(other)]}),
    }
}

/// The texts that `humantime` reads as a time.
const DURATION: &str = r"^(0|\s*([0-9]+(\.[0-9]+)?\s*(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|min|mins|m|hours|hour|hr|hrs|h|days|day|d|weeks|week|wk|wks|w|months|month|M|years|year|yr|yrs|y)\s*)+)$";

fn fault() -> Value {
    let names = Fault::all().map(|fault| {
        let description = fault.describe();
        json!({"const": description.name, "description": description.happens})
    });
    let mut all: Vec<_> = names.collect();
    let with_amount = Fault::all().filter(|fault| fault.amount() != Amount::None);
    let with_amount: Vec<_> = with_amount.map(|fault| fault.describe().name).collect();
    let pattern = format!("^({})=.", with_amount.join("|"));
    all.push(json!({"type": "string", "pattern": pattern}));
    json!({"anyOf": all})
}

/// Keys that begin with one `$` have a meaning of their own.
const PLAIN_KEY: &str = r"^([^$]|\$\$|$)";

fn scalar() -> Value {
    json!({"type": ["null", "boolean", "number", "string"]})
}

/// An expected value.
fn pattern() -> Value {
    let mut matchers = Map::new();
    for matcher in MATCHERS {
        let mut schema: Value = serde_json::from_str(matcher.value).unwrap_or_default();
        schema["description"] = matcher.doc.into();
        matchers.insert(matcher.name.to_owned(), schema);
    }
    json!({
        "description": "An expected value: the value itself, or matchers.",
        "anyOf": [
            scalar(),
            {"type": "array", "items": reference("pattern")},
            {
                "type": "object",
                "properties": matchers,
                "minProperties": 1,
                "additionalProperties": false,
            },
            {
                "type": "object",
                "propertyNames": {"pattern": PLAIN_KEY},
                "additionalProperties": reference("pattern"),
            },
        ],
    })
}

/// A value that is sent.
fn value() -> Value {
    json!({
        "anyOf": [
            scalar(),
            {"type": "array", "items": reference("value")},
            reference("object"),
        ],
    })
}

fn object() -> Value {
    let input = |name: &str| {
        let matcher = MATCHERS.iter().find(|matcher| matcher.name == name);
        let doc = matcher.map_or("", |matcher| matcher.doc);
        json!({
            "type": "object",
            "properties": {name: {"type": "string", "description": doc}},
            "required": [name],
            "additionalProperties": false,
        })
    };
    json!({
        "anyOf": [
            {
                "type": "object",
                "propertyNames": {"pattern": PLAIN_KEY},
                "additionalProperties": reference("value"),
            },
            input("$file"),
            input("$base64"),
        ],
    })
}
