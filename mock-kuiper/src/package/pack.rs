//! Writing the zip that eKuiper installs.
//!
//! The same plugin gives the same bytes, independent of the umask, the times of the
//! files and their order in the directory.

use std::fs;
use std::io::{self, Cursor, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::archive;
use super::check::Checked;
use super::error::{Mistake, PackageError};
use super::files;
use super::parts::{PARTS, Packable, names_in};

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
/// [`PackageError::Mistakes`] for names that are not UTF-8 and for links that form a
/// circle, [`PackageError::Io`] if a file cannot be read, and
/// [`PackageError::Write`] if the zip cannot be written.
pub fn pack(checked: &Checked, output: &Path) -> Result<Option<Packed>, PackageError> {
    let Some(plugin) = &checked.plugin else {
        return Ok(None);
    };
    let contents = Contents::of(plugin, output)?;
    let refused = |source| PackageError::Write {
        path: output.to_owned(),
        source,
    };
    let beside = match output.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
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
        .tempfile_in(beside)
        .map_err(refused)?;
    temporary.as_file_mut().write_all(&zip).map_err(refused)?;
    temporary
        .persist(output)
        .map_err(|error| refused(error.error))?;
    Ok(Some(Packed {
        files,
        left_out: contents.left_out,
        size: zip.len() as u64,
    }))
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
fn zip(entries: &[ZipEntry], files: &mut Vec<(String, u64)>) -> Result<Vec<u8>, ZipFailure> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut packed = 0;
    for entry in entries {
        let name = entry.name.as_str();
        let Some(path) = &entry.file else {
            zip.add_directory(name, options.unix_permissions(0o755))?;
            continue;
        };
        let unreadable = |error| ZipFailure::Read(PackageError::io(path, error));
        let from = files::open(path).map_err(ZipFailure::Read)?;
        let size = from.metadata().map_err(unreadable)?.len();
        if size > archive::LIMITS.size - packed {
            let text = "this file and those before it have more than 2 GiB, the limit; leave \
                        something out";
            return Err(ZipFailure::Read(PackageError::one(path, None, text)));
        }
        let options = options
            .unix_permissions(if entry.executable { 0o755 } else { 0o644 })
            .large_file(size >= LARGE);
        zip.start_file(name, options)?;
        // What is added to the file meanwhile is left out.
        let size = io::copy(&mut from.take(size), &mut zip).map_err(unreadable)?;
        packed += size;
        files.push((entry.name.clone(), size));
    }
    Ok(zip.finish()?.into_inner())
}

/// What is packed, sorted by name.
#[derive(Debug, Default)]
struct Contents {
    entries: Vec<ZipEntry>,
    left_out: Vec<String>,
    mistakes: Vec<Mistake>,
}

#[derive(Debug)]
struct ZipEntry {
    /// The name in the zip. The name of a directory ends with `/`.
    name: String,
    /// The file; `None` for a directory.
    file: Option<PathBuf>,
    executable: bool,
}

impl Contents {
    fn of(plugin: &Packable, output: &Path) -> Result<Contents, PackageError> {
        let mut contents = Contents::default();
        let json = plugin.json.file_name().unwrap_or_default();
        let output = output.canonicalize().ok();
        let executable = Path::new(&plugin.executable);
        for name in names_in(&plugin.directory)? {
            let path = plugin.directory.join(&name);
            let named = PARTS.contains(&name.as_str()) || json == name.as_str();
            if output.is_some() && path.canonicalize().ok() == output {
                continue;
            }
            if named || plugin.takes_all || executable == Path::new(&name) {
                contents.add(&path, name, plugin, &mut Vec::new())?;
            } else if !executable.starts_with(&name) {
                contents.left_out.push(name);
            }
        }
        // The executable may be in a directory of which nothing else is packed.
        let has = |entry: &ZipEntry| entry.name == plugin.executable;
        if !contents.entries.iter().any(has) {
            for directory in executable.ancestors().skip(1) {
                if directory != Path::new("") {
                    contents.directory(format!("{}/", directory.display()));
                }
            }
            contents.entries.push(ZipEntry {
                name: plugin.executable.clone(),
                file: Some(plugin.directory.join(executable)),
                executable: true,
            });
        }
        contents.entries.sort_by(|a, b| a.name.cmp(&b.name));
        if contents.mistakes.is_empty() {
            Ok(contents)
        } else {
            Err(PackageError::Mistakes(contents.mistakes))
        }
    }

    /// Adds a file, or a directory with everything in it. `above` holds the real
    /// paths of the directories around it.
    fn add(
        &mut self,
        path: &Path,
        name: String,
        plugin: &Packable,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), PackageError> {
        let unreadable = |error| PackageError::io(path, error);
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if metadata.is_file() {
            let own = metadata.permissions().mode() & 0o100 != 0;
            let executable = name == plugin.executable || name == "install.sh";
            self.entries.push(ZipEntry {
                file: Some(path.to_owned()),
                executable: executable || plugin.takes_all && own,
                name,
            });
            return Ok(());
        }
        if !metadata.is_dir() {
            self.left_out.push(name);
            return Ok(());
        }
        if path.join("pyvenv.cfg").is_file() {
            self.left_out.push(format!("{name}/"));
            return Ok(());
        }
        let real = path.canonicalize().map_err(unreadable)?;
        if above.contains(&real) {
            let text = "is a link to a directory that contains it; remove it";
            self.mistakes.push(Mistake::new(path, None, text));
            return Ok(());
        }
        above.push(real);
        // eKuiper 2.4 creates the directory of a file, and none above it. The
        // directories in `PARTS` exist there, and an entry would create others.
        if !PARTS.contains(&name.as_str()) {
            self.directory(format!("{name}/"));
        }
        for inner in names_in(path)? {
            self.add(&path.join(&inner), format!("{name}/{inner}"), plugin, above)?;
        }
        above.pop();
        Ok(())
    }

    fn directory(&mut self, name: String) {
        self.entries.push(ZipEntry {
            name,
            file: None,
            executable: false,
        });
    }
}
