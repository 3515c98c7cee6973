//! A plugin on disk, judged before it is installed: as eKuiper's install would
//! judge it, and whether what it installs can run.
//!
//! What eKuiper refuses, or what cannot run, is an error; what it tolerates is
//! a warning. A directory is judged by the zip that would be made of it.
//!
//! Rules: protocol.md section 2; where a file of eKuiper's own source is the
//! source of a fact, it is named there.

mod elf;
mod executable;
mod metadata;
mod names;
mod report;
mod zipped;

use std::fs;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

pub use self::report::{Level, Line, Report};

use super::cargo::{self, Build};
use super::manifest::{self, Examined, Language};
use super::{PackageError, archive, config, find, find_manifest};

/// A plugin that was looked at, and what was found.
#[derive(Debug)]
pub struct Checked {
    report: Report,
    pub(super) plugin: Option<Plugin>,
    _staged: Option<TempDir>,
}

/// The parts of a plugin that has no errors.
#[derive(Debug)]
pub(super) struct Plugin {
    pub(super) directory: PathBuf,
    pub(super) json: PathBuf,
    pub(super) executable: String,
    /// Whether files that the json does not name belong to it.
    pub(super) takes_all: bool,
}

impl Checked {
    /// Returns what was found.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

/// Checks the plugin in a directory, in a zip, or in a Cargo package, which is
/// built as `build` says once nothing else is wrong with it.
///
/// The executable must be for the processor of the target, or else for this
/// machine's.
///
/// # Errors
///
/// [`PackageError::Mistakes`] where there is nothing at `path`, and
/// [`PackageError::Io`]; all else is in the report.
pub fn check(path: &Path, build: &Build) -> Result<Checked, PackageError> {
    let found = find(path)?;
    if cargo::is_package(&found) {
        return check_cargo(&found, path, build);
    }
    let mut report = Report::default();
    if found.is_dir() {
        let looked = Look::at(&mut report, &found, path, build)?;
        return Ok(finish(report, looked, None));
    }
    let unpacked = match archive::unpack(path) {
        Ok(unpacked) => unpacked,
        Err(error) => {
            report.take(Level::Error, error, path)?;
            return Ok(finish(report, None, None));
        }
    };
    let looked = Look::at(&mut report, unpacked.path(), path, build)?;
    if let Some(look) = &looked {
        zipped::check(&mut report, path, &look.json_name)?;
    }
    Ok(finish(report, looked, Some(unpacked)))
}

fn check_cargo(directory: &Path, shown: &Path, build: &Build) -> Result<Checked, PackageError> {
    let mut report = Report::default();
    let staged = match cargo::stage(directory, shown) {
        Ok(Some(staged)) => staged,
        Ok(None) => {
            // Nothing to build: the json says why.
            let looked = Look::at(&mut report, directory, shown, build)?;
            return Ok(finish(report, looked, None));
        }
        Err(error) => {
            report.take(Level::Error, error, directory)?;
            return Ok(finish(report, None, None));
        }
    };
    let looked = Look {
        unbuilt: true,
        ..Look::new(staged.directory(), build)
    }
    .look(&mut report, shown)?;
    let Some(look) = looked else {
        return Ok(finish(report, None, Some(staged.into_place())));
    };
    if report.count(Level::Error) > 0 {
        let text = "not built: correct the errors first";
        report.warn(&look.executable_name, text);
    } else if let Err(error) = staged.build(build) {
        report.take(Level::Error, error, shown)?;
    } else {
        // Told where it is told of other plugins: behind the json.
        let others = report
            .lines
            .iter()
            .position(|line| line.file != look.json_name);
        let others = report.lines.split_off(others.unwrap_or(report.lines.len()));
        look.executable(&mut report)?;
        report.lines.extend(others);
    }
    Ok(finish(report, Some(look), Some(staged.into_place())))
}

fn finish(report: Report, looked: Option<Look<'_>>, staged: Option<TempDir>) -> Checked {
    let plugin = looked
        .filter(|_| report.count(Level::Error) == 0)
        .map(Look::plugin);
    Checked {
        report,
        plugin,
        _staged: staged,
    }
}

/// One look at a plugin's directory.
struct Look<'a> {
    directory: PathBuf,
    build: &'a Build,
    /// Whether the executable is yet to be built.
    unbuilt: bool,
    json: PathBuf,
    json_name: String,
    language: Option<Language>,
    executable: Option<PathBuf>,
    executable_name: String,
}

