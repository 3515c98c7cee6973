//! The properties of a configuration, from the JSON schema of its type.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::describe::{About, Property, Shown, Texts};
use crate::secret;

/// How deep structs are followed, of which one may contain itself.
const DEPTH: u8 = 8;

/// Describes the properties of a configuration of type `C`.
pub(super) fn of<C: JsonSchema>() -> About {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<C>();
    about(schema.as_value())
}

fn about(schema: &Value) -> About {
    let defaults = fields(schema, "properties").filter_map(|(name, schema)| {
        let value = schema.get("default").filter(|value| !value.is_null())?;
        Some((name.clone(), without_secrets(name, schema, value)?))
    });
    let is_struct = schema.get("type").is_some_and(|kind| kind == "object");
    let more = schema.get("additionalProperties");
    About {
        description: texts(schema, "description", "zh_CN"),
        properties: Some(properties(schema, &Value::Null, DEPTH)),
        defaults: defaults.collect(),
        open: more.map_or(!is_struct, |more| *more != Value::Bool(false)),
        ..About::default()
    }
}

/// Returns the default of a property without the secrets in it, or `None` if it is a
/// secret itself: it may come from the environment in which the description is made.
fn without_secrets(name: &str, schema: &Value, value: &Value) -> Option<Value> {
    if is_secret(name, schema) {
        return None;
    }
    let (schema, _) = without_null(schema);
    Some(match value {
        Value::Object(entries) => {
            let entries = entries.iter().filter_map(|(name, value)| {
                let item = element(&schema, name);
                Some((name.clone(), without_secrets(name, item, value)?))
            });
            entries.collect::<Map<_, _>>().into()
        }
        Value::Array(items) => {
            let item = schema.get("items").unwrap_or(&Value::Null);
            let items = items.iter();
            items
                .filter_map(|value| without_secrets("", item, value))
                .collect()
        }
        other => other.clone(),
    })
}

/// Returns whether a property is a secret, by its name or its type.
fn is_secret(name: &str, schema: &Value) -> bool {
    let (inner, _) = without_null(schema);
    secret::is_secret(name)
        || inner
            .get("format")
            .is_some_and(|format| format == "password")
}

/// Returns the schema of an element of a struct or a map.
fn element<'a>(schema: &'a Value, name: &str) -> &'a Value {
    let field = schema.get("properties").and_then(|fields| fields.get(name));
    let other = || schema.get("additionalProperties");
    field.or_else(other).unwrap_or(&Value::Null)
}

/// Returns the properties of a struct. `value` has their defaults that the schemas do
/// not have.
fn properties(schema: &Value, value: &Value, depth: u8) -> Vec<Property> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let place = |name: &String| required.iter().position(|other| other == name);
    let mut fields: Vec<_> = fields(schema, "properties").collect();
    // Stable: the others stay sorted by name.
    fields.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    fields
        .into_iter()
        .map(|(name, schema)| {
            let value = value.get(name);
            property(name, schema, place(name).is_none(), value, depth)
        })
        .collect()
}

fn property(
    name: &str,
    outer: &Value,
    optional: bool,
    value: Option<&Value>,
    depth: u8,
) -> Property {
    let (schema, nullable) = without_null(outer);
    let default = value.or_else(|| outer.get("default"));
    let default = default.filter(|value| !value.is_null());
    let schema = schema.as_ref();
    let shape = shape(schema, default, depth);
    let extension = |name| text(outer, name).or_else(|| text(schema, name));
    Property {
        name: name.to_owned(),
        default: match shape.default {
            _ if is_secret(name, outer) => None,
            Some(Shown::Value(value)) => without_secrets(name, outer, &value).map(Shown::Value),
            elements => elements,
        },
        optional: optional || nullable,
        control: extension("control").unwrap_or_else(|| shape.control.to_owned()),
        kind: shape.kind,
        values: shape.values,
        hint: match texts(outer, "description", "zh_CN") {
            texts if texts.is_empty() => self::texts(schema, "description", "zh_CN"),
            texts => texts,
        },
        label: Texts {
            en_us: extension("label"),
            zh_cn: extension("label_zh_CN"),
        },
    }
}

/// How a user interface shows a value.
struct Shape {
    control: &'static str,
    kind: &'static str,
    values: Option<Value>,
    default: Option<Shown>,
}

