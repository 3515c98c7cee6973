//! A plugin that was read: its manifest, its directory, its sources' configuration.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::archive;
use super::build::Build;
use super::config::{self, SourceConfig};
use super::describe::Aligned;
use super::error::{Mistake, PackageError};
use super::layout::{Layout, has_code};
use super::locate::{find, find_manifest, yaml};
use super::manifest::{self, Manifest};
use crate::release::Release;
use crate::scratch::Scratch;

/// A plugin that was read and found valid.
///
/// A zip is unpacked, and a Cargo package or a Go module is laid out, in a temporary
/// directory that is removed when the package is dropped.
#[derive(Debug)]
pub struct Package {
    manifest: Manifest,
    directory: PathBuf,
    /// What the user gave.
    shown: PathBuf,
    origin: Origin,
    /// What is in a temporary directory before the plugin runs.
    laid_out: BTreeSet<OsString>,
}

/// Where the plugin's directory comes from.
#[derive(Debug)]
enum Origin {
    /// The user gave it.
    Given,
    /// It was unpacked from a zip.
    Zip { _place: Scratch },
    /// It was laid out, with an executable that was built.
    LaidOut {
        layout: Layout,
        /// How the executable is built; `None` if the user built it.
        build: Option<Build>,
    },
}

impl Package {
    /// Reads the plugin in a directory or a zip.
    ///
    /// The plugin has the name of its json. If a directory has several json files,
    /// the plugin's is the one named after the directory, or else the only one with
    /// the fields of a plugin's json.
    ///
    /// # Errors
    ///
    /// [`PackageError::Mistakes`] with everything that eKuiper would refuse and with
    /// files that are too large or not regular, [`PackageError::Unreadable`] if a file
    /// cannot be read, and [`PackageError::Io`] if the system fails.
    pub fn open(path: &Path) -> Result<Package, PackageError> {
        let directory = find(path)?;
        if directory.is_dir() {
            return Package::open_directory(&directory, path, Origin::Given);
        }
        let unpacked = archive::unpack(path, archive::LIMITS)?;
        let directory = unpacked.path().to_owned();
        Package::open_directory(&directory, path, Origin::Zip { _place: unpacked })
            .and_then(|mut package| {
                check_yaml_of_zip(&package.manifest, &directory)?;
                package.laid_out = names_in(&directory);
                Ok(package)
            })
            .map_err(|error| rename(error, &directory, path))
    }

    /// Reads the plugin in a directory, a zip, a Cargo package or a Go module. In a Cargo
    /// package the binary is built that the json names as `executable`, and in a Go module
    /// its package `main`, unless the executable is there and newer than the code.
    ///
    /// The output of Cargo and Go goes to stderr.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Package::open), and [`PackageError::Mistakes`] if the build
    /// fails.
    pub fn build(path: &Path, build: Build) -> Result<Package, PackageError> {
        Package::build_aligned(path, build, &Aligned::default())
    }

    /// Reads the plugin like [`build`](Package::build), with the binary that
    /// [`align`](super::align) has built, if it is the right one.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Package::build).
    #[doc(hidden)]
    pub fn build_aligned(
        path: &Path,
        build: Build,
        aligned: &Aligned,
    ) -> Result<Package, PackageError> {
        let directory = find(path)?;
        if directory.is_dir() && has_code(&directory, path) {
            Package::lay_out(&directory, path, Some(build), aligned.binary.as_deref())
        } else {
            Package::open(path)
        }
    }

    /// Reads the plugin in a directory or a Cargo package, with a binary that was
    /// built already as its executable. Nothing is built.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Package::open), and [`PackageError::Mistakes`] if the binary
    /// does not exist or the plugin is a zip.
    pub fn with_executable(path: &Path, executable: &Path) -> Result<Package, PackageError> {
        let directory = find(path)?;
        if !directory.is_dir() {
            let text = "a zip contains its executable; give the plugin's directory";
            return Err(PackageError::one(path, None, text));
        }
        let executable = fs::canonicalize(executable).map_err(|error| {
            let text =
                format!("cannot be used as the executable: {error}; build it, or correct the path");
            PackageError::one(executable, None, text)
        })?;
        let package = Package::lay_out(&directory, path, None, None)?;
        if let Origin::LaidOut { layout, .. } = &package.origin {
            layout.put(&executable)?;
        }
        Ok(package)
    }

    /// Builds a plugin again that [`build`](Self::build) has built. If the build fails,
    /// the old executable stays. Any other plugin is left as it is.
    ///
    /// # Errors
    ///
    /// [`PackageError::Mistakes`] if the build fails.
    pub fn rebuild(&self) -> Result<(), PackageError> {
        match &self.origin {
            Origin::LaidOut {
                layout,
                build: Some(build),
            } => layout.build(build, None),
            _ => Ok(()),
        }
    }

    /// Returns whether [`rebuild`](Self::rebuild) builds the plugin.
    #[must_use]
    pub fn is_built(&self) -> bool {
        matches!(self.origin, Origin::LaidOut { build: Some(_), .. })
    }

    /// Returns the files that the last build of the plugin has read, as far as its
    /// compiler names them: those of a crate, `include_str!` and `build.rs`, or those
    /// that Go embeds. It is empty for a plugin that is not built.
    #[doc(hidden)]
    #[must_use]
    pub fn build_inputs(&self) -> Vec<PathBuf> {
        match &self.origin {
            Origin::LaidOut {
                layout,
                build: Some(_),
            } => layout.build_inputs(),
            _ => Vec::new(),
        }
    }

