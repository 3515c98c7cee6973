//! Writes what a run did and saw as a case of a test file.
//!
//! A file that exists keeps every byte: the case is put at the end of `cases`. What
//! is written was read again before: it has no mistakes, and the rest of the file
//! means what it meant.

mod seen;
mod step;

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

pub use self::seen::{saved_row, saved_sink_row};
pub use self::step::{SavedKind, SavedStart, SavedStep};
use super::model::TestFile;
use super::node::{self, FileMistake, Node};
use super::parse::{LIMIT, load, parse};
use super::pattern::{Variables, escape_text};
use super::words::{Words, fits};
use crate::redact::HIDDEN;
use crate::release::Release;

/// The comment of a saved case.
const COMMENT: &str =
    "# As it was seen: replace what changes from run to run, such as times, by matchers.";

/// A run, as the head of a test file describes it.
#[derive(Debug, Clone)]
pub struct SavedRun {
    /// The plugin.
    pub plugin: PathBuf,
    /// The Python interpreter; `None` for the default.
    pub python: Option<PathBuf>,
    /// What was added to the plugin's environment.
    pub env: Vec<(String, String)>,
    /// How long the plugin may take from its launch to its greeting, if that is not
    /// eKuiper's own limit.
    pub init_timeout: Option<Duration>,
    /// The release.
    pub release: &'static Release,
}

/// Why a case cannot be saved.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveError {
    /// The file has mistakes.
    Mistakes(Vec<FileMistake>),
    /// The file does not fit the run, or has no place for a case.
    Invalid(String),
    /// The system cannot read or write the file.
    Io(io::Error),
    /// A value has no form in a test file.
    Value(String),
}

/// The test file that a case is saved in.
#[derive(Debug)]
pub struct SaveFile {
    path: PathBuf,
    run: SavedRun,
}

impl SaveFile {
    /// Checks that a case of this run can be saved in the file, which may not exist.
    ///
    /// # Errors
    ///
    /// [`SaveError::Mistakes`] and [`SaveError::Invalid`] about a file that exists, and
    /// [`SaveError::Io`] if nothing can be written in its directory.
    pub fn open(path: &Path, run: SavedRun) -> Result<Self, SaveError> {
        let file = Self {
            path: path.to_owned(),
            run,
        };
        let idle = [SavedStep::Idle(Duration::ZERO)];
        let existing = Existing::read(&file.path)?;
        file.text(existing.as_ref(), &idle)?;
        temporary(&file.target()?)?;
        Ok(file)
    }

    /// Returns the text of a new file at this path with one case, which has these steps.
    /// Nothing is written. Without a name the case has one made of its steps.
    ///
    /// # Errors
    ///
    /// [`SaveError::Value`], and [`SaveError::Io`] if the plugin or the directory of the
    /// path does not exist.
    pub fn draft(
        path: &Path,
        run: SavedRun,
        name: Option<&str>,
        steps: &[SavedStep],
    ) -> Result<String, SaveError> {
        let file = Self {
            path: path.to_owned(),
            run,
        };
        let name = name.map_or_else(|| step::name(steps), str::to_owned);
        file.new_text(&name, steps)
    }

    /// Adds a case with these steps, and returns its name.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`SaveError::Value`].
    pub fn add(&self, steps: &[SavedStep]) -> Result<String, SaveError> {
        let existing = Existing::read(&self.path)?;
        let (text, name) = self.text(existing.as_ref(), steps)?;
        let target = self.target()?;
        let mut written = temporary(&target)?;
        written.write_all(text.as_bytes())?;
        let persisted = match existing {
            Some(_) => {
                let permissions = fs::metadata(&target)?.permissions();
                written.as_file().set_permissions(permissions)?;
                written.persist(&target)
            }
            None => written.persist_noclobber(&target),
        };
        match persisted {
            Ok(_) => Ok(name),
            Err(error) => Err(error.error.into()),
        }
    }

    /// Returns the text of a new file with these cases.
    ///
    /// # Errors
    ///
    /// [`SaveError::Value`], and [`SaveError::Io`] if the plugin cannot be found.
    pub fn with_cases(&self, cases: &[Vec<SavedStep>]) -> Result<String, SaveError> {
        let mut text = self.head()?;
        let mut names: Vec<String> = Vec::new();
        for steps in cases {
            let name = free_name(&step::name(steps), |name| names.iter().all(|n| n != name));
            text.push_str(&case(&name, None, steps, 0, "\n"));
            names.push(name);
        }
        self.check(&text)?;
        Ok(text)
    }

    /// Returns the path that is written: a symbolic link stays one.
    fn target(&self) -> io::Result<PathBuf> {
        match self.path.exists() {
            true => self.path.canonicalize(),
            false => Ok(self.path.clone()),
        }
    }

