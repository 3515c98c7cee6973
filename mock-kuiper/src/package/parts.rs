//! The files of a plugin that are installed and packed.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::PackageError;
use super::manifest::Language;

/// The directories that eKuiper unpacks beside its own configuration, not into the
/// plugin's directory.
pub(super) const SHARED: [&str; 3] = ["sources", "sinks", "functions"];

/// What every plugin may have besides its json and its executable.
pub(super) const PARTS: [&str; 4] = ["sources", "sinks", "functions", "install.sh"];

/// A plugin without errors, which can be packed.
#[derive(Debug)]
pub(super) struct Packable {
    pub(super) directory: PathBuf,
    /// The directory that the author has: that of the code, or the plugin's own.
    pub(super) origin: PathBuf,
    pub(super) json: PathBuf,
    /// The path of the executable in the plugin's directory.
    pub(super) executable: String,
    pub(super) language: Language,
    /// Whether files that the json does not name are packed too.
    pub(super) takes_all: bool,
}

/// Returns the sorted names in a directory, without hidden files, Python's caches and
/// the files of `mock-kuiper test`.
pub(super) fn names_in(directory: &Path) -> Result<Vec<String>, PackageError> {
    let unreadable = |error| PackageError::io(directory, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default();
        let Some(name) = name.to_str() else {
            let text = "has a name that is not UTF-8; rename it";
            return Err(PackageError::one(&path, None, text));
        };
        let is_left_out = name.starts_with('.')
            || name == "__pycache__"
            || name.ends_with(".pyc")
            || name.ends_with(".test.yaml");
        if !is_left_out {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