    /// Lays out the plugin in `directory`, and builds its executable if `build`
    /// is given, unless it is `built` already. `shown` is what the user gave.
    ///
    /// Everything else is checked before the build, which may take minutes.
    fn lay_out(
        directory: &Path,
        shown: &Path,
        build: Option<Build>,
        built: Option<&Path>,
    ) -> Result<Package, PackageError> {
        let Some(layout) = Layout::of(directory, shown)? else {
            // Nothing to build. Opening the directory reports what is wrong.
            return Package::open_directory(directory, shown, Origin::Given);
        };
        let mut package = Package::open_directory(layout.directory(), shown, Origin::Given)
            .map_err(|error| rename(error, layout.directory(), shown))?;
        if let Some(build) = &build {
            layout.build(build, built)?;
        }
        package.origin = Origin::LaidOut { layout, build };
        package.laid_out = names_in(&package.directory);
        Ok(package)
    }

    fn open_directory(
        directory: &Path,
        shown: &Path,
        origin: Origin,
    ) -> Result<Package, PackageError> {
        let json = find_manifest(directory, shown)?;
        Ok(Package {
            manifest: manifest::read(&json, directory, matches!(origin, Origin::Zip { .. }))?,
            directory: directory.to_owned(),
            shown: shown.to_owned(),
            laid_out: BTreeSet::new(),
            origin,
        })
    }

    /// Returns the names of the files and directories that the plugin has written to its
    /// working directory, if that is temporary, and thus lost. Python's `__pycache__` is
    /// not among them.
    #[doc(hidden)]
    #[must_use]
    pub fn lost_files(&self) -> Vec<String> {
        if matches!(self.origin, Origin::Given) {
            return Vec::new();
        }
        let is_lost = |name: &&OsString| *name != "__pycache__" && !self.laid_out.contains(*name);
        let names = names_in(&self.directory);
        let lost = names.iter().filter(is_lost);
        lost.map(|name| name.to_string_lossy().into_owned())
            .collect()
    }

    /// Returns what the plugin's json declares.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the absolute path of the plugin's directory; for a zip, of the one to
    /// which it was unpacked.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the executable and the working directory of a plugin that its author
    /// starts: the binary that was built, and the directory of its code.
    pub(crate) fn development(&self) -> (PathBuf, Option<PathBuf>) {
        let executable = &self.manifest.executable;
        match &self.origin {
            Origin::LaidOut { layout, .. } => (
                fs::canonicalize(executable).unwrap_or_else(|_| executable.clone()),
                Some(layout.package().to_owned()),
            ),
            Origin::Given | Origin::Zip { .. } => {
                (executable.clone(), executable.parent().map(Path::to_owned))
            }
        }
    }

    /// Returns the configuration of a source as a release reads it: the `default`
    /// section of `sources/{source}.yaml`, overlaid by the section `conf_key`. It is
    /// empty if there is no such file, or if the release ignores it.
    ///
    /// # Errors
    ///
    /// [`PackageError::Mistakes`] if the file has no section `conf_key`, or a value
    /// that JSON does not have. The text lists the sections that it has.
    pub fn source_config(
        &self,
        source: &str,
        conf_key: Option<&str>,
        release: &Release,
    ) -> Result<SourceConfig, PackageError> {
        let yaml = yaml(&self.directory, source);
        let mut config = config::read(&yaml, conf_key, release.yaml_keys)
            .map_err(|error| rename(error, &self.directory, &self.shown))?;
        for mistake in &mut config.ignored {
            rename_mistake(mistake, &self.directory, &self.shown);
        }
        Ok(config)
    }
}

/// Checks that a zip has a yaml for each source. A directory needs none.
fn check_yaml_of_zip(manifest: &Manifest, directory: &Path) -> Result<(), PackageError> {
    let missing: Vec<_> = manifest
        .sources
        .iter()
        .map(|source| yaml(directory, source))
        .filter(|yaml| !yaml.is_file())
        .map(|yaml| {
            let text = "is missing; eKuiper does not install a zip without it";
            Mistake::new(&yaml, None, text)
        })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(PackageError::Mistakes(missing))
    }
}

/// Returns the names of what a directory contains; none if it cannot be read.
fn names_in(directory: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.flatten().map(|entry| entry.file_name()).collect()
}

/// Names files by what the user gave, not by the temporary directory.
fn rename(error: PackageError, temporary: &Path, shown: &Path) -> PackageError {
    match error {
        PackageError::Mistakes(mut mistakes) => {
            for mistake in &mut mistakes {
                rename_mistake(mistake, temporary, shown);
            }
            PackageError::Mistakes(mistakes)
        }
        PackageError::Unreadable { path, source } => PackageError::Unreadable {
            path: given(path, temporary, shown),
            source,
        },
        PackageError::Io { path, source } => PackageError::Io {
            path: given(path, temporary, shown),
            source,
        },
        other => other,
    }
}

fn rename_mistake(mistake: &mut Mistake, temporary: &Path, shown: &Path) {
    mistake.file = given(std::mem::take(&mut mistake.file), temporary, shown);
    let (from, to) = (temporary.to_string_lossy(), shown.to_string_lossy());
    mistake.text = mistake.text.replace(&*from, &to);
}

/// Returns a path in the temporary directory as one in what the user gave.
fn given(path: PathBuf, temporary: &Path, shown: &Path) -> PathBuf {
    match path.strip_prefix(temporary) {
        Ok(inner) => shown.join(inner),
        Err(_) => path,
    }
}