fn shape(schema: &Value, default: Option<&Value>, depth: u8) -> Shape {
    let shape = |control, kind| Shape {
        control,
        kind,
        values: None,
        default: default.cloned().map(Shown::Value),
    };
    if let Some(values) = choices(schema) {
        let is_number = values.iter().all(Value::is_i64);
        return Shape {
            values: Some(Value::Array(values)),
            ..shape("select", if is_number { "int" } else { "string" })
        };
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => shape("radio", "bool"),
        Some("integer") => shape("text", "int"),
        Some("number") => shape("text", "float"),
        Some("array") => Shape {
            // A default that is a list must be one of properties.
            default: default.map(|_| Shown::Elements(Vec::new())),
            ..shape("list", list_kind(schema.get("items")))
        },
        Some("object") if schema.get("properties").is_some() && depth > 0 => {
            let value = default.unwrap_or(&Value::Null);
            Shape {
                default: Some(Shown::Elements(properties(schema, value, depth - 1))),
                ..shape("list", "list_object")
            }
        }
        Some("object") => match default.and_then(Value::as_object) {
            Some(entries) if !entries.is_empty() => {
                let item = schema.get("additionalProperties").unwrap_or(&Value::Null);
                Shape {
                    default: Some(Shown::Elements(elements(entries, item, depth))),
                    ..shape("list", "list_object")
                }
            }
            _ => shape("list", "object"),
        },
        _ if default.is_some_and(Value::is_number) => shape("text", "int"),
        _ => shape("text", "string"),
    }
}

/// Returns the elements of a map: one for each key of its default.
fn elements(entries: &Map<String, Value>, item: &Value, depth: u8) -> Vec<Property> {
    let depth = depth.saturating_sub(1);
    let entries = entries.iter();
    entries
        .map(|(name, value)| property(name, item, false, Some(value), depth))
        .collect()
}

fn list_kind(items: Option<&Value>) -> &'static str {
    let kind = items.and_then(|items| items.get("type"));
    match kind.and_then(Value::as_str) {
        Some("integer") => "list_int",
        Some("number") => "list_float",
        Some("object") => "list_object",
        _ => "list_string",
    }
}

/// Returns the values of an enum without fields.
fn choices(schema: &Value) -> Option<Vec<Value>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values = values.iter().filter(|value| !value.is_null());
        return Some(values.cloned().collect());
    }
    let variants = schema.get("oneOf")?.as_array()?;
    let mut values = Vec::new();
    for variant in variants {
        match (variant.get("const"), variant.get("enum")) {
            (Some(value), _) => values.push(value.clone()),
            (_, Some(Value::Array(some))) => values.extend(some.iter().cloned()),
            _ => return None,
        }
    }
    Some(values)
}

/// Returns the schema of an `Option`'s value, and whether there was an `Option`.
fn without_null(schema: &Value) -> (Cow<'_, Value>, bool) {
    let is_null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    if let Some([a, b]) = schema
        .get("anyOf")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
    {
        match (is_null(a), is_null(b)) {
            (false, true) => return (Cow::Borrowed(a), true),
            (true, false) => return (Cow::Borrowed(b), true),
            _ => {}
        }
    }
    let Some(Value::Array(kinds)) = schema.get("type") else {
        return (Cow::Borrowed(schema), false);
    };
    let (nulls, kinds): (Vec<_>, Vec<_>) = kinds.iter().partition(|kind| *kind == "null");
    let [kind] = kinds.as_slice() else {
        return (Cow::Borrowed(schema), !nulls.is_empty());
    };
    let mut schema = schema.clone();
    schema["type"] = (*kind).clone();
    (Cow::Owned(schema), !nulls.is_empty())
}

fn fields<'a>(schema: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    schema
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn texts(schema: &Value, english: &str, chinese: &str) -> Texts {
    Texts {
        en_us: text(schema, english),
        zh_cn: text(schema, chinese),
    }
}

/// Returns a text with its line breaks as the author of a doc comment means them.
fn text(schema: &Value, name: &str) -> Option<String> {
    let text = schema.get(name)?.as_str()?;
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let lines: Vec<_> = paragraph.lines().map(str::trim).collect();
        lines.join(" ")
    });
    Some(paragraphs.collect::<Vec<_>>().join("\n"))
}

/// Implements the schema of what is a number or a text in a configuration.
macro_rules! text_field {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

text_field!(crate::duration, "duration", {"type": ["integer", "string"], "format": "duration"});
text_field!(crate::size, "size", {"type": ["integer", "string"], "format": "size"});
text_field!(crate::Bytes, "Bytes", {"type": "string", "contentEncoding": "base64"});
text_field!(crate::Secret, "Secret", {"type": "string", "format": "password"});