impl<'a> Look<'a> {
    fn new(directory: &Path, build: &'a Build) -> Self {
        Look {
            directory: directory.to_owned(),
            build,
            unbuilt: false,
            json: PathBuf::new(),
            json_name: String::new(),
            language: None,
            executable: None,
            executable_name: String::new(),
        }
    }

    fn at(
        report: &mut Report,
        directory: &Path,
        shown: &Path,
        build: &'a Build,
    ) -> Result<Option<Self>, PackageError> {
        Look::new(directory, build).look(report, shown)
    }

    /// Looks at all files; `None` where there is no json that can be read.
    fn look(mut self, report: &mut Report, shown: &Path) -> Result<Option<Self>, PackageError> {
        let directory = self.directory.clone();
        let examined = find_manifest(&directory, shown).and_then(|json| {
            let examined = manifest::examine(&json, &directory, shown.is_file())?;
            self.json = json;
            Ok(examined)
        });
        let examined = match examined {
            Ok(examined) => examined,
            Err(error) => {
                report.take(Level::Error, error, &directory)?;
                return Ok(None);
            }
        };
        report.plugin = Some(examined.name.clone());
        let json = self.json.file_name().unwrap_or_default();
        self.json_name = json.to_string_lossy().into_owned();
        self.executable_name = examined.executable_name.clone().unwrap_or_default();
        self.executable.clone_from(&examined.executable);
        self.language.clone_from(&examined.language);
        self.manifest(report, &examined);
        if !self.unbuilt {
            self.executable(report)?;
        }
        let lists = [
            ("sources", &examined.sources),
            ("sinks", &examined.sinks),
            ("functions", &examined.functions),
        ];
        for (list, names) in lists {
            // Where the list itself is wrong, nothing is known of its files.
            if let Some(names) = names {
                self.symbols(report, list, names)?;
                self.strangers(report, list, names)?;
            }
        }
        self.install(report)?;
        Ok(Some(self))
    }

    fn manifest(&self, report: &mut Report, examined: &Examined) {
        let json = self.json_name.as_str();
        let before = report.count(Level::Error);
        let place = report.lines.len();
        names::check_plugin(report, json, &examined.name);
        for mistake in examined.mistakes.iter().cloned() {
            report.take_one(Level::Error, mistake, &self.directory);
        }
        if let Some(name) = &examined.executable_name
            && examined.executable.is_some()
            && !is_plain(name)
        {
            let text = format!(
                "eKuiper finds no `{name}` in a zip; name the file from the plugin's directory \
                 on, without `.`, `..`, `//` or a leading `/`, and not in `sources`, `sinks` or \
                 `functions`"
            );
            report.push(Level::Error, json, Some("executable".to_owned()), text);
        }
        let lists = [
            ("sources", &examined.sources),
            ("sinks", &examined.sinks),
            ("functions", &examined.functions),
        ];
        for (list, names) in lists {
            names::check_symbols(report, json, list, names.as_deref().unwrap_or_default());
        }
        if report.count(Level::Error) == before {
            let count = |names: &Option<Vec<String>>| names.as_ref().map_or(0, Vec::len);
            let language = match &examined.language {
                Some(Language::Python { .. }) => "python",
                _ => "native",
            };
            let version = match examined.version.as_str() {
                "" => "without a version",
                version => version,
            };
            let text = format!(
                "{version}, {language}; {}, {}, {}",
                plural(count(&examined.sources), "source"),
                plural(count(&examined.sinks), "sink"),
                plural(count(&examined.functions), "function"),
            );
            report.ok(json, text);
            report.lines[place..].rotate_right(1);
        }
    }

    fn executable(&self, report: &mut Report) -> Result<(), PackageError> {
        let Some(path) = &self.executable else {
            return Ok(());
        };
        let target = self.build.target.as_deref();
        let name = &self.executable_name;
        executable::check(report, path, name, self.language.as_ref(), target)
    }