    /// Returns the text of the file with the case, and the name of the case.
    fn text(
        &self,
        existing: Option<&Existing>,
        steps: &[SavedStep],
    ) -> Result<(String, String), SaveError> {
        let Some(existing) = existing else {
            let name = step::name(steps);
            return Ok((self.new_text(&name, steps)?, name));
        };
        self.check_head(&existing.file)?;
        let name = existing.free_name(&step::name(steps));
        let is_only = existing.file.releases == [self.run.release];
        let release = (!is_only).then_some(self.run.release.name);
        let text = existing.with(|indent, line_end| case(&name, release, steps, indent, line_end));
        let Some(text) = text else {
            // Either no case can be added, or not this one.
            let alone = self.head()? + &case(&name, release, steps, 0, "\n");
            self.check(&alone)?;
            return Err(SaveError::Invalid(
                "a case cannot be added to `cases`; write it as a list whose items begin with `- `"
                    .to_owned(),
            ));
        };
        self.check(&text)?;
        Ok((text, name))
    }

    /// Returns the text of a new file with one case.
    fn new_text(&self, name: &str, steps: &[SavedStep]) -> Result<String, SaveError> {
        let mut text = self.head()?;
        text.push_str(&case(name, None, steps, 0, "\n"));
        self.check(&text)?;
        Ok(text)
    }

    /// Checks that the text can be read as a test file.
    fn check(&self, text: &str) -> Result<(), SaveError> {
        if text.len() as u64 > LIMIT {
            let text = format!("the file would have more than {} MiB", LIMIT >> 20);
            return Err(SaveError::Value(text));
        }
        let directory = directory_of(&self.path);
        match parse(&self.path, directory, text) {
            Ok(_) => Ok(()),
            Err(mistakes) => {
                let text = mistakes.into_iter().next().map(|(_, text)| text);
                Err(SaveError::Value(text.unwrap_or_default()))
            }
        }
    }

    /// Returns the keys of a new file before its first case.
    fn head(&self) -> Result<String, SaveError> {
        let directory = directory_of(&self.path).canonicalize()?;
        let plugin = relative(&self.run.plugin.canonicalize()?, &directory);
        let mut entries = vec![("plugin", path_words(&plugin)?)];
        if let Some(python) = &self.run.python {
            let is_path = python.components().count() > 1;
            let python = match is_path {
                true => relative(&absolute(python)?, &directory),
                false => python.clone(),
            };
            entries.push(("python", path_words(&python)?));
        }
        if !self.run.env.is_empty() {
            let env = self.run.env.iter();
            let env = env.map(|(name, value)| (name.clone(), Words::verbatim(escape_text(value))));
            entries.push(("env", Words::Map(env.collect())));
        }
        if let Some(limit) = self.run.init_timeout {
            entries.push(("init_timeout", step::duration(limit)));
        }
        let release = Words::verbatim(self.run.release.name);
        entries.push(("releases", Words::List(vec![release])));
        let entries = entries.into_iter();
        let entries = entries.map(|(key, words)| (key.to_owned(), words));
        let head = Words::Map(entries.collect()).block(0, "\n");
        Ok(format!("{head}\ncases:\n"))
    }

    /// Checks that the file is for the plugin, the interpreter and the environment of
    /// the run.
    fn check_head(&self, file: &TestFile) -> Result<(), SaveError> {
        let invalid = |text: String| Err(SaveError::Invalid(text));
        let plugin = self.run.plugin.canonicalize()?;
        if file.plugin.canonicalize().ok().as_ref() != Some(&plugin) {
            return invalid(format!(
                "it is for the plugin {}; name another file",
                file.plugin.display()
            ));
        }
        if let Some(python) = &self.run.python
            && absolute(python)? != absolute(&file.python)?
        {
            return invalid(format!(
                "its `python` is {}, and not {}; change one of them",
                file.python.display(),
                python.display()
            ));
        }
        for (name, value) in &self.run.env {
            let given = file.env.iter().find(|(other, _)| other == name);
            let given = given.map(|(_, template)| template.resolve(&Variables::new()));
            let is_same = match given {
                None => false,
                Some(Ok(Value::String(text))) => text == *value,
                Some(Ok(other)) => {
                    let text = other.to_string();
                    text == *value
                }
                // It has a variable, whose value is another one in each run.
                Some(Err(_)) => true,
            };
            if !is_same {
                return invalid(format!(
                    "its `env` does not set `{name}` as this run does; set it there"
                ));
            }
        }
        Ok(())
    }
}

/// A test file that exists.
#[derive(Debug)]
struct Existing {
    text: String,
    root: Node,
    file: TestFile,
}

impl Existing {
    fn read(path: &Path) -> Result<Option<Self>, SaveError> {
        if !path.exists() {
            return Ok(None);
        }
        let file = load(path).map_err(SaveError::Mistakes)?;
        let text = fs::read_to_string(path)?;
        let root = read(&text)
            .ok_or_else(|| SaveError::Invalid("it changes at the moment; try again".to_owned()))?;
        Ok(Some(Self { text, root, file }))
    }

