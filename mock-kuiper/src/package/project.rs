//! What Cargo says about a package: its binaries, and whether it is on the Rust SDK.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// The crate of the Rust SDK.
const SDK: &str = "ekuiper";

/// A Cargo package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Project {
    pub(super) name: String,
    /// The version, such as `0.1.0`.
    pub(super) version: String,
    /// The names of the binaries.
    pub(super) binaries: Vec<String>,
    default_run: Option<String>,
    /// Whether its binaries depend on the crate `ekuiper`.
    pub(super) uses_sdk: bool,
}

impl Project {
    /// Asks Cargo about the package in a directory. Returns `None` if there is none,
    /// or if Cargo cannot read it, which its build reports.
    pub(super) fn read(directory: &Path) -> Option<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        if !output.status.success() {
            return None;
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout).ok()?;
        let manifest = directory.join("Cargo.toml").canonicalize().ok()?;
        let mut packages = metadata.packages.into_iter();
        let own = packages.find(|package| {
            let path = package.manifest_path.canonicalize();
            path.is_ok_and(|path| path == manifest)
        })?;
        let binaries = own.targets.into_iter();
        let binaries = binaries.filter(|target| target.kind.iter().any(|kind| kind == "bin"));
        Some(Self {
            name: own.name,
            version: own.version,
            binaries: binaries.map(|target| target.name).collect(),
            default_run: own.default_run,
            uses_sdk: own.dependencies.iter().any(Dependency::is_sdk),
        })
    }

    /// Returns the binary that is the plugin: the one that the json names, or the one
    /// that `cargo run` runs.
    pub(super) fn binary(&self, named: Option<&str>) -> Option<&str> {
        let has = |name: &str| self.binaries.iter().find(|binary| *binary == name);
        let only = match self.binaries.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        named
            .and_then(has)
            .or(self.default_run.as_ref())
            .or(only)
            .or_else(|| has(&self.name))
            .map(String::as_str)
    }
}

/// Returns the command of Cargo: the one that runs this process, if any.
pub(super) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<OfPackage>,
}

#[derive(Deserialize)]
struct OfPackage {
    name: String,
    version: String,
    manifest_path: PathBuf,
    default_run: Option<String>,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; `None` for a dependency of the binaries.
    kind: Option<String>,
}

impl Dependency {
    /// Returns whether binaries use it as the SDK, as opposed to tests or `build.rs`.
    fn is_sdk(&self) -> bool {
        self.name == SDK && self.kind.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_the_named_the_default_the_only_one_or_that_of_the_package() {
        let project = |binaries: &[&str], default: Option<&str>| Project {
            name: "weather".to_owned(),
            version: "1.0.0".to_owned(),
            binaries: binaries.iter().map(|name| (*name).to_owned()).collect(),
            default_run: default.map(str::to_owned),
            uses_sdk: true,
        };

        assert_eq!(project(&["a", "b"], Some("a")).binary(Some("b")), Some("b"));
        assert_eq!(project(&["a", "b"], Some("a")).binary(Some("c")), Some("a"));
        assert_eq!(project(&["a"], None).binary(None), Some("a"));
        assert_eq!(
            project(&["a", "weather"], None).binary(None),
            Some("weather")
        );
        assert_eq!(project(&["a", "b"], None).binary(None), None);
        assert_eq!(project(&[], None).binary(None), None);
    }
}
