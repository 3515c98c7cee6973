//! `sources/NAME.yaml`: the configuration of a source, in sections, as each release
//! reads it.
//!
//! Rules: docs/protocol.md, HST-18 to HST-20. Source: eKuiper 2.4.0,
//! internal/conf/load.go (`normalize`, `applyKeys`) and
//! internal/topo/node/conf/source.go; 1.14.7, internal/conf/yaml_config_ops.go.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::{Mistake, PackageError};
use super::files;
use super::spelling::{self, Names};
use super::yaml::{self, Document, KeyKind, Node};
use crate::release::YamlKeys;

/// What a source's yaml gives to its start order.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct SourceConfig {
    /// The properties. Integers keep all their digits.
    pub properties: Map<String, Value>,
    /// What eKuiper ignores without an error: the whole yaml, or a section.
    pub ignored: Vec<Mistake>,
}

/// A section of a yaml.
type Section = BTreeMap<String, Node>;

/// The sections by their names, each with its properties or why it is ignored.
type Sections = BTreeMap<String, Result<Section, String>>;

/// Reads the `default` section, overlaid by the section `key`. A yaml that does not
/// exist is empty.
pub(super) fn read(
    file: &Path,
    key: Option<&str>,
    keys: YamlKeys,
) -> Result<SourceConfig, PackageError> {
    if !files::exists(file)? {
        if key.is_none() {
            return Ok(SourceConfig::default());
        }
        let text = "the file does not exist; create it with this section, or leave the key out";
        return Err(PackageError::one(file, key, text));
    }
    let mut config = SourceConfig::default();
    let mut sections = match sections(file, keys)? {
        Ok(read) => read,
        Err(mistake) => {
            config.ignored.push(mistake);
            return Ok(config);
        }
    };
    let names: Vec<_> = sections.keys().map(|name| format!("`{name}`")).collect();
    let mut take = |name: &str| -> Option<Section> {
        match sections.remove(name)? {
            Ok(section) => Some(section),
            Err(text) => {
                let text = format!("{text}; eKuiper ignores the section");
                config.ignored.push(Mistake::new(file, Some(name), text));
                Some(Section::new())
            }
        }
    };
    let mut properties = take("default").unwrap_or_default();
    if let Some(key) = key {
        // eKuiper looks for the key in lower case first.
        let overlay = take(&key.to_lowercase()).or_else(|| take(key));
        if overlay.is_none() && key.to_lowercase() != "default" {
            let text = match names.as_slice() {
                [] => "no such section; the file has none".to_owned(),
                names => format!("no such section; the file has {}", names.join(", ")),
            };
            return Err(PackageError::one(file, Some(key), text));
        }
        properties.extend(overlay.unwrap_or_default());
    }
    for (name, node) in properties {
        if matches!(node, Node::Unread) {
            continue;
        }
        let value = to_json(node).map_err(|text| {
            let text = format!("{text}, so eKuiper cannot start the source; change the value");
            PackageError::one(file, Some(&name), text)
        })?;
        config.properties.insert(name, value);
    }
    Ok(config)
}

/// Parses the first document. The inner error is why eKuiper ignores the file.
pub(super) fn parse(file: &Path) -> Result<Result<Document, Mistake>, PackageError> {
    let ignored = |text: String| Ok(Err(Mistake::new(file, None, text)));
    let bytes = files::read(file, files::TEXT_LIMIT)?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return ignored(format!("is not valid YAML: {}", error.utf8_error())),
    };
    match yaml::parse(&text) {
        Ok(document) if matches!(document.root, Node::Null | Node::Map(_)) => Ok(Ok(document)),
        Ok(document) => match document.errors.first() {
            Some(error) => ignored(format!("is not valid YAML: {error}")),
            None => ignored("expected sections, one of them named `default`".to_owned()),
        },
        Err(error) => ignored(format!("is not valid YAML: {error}")),
    }
}

/// Reads the sections. The inner error is why the release ignores the file.
fn sections(file: &Path, keys: YamlKeys) -> Result<Result<Sections, Mistake>, PackageError> {
    let document = match parse(file)? {
        Ok(document) => document,
        Err(mistake) => return Ok(Err(mistake)),
    };
    let Node::Map(mut entries) = document.root else {
        return Ok(Ok(BTreeMap::new()));
    };
    if keys == YamlKeys::LowerCase {
        if let Some(error) = document.errors.first() {
            let text = format!("is not valid YAML: {error}");
            return Ok(Err(Mistake::new(file, None, text)));
        }
        let names = match Names::read(&file.with_extension("json"))? {
            Ok(names) => names,
            Err(mut mistake) => {
                let yaml = file.file_name().unwrap_or_default().to_string_lossy();
                mistake.text = spelling::yaml_is_lost(&mistake.text, &yaml);
                return Ok(Err(mistake));
            }
        };
        spelling::lower(&mut entries);
        names.give_back(&mut entries);
    }
    let sections = entries
        .into_iter()
        .filter(|(key, node)| key.kind != KeyKind::Null && !matches!(node, Node::Unread))
        .map(|(key, node)| (key.text, section(node, keys)))
        .collect();
    Ok(Ok(sections))
}

fn section(node: Node, keys: YamlKeys) -> Result<Section, String> {
    let entries = match node {
        Node::Null => return Ok(Section::new()),
        Node::Map(entries) => entries,
        _ => return Err("expected a section of `name: value` lines".to_owned()),
    };
    if keys == YamlKeys::LowerCase
        && let Some((key, _)) = entries.iter().find(|(key, _)| key.kind != KeyKind::Text)
    {
        return Err(format!("the key `{}` is not a string", key.text));
    }
    let named = entries
        .into_iter()
        .filter(|(key, _)| key.kind != KeyKind::Null)
        .map(|(key, node)| (key.text, node));
    Ok(named.collect())
}

/// Converts a value, or returns why JSON does not have it.
fn to_json(node: Node) -> Result<Value, String> {
    Ok(match node {
        Node::Null => Value::Null,
        Node::Bool(so) => so.into(),
        Node::Number(number) => Value::Number(number),
        Node::NotFinite(text) => return Err(format!("JSON has no `{text}`")),
        Node::Text(text) => text.into(),
        Node::Rewritten { value, .. } => value,
        Node::List(items) => {
            let items = items.into_iter();
            let read = items.filter(|item| !matches!(item, Node::Unread));
            read.map(to_json).collect::<Result<Vec<_>, _>>()?.into()
        }
        Node::Unread => Value::Null,
        Node::Map(entries) => {
            let mut object = Map::new();
            for (key, node) in entries {
                if key.kind != KeyKind::Text {
                    return Err(format!("the key `{}` in it is not a string", key.text));
                }
                if !matches!(node, Node::Unread) {
                    object.insert(key.text, to_json(node)?);
                }
            }
            Value::Object(object)
        }
    })
}

#[cfg(test)]
mod tests;
