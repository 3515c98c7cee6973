//! What was looked at, and what was found.

use std::path::Path;

use serde::Serialize;

use super::super::{Mistake, PackageError};

/// What a check found: a line for each file, and for each thing wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The plugin's name; `None` where no json says one.
    pub plugin: Option<String>,
    /// The lines, in the order in which the files were looked at.
    pub lines: Vec<Line>,
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// How bad it is.
    pub level: Level,
    /// The file, relative to the plugin's directory; empty for the plugin as a
    /// whole.
    pub file: String,
    /// The field of a json, or the section of a yaml.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it is, or what is wrong and what to do.
    pub text: String,
}

/// How bad a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// eKuiper takes it; something will not work, or not everywhere.
    Warning,
    /// eKuiper refuses it, or it cannot work.
    Error,
}

impl Report {
    /// Counts the lines of a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        let lines = self.lines.iter();
        lines.filter(|line| line.level == level).count()
    }

    pub(super) fn ok(&mut self, file: &str, text: impl Into<String>) {
        self.push(Level::Ok, file, None, text.into());
    }

    pub(super) fn warn(&mut self, file: &str, text: impl Into<String>) {
        self.push(Level::Warning, file, None, text.into());
    }

    pub(super) fn error(&mut self, file: &str, text: impl Into<String>) {
        self.push(Level::Error, file, None, text.into());
    }

    pub(super) fn push(&mut self, level: Level, file: &str, field: Option<String>, text: String) {
        self.lines.push(Line {
            level,
            file: file.to_owned(),
            field,
            text,
        });
    }

    /// Takes mistakes as lines of a level; files are named from `directory` on,
    /// also in the texts.
    ///
    /// # Errors
    ///
    /// Gives back what is no mistake of the plugin's author.
    pub(super) fn take(
        &mut self,
        level: Level,
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

    pub(super) fn take_one(&mut self, level: Level, mistake: Mistake, directory: &Path) {
        let file = mistake.file.strip_prefix(directory);
        let file = file.map_or_else(|_| "".into(), Path::to_string_lossy);
        let prefix = format!("{}/", directory.display());
        let text = mistake.text.replace(&prefix, "");
        self.push(level, &file, mistake.field, text);
    }
}
