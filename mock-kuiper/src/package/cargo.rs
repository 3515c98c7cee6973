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

use super::{Package, PackageError, find_manifest, name_staged};

/// What a plugin's directory holds beside its json and the executable.
const PARTS: [&str; 4] = ["sources", "sinks", "functions", "install.sh"];

/// Whether a directory is a Cargo package.
pub(super) fn is_package(directory: &Path) -> bool {
    directory.join("Cargo.toml").is_file()
}

/// Builds the package in `directory`; `shown` is what the user gave.
///
/// Everything else is checked first, so that a mistake is not told after
/// minutes of building only. Cargo's own output goes to stderr.
pub(super) fn build(
    directory: &Path,
    shown: &Path,
    release: bool,
) -> Result<Package, PackageError> {
    let json = find_manifest(directory, shown)?;
    let staged = TempDir::with_prefix("mock-kuiper-")
        .map_err(|error| PackageError::io(&std::env::temp_dir(), error))?;
    let Some((name, executable)) = executable(&json) else {
        // Nothing to build: the checks say what is wrong with the json.
        return Package::open_directory(directory, shown, None);
    };
    let plugin = staged.path().join(name);
    let stage = |from: &Path| {
        let to = plugin.join(from.file_name().unwrap_or_default());
        symlink(from, &to).map_err(|error| PackageError::io(&to, error))
    };
    fs::create_dir(&plugin).map_err(|error| PackageError::io(&plugin, error))?;
    stage(&json)?;
    for part in PARTS.map(|part| directory.join(part)) {
        if part.exists() {
            stage(&part)?;
        }
    }
    let place = plugin.join(&executable);
    let stand_in = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(&place);
    stand_in.map_err(|error| PackageError::io(&place, error))?;
    let mut package = Package::open_directory(&plugin, shown, None)
        .map_err(|error| name_staged(error, &plugin, shown))?;

    let binary = run_cargo(directory, shown, &executable, release)?;
    fs::remove_file(&place)
        .and_then(|()| symlink(binary, &place))
        .map_err(|error| PackageError::io(&place, error))?;
    package.keep(staged);
    Ok(package)
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
    release: bool,
) -> Result<PathBuf, PackageError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let refused = |text: String| PackageError::one(&shown.join("Cargo.toml"), None, text);
    let mut command = Command::new(&cargo);
    command
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(["--bin", binary])
        .args(release.then_some("--release"))
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
