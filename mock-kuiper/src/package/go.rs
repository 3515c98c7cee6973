//! A Go module that is a plugin: building its binary.
//!
//! Many plugins in Go are built by their authors, and lie beside their code. Such a
//! binary is used as it is, for as long as it is newer than the code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use super::build::Build;
use super::error::PackageError;

/// Returns whether a directory is a Go module whose `binary` is missing there, or older
/// than the code.
pub(super) fn is_to_be_built(directory: &Path, binary: &str) -> bool {
    if !directory.join("go.mod").is_file() {
        return false;
    }
    let written = fs::metadata(directory.join(binary)).and_then(|it| it.modified());
    match written {
        Ok(written) => newest(directory) > Some(written),
        Err(_) => true,
    }
}

/// Returns when the newest file of the code was written, below a directory. Hidden
/// directories have no code.
fn newest(directory: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(directory).ok()?.flatten();
    let times = entries.filter_map(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().ok()?;
        if kind.is_dir() && !name.starts_with('.') {
            return newest(&entry.path());
        }
        let is_code = kind.is_file() && (name.ends_with(".go") || name.starts_with("go."));
        let is_test = name.ends_with("_test.go");
        let written = || entry.metadata().and_then(|it| it.modified()).ok();
        (is_code && !is_test).then(written).flatten()
    });
    times.max()
}

/// Builds the package `main` of a module, and writes it to `binary`.
///
/// It is linked statically unless the environment has `CGO_ENABLED`, since eKuiper's
/// Alpine images have another C library than most machines.
pub(super) fn run_go(
    directory: &Path,
    shown: &Path,
    binary: &Path,
    build: &Build,
) -> Result<(), PackageError> {
    let refused = |text: String| PackageError::one(&shown.join("go.mod"), None, text);
    let mut command = Command::new("go");
    command.arg("build").arg("-o").arg(binary);
    // The same files give the same binary, whatever was committed.
    command.arg("-buildvcs=false");
    if build.release {
        command.args(["-trimpath", "-ldflags=-s -w"]);
    } else {
        // As debuggers need it.
        command.arg("-gcflags=all=-N -l");
    }
    if std::env::var_os("CGO_ENABLED").is_none() {
        command.env("CGO_ENABLED", "0");
    }
    if let Some(target) = &build.target {
        let (architecture, version) = architecture(target).ok_or_else(|| {
            refused(format!(
                "`go build` is not known to build for `{target}`; name x86_64, aarch64, armv7, \
                 i686 or riscv64gc, or give a directory with the built executable"
            ))
        })?;
        command.envs([("GOOS", "linux"), ("GOARCH", architecture)]);
        command.envs(version.map(|version| ("GOARM", version)));
    }
    // What is printed to stdout would be among the results.
    let status = command
        .arg(".")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| {
            refused(format!(
                "cannot run `go` to build the plugin: {error}; install Go, or give a directory \
                 with the built executable"
            ))
        })?;
    if status.success() && binary.is_file() {
        return Ok(());
    }
    Err(refused(
        "`go build` failed, see its output above; the package beside go.mod must be the \
         plugin's `main`"
            .to_owned(),
    ))
}

/// Returns the files that the packages of a module embed.
pub(super) fn embedded(directory: &Path) -> Vec<PathBuf> {
    let files = "{{range .EmbedFiles}}{{$.Dir}}/{{.}}\n{{end}}";
    let listed = Command::new("go")
        .args(["list", "-e", "-f", files, "./..."])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let listed = listed.map_or_else(|_| Vec::new(), |output| output.stdout);
    let listed = String::from_utf8_lossy(&listed);
    let lines = listed.lines().filter(|line| !line.is_empty());
    lines.map(PathBuf::from).collect()
}

/// Returns Go's name of a target's processor, and the version of an ARM.
fn architecture(target: &str) -> Option<(&'static str, Option<&'static str>)> {
    let (processor, _) = target.split_once('-').unwrap_or((target, ""));
    Some(match processor {
        "x86_64" | "amd64" => ("amd64", None),
        "aarch64" | "arm64" => ("arm64", None),
        "armv7" | "armv7a" => ("arm", Some("7")),
        "arm" | "armv6" => ("arm", Some("6")),
        "i386" | "i586" | "i686" => ("386", None),
        "riscv64" | "riscv64gc" => ("riscv64", None),
        _ => return None,
    })
}
