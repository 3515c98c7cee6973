//! As much of a JSON schema validator as this schema needs. A keyword that it does
//! not know fails the test.

use std::collections::BTreeMap;
use std::sync::Mutex;

use regex::Regex;
use serde_json::{Map, Value};

use super::super::schema::key_of;
use super::super::{FILE, Form};

/// Validates a value against the definition of a form.
pub(super) fn is_valid(schema: &Value, form: &Form, value: &Value) -> bool {
    match form.name == FILE.name {
        true => check(schema, schema, value),
        false => check(schema, &schema["$defs"][key_of(form)], value),
    }
}

/// Validates a value against the definition of an expected value.
pub(super) fn is_pattern(schema: &Value, value: &Value) -> bool {
    check(schema, &schema["$defs"]["pattern"], value)
}

fn check(root: &Value, schema: &Value, value: &Value) -> bool {
    let keywords = schema.as_object().unwrap();
    let mut all = keywords.iter();
    all.all(|(keyword, operand)| keyword_holds(root, keywords, keyword, operand, value))
}

fn keyword_holds(
    root: &Value,
    schema: &Map<String, Value>,
    keyword: &str,
    operand: &Value,
    value: &Value,
) -> bool {
    let count = |operand: &Value| usize::try_from(operand.as_u64().unwrap()).unwrap();
    let list = || operand.as_array().unwrap().iter();
    match keyword {
        "$schema" | "$defs" | "title" | "description" => true,
        "$ref" => {
            let target = operand.as_str().unwrap().strip_prefix('#').unwrap();
            check(root, root.pointer(target).unwrap(), value)
        }
        "anyOf" => list().any(|schema| check(root, schema, value)),
        "allOf" => list().all(|schema| check(root, schema, value)),
        "oneOf" => list().filter(|schema| check(root, schema, value)).count() == 1,
        "not" => !check(root, operand, value),
        "enum" => list().any(|known| known == value),
        "const" => operand == value,
        "type" => match operand {
            Value::Array(types) => types.iter().any(|name| is_type(name, value)),
            name => is_type(name, value),
        },
        "minimum" => value
            .as_f64()
            .is_none_or(|n| n >= operand.as_f64().unwrap()),
        "maximum" => value
            .as_f64()
            .is_none_or(|n| n <= operand.as_f64().unwrap()),
        "minLength" => value
            .as_str()
            .is_none_or(|s| s.chars().count() >= count(operand)),
        "pattern" => value.as_str().is_none_or(|text| matches(operand, text)),
        "items" => {
            let items = value.as_array();
            items.is_none_or(|items| items.iter().all(|item| check(root, operand, item)))
        }
        "minItems" => value
            .as_array()
            .is_none_or(|items| items.len() >= count(operand)),
        _ => match value {
            Value::Object(fields) => object_holds(root, schema, keyword, operand, fields),
            _ => true,
        },
    }
}

/// The keywords that are about objects alone.
fn object_holds(
    root: &Value,
    schema: &Map<String, Value>,
    keyword: &str,
    operand: &Value,
    fields: &Map<String, Value>,
) -> bool {
    let has = |name: &Value| fields.contains_key(name.as_str().unwrap());
    match keyword {
        "properties" => {
            let mut known = operand.as_object().unwrap().iter();
            known.all(|(name, schema)| {
                let value = fields.get(name);
                value.is_none_or(|value| check(root, schema, value))
            })
        }
        "additionalProperties" => {
            let known = schema.get("properties").and_then(Value::as_object);
            let is_known = |name: &String| known.is_some_and(|known| known.contains_key(name));
            let mut others = fields.iter().filter(|(name, _)| !is_known(name));
            match operand {
                Value::Bool(false) => others.next().is_none(),
                schema => others.all(|(_, value)| check(root, schema, value)),
            }
        }
        "propertyNames" => {
            let mut names = fields.keys();
            names.all(|name| check(root, operand, &name.as_str().into()))
        }
        "required" => operand.as_array().unwrap().iter().all(has),
        "minProperties" => fields.len() as u64 >= operand.as_u64().unwrap(),
        "dependentRequired" => operand.as_object().unwrap().iter().all(|(name, others)| {
            !fields.contains_key(name) || others.as_array().unwrap().iter().all(has)
        }),
        _ => panic!("unknown keyword {keyword}"),
    }
}

/// Matches a text. Each pattern is compiled once.
fn matches(pattern: &Value, text: &str) -> bool {
    static COMPILED: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let pattern = pattern.as_str().unwrap();
    let mut compiled = COMPILED.lock().unwrap();
    let entry = compiled.entry(pattern.to_owned());
    let compiled = entry.or_insert_with(|| Regex::new(pattern).unwrap());
    compiled.is_match(text)
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    }
}
