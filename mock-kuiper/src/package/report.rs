//! The report of a check: a line for each file, and for each thing wrong with it.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::error::{Mistake, PackageError};

/// What a check found: a line for each file, and for each thing wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The plugin's name; `None` if no json was found.
    pub plugin: Option<String>,
    /// The lines, in the order in which the files were checked.
    pub lines: Vec<CheckLine>,
}

/// One line of a [`CheckReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// Whether the line reports a problem, and how bad it is.
    pub level: CheckLevel,
    /// The file, relative to the plugin's directory; empty if the line is about the
    /// plugin as a whole.
    pub file: String,
    /// The field of a json, or the section of a yaml.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the file is, or what is wrong with it and what to do.
    pub text: String,
    /// What the caller can do instead. The text does not mention it.
    #[serde(skip)]
    pub advice: Option<CheckAdvice>,
}

/// How bad it is what a [`CheckLine`] reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckLevel {
    /// The file is as it should be.
    Ok,
    /// What was written, changed or skipped, or comes from another directory.
    Note,
    /// eKuiper accepts it, but something will not work, or not on every machine.
    Warning,
    /// eKuiper refuses it, or it cannot work.
    Error,
}

/// What the caller of a check can do instead of what a line's text says.
///
/// `Display` phrases it for a user of this library, to be put after the text. A
/// command phrases it itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckAdvice {
    /// State for which machine the plugin is, with [`Build::target`](crate::package::Build::target).
    NameTarget,
    /// Let [`pack`](crate::package::pack()) write the zip.
    Pack,
    /// Let [`align`](crate::package::align) change the file, with `fix`.
    Fix,
    /// Describe the properties in the code, so that [`align`](crate::package::align)
    /// writes the file.
    Describe,
}

impl fmt::Display for CheckAdvice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameTarget => "or set `Build::target` to the machine that it is for",
            Self::Pack => "or let `package::pack` write the zip",
            Self::Fix => "or let `package::align` change the file",
            Self::Describe => {
                "or describe the properties with the feature `metadata` of the crate `ekuiper`, \
                 so that `package::align` writes it"
            }
        })
    }
}

impl CheckReport {
    /// Returns the number of lines of a level.
    #[must_use]
    pub fn count(&self, level: CheckLevel) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| line.level == level).count()
    }

    pub(super) fn ok(&mut self, file: &str, text: impl Into<String>) {
        self.push(CheckLevel::Ok, file, None, text.into());
    }

    pub(super) fn warn(&mut self, file: &str, text: impl Into<String>) {
        self.push(CheckLevel::Warning, file, None, text.into());
    }

    pub(super) fn note(&mut self, file: &str, text: impl Into<String>) {
        self.push(CheckLevel::Note, file, None, text.into());
    }

    pub(super) fn error(&mut self, file: &str, text: impl Into<String>) {
        self.push(CheckLevel::Error, file, None, text.into());
    }

    pub(super) fn error_or(&mut self, file: &str, text: String, advice: CheckAdvice) {
        self.error(file, text);
        if let Some(line) = self.lines.last_mut() {
            line.advice = Some(advice);
        }
    }

    pub(super) fn push(
        &mut self,
        level: CheckLevel,
        file: &str,
        field: Option<String>,
        text: String,
    ) {
        self.lines.push(CheckLine {
            level,
            file: file.to_owned(),
            field,
            text,
            advice: None,
        });
    }

    /// Adds a line for each mistake. Files are named relative to `directory`, also
    /// in the texts.
    ///
    /// # Errors
    ///
    /// Returns an error that is not a mistake of the plugin's author.
    pub(super) fn take(
        &mut self,
        level: CheckLevel,
        error: PackageError,
        directory: &Path,
    ) -> Result<(), PackageError> {
        let PackageError::Mistakes(mistakes) = error else {
            return Err(error);
        };
        for mistake in mistakes {
            self.take_one(level, mistake, directory);
        }
        Ok(())
    }

    /// Adds a line for a mistake.
    pub(super) fn take_one(&mut self, level: CheckLevel, mistake: Mistake, directory: &Path) {
        let file = mistake.file.strip_prefix(directory);
        let file = file.map_or_else(|_| "".into(), Path::to_string_lossy);
        let prefix = format!("{}/", directory.display());
        let text = mistake.text.replace(&prefix, "");
        self.push(level, &file, mistake.field, text);
    }
}
