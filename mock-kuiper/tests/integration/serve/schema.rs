//! The description of the API, to which every answer of every test is compared.
//!
//! As much of a JSON schema validator as this description needs. A keyword that it does
//! not know fails the test.

use std::sync::LazyLock;

use serde_json::Value;

use super::common::Probe;
use super::http::{Answer, request};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../src/cli/serve/openapi.json");
    serde_json::from_str(text).unwrap()
});

/// Fails if an answer is not one that the description has.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let bare = path.split('?').next().unwrap();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let found = paths.iter().find(|(template, _)| fits(template, bare));
    let Some((template, operations)) = found else {
        return;
    };
    let operation = &operations[method.to_ascii_lowercase()];
    if operation.is_null() {
        assert_eq!(
            answer.status, 405,
            "{method} {path} is not described: {answer:?}"
        );
        return;
    }
    let response = resolve(&operation["responses"][answer.status.to_string()]);
    assert!(response.is_object(), "{method} {template}: {answer:?}");
    let json = &response["content"]["application/json"]["schema"];
    if json.is_object() {
        let wrong = mismatch(json, &answer.json());
        assert_eq!(wrong, None, "{method} {template}: {answer:?}");
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut parts, mut known) = (path.split('/'), template.split('/'));
    loop {
        match (known.next(), parts.next()) {
            (None, None) => return true,
            (Some(known), Some(part)) if known == part || known.starts_with('{') => {}
            _ => return false,
        }
    }
}

fn resolve(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(path) => DOCUMENT.pointer(&path[1..]).unwrap(),
        None => value,
    }
}

/// Returns what in a value does not fit a schema.
fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    let schema = resolve(schema);
    let wrong = |why: String| Some(format!("{why}: {value}"));
    for (keyword, operand) in schema.as_object().unwrap() {
        let found = match keyword.as_str() {
            "type" => {
                let is_it = match operand.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64(),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("unknown type {other}"),
                };
                if is_it {
                    None
                } else {
                    wrong(format!("no {operand}"))
                }
            }
            "enum" => {
                let is_it = operand.as_array().unwrap().contains(value);
                if is_it {
                    None
                } else {
                    wrong(format!("none of {operand}"))
                }
            }
            "required" => {
                let mut names = operand.as_array().unwrap().iter();
                let missing = names.find(|name| value.get(name.as_str().unwrap()).is_none());
                missing.and_then(|name| wrong(format!("{name} is missing")))
            }
            "properties" => {
                let fields = value.as_object().into_iter().flatten();
                let known = fields.filter_map(|(name, field)| Some((operand.get(name)?, field)));
                known
                    .into_iter()
                    .find_map(|(schema, field)| mismatch(schema, field))
            }
            "additionalProperties" => {
                assert_eq!(*operand, Value::Bool(false));
                let mut names = value
                    .as_object()
                    .into_iter()
                    .flat_map(|fields| fields.keys());
                let more = names.find(|name| schema["properties"].get(name).is_none());
                more.and_then(|name| wrong(format!("`{name}` is not described")))
            }
            "items" => {
                let mut items = value.as_array().into_iter().flatten();
                items.find_map(|item| mismatch(operand, item))
            }
            "anyOf" => {
                let mut any = operand.as_array().unwrap().iter();
                match any.any(|schema| mismatch(schema, value).is_none()) {
                    true => None,
                    false => wrong("none of the alternatives".to_owned()),
                }
            }
            "minimum" | "description" => None,
            other => panic!("unknown keyword {other}"),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

#[test]
fn the_description_has_the_methods_of_each_path() {
    let server = Probe::new().serve(&[]);
    let fill = |template: &str| {
        let path = template.replace("{plugin}", &server.probe.id);
        path.replace("{symbol}", "x").replace("{instance}", "x")
    };

    for (template, operations) in DOCUMENT["paths"].as_object().unwrap() {
        let answer = request(server.port, "DELETE", &fill(template), &[], "");
        let allowed = answer.header("allow").unwrap_or_default().split(',');
        let mut allowed: Vec<_> = allowed.filter(|name| *name != "HEAD").collect();
        allowed.sort_unstable();
        let methods = operations.as_object().unwrap().keys();
        let methods = methods.filter(|name| *name != "parameters");
        let mut described: Vec<_> = methods.map(|name| name.to_ascii_uppercase()).collect();
        described.sort_unstable();
        assert_eq!(allowed, described, "{template}");
    }

    let served = request(server.port, "GET", "/openapi.json", &[], "").expect(200);
    assert_eq!(served, *DOCUMENT);
    server.end();
}
