//! Writing the zip that eKuiper installs.
//!
//! The same plugin gives the same bytes, independent of the umask, the times of the
//! files and their order in the directory.

use std::fs;
use std::io::{self, Cursor, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zip::result::ZipError;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::archive;
use super::check::Checked;
use super::contents::{Content, Contents, Entry};
use super::error::PackageError;
use super::files;

/// The size in bytes from which on an entry needs the zip64 format.
const LARGE: u64 = 0xffff_ffff;

/// A zip that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packed {
    /// The files in the zip, with their sizes in bytes.
    pub files: Vec<(String, u64)>,
    /// What else is in the plugin's directory, except hidden files and Python's
    /// caches.
    pub left_out: Vec<String>,
    /// The size of the zip in bytes.
    pub size: u64,
}

/// Packs a plugin that was checked. Returns `None` if the check found an error.
///
/// The zip holds the json, the executable, `sources/`, `sinks/`, `functions/` and
/// `install.sh`. For a Python plugin it holds everything in the directory except
/// virtual environments. Hidden files and Python's caches are left out.
///
/// The zip is written to a temporary file beside `output`, which is renamed at the
/// end.
///
/// # Errors
///
/// [`PackageError::Mistakes`] for names that are not UTF-8 and for links that cannot be
/// followed, which the check has not seen yet, [`PackageError::Io`] if a file cannot be
/// read, and [`PackageError::Write`] if the zip cannot be written.
pub fn pack(checked: &Checked, output: &Path) -> Result<Option<Packed>, PackageError> {
    let Some(plugin) = &checked.plugin else {
        return Ok(None);
    };
    let contents = Contents::of(plugin, Some(output))?;
    write_zip(contents, output).map(Some)
}

/// Writes a zip to a temporary file beside `output`, which is renamed at the end.
pub(super) fn write_zip(contents: Contents, output: &Path) -> Result<Packed, PackageError> {
    let refused = |source| PackageError::Write {
        path: output.to_owned(),
        source,
    };
    // In memory first: a `ZipWriter` that cannot write prints to stderr.
    let mut files = Vec::new();
    let zip = zip(&contents.entries, &mut files).map_err(|error| match error {
        ZipFailure::Read(error) => error,
        ZipFailure::Write(error) => refused(error.into()),
    })?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".mock-kuiper-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(beside(output))
        .map_err(refused)?;
    temporary.as_file_mut().write_all(&zip).map_err(refused)?;
    temporary
        .persist(output)
        .map_err(|error| refused(error.error))?;
    Ok(Packed {
        files,
        left_out: contents.left_out,
        size: zip.len() as u64,
    })
}

/// Returns the directory in which a file is, or will be.
pub(super) fn beside(output: &Path) -> &Path {
    match output.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

enum ZipFailure {
    Read(PackageError),
    Write(ZipError),
}

impl From<ZipError> for ZipFailure {
    fn from(error: ZipError) -> Self {
        ZipFailure::Write(error)
    }
}

/// Makes the zip in memory, and appends the names and sizes of its files to `files`.
fn zip(entries: &[Entry], files: &mut Vec<(String, u64)>) -> Result<Vec<u8>, ZipFailure> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut packed = 0;
    for entry in entries {
        let name = entry.name.as_str();
        let mode = if entry.executable { 0o755 } else { 0o644 };
        let path = match &entry.content {
            Content::Directory => {
                zip.add_directory(name, options.unix_permissions(0o755))?;
                continue;
            }
            Content::Bytes(bytes) => {
                zip.start_file(name, options.unix_permissions(mode))?;
                zip.write_all(bytes).map_err(ZipError::Io)?;
                files.push((entry.name.clone(), bytes.len() as u64));
                continue;
            }
            Content::File(path) => path,
        };
        let unreadable = |error| ZipFailure::Read(PackageError::io(path, error));
        let from = files::open(path).map_err(ZipFailure::Read)?;
        let size = from.metadata().map_err(unreadable)?.len();
        if size > archive::LIMITS.size - packed {
            let text = "this file and those before it have more than 2 GiB, the limit; leave \
                        something out";
            return Err(ZipFailure::Read(PackageError::one(path, None, text)));
        }
        let options = options.unix_permissions(mode).large_file(size >= LARGE);
        zip.start_file(name, options)?;
        // What is added to the file meanwhile is left out.
        let size = io::copy(&mut from.take(size), &mut zip).map_err(unreadable)?;
        packed += size;
        files.push((entry.name.clone(), size));
    }
    Ok(zip.finish()?.into_inner())
}
