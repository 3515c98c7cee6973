//! Checking a plugin before it is installed: whether eKuiper installs it, and whether
//! it can run then.
//!
//! What eKuiper refuses, and what cannot run, is an error. Other problems are
//! warnings. A directory is checked as the zip that [`pack`](super::pack()) makes of
//! it.
//!
//! Rules: protocol.md section 2. Facts from eKuiper's own source name its file.

mod elf;
mod executable;
mod look;
mod metadata;
mod names;
mod yaml;
mod zipped;

use std::path::Path;

use self::look::Look;
use super::archive;
use super::build::Build;
use super::contents::Contents;
use super::describe::{Aligned, align};
use super::error::PackageError;
use super::layout::{Layout, has_code};
use super::locate::{find, find_manifest};
use super::manifest::Language;
use super::parts::Packable;
use super::report::{CheckAdvice, CheckLevel, CheckReport};
use crate::scratch::Scratch;

/// A plugin that was checked, and what was found.
#[derive(Debug)]
pub struct Checked {
    report: CheckReport,
    /// `None` if the report has an error.
    pub(super) plugin: Option<Packable>,
    _temporary: Option<Scratch>,
}

impl Checked {
    /// Returns what was found.
    #[must_use]
    pub fn report(&self) -> &CheckReport {
        &self.report
    }

    /// Returns what the plugin is; `None` if the report has an error.
    #[must_use]
    pub fn plugin(&self) -> Option<Plugin<'_>> {
        let plugin = self.plugin.as_ref()?;
        Some(Plugin {
            name: plugin.json.file_stem()?.to_str()?,
            executable: Path::new(&plugin.executable),
            language: &plugin.language,
        })
    }
}

/// A plugin that was checked and has no error.
#[derive(Debug, Clone, Copy)]
pub struct Plugin<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// The executable, relative to the plugin's directory.
    pub executable: &'a Path,
    /// How the executable is run.
    pub language: &'a Language,
}

/// Checks a native program like the executable of a plugin. The report calls it `name`.
///
/// # Errors
///
/// [`PackageError::Unreadable`] if the file cannot be read, and [`PackageError::Io`] if
/// the system fails.
pub fn check_program(
    path: &Path,
    name: &str,
    target: Option<&str>,
) -> Result<CheckReport, PackageError> {
    let mut report = CheckReport::default();
    executable::check(&mut report, path, name, Some(&Language::Native), target)?;
    Ok(report)
}

/// Checks the plugin in a directory, a zip, a Cargo package or a Go module.
///
/// A Cargo package is built, and a Go module whose executable is missing or old, as `build` states, after everything else was checked
/// and found valid. The executable must be for the processor of [`Build::target`], or
/// without one for that of this machine.
///
/// # Errors
///
/// [`PackageError::Mistakes`] if there is no directory or file at `path`,
/// [`PackageError::Unreadable`] if a file cannot be read, and [`PackageError::Io`] if
/// the system fails. The report has all other errors.
pub fn check(path: &Path, build: &Build) -> Result<Checked, PackageError> {
    check_built(path, build, None)
}

/// Checks a plugin like [`check`], of which a binary is `built` already.
fn check_built(path: &Path, build: &Build, built: Option<&Path>) -> Result<Checked, PackageError> {
    let found = find(path)?;
    if found.is_dir() && has_code(&found, path) {
        return check_layout(&found, path, build, built);
    }
    let mut report = CheckReport::default();
    if found.is_dir() {
        let looked = Look::at(&mut report, &found, path, build)?;
        return finish(report, looked, &found, None);
    }
    let unpacked = match archive::unpack(path, archive::LIMITS) {
        Ok(unpacked) => unpacked,
        Err(error) => {
            report.take(CheckLevel::Error, error, path)?;
            return finish(report, None, &found, None);
        }
    };
    let looked = Look::at(&mut report, unpacked.path(), path, build)?;
    if let Some(look) = &looked {
        zipped::check(&mut report, path, look.json_name())?;
    }
    finish(report, looked, &found, Some(unpacked))
}