    /// Looks at the files of each symbol.
    fn symbols(
        &self,
        report: &mut Report,
        list: &str,
        names: &[String],
    ) -> Result<(), PackageError> {
        let symbol = list.trim_end_matches('s');
        for name in names {
            if list == "sources" {
                self.yaml(report, name)?;
            }
            let file = format!("{list}/{name}.json");
            let path = self.directory.join(&file);
            if !path.is_file() {
                let text = format!("is missing: eKuiper's UI cannot show the {symbol}; write one");
                report.warn(&file, text);
                continue;
            }
            let bytes = fs::read(&path).map_err(|error| PackageError::io(&path, error))?;
            let found = metadata::check(list, &bytes);
            if found.is_empty() {
                report.ok(&file, "UI metadata");
            }
            // Source: eKuiper 2.4.0, internal/binder/meta/bind.go, which ends at
            // the first bad file of a directory; internal/meta/func_meta.go,
            // which joins the files of all functions to one JSON.
            let then = match list {
                "functions" => "eKuiper's UI gets no list of functions then".to_owned(),
                _ => format!(
                    "eKuiper's UI cannot show the {symbol} then, nor, after a restart, those \
                     that come after it"
                ),
            };
            for (field, text) in found {
                report.push(Level::Warning, &file, field, format!("{text}; {then}"));
            }
        }
        Ok(())
    }

    /// Source: eKuiper 2.4.0, internal/plugin/portable/manager.go (`install`:
    /// there must be one), internal/topo/node/conf/source.go (what is in it).
    fn yaml(&self, report: &mut Report, source: &str) -> Result<(), PackageError> {
        let file = format!("sources/{source}.yaml");
        let path = self.directory.join(&file);
        if !path.is_file() {
            let text = "is missing: eKuiper installs no zip without it; write one, empty will do";
            report.error(&file, text);
            return Ok(());
        }
        match config::section_names(&path) {
            Ok(names) if names.is_empty() => report.ok(&file, "empty"),
            Ok(names) if names.iter().any(|name| name == "default") => {
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                report.ok(&file, format!("sections {}", names.join(", ")));
            }
            Ok(_) => {
                let text = "has no section `default`, with which eKuiper begins; add one";
                report.warn(&file, text);
            }
            Err(PackageError::Mistakes(mistakes)) => {
                for mut mistake in mistakes {
                    mistake.text += "; eKuiper ignores the whole file then";
                    report.take_one(Level::Warning, mistake, &self.directory);
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Finds the files that no symbol has: eKuiper copies them to its own, and
    /// deletes only those of the symbols (manager.go, `Delete`).
    fn strangers(
        &self,
        report: &mut Report,
        list: &str,
        names: &[String],
    ) -> Result<(), PackageError> {
        let directory = self.directory.join(list);
        if !directory.is_dir() {
            return Ok(());
        }
        let entries = super::pack::sorted(&directory)?;
        for name in entries {
            let stem = name.strip_suffix(".json");
            let stem = stem.or_else(|| name.strip_suffix(".yaml"));
            if stem.is_none_or(|stem| !names.iter().any(|known| known == stem)) {
                let symbol = list.trim_end_matches('s');
                let text = format!(
                    "belongs to no {symbol} of the json: eKuiper installs it, and never removes \
                     it; name the {symbol} in the json, or delete the file"
                );
                report.warn(&format!("{list}/{name}"), text);
            }
        }
        Ok(())
    }

    fn install(&self, report: &mut Report) -> Result<(), PackageError> {
        let name = "install.sh";
        let path = self.directory.join(name);
        if path.is_file() {
            let bytes = fs::read(&path).map_err(|error| PackageError::io(&path, error))?;
            if bytes.contains(&b'\r') {
                let text = "its lines end with CR LF, on which `/bin/sh` stumbles; save it with \
                            Unix line ends";
                report.warn(name, text);
            } else {
                report.ok(
                    name,
                    "eKuiper runs it with `/bin/sh` once it has unpacked the plugin",
                );
            }
        } else if self.is_python() && self.directory.join("requirements.txt").is_file() {
            let text = "eKuiper installs none of it; add an `install.sh` that does, or install \
                        it beforehand";
            report.warn("requirements.txt", text);
        }
        Ok(())
    }

    fn is_python(&self) -> bool {
        matches!(self.language, Some(Language::Python { .. }))
    }

    fn plugin(self) -> Plugin {
        Plugin {
            takes_all: self.is_python(),
            directory: self.directory,
            json: self.json,
            executable: self.executable_name,
        }
    }
}

/// Whether eKuiper finds an `executable` of this name among what it unpacked in
/// the plugin's directory, where it compares the text with clean paths.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let clean: PathBuf = Path::new(name).components().collect();
    parts.all(|part| matches!(part, Component::Normal(_)))
        && clean.as_os_str() == name
        && !zipped::SHARED
            .iter()
            .any(|shared| clean.starts_with(shared))
}

fn plural(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
