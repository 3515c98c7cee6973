//! Why a plugin cannot be read or packed: mistakes of its author, and errors of the
//! system.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::foreign::in_sentence;

/// Why a plugin cannot be read or packed.
#[derive(Debug)]
#[non_exhaustive]
pub enum PackageError {
    /// The plugin's author made mistakes. All that were found are in the list.
    Mistakes(Vec<Mistake>),
    /// The system refuses to read a file or directory of the plugin, for example
    /// for lack of permission.
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system failed to read or to unpack a file, for example because the disk
    /// is full.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refused to write the zip.
    Write {
        /// The zip.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// One mistake of the plugin's author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file or directory that has the mistake.
    pub file: PathBuf,
    /// The field of a json, the section of a yaml, or the entry of a zip.
    pub field: Option<String>,
    /// What is wrong, and what to do next.
    pub text: String,
}

impl Mistake {
    pub(super) fn new(file: &Path, field: Option<&str>, text: impl Into<String>) -> Self {
        Mistake {
            file: file.to_owned(),
            field: field.map(str::to_owned),
            text: text.into(),
        }
    }
}

impl PackageError {
    pub(super) fn one(file: &Path, field: Option<&str>, text: impl Into<String>) -> Self {
        PackageError::Mistakes(vec![Mistake::new(file, field, text)])
    }

    /// Why a file of the plugin cannot be read: [`Unreadable`](Self::Unreadable) if
    /// the path or its permissions are the reason, and otherwise [`Io`](Self::Io).
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        if is_of_the_path(&source) {
            PackageError::Unreadable {
                path: path.to_owned(),
                source,
            }
        } else {
            PackageError::system(path, source)
        }
    }

    /// An error of the system at a file that the plugin's author did not name.
    pub(super) fn system(path: &Path, source: io::Error) -> Self {
        PackageError::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// Returns whether other files or another plugin are needed, as opposed to a
    /// failure of the system.
    #[must_use]
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Mistakes(_) | Self::Unreadable { .. })
    }
}

/// Returns whether the system refused an access because of what the user gave, as
/// opposed to a full disk or too many open files.
pub(super) fn is_of_the_path(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied
            | ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::AlreadyExists
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
    ) || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", in_sentence(&self.file.to_string_lossy()))?;
        if let Some(field) = &self.field {
            write!(f, "`{}`: ", in_sentence(field))?;
        }
        f.write_str(&in_sentence(&self.text))
    }
}

impl fmt::Display for PackageError {
    /// Writes one line for each mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PackageError::Mistakes(mistakes) => {
                for (index, mistake) in mistakes.iter().enumerate() {
                    let end = if index > 0 { "\n" } else { "" };
                    write!(f, "{end}{mistake}")?;
                }
                Ok(())
            }
            PackageError::Unreadable { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            PackageError::Io { path, source } => {
                write!(f, "cannot read or unpack {}: {source}", path.display())
            }
            PackageError::Write { path, source } => {
                write!(f, "cannot write {}: {source}", path.display())
            }
        }
    }
}

impl std::error::Error for PackageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PackageError::Mistakes(_) => None,
            PackageError::Unreadable { source, .. }
            | PackageError::Io { source, .. }
            | PackageError::Write { source, .. } => Some(source),
        }
    }
}
