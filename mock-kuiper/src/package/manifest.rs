//! `NAME.json`: what a plugin declares, checked as eKuiper checks it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::{Mistake, PackageError};
use super::files;
use super::spelling::parse_json;
use crate::go_json::field;
use crate::nearest::nearest;

/// The keys that eKuiper reads, and `name`, which it compares with the file's name.
const KEYS: [&str; 9] = [
    "name",
    "version",
    "language",
    "executable",
    "sources",
    "sinks",
    "functions",
    "virtualEnvType",
    "env",
];

/// What a plugin declares in its json.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's name, which is that of the json.
    pub name: String,
    /// The version; empty if the json has none.
    pub version: String,
    /// How the plugin is launched.
    pub language: Language,
    /// The absolute path of the executable.
    pub executable: PathBuf,
    /// The names of the sources.
    pub sources: Vec<String>,
    /// The names of the sinks.
    pub sinks: Vec<String>,
    /// The names of the functions.
    pub functions: Vec<String>,
    /// Which of `sources`, `sinks` and `functions` the json does not list, so that
    /// eKuiper has no list of them, not even an empty one.
    pub unlisted: Vec<&'static str>,
}

/// How a plugin is launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Language {
    /// `"go"`: the executable is run directly.
    Native,
    /// `"python"`: an interpreter runs the executable.
    Python {
        /// The conda environment to run it in; `None` to run it without one.
        virtual_env: Option<String>,
    },
}

/// What could be read of a json, and all mistakes in it.
#[derive(Debug)]
pub(super) struct Examined {
    /// The plugin's name, which is that of the json.
    pub(super) name: String,
    /// The version; empty if the json has none.
    pub(super) version: String,
    /// The `executable`, exactly as the json has it.
    pub(super) executable_name: Option<String>,
    /// The path of the executable, if there is such a file.
    pub(super) executable: Option<PathBuf>,
    pub(super) language: Option<Language>,
    pub(super) sources: Option<Vec<String>>,
    pub(super) sinks: Option<Vec<String>>,
    pub(super) functions: Option<Vec<String>>,
    unlisted: Vec<&'static str>,
    pub(super) mistakes: Vec<Mistake>,
    /// Names that are listed twice, which eKuiper tolerates.
    pub(super) duplicates: Vec<Mistake>,
    /// Keys that eKuiper ignores, because they are misspelled.
    pub(super) misspelled: Vec<Misspelled>,
}

/// A key that is probably meant to be another.
#[derive(Debug)]
pub(super) struct Misspelled {
    pub(super) meant: &'static str,
    pub(super) mistake: Mistake,
}

/// Reads a manifest that must have no mistakes. `zipped` is whether the plugin came
/// in a zip.
pub(super) fn read(file: &Path, directory: &Path, zipped: bool) -> Result<Manifest, PackageError> {
    let examined = examine(file, directory, zipped)?;
    let mut mistakes = examined.mistakes;
    if !mistakes.is_empty() {
        // One of them may be the reason.
        let misspelled = examined.misspelled.into_iter();
        mistakes.extend(misspelled.map(|key| key.mistake));
    }
    let manifest = (|| {
        Some(Manifest {
            name: examined.name,
            version: examined.version,
            language: examined.language?,
            executable: examined.executable?,
            sources: examined.sources?,
            sinks: examined.sinks?,
            functions: examined.functions?,
            unlisted: examined.unlisted,
        })
    })();
    match manifest {
        Some(manifest) if mistakes.is_empty() => Ok(manifest),
        _ => Err(PackageError::Mistakes(mistakes)),
    }
}

/// Reads what can be read of a manifest.
///
/// # Errors
///
/// [`PackageError::Mistakes`] if it is not a JSON object.
pub(super) fn examine(
    file: &Path,
    directory: &Path,
    zipped: bool,
) -> Result<Examined, PackageError> {
    let bytes = files::read(file, files::TEXT_LIMIT)?;
    let value = parse_json(&bytes).map_err(|text| PackageError::one(file, None, text))?;
    let Value::Object(fields) = value else {
        let text = format!("expected a JSON object, found {}", describe(&value));
        return Err(PackageError::one(file, None, text));
    };
    let mut examiner = Examiner {
        file,
        fields,
        zipped,
        mistakes: Vec::new(),
        duplicates: Vec::new(),
    };
    Ok(examiner.examine(directory))
}

/// Reads fields and collects mistakes.
struct Examiner<'a> {
    file: &'a Path,
    fields: Map<String, Value>,
    zipped: bool,
    mistakes: Vec<Mistake>,
    duplicates: Vec<Mistake>,
}

