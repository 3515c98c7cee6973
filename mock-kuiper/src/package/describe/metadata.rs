//! `sources/NAME.json` and `sinks/NAME.json` against the code: the UI metadata.

use super::super::error::PackageError;
use super::super::ordered::Json;
use super::changes::Changes;
use super::description::{Symbol, Texts};
use super::properties::{complete, label_of, merge};

/// Compares the UI metadata of a source or a sink, and writes it if there is none. A
/// plugin that does not say its properties has none to compare.
pub(super) fn compare(
    changes: &mut Changes<'_>,
    list: &str,
    symbol: &Symbol,
) -> Result<(), PackageError> {
    let file = format!("{list}/{}.json", symbol.name);
    let exists = changes.exists(&file)?;
    let Some(properties) = &symbol.properties else {
        if !exists {
            changes.undescribed.push(file);
        }
        return Ok(());
    };
    if !exists {
        return changes.write(&file, &new(list, symbol, properties).to_file());
    }
    let Some(found) = changes.read(&file)? else {
        return Ok(());
    };
    let code = facts(list, symbol, properties.clone());
    let mut differences = Vec::new();
    let merged = merge(&found, &code, "", symbol.open, &mut differences);
    if changes.differ(&file, differences) {
        changes.rewrite(&file, &merged.to_file())?;
    }
    Ok(())
}

/// Returns what the code says.
fn facts(list: &str, symbol: &Symbol, properties: Vec<Json>) -> Json {
    let mut facts = Json::object([]);
    if let Some(description) = &symbol.texts.description {
        let about = Json::object([("description", description.clone())]);
        facts.set("about", about);
    }
    facts.set("properties", properties_of(list, properties));
    if let Some(label) = &symbol.texts.label {
        facts.set("node", Json::object([("label", label.clone())]));
    }
    facts
}

/// The properties of a source are in sections, and those of a sink are not.
fn properties_of(list: &str, properties: Vec<Json>) -> Json {
    match list {
        "sources" => Json::object([("default", Json::List(properties))]),
        _ => Json::List(properties),
    }
}

/// Makes the metadata of a symbol that has none.
fn new(list: &str, symbol: &Symbol, properties: &[Json]) -> Json {
    let properties = properties.iter().map(complete).collect();
    Json::object([
        ("about", about(&symbol.texts)),
        ("libs", Json::List(Vec::new())),
        ("properties", properties_of(list, properties)),
        (
            "node",
            node(list.trim_end_matches('s'), &symbol.name, &symbol.texts),
        ),
    ])
}

pub(super) fn about(texts: &Texts) -> Json {
    let mut about = Json::object([("trial", Json::flag(false))]);
    if let Some(description) = &texts.description {
        about.set("description", description.clone());
    }
    about
}

/// Makes the node that a UI draws.
pub(super) fn node(category: &str, name: &str, texts: &Texts) -> Json {
    let label = texts.label.clone().unwrap_or_else(|| label_of(name));
    Json::object([
        ("category", Json::text(category)),
        ("icon", Json::text("iconPath")),
        ("label", label),
    ])
}
