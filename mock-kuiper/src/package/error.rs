//! Why a plugin cannot be read or packed: mistakes of its author, and errors of the
//! system.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::foreign::in_sentence;

/// Why a plugin cannot be read or packed.
#[derive(Debug)]
#[non_exhaustive]
pub enum PackageError {
    /// The plugin's author made mistakes. All that were found are in the list.
    Mistakes(Vec<Mistake>),
    /// The system refused to read or to unpack a file.
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

    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        PackageError::Io {
            path: path.to_owned(),
            source,
        }
    }
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
            PackageError::Io { source, .. } | PackageError::Write { source, .. } => Some(source),
        }
    }
}
