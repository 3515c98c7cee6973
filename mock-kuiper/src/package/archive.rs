//! Reading the zip of a plugin.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::error::{Mistake, PackageError};
use crate::scratch::Scratch;

/// Unpacks a zip into a temporary directory, with the permissions of its files.
pub(super) fn unpack(file: &Path) -> Result<Scratch, PackageError> {
    let reader = File::open(file).map_err(|error| PackageError::io(file, error))?;
    let mut archive = ZipArchive::new(reader).map_err(|error| unreadable(file, error))?;
    let target = Scratch::new("mock-kuiper-")
        .map_err(|error| PackageError::io(&std::env::temp_dir(), error))?;
    let mut mistakes = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| unreadable(file, error))?;
        let name = entry.name().map_err(|error| unreadable(file, error))?;
        let name = name.into_owned();
        let Some(path) = entry.enclosed_name() else {
            let text = "would be unpacked outside of the plugin's directory; pack it under a relative name";
            mistakes.push(Mistake::new(file, Some(&name), text));
            continue;
        };
        if entry.is_symlink() {
            let text = "is a symbolic link; pack the file it points to";
            mistakes.push(Mistake::new(file, Some(&name), text));
            continue;
        }
        let path = target.path().join(path);
        let directory = if entry.is_dir() {
            Some(path.as_path())
        } else {
            path.parent()
        };
        if let Some(directory) = directory {
            fs::create_dir_all(directory).map_err(|error| PackageError::io(directory, error))?;
        }
        if entry.is_dir() {
            continue;
        }
        let mut out = File::create(&path).map_err(|error| PackageError::io(&path, error))?;
        io::copy(&mut entry, &mut out)
            .map_err(|error| PackageError::one(file, Some(&name), error.to_string()))?;
        if let Some(mode) = entry.unix_mode() {
            let permissions = fs::Permissions::from_mode(mode & 0o777 | 0o600);
            out.set_permissions(permissions)
                .map_err(|error| PackageError::io(&path, error))?;
        }
    }
    if mistakes.is_empty() {
        Ok(target)
    } else {
        Err(PackageError::Mistakes(mistakes))
    }
}

/// Returns the names of a zip's entries in their order. The name of a directory
/// ends with `/`.
pub(super) fn names(file: &Path) -> Result<Vec<String>, PackageError> {
    let reader = File::open(file).map_err(|error| PackageError::io(file, error))?;
    let archive = ZipArchive::new(reader).map_err(|error| unreadable(file, error))?;
    let names = archive.file_names();
    names
        .map(|name| Ok(name.map_err(|error| unreadable(file, error))?.into_owned()))
        .collect()
}

fn unreadable(file: &Path, error: ZipError) -> PackageError {
    match error {
        ZipError::Io(error) => PackageError::io(file, error),
        other => {
            let text = format!("is not a readable zip: {other}; pack it again");
            PackageError::one(file, None, text)
        }
    }
}
