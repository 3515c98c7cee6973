//! The checks of a plugin's directory, file by file.

use std::path::{Component, Path, PathBuf};

use super::super::build::Build;
use super::super::config;
use super::super::error::PackageError;
use super::super::files;
use super::super::locate::find_manifest;
use super::super::manifest::{self, Examined, Language};
use super::super::parts::{Packable, SHARED, names_in};
use super::super::report::{CheckLevel, CheckReport};
use super::super::spelling::{Names, yaml_is_lost};
use super::{executable, metadata, names, yaml};

/// What was found in a plugin's directory.
pub(super) struct Look<'a> {
    directory: PathBuf,
    build: &'a Build,
    /// Whether the executable is still to be built, and so cannot be checked.
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

    /// Checks all files of a plugin. `shown` is what the user gave. Returns `None` if
    /// no json can be read.
    pub(super) fn at(
        report: &mut CheckReport,
        directory: &Path,
        shown: &Path,
        build: &'a Build,
    ) -> Result<Option<Self>, PackageError> {
        Look::new(directory, build).look(report, shown)
    }

    /// Checks all files of a plugin except its executable, which is not built yet.
    pub(super) fn at_unbuilt(
        report: &mut CheckReport,
        directory: &Path,
        shown: &Path,
        build: &'a Build,
    ) -> Result<Option<Self>, PackageError> {
        let look = Look {
            unbuilt: true,
            ..Look::new(directory, build)
        };
        look.look(report, shown)
    }

    /// Returns the name of the plugin's json.
    pub(super) fn json_name(&self) -> &str {
        &self.json_name
    }

    /// Returns the `executable` of the json.
    pub(super) fn executable_name(&self) -> &str {
        &self.executable_name
    }

    fn look(
        mut self,
        report: &mut CheckReport,
        shown: &Path,
    ) -> Result<Option<Self>, PackageError> {
        let directory = self.directory.clone();
        let examined = find_manifest(&directory, shown).and_then(|json| {
            let examined = manifest::examine(&json, &directory, shown.is_file())?;
            self.json = json;
            Ok(examined)
        });
        let examined = match examined {
            Ok(examined) => examined,
            Err(error) => {
                report.take(CheckLevel::Error, error, &directory)?;
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
            // If the list itself is invalid, its files are unknown.
            if let Some(names) = names {
                self.symbols(report, list, names)?;
                // The files may belong to the symbols of a list whose key is misspelled.
                if !examined.misspelled.iter().any(|key| key.meant == list) {
                    self.strangers(report, list, names)?;
                }
            }
        }
        self.install(report)?;
        Ok(Some(self))
    }

    /// Checks the json.
    fn manifest(&self, report: &mut CheckReport, examined: &Examined) {
        let json = self.json_name.as_str();
        let before = report.count(CheckLevel::Error);
        let place = report.lines.len();
        names::check_plugin(report, json, &examined.name);
        for mistake in examined.mistakes.iter().cloned() {
            report.take_one(CheckLevel::Error, mistake, &self.directory);
        }
        for mistake in examined.duplicates.iter().cloned() {
            report.take_one(CheckLevel::Warning, mistake, &self.directory);
        }
        for key in &examined.misspelled {
            report.take_one(CheckLevel::Warning, key.mistake.clone(), &self.directory);
        }
        if let Some(name) = &examined.executable_name
            && examined.executable.is_some()
            && !is_plain(name)
        {
            let text = format!(
                "eKuiper does not find `{name}` in a zip; give the path in the plugin's \
                 directory without `.`, `..`, `//` or a leading `/`, and outside of `sources`, \
                 `sinks` and `functions`"
            );
            report.push(CheckLevel::Error, json, Some("executable".to_owned()), text);
        }
        let lists = [
            ("sources", &examined.sources),
            ("sinks", &examined.sinks),
            ("functions", &examined.functions),
        ];
        for (list, names) in lists {
            names::check_symbols(report, json, list, names.as_deref().unwrap_or_default());
        }
        if report.count(CheckLevel::Error) == before {
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
                "{version}, {language}; {}, {}, {}; install it under the name `{}`",
                plural(count(&examined.sources), "source"),
                plural(count(&examined.sinks), "sink"),
                plural(count(&examined.functions), "function"),
                examined.name,
            );
            report.ok(json, text);
            report.lines[place..].rotate_right(1);
        }
    }

    /// Checks the executable.
    pub(super) fn executable(&self, report: &mut CheckReport) -> Result<(), PackageError> {
        let Some(path) = &self.executable else {
            return Ok(());
        };
        let target = self.build.target.as_deref();
        let name = &self.executable_name;
        executable::check(report, path, name, self.language.as_ref(), target)
    }

    /// Checks the files of each symbol.
    fn symbols(
        &self,
        report: &mut CheckReport,
        list: &str,
        names: &[String],
    ) -> Result<(), PackageError> {
        let symbol = list.trim_end_matches('s');
        for name in names {
            let ignored = if list == "sources" {
                self.yaml(report, name)?
            } else {
                None
            };
            let file = format!("{list}/{name}.json");
            let path = self.directory.join(&file);
            if !files::exists(&path)? {
                let text = format!("is missing, so eKuiper's UI cannot show the {symbol}; add one");
                report.warn(&file, text);
                continue;
            }
            let bytes = match files::read(&path, files::TEXT_LIMIT) {
                Ok(bytes) => bytes,
                Err(error) => {
                    report.take(CheckLevel::Warning, error, &self.directory)?;
                    continue;
                }
            };
            let found = metadata::check(list, &bytes);
            if found.is_empty() && ignored.is_none() {
                report.ok(&file, "UI metadata");
            }
            // Source: eKuiper 2.4.0, internal/binder/meta/bind.go, which stops at
            // the first bad file of a directory; internal/meta/func_meta.go, which
            // joins the files of all functions to one JSON.
            let then = match list {
                "functions" => "eKuiper's UI then gets no list of functions".to_owned(),
                _ => format!(
                    "eKuiper's UI then cannot show the {symbol} and, after a restart, the ones \
                     after it"
                ),
            };
            for (field, text) in found {
                report.push(CheckLevel::Warning, &file, field, format!("{text}; {then}"));
            }
            if let Some(text) = ignored {
                let yaml = format!("sources/{name}.yaml");
                report.warn(&file, yaml_is_lost(&text, &yaml));
            }
        }
        Ok(())
    }

    /// Checks a source's yaml. Returns why eKuiper 2.x ignores it on account of the
    /// json.
    ///
    /// Source: eKuiper 2.4.0, internal/plugin/portable/manager.go (`install`: it
    /// must exist).
    fn yaml(&self, report: &mut CheckReport, source: &str) -> Result<Option<String>, PackageError> {
        let file = format!("sources/{source}.yaml");
        let path = self.directory.join(&file);
        if !files::exists(&path)? {
            let text = "is missing, and eKuiper does not install a zip without it; add one, it may be \
                        empty";
            report.error(&file, text);
            return Ok(None);
        }
        let document = match config::parse(&path) {
            Ok(Ok(document)) => document,
            Ok(Err(mut mistake)) => {
                mistake.text += "; eKuiper then ignores the whole file";
                report.take_one(CheckLevel::Warning, mistake, &self.directory);
                return Ok(None);
            }
            Err(error) => {
                report.take(CheckLevel::Error, error, &self.directory)?;
                return Ok(None);
            }
        };
        if let Some(error) = document.errors.first() {
            let text =
                format!("is not valid YAML: {error}; eKuiper 2.x then ignores the whole file");
            report.warn(&file, text);
            return Ok(None);
        }
        let names = match Names::read(&path.with_extension("json")) {
            Ok(names) => names,
            // The checks of the json report why.
            Err(PackageError::Mistakes(_)) => Ok(Names::default()),
            Err(error) => return Err(error),
        };
        match names {
            Err(mistake) if yaml::has_properties(&document) => Ok(Some(mistake.text)),
            names => {
                let names = names.unwrap_or_default();
                yaml::check(report, &file, &document, &names);
                Ok(None)
            }
        }
    }

    /// Reports files that belong to no symbol. eKuiper installs them beside its own
    /// configuration, and deletes only those of symbols (manager.go, `Delete`).
    fn strangers(
        &self,
        report: &mut CheckReport,
        list: &str,
        names: &[String],
    ) -> Result<(), PackageError> {
        let directory = self.directory.join(list);
        if !directory.is_dir() {
            return Ok(());
        }
        let entries = names_in(&directory)?;
        for name in entries {
            let stem = name.strip_suffix(".json");
            let stem = stem.or_else(|| name.strip_suffix(".yaml"));
            if stem.is_none_or(|stem| !names.iter().any(|known| known == stem)) {
                let symbol = list.trim_end_matches('s');
                let text = format!(
                    "belongs to no {symbol} of the json: eKuiper installs it and never removes \
                     it; add the {symbol} to the json, or delete the file"
                );
                report.warn(&format!("{list}/{name}"), text);
            }
        }
        Ok(())
    }

    /// Checks `install.sh`.
    fn install(&self, report: &mut CheckReport) -> Result<(), PackageError> {
        let name = "install.sh";
        let path = self.directory.join(name);
        if files::exists(&path)? {
            let bytes = match files::read(&path, files::TEXT_LIMIT) {
                Ok(bytes) => bytes,
                Err(error) => return report.take(CheckLevel::Warning, error, &self.directory),
            };
            if bytes.contains(&b'\r') {
                let text = "its lines end with CR LF, which `/bin/sh` does not understand; save \
                            it with Unix line endings";
                report.warn(name, text);
            } else {
                report.ok(
                    name,
                    "eKuiper runs it with `/bin/sh` after it has unpacked the plugin",
                );
            }
        } else if self.is_python() && self.directory.join("requirements.txt").is_file() {
            let text = "eKuiper does not install these packages; add an `install.sh` that does, \
                        or install them beforehand";
            report.warn("requirements.txt", text);
        }
        Ok(())
    }

    fn is_python(&self) -> bool {
        matches!(self.language, Some(Language::Python { .. }))
    }

    /// Returns the parts that can be packed. `origin` is the directory that the author
    /// has.
    pub(super) fn into_packable(self, origin: &Path) -> Packable {
        Packable {
            takes_all: self.is_python(),
            origin: origin.to_owned(),
            directory: self.directory,
            json: self.json,
            executable: self.executable_name,
            language: self.language.unwrap_or(Language::Native),
        }
    }
}

/// Returns whether eKuiper finds an `executable` of this name in a zip: it compares
/// the text with the clean paths of the files in the plugin's directory.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let clean: PathBuf = Path::new(name).components().collect();
    parts.all(|part| matches!(part, Component::Normal(_)))
        && clean.as_os_str() == name
        && !SHARED.iter().any(|shared| clean.starts_with(shared))
}

fn plural(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