    /// Returns the name, with a number if a case has it already.
    fn free_name(&self, name: &str) -> String {
        free_name(name, |name| {
            self.file.cases.iter().all(|case| case.name != name)
        })
    }

    /// Returns the text with one more case at the end of `cases`: at the end of the
    /// file, or after the line on which the last case ends. `None` if it has no such
    /// place.
    fn with(&self, case: impl Fn(usize, &str) -> String) -> Option<String> {
        let cases = self.root.get("cases")?;
        let line_end = match self.text.contains("\r\n") {
            true => "\r\n",
            false => "\n",
        };
        let case = case(cases.place.column - 1, line_end);
        let end = cases.span.end;
        let line = self.text[end..].find('\n').map(|length| end + length + 1);
        let places = [Some(self.text.len()), line];
        places.into_iter().flatten().find_map(|place| {
            let (before, after) = self.text.split_at(place);
            let gap = match before.ends_with('\n') {
                true => "",
                false => line_end,
            };
            let text = format!("{before}{gap}{case}{after}");
            self.is_kept_in(&text).then_some(text)
        })
    }

    /// Returns whether a text has what the file has, and one more case.
    fn is_kept_in(&self, text: &str) -> bool {
        let Some(mut value) = read(text).map(|root| root.to_json()) else {
            return false;
        };
        let added = value["cases"].as_array_mut().and_then(Vec::pop);
        added.is_some() && value == self.root.to_json()
    }
}

/// Returns the name, with a number if it is not free.
fn free_name(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name} ({number})"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| is_free(name)).unwrap_or_default()
}

/// Reads a document without mistakes.
fn read(text: &str) -> Option<Node> {
    let mut mistakes = Vec::new();
    node::read(text, &mut mistakes).filter(|_| mistakes.is_empty())
}

/// Writes a case as an item of a list.
fn case(
    name: &str,
    release: Option<&str>,
    steps: &[SavedStep],
    indent: usize,
    line_end: &str,
) -> String {
    let mut lines = vec![
        COMMENT.to_owned(),
        format!("- name: {}", Words::verbatim(name).flow()),
    ];
    if let Some(release) = release {
        let releases = Words::List(vec![Words::verbatim(release)]);
        lines.push(format!("  releases: {}", releases.flow()));
    }
    lines.push("  steps:".to_owned());
    for step in steps {
        lines.extend(step.comment().map(|comment| format!("  # {comment}")));
        let words = step.words();
        let flow = words.flow();
        let is_short =
            matches!(&words, Words::Map(entries) if entries.len() > 1) && fits(indent + 4, &flow);
        lines.push(match is_short {
            true => format!("  - {flow}"),
            false => format!("  - {}", words.block(indent + 4, line_end)),
        });
    }
    if lines.iter().any(|line| line.contains(HIDDEN)) {
        lines.insert(
            1,
            format!(
                "# Replace each `{HIDDEN}`, which hides a value, by one that the plugin takes."
            ),
        );
    }
    let indent = " ".repeat(indent);
    let lines = lines.iter();
    lines
        .map(|line| format!("{indent}{line}{line_end}"))
        .collect()
}

/// Creates a file beside the target, which takes its place once it is written.
fn temporary(target: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory_of(target))
}

/// Returns the directory of a file; that of a name alone is the present one.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// Returns the absolute path of an interpreter. One that is a link stays a link; a
/// name alone is found in PATH.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    match (path.components().count(), path.file_name()) {
        (2.., Some(name)) => Ok(directory_of(path).canonicalize()?.join(name)),
        _ => Ok(path.to_owned()),
    }
}

/// Returns the path from a directory. Both are absolute.
fn relative(path: &Path, directory: &Path) -> PathBuf {
    let shared = path.components().zip(directory.components());
    let shared = shared.take_while(|(one, other)| one == other).count();
    let up = directory.components().skip(shared).map(|_| "..".as_ref());
    let down = path.components().skip(shared).map(|part| part.as_os_str());
    let path: PathBuf = up.chain(down).collect();
    match path.as_os_str().is_empty() {
        true => ".".into(),
        false => path,
    }
}

fn path_words(path: &Path) -> Result<Words, SaveError> {
    let text = path
        .to_str()
        .ok_or_else(|| SaveError::Invalid(format!("the path {} is not UTF-8", path.display())))?;
    Ok(Words::verbatim(text))
}

impl From<io::Error> for SaveError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(mistakes) => {
                let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Invalid(text) => f.write_str(text),
            Self::Io(error) => write!(f, "cannot be written: {error}"),
            Self::Value(text) => write!(f, "what was seen cannot be written: {text}"),
        }
    }
}

impl std::error::Error for SaveError {}

#[cfg(test)]
mod tests;
