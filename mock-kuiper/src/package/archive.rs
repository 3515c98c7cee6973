//! Reading the zip of a plugin.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::error::{Mistake, PackageError, is_of_the_path};
use super::files;
use crate::scratch::Scratch;

/// What a zip may unpack to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The number of entries.
    pub(super) entries: usize,
    /// The total size of the unpacked files in bytes.
    pub(super) size: u64,
    /// How many times as large as the zip the unpacked files may be.
    pub(super) ratio: u64,
    /// The total size in bytes up to which the ratio does not matter.
    pub(super) free: u64,
}

const MIB: u64 = 1024 * 1024;

/// The limits for every zip. Deflate reaches a ratio of 1032, real plugins of 10.
pub(super) const LIMITS: Limits = Limits {
    entries: 100_000,
    size: 2048 * MIB,
    ratio: 200,
    free: 64 * MIB,
};

/// Unpacks a zip into a temporary directory, with the permissions of its files.
///
/// # Errors
///
/// [`PackageError::Mistakes`] if the zip is broken, exceeds a limit, or has entries
/// that cannot be unpacked together, and [`PackageError::Io`] with the path of the
/// zip if the system refuses to write, for example because the disk is full.
pub(super) fn unpack(file: &Path, limits: Limits) -> Result<Scratch, PackageError> {
    let mut archive = open(file, limits)?;
    let target = Scratch::new("mock-kuiper-")
        .map_err(|error| PackageError::system(&std::env::temp_dir(), error))?;
    archive.unpack(target.path())?;
    Ok(target)
}

/// A zip whose number of entries is within the limit.
pub(super) struct Opened<'a> {
    file: &'a Path,
    limits: Limits,
    /// The size of the zip.
    packed: u64,
    archive: ZipArchive<File>,
}

/// Opens a zip.
pub(super) fn open(file: &Path, limits: Limits) -> Result<Opened<'_>, PackageError> {
    let reader = files::open(file)?;
    let packed = reader
        .metadata()
        .map_err(|error| PackageError::io(file, error))?
        .len();
    let archive = ZipArchive::new(reader).map_err(|error| unreadable(file, error))?;
    let count = archive.len();
    if count > limits.entries {
        let text = format!("has {count} entries; the limit is {}", limits.entries);
        return Err(PackageError::one(file, None, text));
    }
    Ok(Opened {
        file,
        limits,
        packed,
        archive,
    })
}

impl Opened<'_> {
    /// Unpacks all entries below the directory `target`.
    pub(super) fn unpack(&mut self, target: &Path) -> Result<(), PackageError> {
        let Self { file, limits, .. } = *self;
        let mut unpacking = Unpacking {
            file,
            target,
            limits,
            packed: self.packed,
            unpacked: 0,
        };
        let mut mistakes = Vec::new();
        for index in 0..self.archive.len() {
            let mut entry = self
                .archive
                .by_index(index)
                .map_err(|error| unreadable(file, error))?;
            let name = entry.name().map_err(|error| unreadable(file, error))?;
            let name = name.into_owned();
            mistakes.extend(unpacking.entry(&mut entry, &name)?);
        }
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(PackageError::Mistakes(mistakes))
        }
    }
}

struct Unpacking<'a> {
    file: &'a Path,
    target: &'a Path,
    limits: Limits,
    /// The size of the zip.
    packed: u64,
    /// The size of what was unpacked so far.
    unpacked: u64,
}

