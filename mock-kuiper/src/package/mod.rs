//! A plugin on disk: its directory or zip, its json, its sources' yaml.
//!
//! Nothing is launched here. A plugin is refused where eKuiper refuses it,
//! with every mistake at once.
//!
//! Rules: protocol.md section 2.

mod archive;
mod cargo;
mod check;
mod config;
mod error;
mod manifest;
mod pack;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tempfile::TempDir;

pub use cargo::Build;
pub use check::{Checked, Level, Line, Report, check};
pub use error::{Mistake, PackageError};
pub use manifest::{Language, Manifest};
pub use pack::{Packed, pack};

/// A plugin that was read and checked.
///
/// A zip is unpacked, and a Cargo package laid out, in a directory that goes
/// when this does.
#[derive(Debug)]
pub struct Package {
    manifest: Manifest,
    directory: PathBuf,
    stage: Stage,
}

/// Where the plugin's directory comes from, if it is not the user's.
#[derive(Debug)]
enum Stage {
    None,
    Unpacked {
        _place: TempDir,
    },
    Laid {
        staged: cargo::Staged,
        /// How it is built; `None` where the executable is somebody else's.
        build: Option<Build>,
    },
}

impl Package {
    /// Reads the plugin in a directory or a zip.
    ///
    /// The json's name is the plugin's. In a directory with several json files
    /// it is the one that is called after the directory, or else the only one
    /// that has fields of a plugin's json.
    ///
    /// # Errors
    ///
    /// [`PackageError::Mistakes`] with all that eKuiper would refuse,
    /// [`PackageError::Io`] where the system refuses.
    pub fn open(path: &Path) -> Result<Package, PackageError> {
        let directory = find(path)?;
        if directory.is_dir() {
            return Package::open_directory(&directory, path, Stage::None);
        }
        let unpacked = archive::unpack(path)?;
        let directory = unpacked.path().to_owned();
        Package::open_directory(&directory, path, Stage::Unpacked { _place: unpacked })
            .and_then(|package| {
                check_yaml_of_zip(&package.manifest, &directory)?;
                Ok(package)
            })
            .map_err(|error| name_staged(error, &directory, path))
    }

    /// Reads the plugin as [`open`](Package::open) does; of a Cargo package it
    /// builds the binary first, which the json names as its `executable`.
    ///
    /// Cargo's output goes to stderr. `release` builds with optimizations.
    ///
    /// # Errors
    ///
    /// As [`open`](Package::open), and [`PackageError::Mistakes`] where the
    /// build fails.
    pub fn build(path: &Path, release: bool) -> Result<Package, PackageError> {
        let directory = find(path)?;
        if cargo::is_package(&directory) {
            let build = Build {
                release,
                target: None,
            };
            Package::lay(&directory, path, Some(build))
        } else {
            Package::open(path)
        }
    }

    /// Reads the plugin as [`open`](Package::open) does, with another file as
    /// its executable: a binary that was built already. A Cargo package is not
    /// built.
    ///
    /// # Errors
    ///
    /// As [`open`](Package::open), and [`PackageError::Mistakes`] where there is
    /// no such file, or the plugin is a zip.
    pub fn with_executable(path: &Path, executable: &Path) -> Result<Package, PackageError> {
        let directory = find(path)?;
        if !directory.is_dir() {
            let text = "a zip has its own executable; give the plugin's directory";
            return Err(PackageError::one(path, None, text));
        }
        let executable = fs::canonicalize(executable).map_err(|error| {
            let text = format!("cannot be the executable: {error}; build it, or correct the path");
            PackageError::one(executable, None, text)
        })?;
        let package = Package::lay(&directory, path, None)?;
        if let Stage::Laid { staged, .. } = &package.stage {
            staged.put(&executable)?;
        }
        Ok(package)
    }

    /// Builds a Cargo package again, in the place of what was built before,
    /// which stays where the build fails; does nothing to other plugins.
    ///
    /// # Errors
    ///
    /// [`PackageError::Mistakes`] where the build fails.
    pub fn rebuild(&self) -> Result<(), PackageError> {
        match &self.stage {
            Stage::Laid {
                staged,
                build: Some(build),
            } => staged.build(build),
            _ => Ok(()),
        }
    }

    /// Whether it is a Cargo package, which [`rebuild`](Self::rebuild) builds.
    #[must_use]
    pub fn is_built(&self) -> bool {
        matches!(self.stage, Stage::Laid { build: Some(_), .. })
    }

