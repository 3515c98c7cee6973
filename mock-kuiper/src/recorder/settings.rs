//! What a recorder must know. It reads it from a file beside its own executable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::RecorderError;

/// The name of the recorder's executable in the plugin's directory.
pub const EXECUTABLE: &str = "mock-kuiper-recorder";

/// The name of the settings, beside the executable.
pub const SETTINGS: &str = "mock-kuiper-recorder.json";

/// What a recorder must know of its plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The plugin's name.
    pub plugin: String,
    /// The plugin's executable, relative to the recorder's directory.
    pub program: PathBuf,
    /// How the executable is run.
    pub launch: Program,
    /// The file of the trace.
    pub trace: PathBuf,
    /// The host that the trace names, for example `eKuiper 2.4`.
    pub host: String,
    /// Values under these keys are hidden in the trace.
    pub redact: Vec<String>,
    /// Paths that the plugin must see even if they are in `/tmp`.
    pub visible: Vec<PathBuf>,
    /// Whether socket files are renamed even if the plugin could have a `/tmp` of its
    /// own.
    pub rename: bool,
}

/// How a plugin's executable is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Program {
    /// Directly.
    Native,
    /// By Python.
    Python {
        /// The interpreter.
        interpreter: String,
        /// The conda environment to run it in.
        conda: Option<String>,
    },
}

impl Settings {
    /// Reads the settings beside this process's executable; `None` if there are none.
    ///
    /// # Errors
    ///
    /// [`RecorderError::Settings`] if the file cannot be read.
    pub fn beside_this_program() -> Result<Option<Self>, RecorderError> {
        let Ok(directory) = directory() else {
            return Ok(None);
        };
        let path = directory.join(SETTINGS);
        let failed = |source| RecorderError::Settings {
            path: path.clone(),
            source,
        };
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(
                serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?,
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns the text of the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self).unwrap_or_default();
        format!("{json}\n")
    }

    pub(super) fn program_in(&self, directory: &Path) -> PathBuf {
        directory.join(&self.program)
    }
}

/// Returns the directory of this process's executable.
pub(super) fn directory() -> Result<PathBuf, RecorderError> {
    let failed = |source| RecorderError::Settings {
        path: PathBuf::from(SETTINGS),
        source,
    };
    let program = std::env::current_exe().map_err(failed)?;
    let directory = program.parent().map(Path::to_owned);
    directory.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}
