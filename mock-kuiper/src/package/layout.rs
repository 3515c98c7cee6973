//! A Cargo package or a Go module that is a plugin, laid out as its directory.
//!
//! The json beside `Cargo.toml` or `go.mod` names the binary as its `executable`. The
//! files that eKuiper needs are linked into a temporary directory. So the plugin runs
//! with only the files that it has when it is installed, and the directory of the code
//! does not change.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use super::build::Build;
use super::cargo::{inputs_of, is_cargo_package, run_cargo};
use super::error::PackageError;
use super::files;
use super::go::{embedded, is_to_be_built, run_go};
use super::locate::find_manifest;
use super::parts::PARTS;
use super::spelling::parse_json;
use crate::go_json;
use crate::scratch::Scratch;

/// Returns whether a directory has the code of a plugin that is built before it runs:
/// a Cargo package, or a Go module without a binary that is newer than its code.
/// `shown` is what the user gave.
pub(super) fn has_code(directory: &Path, shown: &Path) -> bool {
    if is_cargo_package(directory) {
        return true;
    }
    let json = find_manifest(directory, shown).ok();
    let declared = json.as_deref().and_then(declared);
    declared.is_some_and(|(_, binary)| is_to_be_built(directory, &binary))
}

/// A plugin that is laid out in a temporary directory. Its executable is an empty
/// file until one is built or put there.
#[derive(Debug)]
pub(super) struct Layout {
    package: PathBuf,
    shown: PathBuf,
    binary: String,
    directory: PathBuf,
    place: Scratch,
}

impl Layout {
    /// Lays out the plugin in `directory`. `shown` is what the user gave. Returns
    /// `None` if the json does not name an executable.
    pub(super) fn of(directory: &Path, shown: &Path) -> Result<Option<Self>, PackageError> {
        let json = find_manifest(directory, shown)?;
        let Some((name, binary)) = declared(&json) else {
            return Ok(None);
        };
        let place = Scratch::new("mock-kuiper-")
            .map_err(|error| PackageError::system(&std::env::temp_dir(), error))?;
        let layout = Self {
            package: directory.to_owned(),
            shown: shown.to_owned(),
            binary,
            directory: place.path().join(name),
            place,
        };
        let link = |from: &Path| {
            let to = layout.directory.join(from.file_name().unwrap_or_default());
            symlink(from, &to).map_err(|error| PackageError::system(&to, error))
        };
        fs::create_dir(&layout.directory)
            .map_err(|error| PackageError::system(&layout.directory, error))?;
        link(&json)?;
        for part in PARTS.map(|part| directory.join(part)) {
            if part.exists() {
                link(&part)?;
            }
        }
        let executable = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(layout.executable());
        executable.map_err(|error| PackageError::system(&layout.executable(), error))?;
        Ok(Some(layout))
    }

    /// Returns the directory of the code.
    pub(super) fn package(&self) -> &Path {
        &self.package
    }

    /// Returns the plugin's directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn executable(&self) -> PathBuf {
        self.directory.join(&self.binary)
    }

    /// Builds the executable, unless it is `built` already. The output of Cargo or Go
    /// goes to stderr.
    pub(super) fn build(&self, build: &Build, built: Option<&Path>) -> Result<(), PackageError> {
        match built.filter(|built| built.ends_with(&self.binary)) {
            Some(binary) => self.put(binary),
            None if is_cargo_package(&self.package) => {
                let binary = run_cargo(&self.package, &self.shown, &self.binary, build)?;
                self.put(&binary)
            }
            None => {
                let binary = self.place.path().join("built").join(&self.binary);
                run_go(&self.package, &self.shown, &binary, build)?;
                self.put(&binary)
            }
        }
    }

    /// Returns the files that the last build has read.
    pub(super) fn build_inputs(&self) -> Vec<PathBuf> {
        if is_cargo_package(&self.package) {
            let binary = fs::read_link(self.executable());
            binary.map_or_else(|_| Vec::new(), |binary| inputs_of(&binary))
        } else {
            embedded(&self.package)
        }
    }

    /// Makes a binary the executable.
    pub(super) fn put(&self, binary: &Path) -> Result<(), PackageError> {
        let executable = self.executable();
        fs::remove_file(&executable)
            .and_then(|()| symlink(binary, &executable))
            .map_err(|error| PackageError::system(&executable, error))
    }

    /// Returns the temporary directory, which is removed when it is dropped.
    pub(super) fn into_place(self) -> Scratch {
        self.place
    }
}

/// Returns the plugin's name and the file name of its executable, unless the
/// executable is in another directory.
pub(super) fn declared(json: &Path) -> Option<(String, String)> {
    let value = parse_json(&files::read(json, files::TEXT_LIMIT).ok()?).ok()?;
    let executable = go_json::field(value.as_object()?, "executable")?.as_str()?;
    let plain = Path::new(executable).file_name()? == executable;
    let name = json.file_stem()?.to_str()?;
    plain.then(|| (name.to_owned(), executable.to_owned()))
}
