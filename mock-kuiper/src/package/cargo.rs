//! A Cargo package that is a plugin: built, and laid out as a plugin directory.
//!
//! The json beside `Cargo.toml` names the binary as its `executable`. What
//! eKuiper needs of the package is linked into a directory of its own, so that
//! the plugin runs as it will when it is installed, and the package's directory
//! stays as it is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::pack::PARTS;
use super::{PackageError, find_manifest};

/// Whether a directory is a Cargo package.
pub(super) fn is_package(directory: &Path) -> bool {
    directory.join("Cargo.toml").is_file()
}

/// How a Cargo package is built.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// With optimizations.
    pub release: bool,
    /// For this target triple; `None`: for this machine.
    pub target: Option<String>,
}

/// A package that is laid out as a plugin, with an empty file for the executable
/// until it is built.
#[derive(Debug)]
pub(super) struct Staged {
    package: PathBuf,
    shown: PathBuf,
    binary: String,
    directory: PathBuf,
    place: TempDir,
}

/// Lays out the package in `directory`; `shown` is what the user gave. `None`
/// where the json does not even name an executable.
pub(super) fn stage(directory: &Path, shown: &Path) -> Result<Option<Staged>, PackageError> {
    let json = find_manifest(directory, shown)?;
    let Some((name, binary)) = executable(&json) else {
        return Ok(None);
    };
    let place = TempDir::with_prefix("mock-kuiper-")
        .map_err(|error| PackageError::io(&std::env::temp_dir(), error))?;
    let staged = Staged {
        package: directory.to_owned(),
        shown: shown.to_owned(),
        binary,
        directory: place.path().join(name),
        place,
    };
    let link = |from: &Path| {
        let to = staged.directory.join(from.file_name().unwrap_or_default());
        symlink(from, &to).map_err(|error| PackageError::io(&to, error))
    };
    fs::create_dir(&staged.directory)
        .map_err(|error| PackageError::io(&staged.directory, error))?;
    link(&json)?;
    for part in PARTS.map(|part| directory.join(part)) {
        if part.exists() {
            link(&part)?;
        }
    }
    let stand_in = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(staged.executable());
    stand_in.map_err(|error| PackageError::io(&staged.executable(), error))?;
    Ok(Some(staged))
}

impl Staged {
    /// The directory of the plugin.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    fn executable(&self) -> PathBuf {
        self.directory.join(&self.binary)
    }

    /// Builds the binary, and puts it in its place. Cargo's own output goes to
    /// stderr.
    pub(super) fn build(&self, build: &Build) -> Result<(), PackageError> {
        let binary = run_cargo(&self.package, &self.shown, &self.binary, build)?;
        self.put(&binary)
    }

    /// Puts a binary in the executable's place.
    pub(super) fn put(&self, binary: &Path) -> Result<(), PackageError> {
        let place = self.executable();
        fs::remove_file(&place)
            .and_then(|()| symlink(binary, &place))
            .map_err(|error| PackageError::io(&place, error))
    }

    /// The temporary directory, to be kept for as long as the plugin is used.
    pub(super) fn into_place(self) -> TempDir {
        self.place
    }
}

/// The plugin's name and the plain file name of its executable.
fn executable(json: &Path) -> Option<(String, String)> {
    let value: Value = serde_json::from_slice(&fs::read(json).ok()?).ok()?;
    let executable = value.get("executable")?.as_str()?;
    let plain = Path::new(executable).file_name()? == executable;
    let name = json.file_stem()?.to_str()?;
    plain.then(|| (name.to_owned(), executable.to_owned()))
}

/// The lines of Cargo's output that are looked at.
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

/// Builds one binary; gives its path.
fn run_cargo(
    directory: &Path,
    shown: &Path,
    binary: &str,
    build: &Build,
) -> Result<PathBuf, PackageError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let refused = |text: String| PackageError::one(&shown.join("Cargo.toml"), None, text);
    let mut command = Command::new(&cargo);
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
            "cannot build it, `cargo` cannot be run: {error}; install Rust, or give a directory \
             with the built executable"
        ))
    })?;
    let mut built = None;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(|error| PackageError::io(directory, error))?;
            let Ok(message) = serde_json::from_str::<Message>(&line) else {
                continue;
            };
            let ours = message.target.is_some_and(|target| target.name == binary);
            if ours && message.reason == "compiler-artifact" {
                built = message.executable.or(built);
            }
        }
    }
    let status = child
        .wait()
        .map_err(|error| PackageError::io(directory, error))?;
    match built {
        Some(path) if status.success() => Ok(path),
        _ => Err(refused(format!(
            "`cargo build --bin {binary}` failed; its output is above (the json's `executable` \
             names the binary)"
        ))),
    }
}
