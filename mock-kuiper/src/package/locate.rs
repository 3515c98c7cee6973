//! Where the files of a plugin are: its directory or zip, its json, the yaml of a
//! source.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::PackageError;
use super::files;
use super::spelling::parse_json;
use crate::go_json;

/// Returns the absolute path of what the user gave.
pub(super) fn find(path: &Path) -> Result<PathBuf, PackageError> {
    let absolute = fs::canonicalize(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => PackageError::one(
            path,
            None,
            "no such directory or zip; give the directory that holds the plugin's json",
        ),
        _ => PackageError::io(path, error),
    })?;
    if !absolute.is_dir() && !absolute.is_file() {
        let text = "is neither a directory nor a zip; give the plugin's directory";
        return Err(PackageError::one(path, None, text));
    }
    Ok(absolute)
}

/// Returns the path of a source's yaml, which need not exist.
pub(super) fn yaml(directory: &Path, source: &str) -> PathBuf {
    directory.join("sources").join(format!("{source}.yaml"))
}

/// Finds the plugin's json in its directory. `shown` is what the user gave.
pub(super) fn find_manifest(directory: &Path, shown: &Path) -> Result<PathBuf, PackageError> {
    let (jsons, others): (Vec<_>, Vec<_>) = jsons(directory)?
        .into_iter()
        .partition(|path| path.is_file());
    let named = jsons
        .iter()
        .find(|json| json.file_stem() == directory.file_name());
    if let Some(json) = named {
        return Ok(json.clone());
    }
    if let [json] = jsons.as_slice() {
        return Ok(json.clone());
    }
    let likely: Vec<_> = jsons
        .iter()
        .filter(|json| looks_like_manifest(json))
        .collect();
    if let [json] = likely.as_slice() {
        return Ok((*json).clone());
    }
    if jsons.is_empty()
        && let Some(special) = others.into_iter().find(|path| path.exists())
    {
        // It is refused by what it is.
        return Ok(special);
    }
    let text = if jsons.is_empty() && directory.join("Cargo.toml").is_file() {
        "it has no NAME.json beside Cargo.toml; `mock-kuiper check` writes it for a plugin on the \
         Rust SDK"
            .to_owned()
    } else if jsons.is_empty() && shown.is_dir() {
        "not a plugin: it has no NAME.json at its top level; give the directory that has one"
            .to_owned()
    } else if jsons.is_empty() {
        "not a plugin: it has no NAME.json at its top level; pack the contents of the plugin's \
         directory, not the directory itself"
            .to_owned()
    } else {
        let names: Vec<_> = jsons
            .iter()
            .filter_map(|json| json.file_name())
            .map(|name| format!("`{}`", name.to_string_lossy()))
            .collect();
        format!(
            "several files may be the plugin's json: {}; name the directory after the right one",
            names.join(", ")
        )
    };
    Err(PackageError::one(shown, None, text))
}

/// Returns the files in a directory that may be the json of a plugin, sorted by name.
pub(super) fn manifests(directory: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let mut found = jsons(directory)?;
    found.retain(|path| path.is_file() && looks_like_manifest(path));
    Ok(found)
}

/// Returns what is named `*.json` in a directory and is not a directory, sorted by name.
fn jsons(directory: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let failed = |error| PackageError::io(directory, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        if is_json && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Returns whether a json has a field that the json of every plugin has.
fn looks_like_manifest(json: &Path) -> bool {
    let bytes = files::read(json, files::TEXT_LIMIT).ok();
    let value = bytes.and_then(|bytes| parse_json(&bytes).ok());
    let object = value.as_ref().and_then(Value::as_object);
    object.is_some_and(|object| {
        ["language", "executable"]
            .iter()
            .any(|name| go_json::field(object, name).is_some())
    })
}
