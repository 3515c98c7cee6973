//! A Cargo package that is a plugin: building it, and laying it out as the directory
//! of a plugin.
//!
//! The json beside `Cargo.toml` names the binary as its `executable`. The files that
//! eKuiper needs are linked into a temporary directory. So the plugin runs with only
//! the files that it has when it is installed, and the package's directory does not
//! change.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::error::PackageError;
use super::files;
use super::locate::find_manifest;
use super::parts::PARTS;
use super::project::cargo;
use super::spelling::parse_json;
use crate::go_json;
use crate::scratch::Scratch;

/// Returns whether a directory is a Cargo package.
pub(super) fn is_cargo_package(directory: &Path) -> bool {
    directory.join("Cargo.toml").is_file()
}

/// How a Cargo package is built.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// Whether to build with optimizations.
    pub release: bool,
    /// The target triple of the machine that the plugin is for; `None` for this
    /// machine. For anything except a Cargo package its processor is enough:
    /// `aarch64`.
    pub target: Option<String>,
}

impl Build {
    /// Builds with optimizations, for this machine.
    #[must_use]
    pub fn optimized() -> Self {
        Self {
            release: true,
            target: None,
        }
    }

    /// Builds without optimizations, for this machine.
    #[must_use]
    pub fn unoptimized() -> Self {
        Self::default()
    }
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

    /// Returns the directory of the Cargo package.
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

    /// Builds the executable, unless it is `built` already. Cargo's output goes to
    /// stderr.
    pub(super) fn build(&self, build: &Build, built: Option<&Path>) -> Result<(), PackageError> {
        match built.filter(|built| built.ends_with(&self.binary)) {
            Some(binary) => self.put(binary),
            None => {
                let binary = run_cargo(&self.package, &self.shown, &self.binary, build)?;
                self.put(&binary)
            }
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

/// A line of Cargo's output, as far as it is read.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds one binary, and returns its path.
pub(super) fn run_cargo(
    directory: &Path,
    shown: &Path,
    binary: &str,
    build: &Build,
) -> Result<PathBuf, PackageError> {
    let refused = |text: String| PackageError::one(&shown.join("Cargo.toml"), None, text);
    let mut command = Command::new(cargo());
    command
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(["--bin", binary])
        .args(build.release.then_some("--release"))
        .args(build.target.iter().flat_map(|target| ["--target", target]))
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        refused(format!(
            "cannot run `cargo` to build the plugin: {error}; install Rust, or give a directory \
             with the built executable"
        ))
    })?;
    let mut built = None;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(|error| PackageError::system(directory, error))?;
            let Ok(message) = serde_json::from_str::<Message>(&line) else {
                continue;
            };
            let is_binary = message.target.is_some_and(|target| target.name == binary);
            if is_binary && message.reason == "compiler-artifact" {
                built = message.executable.or(built);
            }
        }
    }
    let status = child
        .wait()
        .map_err(|error| PackageError::system(directory, error))?;
    match built {
        Some(path) if status.success() => Ok(path),
        _ => Err(refused(format!(
            "`cargo build --bin {binary}` failed, see its output above; the json's `executable` \
             must be the name of a binary of this package"
        ))),
    }
}
