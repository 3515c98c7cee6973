//! Where the results go: stdout, the files of the command line, and GitHub.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;
use std::{env, fs, io};

use ekuiper_conformance::report::{self, Results};
use serde_json::{Value, json};

use super::args::Args;
use super::error::CliError;

/// Writes the files that the command line names, and what GitHub shows.
pub(super) fn write_reports(args: &Args, all: &[Results<'_>]) -> Result<(), CliError> {
    if let Some(path) = &args.json {
        let values: Vec<_> = all.iter().map(report::json).collect();
        let text = serde_json::to_string_pretty(&json!({"runs": values}));
        let text = text.map_err(|error| CliError::System(error.to_string()))?;
        write(path, &(text + "\n"))?;
    }
    if let Some(path) = &args.junit {
        write(path, &report::junit(all).map_err(CliError::System)?)?;
    }
    if let Some(path) = &args.html {
        write(path, &report::html(all))?;
    }
    if env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        for results in all {
            print(&report::annotations(results))?;
        }
        if let Some(path) = env::var_os("GITHUB_STEP_SUMMARY") {
            let text: String = all.iter().map(report::summary).collect();
            let file = fs::OpenOptions::new().append(true).create(true).open(&path);
            file.and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| cannot_write(Path::new(&path), &error))?;
        }
    }
    Ok(())
}

/// The file of `--events`.
pub(super) struct Events<'a> {
    path: &'a Path,
    file: File,
    /// Why it could not be written to.
    error: OnceLock<io::Error>,
}

impl<'a> Events<'a> {
    pub(super) fn create(path: &'a Path) -> Result<Self, CliError> {
        let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        Ok(Self {
            path,
            file,
            error: OnceLock::new(),
        })
    }

    /// Writes a line.
    pub(super) fn write(&self, event: &Value) {
        let written = (&self.file).write_all(format!("{event}\n").as_bytes());
        if let Err(error) = written {
            // The first one is the reason of the others.
            let _ = self.error.set(error);
        }
    }

    /// Fails if a line could not be written.
    pub(super) fn close(self) -> Result<(), CliError> {
        match self.error.into_inner() {
            Some(error) => Err(cannot_write(self.path, &error)),
            None => Ok(()),
        }
    }
}

/// Writes a file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    CliError::System(format!("cannot write {}: {error}", path.display()))
}

/// Writes to stdout, without colours if it is not a terminal. It is not an error
/// if the reader closes a pipe early.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::System(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(()),
    }
}
