//! Writes a project: completely, or not at all.
//!
//! The files are written to a hidden directory beside the new one, which is removed
//! however this process ends. A complete project is moved to its place in one step,
//! which fails if something is there.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use mock_kuiper::engine::scratch::Scratch;

use super::super::error::CliError;

/// Writes the files of a project to `path`, which is `name` in `parent`. Each file
/// has a relative path and a text.
pub(super) fn write(
    parent: &Path,
    path: &Path,
    name: &str,
    files: &[(String, String)],
) -> Result<(), CliError> {
    check_place(path)?;
    if !parent.is_dir() {
        let parent = parent.display();
        let text = format!("the directory {parent} does not exist; create it first");
        return Err(CliError::input(format!("{}: {text}", path.display())));
    }
    let place =
        Scratch::new_in(&format!(".{name}-"), parent).map_err(|error| failed(path, error))?;
    // Not the directory itself, which only its owner may enter.
    let project = place.path().join(name);
    for (file, text) in files {
        put(&project.join(file), text).map_err(|error| failed(path, error))?;
    }
    fs::rename(&project, path).map_err(|error| failed(path, error))
}

/// Checks that nothing is there, or an empty directory.
fn check_place(path: &Path) -> Result<(), CliError> {
    let shown = path.display();
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(path, error)),
    };
    if !there.is_dir() {
        let text = format!("{shown}: exists and is not a directory; choose another name");
        return Err(CliError::input(text));
    }
    let first = fs::read_dir(path).and_then(|mut entries| entries.next().transpose());
    match first.map_err(|error| failed(path, error))? {
        None => Ok(()),
        Some(entry) => {
            let found = entry.file_name();
            let text = format!(
                "{shown}: exists and is not empty, it has `{}`; choose another name, or remove it",
                found.to_string_lossy()
            );
            Err(CliError::input(text))
        }
    }
}

/// Creates a file that does not exist, and its directories.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).create(parent)?;
    }
    File::create_new(path)?.write_all(text.as_bytes())
}

/// Sorts an error: a place that refuses new files is one of the command line.
fn failed(path: &Path, error: io::Error) -> CliError {
    let shown = path.display();
    let text = format!("{shown}: cannot make the project: {error}");
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => CliError::input(format!(
            "{text}; choose a directory in which you can create files"
        )),
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::InvalidFilename => CliError::input(text),
        _ => CliError::Trouble(text),
    }
}
