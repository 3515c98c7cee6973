//! The files of a Cargo package against what its code registers.
//!
//! A plugin on the Rust SDK describes itself when it is launched with one argument:
//! its name and its symbols, and, if it was built for that, their properties. The
//! names are compared with NAME.json, and the properties with the yaml and the UI
//! metadata. What is missing is written. What differs is reported, or changed if the
//! caller wants it. Properties that only the file has are removed then, unless the code
//! takes any; its other fields stay.
//!
//! Only packages that depend on the crate `ekuiper` are asked. Another program might
//! do anything with the argument.
//!
//! The format of the description: docs/configuration.md.

mod ask;
mod changes;
mod description;
mod function;
mod manifest;
mod metadata;
mod properties;
mod yaml;

use std::path::{Path, PathBuf};

use self::ask::{Silence, ask};
use self::changes::Changes;
use self::description::Description;
use self::manifest::Found;
use super::build::Build;
use super::cargo::{is_cargo_package, run_cargo};
use super::error::PackageError;
use super::layout::declared;
use super::locate::{find, find_manifest, manifests};
use super::project::Project;
use super::report::{CheckLevel, CheckLine, CheckReport};

/// What [`align`] found.
#[derive(Debug, Default)]
pub struct Aligned {
    /// A line for each difference, and for each file that was written or changed.
    pub report: CheckReport,
    /// The binary that was built.
    pub(super) binary: Option<PathBuf>,
    /// Files that are missing, and for which the code says too little to write them.
    pub(super) undescribed: Vec<String>,
}

/// Compares the files of a Cargo package on the Rust SDK with what its code registers,
/// and writes the files that are missing. The package is built as `build` states, and
/// its executable is asked.
///
/// With `fix`, files that differ are changed; to the yaml of a source, only sections are
/// added. Nothing is built or found for any other plugin.
///
/// # Errors
///
/// [`PackageError::Mistakes`] if there is nothing at `path` or the build fails, and
/// [`PackageError::Io`] if the system fails.
pub fn align(path: &Path, build: &Build, fix: bool) -> Result<Aligned, PackageError> {
    let directory = find(path)?;
    if !is_cargo_package(&directory) {
        return Ok(Aligned::default());
    }
    let Some(project) = Project::read(&directory).filter(|project| project.uses_sdk) else {
        return Ok(Aligned::default());
    };
    let candidates = manifests(&directory)?;
    // The one that is checked and packed.
    let chosen = find_manifest(&directory, path).ok();
    let chosen = chosen.filter(|json| candidates.contains(json));
    let named = chosen.as_deref().and_then(declared);
    let named = named.map(|(_, executable)| executable);
    let Some(binary) = project.binary(named.as_deref()) else {
        let text = match project.binaries.as_slice() {
            [] => "the package has no binary; add `src/main.rs`".to_owned(),
            names => format!(
                "the package has several binaries: {}; name the plugin's as `default-run`",
                quoted(names)
            ),
        };
        let file = path.join("Cargo.toml");
        return Err(PackageError::one(&file, None, text));
    };
    let executable = run_cargo(&directory, path, binary, build)?;
    let mut changes = Changes::new(&directory, fix);
    let asked = ask(&executable, &directory)
        .and_then(|text| Description::parse(&text).map_err(Silence::Unclear));
    match asked {
        Ok(description) => {
            changes.report.plugin = Some(description.name.clone());
            let json = match &chosen {
                Some(json) => Found::One(json),
                None if candidates.is_empty() => Found::None,
                None => Found::Several,
            };
            compare(&mut changes, &description, &project, binary, json)?;
        }
        Err(silence) => {
            let text = format!("not compared with the files: {silence}");
            changes.report.push(silence.level(), binary, None, text);
        }
    }
    Ok(Aligned {
        report: changes.report,
        binary: Some(executable),
        undescribed: changes.undescribed,
    })
}

/// Compares each file, and writes it if it is missing.
fn compare(
    changes: &mut Changes<'_>,
    description: &Description,
    project: &Project,
    binary: &str,
    json: Found<'_>,
) -> Result<(), PackageError> {
    let compared = manifest::compare(changes, description, project, binary, json)?;
    let is_compared = compared.is_some();
    let unlisted = compared.unwrap_or_default();
    // A new file of a symbol that the json does not list would be reported as surplus.
    let skips = |changes: &Changes<'_>, list: &str, name: &str, extension: &str| {
        let is_listed = !unlisted.iter().any(|(of, one)| *of == list && one == name);
        Ok::<_, PackageError>(!is_listed && !changes.exists(&format!("{list}/{name}.{extension}"))?)
    };
    for source in &description.sources {
        if !skips(changes, "sources", &source.name, "yaml")? {
            yaml::compare(changes, source)?;
        }
        if !skips(changes, "sources", &source.name, "json")? {
            metadata::compare(changes, "sources", source)?;
        }
    }
    for sink in &description.sinks {
        if !skips(changes, "sinks", &sink.name, "json")? {
            metadata::compare(changes, "sinks", sink)?;
        }
    }
    for function in &description.functions {
        if !skips(changes, "functions", &function.name, "json")? {
            function::compare(changes, function)?;
        }
    }
    let is_fine = |line: &CheckLine| line.level <= CheckLevel::Note;
    if is_compared && changes.report.lines.iter().all(is_fine) {
        let name = &description.name;
        let text = format!("registers the same symbols as the files, under the name `{name}`");
        changes.report.ok(binary, text);
    }
    Ok(())
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