impl Unpacking<'_> {
    /// Unpacks one entry, or returns why it cannot be unpacked.
    fn entry(
        &mut self,
        entry: &mut ZipFile<'_, File>,
        name: &str,
    ) -> Result<Option<Mistake>, PackageError> {
        let mistake = |text: &str| Ok(Some(Mistake::new(self.file, Some(name), text)));
        if name.contains('\\') {
            return mistake(
                "has a backslash in its name, which eKuiper refuses; pack it again with `/`",
            );
        }
        let Some(path) = enclosed(name) else {
            return mistake(
                "would be unpacked outside of the plugin's directory; pack it under a relative name",
            );
        };
        if entry.is_symlink() {
            return mistake("is a symbolic link; pack the file it points to");
        }
        let path = self.target.join(path);
        let directory = if entry.is_dir() {
            Some(path.as_path())
        } else {
            path.parent()
        };
        let made = directory.map_or(Ok(()), fs::create_dir_all);
        let out = match made {
            Ok(()) if entry.is_dir() => return Ok(None),
            Ok(()) => File::create(&path),
            Err(error) => Err(error),
        };
        let mut out = match out {
            Ok(out) => out,
            Err(error) if is_of_the_path(&error) => {
                let text = format!(
                    "cannot be unpacked under this name: {error}; pack it again under another one"
                );
                return mistake(&text);
            }
            Err(error) => return Err(PackageError::system(self.file, error)),
        };
        let mode = entry.unix_mode();
        self.copy(entry, name, &mut out)?;
        if let Some(mode) = mode {
            out.set_permissions(fs::Permissions::from_mode(mode & 0o777 | 0o600))
                .map_err(|error| PackageError::system(self.file, error))?;
        }
        Ok(None)
    }

    /// Copies the bytes of an entry. What the zip declares about its size is not
    /// trusted.
    fn copy(
        &mut self,
        entry: &mut ZipFile<'_, File>,
        name: &str,
        out: &mut File,
    ) -> Result<(), PackageError> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = match entry.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let text = format!("is broken in the zip: {error}; pack it again");
                    return Err(PackageError::one(self.file, Some(name), text));
                }
            };
            self.unpacked += read as u64;
            self.check_size()?;
            out.write_all(&buffer[..read])
                .map_err(|error| PackageError::system(self.file, error))?;
        }
    }

    fn check_size(&self) -> Result<(), PackageError> {
        let Limits {
            size, ratio, free, ..
        } = self.limits;
        let text = if self.unpacked > size {
            format!("unpacks to more than {} MiB, the limit", size / MIB)
        } else if self.unpacked > free.max(self.packed.saturating_mul(ratio)) {
            format!(
                "unpacks to more than {ratio} times its size, the limit above {} MiB",
                free / MIB
            )
        } else {
            return Ok(());
        };
        Err(PackageError::one(self.file, None, text))
    }
}

/// Returns the path of an entry below the directory to unpack to; `None` if it would be
/// outside. As in eKuiper, a `/` at the beginning does not count.
///
/// The function of the crate `zip` also removes what is the letter of a drive on Windows.
fn enclosed(name: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir => path.pop().then_some(())?,
            Component::Prefix(_) => return None,
        }
    }
    (!name.contains('\0')).then_some(path)
}

/// Returns the names of a zip's entries in their order. The name of a directory
/// ends with `/`.
pub(super) fn names(file: &Path) -> Result<Vec<String>, PackageError> {
    let archive = ZipArchive::new(files::open(file)?).map_err(|error| unreadable(file, error))?;
    let names = archive.file_names();
    names
        .map(|name| Ok(name.map_err(|error| unreadable(file, error))?.into_owned()))
        .collect()
}

fn unreadable(file: &Path, error: ZipError) -> PackageError {
    match error {
        ZipError::Io(error) if error.raw_os_error().is_some() => PackageError::io(file, error),
        other => {
            let text = format!("is not a readable zip: {other}; pack it again");
            PackageError::one(file, None, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    const SMALL: Limits = Limits {
        entries: 2,
        size: 3 * MIB,
        ratio: 10,
        free: MIB,
    };

    #[test]
    fn an_entry_is_unpacked_under_its_name_or_not_at_all() {
        for (name, path) in [
            ("a/b", Some("a/b")),
            ("./a//b", Some("a/b")),
            ("/a", Some("a")),
            ("c:x", Some("c:x")),
            ("a/../b", Some("b")),
            ("../a", None),
            ("a/../../b", None),
            ("a\0b", None),
        ] {
            assert_eq!(enclosed(name), path.map(PathBuf::from), "{name}");
        }
    }

    /// Writes a zip whose files consist of zeros, and unpacks it.
    fn unpack_zeros(sizes: &[usize], method: zip::CompressionMethod) -> Result<(), String> {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.zip");
        let mut zip = ZipWriter::new(File::create(&file).unwrap());
        let options = SimpleFileOptions::default().compression_method(method);
        for (index, size) in sizes.iter().enumerate() {
            zip.start_file(index.to_string(), options).unwrap();
            zip.write_all(&vec![0; *size]).unwrap();
        }
        zip.finish().unwrap();
        let prefix = format!("{}: ", file.display());
        match unpack(&file, SMALL) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string().replace(&prefix, "")),
        }
    }

    #[test]
    fn a_zip_that_exceeds_a_limit_is_refused_with_the_limit() {
        let stored = zip::CompressionMethod::Stored;
        let deflated = zip::CompressionMethod::Deflated;
        let refused = |text: &str| Err(text.to_owned());
        const M: usize = 1024 * 1024;

        assert_eq!(unpack_zeros(&[M, 2 * M], stored), Ok(()));
        assert_eq!(
            unpack_zeros(&[M, 2 * M + 1], stored),
            refused("unpacks to more than 3 MiB, the limit")
        );
        assert_eq!(unpack_zeros(&[M], deflated), Ok(()));
        assert_eq!(
            unpack_zeros(&[M + 1], deflated),
            refused("unpacks to more than 10 times its size, the limit above 1 MiB")
        );
        assert_eq!(
            unpack_zeros(&[1, 1, 1], stored),
            refused("has 3 entries; the limit is 2")
        );
    }
}