    /// Lays out the plugin in `directory`, and builds its executable if it is
    /// said how; `shown` is what the user gave.
    ///
    /// Everything else is checked first, so that a mistake is not told after
    /// minutes of building only.
    fn lay(directory: &Path, shown: &Path, build: Option<Build>) -> Result<Package, PackageError> {
        let Some(staged) = cargo::stage(directory, shown)? else {
            // Nothing to build: the checks say what is wrong with the json.
            return Package::open_directory(directory, shown, Stage::None);
        };
        let mut package = Package::open_directory(staged.directory(), shown, Stage::None)
            .map_err(|error| name_staged(error, staged.directory(), shown))?;
        if let Some(build) = &build {
            staged.build(build)?;
        }
        package.stage = Stage::Laid { staged, build };
        Ok(package)
    }

    fn open_directory(
        directory: &Path,
        shown: &Path,
        stage: Stage,
    ) -> Result<Package, PackageError> {
        let json = find_manifest(directory, shown)?;
        Ok(Package {
            manifest: manifest::read(&json, directory, matches!(stage, Stage::Unpacked { .. }))?,
            directory: directory.to_owned(),
            stage,
        })
    }

    /// Returns what the plugin says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the plugin's directory, an absolute path; of a zip the one it
    /// was unpacked to.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the configuration of a source: the `default` section of
    /// `sources/{source}.yaml`, overlaid by the section `conf_key`. Without
    /// such a file it is empty. Integers keep all their digits.
    ///
    /// # Errors
    ///
    /// [`PackageError::Mistakes`] where the file is no YAML of sections, or
    /// has no section `conf_key` (it lists those it has).
    pub fn source_config(
        &self,
        source: &str,
        conf_key: Option<&str>,
    ) -> Result<Map<String, Value>, PackageError> {
        config::read(&yaml(&self.directory, source), conf_key)
    }
}

/// The absolute path of what the user gave.
fn find(path: &Path) -> Result<PathBuf, PackageError> {
    fs::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => PackageError::one(
            path,
            None,
            "no such directory or zip; give the directory that holds the plugin's json",
        ),
        _ => PackageError::io(path, error),
    })
}

fn yaml(directory: &Path, source: &str) -> PathBuf {
    directory.join("sources").join(format!("{source}.yaml"))
}

/// Finds the plugin's json in its directory; `shown` is what the user gave.
fn find_manifest(directory: &Path, shown: &Path) -> Result<PathBuf, PackageError> {
    let mut jsons = Vec::new();
    let entries = fs::read_dir(directory).map_err(|error| PackageError::io(directory, error))?;
    for entry in entries {
        let path = entry
            .map_err(|error| PackageError::io(directory, error))?
            .path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
            && path.is_file()
        {
            jsons.push(path);
        }
    }
    jsons.sort();
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
    let text = if jsons.is_empty() && shown.is_dir() {
        "not a plugin: there is no NAME.json at its top; give the directory that has one".to_owned()
    } else if jsons.is_empty() {
        "not a plugin: there is no NAME.json at its top; pack the contents of the directory \
         that has one, not the directory"
            .to_owned()
    } else {
        let names: Vec<_> = jsons
            .iter()
            .filter_map(|json| json.file_name())
            .map(|name| format!("`{}`", name.to_string_lossy()))
            .collect();
        format!(
            "which json is the plugin's? there are {}; call the directory after one",
            names.join(", ")
        )
    };
    Err(PackageError::one(shown, None, text))
}

/// Whether a json has a field that every plugin's json has.
fn looks_like_manifest(json: &Path) -> bool {
    let value = fs::read(json)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    value.is_some_and(|value| value.get("language").or(value.get("executable")).is_some())
}

/// A zip needs a yaml for each source; a directory does not.
fn check_yaml_of_zip(manifest: &Manifest, directory: &Path) -> Result<(), PackageError> {
    let missing: Vec<_> = manifest
        .sources
        .iter()
        .map(|source| yaml(directory, source))
        .filter(|yaml| !yaml.is_file())
        .map(|yaml| {
            Mistake::new(
                &yaml,
                None,
                "is missing; eKuiper installs no zip without one for each source",
            )
        })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(PackageError::Mistakes(missing))
    }
}

/// Names files as in the zip or the package, not where they are staged.
fn name_staged(error: PackageError, staged: &Path, shown: &Path) -> PackageError {
    let PackageError::Mistakes(mut mistakes) = error else {
        return error;
    };
    let from = staged.to_string_lossy();
    let to = shown.to_string_lossy();
    for mistake in &mut mistakes {
        if let Ok(inner) = mistake.file.strip_prefix(staged) {
            mistake.file = shown.join(inner);
        }
        mistake.text = mistake.text.replace(&*from, &to);
    }
    PackageError::Mistakes(mistakes)
}
