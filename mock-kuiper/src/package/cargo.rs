//! A Cargo package that is a plugin: building its binary.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::build::Build;
use super::error::PackageError;
use super::project::cargo;

/// Returns whether a directory is a Cargo package.
pub(super) fn is_cargo_package(directory: &Path) -> bool {
    directory.join("Cargo.toml").is_file()
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

/// Returns the files that the build of a binary has read, without those of other
/// people's crates: Cargo names them beside it, as a rule for `make`.
pub(super) fn inputs_of(binary: &Path) -> Vec<PathBuf> {
    let rule = fs::read_to_string(binary.with_extension("d")).unwrap_or_default();
    let files = rule.split_once(": ").map_or("", |(_, files)| files);
    // A space in a name is escaped.
    let files = files.trim_end().replace("\\ ", "\0");
    let files = files.split(' ').filter(|file| !file.is_empty());
    files.map(|file| file.replace('\0', " ").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_of_a_build_are_read_from_the_rule_beside_the_binary() {
        let place = tempfile::tempdir().unwrap();
        let binary = place.path().join("mirror");
        let rule = "/t/mirror: /p/build.rs /p/my\\ cities.csv /p/src/main.rs\n";
        fs::write(place.path().join("mirror.d"), rule).unwrap();

        let inputs = inputs_of(&binary);

        let expected = ["/p/build.rs", "/p/my cities.csv", "/p/src/main.rs"];
        assert_eq!(inputs, expected.map(PathBuf::from));
        assert!(inputs_of(&place.path().join("other")).is_empty());
    }
}