/// Checks a plugin like [`check`]. The files of a Cargo package on the Rust SDK are first
/// compared with its code, and the missing ones are written: see [`align`](super::align).
/// With `fix`, files that differ are changed.
///
/// # Errors
///
/// Those of [`check`].
pub fn check_with_code(path: &Path, build: &Build, fix: bool) -> Result<Checked, PackageError> {
    let found = find(path)?;
    let aligned = match align(path, build, fix) {
        Ok(aligned) => aligned,
        Err(error) => {
            let mut report = CheckReport::default();
            report.take(CheckLevel::Error, error, path)?;
            if find_manifest(&found, path).is_err() {
                // A build that succeeds writes the missing json.
                return finish(report, None, &found, None);
            }
            Aligned {
                report,
                ..Aligned::default()
            }
        }
    };
    let mut checked = check_built(path, build, aligned.binary.as_deref())?;
    for line in &mut checked.report.lines {
        // The only line about a file that is missing.
        if aligned.undescribed.contains(&line.file) {
            line.advice = Some(CheckAdvice::Describe);
        }
    }
    // A build fails twice for one reason.
    let lines = aligned.report.lines.into_iter();
    let new: Vec<_> = lines
        .filter(|line| !checked.report.lines.contains(line))
        .collect();
    checked.report.lines.extend(new);
    if checked.report.count(CheckLevel::Error) > 0 {
        checked.plugin = None;
    }
    Ok(checked)
}

/// Checks a Cargo package or a Go module by its files.
fn check_layout(
    directory: &Path,
    shown: &Path,
    build: &Build,
    built: Option<&Path>,
) -> Result<Checked, PackageError> {
    let mut report = CheckReport::default();
    let layout = match Layout::of(directory, shown) {
        Ok(Some(layout)) => layout,
        Ok(None) => {
            // Nothing to build. The checks of the json report why.
            let looked = Look::at(&mut report, directory, shown, build)?;
            return finish(report, looked, directory, None);
        }
        Err(error) => {
            report.take(CheckLevel::Error, error, directory)?;
            return finish(report, None, directory, None);
        }
    };
    let looked = Look::at_unbuilt(&mut report, layout.directory(), shown, build)?;
    let Some(look) = looked else {
        return finish(report, None, directory, Some(layout.into_place()));
    };
    if report.count(CheckLevel::Error) > 0 {
        let text = "not built: correct the errors first";
        report.warn(look.executable_name(), text);
    } else if let Err(error) = layout.build(build, built) {
        report.take(CheckLevel::Error, error, shown)?;
    } else {
        // The lines about the executable follow those about the json.
        let others = report
            .lines
            .iter()
            .position(|line| line.file != look.json_name());
        let others = report.lines.split_off(others.unwrap_or(report.lines.len()));
        look.executable(&mut report)?;
        report.lines.extend(others);
    }
    finish(report, Some(look), directory, Some(layout.into_place()))
}

/// Checks last whether the files that are packed can be, and names those from elsewhere.
/// `origin` is what the author has.
fn finish(
    mut report: CheckReport,
    looked: Option<Look<'_>>,
    origin: &Path,
    temporary: Option<Scratch>,
) -> Result<Checked, PackageError> {
    let packable = looked.map(|look| look.into_packable(origin));
    if let Some(plugin) = &packable {
        match Contents::of(plugin, None) {
            Ok(contents) => {
                for (name, real) in contents.outside {
                    let text = format!(
                        "is a link to {}, outside of the plugin's directory; what is there is \
                         packed",
                        real.display()
                    );
                    report.note(&name, text);
                }
            }
            Err(error) => report.take(CheckLevel::Error, error, &plugin.directory)?,
        }
    }
    Ok(Checked {
        plugin: packable.filter(|_| report.count(CheckLevel::Error) == 0),
        report,
        _temporary: temporary,
    })
}