impl Examiner<'_> {
    fn examine(&mut self, directory: &Path) -> Examined {
        let stem = self.file.file_stem().unwrap_or_default();
        let stem = stem.to_string_lossy().into_owned();
        if let Some(name) = self.string("name")
            && name != stem
        {
            self.mistake(
                "name",
                format!("expected `{stem}`, the file's name, found `{name}`; rename one of them"),
            );
        }
        let version = self.string("version").unwrap_or_default();
        let language = self.language();
        let executable = self.executable(directory, language.as_ref());
        let sources = self.names("sources");
        let sinks = self.names("sinks");
        let functions = self.names("functions");
        let unlisted = ["sources", "sinks", "functions"]
            .into_iter()
            .filter(|list| self.field(list).is_none())
            .collect();
        if let (Some(a), Some(b), Some(c)) = (&sources, &sinks, &functions)
            && a.is_empty()
            && b.is_empty()
            && c.is_empty()
        {
            self.mistake(
                "sources, sinks, functions",
                "all three are empty; name at least one symbol",
            );
        }
        Examined {
            name: stem,
            version,
            executable_name: self
                .field("executable")
                .and_then(Value::as_str)
                .map(str::to_owned),
            executable,
            language,
            sources,
            sinks,
            functions,
            unlisted,
            misspelled: self.misspelled(),
            mistakes: std::mem::take(&mut self.mistakes),
            duplicates: std::mem::take(&mut self.duplicates),
        }
    }

    /// Returns the keys that are almost like one that eKuiper reads. Any other key may
    /// be the author's own.
    fn misspelled(&self) -> Vec<Misspelled> {
        let keys = self.fields.keys();
        let unknown = keys.filter(|key| !KEYS.iter().any(|known| known.eq_ignore_ascii_case(key)));
        let misspelled = unknown.filter_map(|key| {
            // The search takes quadratic time.
            let typed = (key.len() <= 64).then(|| key.to_lowercase())?;
            let meant = nearest(&typed, KEYS)?;
            let text = format!("eKuiper does not know this key; did you mean `{meant}`?");
            Some(Misspelled {
                meant,
                mistake: Mistake::new(self.file, Some(key), text),
            })
        });
        misspelled.collect()
    }

    fn language(&mut self) -> Option<Language> {
        let found = self.field("language").is_some();
        let language = self.string("language");
        match language.as_deref() {
            Some("go") => Some(Language::Native),
            Some("python") => self.python(),
            Some("") => self.missing_language(),
            Some(other) => {
                self.mistake(
                    "language",
                    format!("expected `go` (any native executable) or `python`, found `{other}`"),
                );
                None
            }
            None if found => None,
            None => self.missing_language(),
        }
    }

    fn missing_language(&mut self) -> Option<Language> {
        self.mistake(
            "language",
            "is missing; set it to `go` (any native executable) or `python`",
        );
        None
    }

    fn python(&mut self) -> Option<Language> {
        let env = self.string("env").filter(|env| !env.is_empty());
        let kind = self
            .string("virtualEnvType")
            .filter(|kind| !kind.is_empty());
        match (kind.as_deref(), env) {
            (None, _) => Some(Language::Python { virtual_env: None }),
            (Some("conda"), Some(env)) => Some(Language::Python {
                virtual_env: Some(env),
            }),
            (Some("conda"), None) => {
                self.mistake("env", "is missing; name the conda environment");
                None
            }
            (Some(other), _) => {
                self.mistake(
                    "virtualEnvType",
                    format!("expected `conda`, the only type that eKuiper knows, found `{other}`"),
                );
                None
            }
        }
    }

    fn executable(&mut self, directory: &Path, language: Option<&Language>) -> Option<PathBuf> {
        let found = self.field("executable").is_some();
        let name = self.string("executable");
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            let wrong_type = found && !matches!(self.field("executable"), Some(Value::String(_)));
            if !wrong_type {
                self.mistake(
                    "executable",
                    "is missing; name a file in the plugin's directory",
                );
            }
            return None;
        };
        // eKuiper joins the paths so that an absolute name is in the directory too.
        let path = directory.join(name.trim_start_matches('/'));
        let shown = path.display();
        match fs::metadata(&path) {
            Err(error) => {
                self.mistake(
                    "executable",
                    format!("cannot find {shown}: {error}; build it, or correct the name"),
                );
                None
            }
            Ok(metadata) if !metadata.is_file() => {
                self.mistake("executable", format!("{shown} is not a file; name a file"));
                None
            }
            Ok(metadata)
                if language == Some(&Language::Native)
                    && metadata.permissions().mode() & 0o111 == 0 =>
            {
                let todo = if self.zipped {
                    "make it executable, and pack it again".to_owned()
                } else {
                    format!("run `chmod +x {shown}`")
                };
                self.mistake("executable", format!("{shown} is not executable; {todo}"));
                Some(path)
            }
            Ok(_) => Some(path),
        }
    }

    /// Reads a list of names. A missing list is empty.
    fn names(&mut self, field: &str) -> Option<Vec<String>> {
        let items = match self.field(field).cloned() {
            None => return Some(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(other) => {
                let text = format!("expected a list of names, found {}", describe(&other));
                self.mistake(field, text);
                return None;
            }
        };
        let before = self.mistakes.len();
        let mut seen = BTreeSet::new();
        let mut names = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let place = format!("{field}[{index}]");
            match item {
                Value::String(name) if name.is_empty() => {
                    self.mistake(&place, "expected a name, found an empty string");
                }
                Value::String(name) if !seen.insert(name.clone()) => {
                    let text = format!("`{name}` is listed twice; remove one");
                    self.duplicates
                        .push(Mistake::new(self.file, Some(&place), text));
                }
                Value::String(name) => names.push(name),
                other => {
                    let text = format!("expected a name, found {}", describe(&other));
                    self.mistake(&place, text);
                }
            }
        }
        (self.mistakes.len() == before).then_some(names)
    }

    fn string(&mut self, field: &str) -> Option<String> {
        match self.field(field) {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => {
                let text = format!("expected a string, found {}", describe(other));
                self.mistake(field, text);
                None
            }
        }
    }

    fn field(&self, name: &str) -> Option<&Value> {
        field(&self.fields, name)
    }

    fn mistake(&mut self, field: &str, text: impl Into<String>) {
        self.mistakes
            .push(Mistake::new(self.file, Some(field), text));
    }
}

/// Describes a JSON value for a message.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(text) => format!("the string `{text}`"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
