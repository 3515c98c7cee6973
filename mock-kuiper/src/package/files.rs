//! Reading the files of a package, which may come from anyone.
//!
//! A FIFO would block its reader, and a device can be read without end. So only
//! regular files are opened, and each has a limit.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::error::PackageError;

/// The largest json, yaml or `install.sh` that is read: 1 MiB.
pub(super) const TEXT_LIMIT: u64 = 1024 * 1024;

/// The largest executable that is read: 1 GiB.
pub(super) const EXECUTABLE_LIMIT: u64 = 1024 * 1024 * 1024;

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
///
/// Those of [`open`], and [`PackageError::Mistakes`] if the file is larger.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, PackageError> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    // The size may change while the file is read.
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| PackageError::io(path, error))?;
    if bytes.len() as u64 > limit {
        let text = format!(
            "is larger than {} MiB, the limit for such a file; make it smaller",
            limit / (1024 * 1024)
        );
        return Err(PackageError::one(path, None, text));
    }
    Ok(bytes)
}

/// Opens a regular file. Links are followed.
///
/// # Errors
///
/// [`PackageError::Mistakes`] if it is anything else, which is not opened, and
/// otherwise those of [`PackageError::io`].
pub(super) fn open(path: &Path) -> Result<File, PackageError> {
    let failed = |error| PackageError::io(path, error);
    refuse_special(path, fs::metadata(path).map_err(failed)?.file_type())?;
    // Without waiting, in case a FIFO has replaced the file.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    refuse_special(path, file.metadata().map_err(failed)?.file_type())?;
    Ok(file)
}

/// Returns whether there is anything at `path`, except a link that leads nowhere.
///
/// # Errors
///
/// Those of [`PackageError::io`], for example if a directory above is not readable.
pub(super) fn exists(path: &Path) -> Result<bool, PackageError> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(PackageError::io(path, error)),
    }
}

fn refuse_special(path: &Path, kind: FileType) -> Result<(), PackageError> {
    if kind.is_file() {
        return Ok(());
    }
    let text = format!("is {}, not a regular file; replace it", describe(kind));
    Err(PackageError::one(path, None, text))
}

fn describe(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}
