//! The symbols that a plugin offers.

use std::fs;
use std::path::Path;

use mock_kuiper::{Kind, Package};
use serde_json::Value;

/// The bytes of a symbol's json that are shown.
const METADATA: u64 = 1 << 20;

/// A symbol that the plugin offers.
pub(super) struct Offered {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Its json; `null` if there is none that can be shown.
    pub(super) metadata: Value,
}

impl Offered {
    /// Returns all symbols of a plugin.
    pub(super) fn all(package: &Package) -> Vec<Self> {
        let manifest = package.manifest();
        let directory = package.directory();
        let lists = [
            (Kind::Source, "sources", &manifest.sources),
            (Kind::Sink, "sinks", &manifest.sinks),
            (Kind::Function, "functions", &manifest.functions),
        ];
        let symbols = lists.into_iter().flat_map(|(kind, folder, names)| {
            names.iter().map(move |name| Self {
                kind,
                name: name.clone(),
                metadata: metadata(&directory.join(folder).join(format!("{name}.json"))),
            })
        });
        symbols.collect()
    }
}

/// Reads the json of a symbol.
fn metadata(file: &Path) -> Value {
    let is_small = fs::metadata(file).is_ok_and(|found| found.len() <= METADATA && found.is_file());
    let text = is_small.then(|| fs::read(file).ok()).flatten();
    text.and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or(Value::Null)
}
