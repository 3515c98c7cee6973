//! From a test file to the model, with all its mistakes at once.
//!
//! `shape` checks the tree against the table of the format. Then `reader` makes the
//! model from whatever has the right shape, and checks what the table cannot say.

mod case;
mod command;
mod file;
mod reader;
mod releases;
mod scope;
mod shape;

use std::path::Path;

use super::format::FILE;
use super::model::TestFile;
use super::node::{self, FileMistake, Place};
use crate::package::{PackageError, files};

/// The largest test file that is read: 4 MiB.
pub(super) const LIMIT: u64 = 4 * 1024 * 1024;

/// Reads a test file.
///
/// # Errors
///
/// All mistakes that were found, in the order of their places.
pub fn load(path: &Path) -> Result<TestFile, Vec<FileMistake>> {
    let one = |text: String| {
        let file = path.to_owned();
        let place = None;
        vec![FileMistake { file, place, text }]
    };
    let bytes = files::read(path, LIMIT).map_err(|error| one(unreadable(&error)))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..valid]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        one(format!("is not UTF-8 at line {line}; save it as UTF-8"))
    })?;
    let directory = path.parent().unwrap_or(Path::new(""));
    parse(path, directory, &text).map_err(|mut mistakes| {
        mistakes.sort();
        mistakes.dedup();
        let mistakes = mistakes.into_iter().map(|(place, text)| FileMistake {
            file: path.to_owned(),
            place: Some(place),
            text,
        });
        mistakes.collect()
    })
}

/// Reads the text of a test file, in which paths are relative to `directory`.
pub(super) fn parse(
    path: &Path,
    directory: &Path,
    text: &str,
) -> Result<TestFile, Vec<(Place, String)>> {
    let mut mistakes = Vec::new();
    let Some(root) = node::read(text, &mut mistakes) else {
        return Err(mistakes);
    };
    shape::check_form(&root, &FILE, &mut mistakes);
    let file = file::read(path, directory, &root, &mut mistakes);
    match file {
        Some(file) if mistakes.is_empty() => Ok(file),
        _ => Err(mistakes),
    }
}

/// Returns the mistakes that the table knows of: for its tests.
#[cfg(test)]
pub(super) fn form_mistakes(node: &node::Node, form: &super::format::Form) -> Vec<(Place, String)> {
    let mut mistakes = Vec::new();
    shape::check_form(node, form, &mut mistakes);
    mistakes
}

fn unreadable(error: &PackageError) -> String {
    match error {
        PackageError::Mistakes(mistakes) => {
            let texts: Vec<_> = mistakes
                .iter()
                .map(|mistake| mistake.text.as_str())
                .collect();
            texts.join("; ")
        }
        PackageError::Unreadable { source, .. }
        | PackageError::Io { source, .. }
        | PackageError::Write { source, .. } => format!("cannot be read: {source}"),
    }
}

#[cfg(test)]
mod tests;
