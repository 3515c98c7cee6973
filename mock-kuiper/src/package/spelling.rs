//! How eKuiper 2.x changes the keys of a source's yaml: all become lower case, and
//! those that `sources/NAME.json` lists get their spelling back.
//!
//! Source: eKuiper 2.4.0, internal/conf/load.go (`normalize`, `applyKeys`,
//! `extractNamesFromProperties`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::{Mistake, PackageError};
use super::files;
use super::yaml::{Key, KeyKind, Node};

/// The names that a json gives back, by their spelling in lower case. Of names that
/// differ in case alone, the last one is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Reads the names from `sources/NAME.json`; there are none without the file. The
    /// inner error is why eKuiper drops the whole yaml.
    pub(super) fn read(file: &Path) -> Result<Result<Self, Mistake>, PackageError> {
        if !files::exists(file)? {
            return Ok(Ok(Self::default()));
        }
        let bytes = files::read(file, files::TEXT_LIMIT)?;
        Ok(Self::parse(&bytes).map_err(|text| Mistake::new(file, None, text)))
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value = parse_json(bytes)?;
        let Value::Object(fields) = value else {
            return Err("is not a JSON object".to_owned());
        };
        match fields.get("properties") {
            Some(Value::Object(properties)) => {
                let mut names = Vec::new();
                collect(properties, &mut names);
                let names = names.into_iter();
                Ok(Self(
                    names.map(|name| (name.to_lowercase(), name)).collect(),
                ))
            }
            Some(_) => Err("has `properties` that are not an object".to_owned()),
            None => Err("has no `properties`".to_owned()),
        }
    }

    /// Gives the keys of nested mappings their spelling back.
    pub(super) fn give_back(&self, entries: &mut [(Key, Node)]) {
        for (key, node) in entries {
            if let Node::Map(inner) = node
                && has_text_keys(inner)
            {
                self.give_back(inner);
            }
            if let Some(name) = self.spelling_of(&key.text) {
                key.text = name.to_owned();
            }
        }
    }

    /// Returns the spelling of a key.
    pub(super) fn spelling_of(&self, key: &str) -> Option<&str> {
        self.0.get(&key.to_lowercase()).map(String::as_str)
    }
}

/// Says what comes of a json that eKuiper cannot read the names from.
pub(super) fn yaml_is_lost(why: &str, yaml: &str) -> String {
    format!("{why}; eKuiper 2.x then ignores {yaml} as a whole: correct the json, or delete it")
}

/// Reads JSON. A byte order mark has a text of its own.
pub(super) fn parse_json(bytes: &[u8]) -> Result<Value, String> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err("begins with a byte order mark, which is not JSON".to_owned());
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("is empty".to_owned());
    }
    // Like Go, accept bytes that are not UTF-8.
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(&text).map_err(|error| format!("is not valid JSON: {error}"))
}

/// Collects the names of an element: those in its `default`, if that has elements,
/// and otherwise its own.
fn collect(element: &Map<String, Value>, names: &mut Vec<String>) {
    let inner: Vec<&Value> = match element.get("default") {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Object(items)) => items.values().collect(),
        _ => Vec::new(),
    };
    if inner.is_empty() {
        names.extend(
            element
                .get("name")
                .and_then(Value::as_str)
                .map(str::to_owned),
        );
    }
    for item in inner {
        if let Value::Object(item) = item {
            collect(item, names);
        }
    }
}

/// Makes the keys of nested mappings lower case. Of keys that become the same, the
/// last one stays. Mappings in lists, and those with a key that is not a string, stay
/// as they are.
pub(super) fn lower(entries: &mut Vec<(Key, Node)>) {
    let mut lowered: Vec<(Key, Node)> = Vec::new();
    let mut places = HashMap::new();
    for (mut key, mut node) in entries.drain(..) {
        key.text = key.text.to_lowercase();
        if let Node::Map(inner) = &mut node
            && has_text_keys(inner)
        {
            lower(inner);
        }
        match places.entry(key.text.clone()) {
            Entry::Occupied(place) => lowered[*place.get()] = (key, node),
            Entry::Vacant(place) => {
                place.insert(lowered.len());
                lowered.push((key, node));
            }
        }
    }
    *entries = lowered;
}

/// Returns whether all keys are strings, so that Go makes a `map[string]any` of it.
pub(super) fn has_text_keys(entries: &[(Key, Node)]) -> bool {
    entries.iter().all(|(key, _)| key.kind == KeyKind::Text)
}
