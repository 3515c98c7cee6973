//! Why a recorder does not start.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::foreign::in_sentence;
use crate::isolate::IsolationError;

/// Why a recorder does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecorderError {
    /// The recorder's settings cannot be read.
    Settings {
        /// Their file.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The trace cannot be opened.
    Trace {
        /// Its path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The trace is a named pipe, and nobody reads it.
    NoReader {
        /// Its path.
        path: PathBuf,
    },
    /// The file of the trace has something else in it.
    NotATrace {
        /// Its path.
        path: PathBuf,
    },
    /// The trace is of another plugin.
    OtherPlugin {
        /// Its path.
        path: PathBuf,
        /// The plugin that its first line names.
        found: String,
        /// The plugin that is recorded.
        expected: String,
    },
    /// Another recorder writes to the trace.
    InUse {
        /// Its path.
        path: PathBuf,
    },
    /// The plugin cannot have a `/tmp` of its own.
    Isolation(IsolationError),
    /// A socket file cannot be made or renamed.
    Socket {
        /// Its path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The plugin's program cannot be run.
    NotLaunched {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The process that writes the trace does not start.
    Keeper(io::Error),
    /// The system refuses a thread.
    Thread(io::Error),
}

impl fmt::Display for RecorderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings { path, source } => write!(
                f,
                "cannot read the settings {}: {source}; record the plugin again",
                path.display()
            ),
            Self::Trace { path, source } => write!(
                f,
                "cannot write the trace {}: {source}; record the plugin again with a path that \
                 eKuiper's user may write",
                path.display()
            ),
            Self::NoReader { path } => write!(
                f,
                "cannot write the trace {}: nobody reads this named pipe; start its reader \
                 before eKuiper launches the plugin",
                path.display()
            ),
            Self::NotATrace { path } => write!(
                f,
                "{} is not a trace, so nothing is appended to it; move it away, or record the \
                 plugin again with another path",
                path.display()
            ),
            Self::OtherPlugin {
                path,
                found,
                expected,
            } => write!(
                f,
                "{} is a trace of the plugin `{}`, so nothing of `{}` is appended to it; move it \
                 away, or record the plugin again with another path",
                path.display(),
                in_sentence(found),
                in_sentence(expected)
            ),
            Self::InUse { path } => write!(
                f,
                "another recorder writes to the trace {}; record the plugin again with another \
                 path for each eKuiper",
                path.display()
            ),
            Self::Isolation(error) => error.fmt(f),
            Self::Socket { path, source } => write!(
                f,
                "cannot stand between eKuiper and the plugin at {}: {source}; run eKuiper as a \
                 user that may rename files in /tmp, or allow it to make namespaces",
                path.display()
            ),
            Self::NotLaunched { program, source } => write!(
                f,
                "cannot run the plugin {}: {source}; record the plugin again",
                program.display()
            ),
            Self::Keeper(source) => write!(
                f,
                "cannot start the process that writes the trace: {source}"
            ),
            Self::Thread(source) => write!(f, "cannot start a thread: {source}"),
        }
    }
}

impl Error for RecorderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Settings { source, .. }
            | Self::Trace { source, .. }
            | Self::Socket { source, .. }
            | Self::NotLaunched { source, .. }
            | Self::Keeper(source)
            | Self::Thread(source) => Some(source),
            Self::Isolation(error) => error.source(),
            Self::NoReader { .. }
            | Self::NotATrace { .. }
            | Self::OtherPlugin { .. }
            | Self::InUse { .. } => None,
        }
    }
}

impl From<IsolationError> for RecorderError {
    fn from(error: IsolationError) -> Self {
        Self::Isolation(error)
    }
}
