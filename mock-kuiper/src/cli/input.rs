//! The rows that the command line gives to sinks.

use std::fs::{self, File, Metadata};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The mistakes of one file that are listed.
pub(super) const LISTED: usize = 20;

/// Where the sinks' rows come from.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// The plugin's own sources.
    Sources,
    /// `--send`.
    Given(Vec<Value>),
    /// `--rows FILE`.
    File(PathBuf),
    /// `--rows -`.
    Stdin,
}

impl Input {
    /// Selects the input that `--send` and `--rows` name.
    pub(super) fn of(send: &[Value], rows: Option<&Path>) -> Self {
        match rows {
            Some(path) if path == Path::new("-") => Self::Stdin,
            Some(path) => Self::File(path.to_owned()),
            None if send.is_empty() => Self::Sources,
            None => Self::Given(send.to_vec()),
        }
    }

    /// Reads a file of rows, and returns what is wrong with it, line by line.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let Self::File(path) = self else {
            return Vec::new();
        };
        let wrong = |text: String| format!("--rows {}: {text}", path.display());
        let is_stream = |file: Metadata| !file.is_file() && !file.is_dir();
        if fs::metadata(path).is_ok_and(is_stream) {
            // A pipe, such as bash's `<(command)`, can be read once: its rows are checked
            // as they come.
            return Vec::new();
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => return vec![wrong(error.to_string())],
        };
        let mut mistakes = Vec::new();
        for (number, line) in (1_usize..).zip(BufReader::new(file).lines()) {
            if mistakes.len() == LISTED {
                mistakes.push(wrong("more lines may be wrong".to_owned()));
                break;
            }
            match line {
                Ok(line) => {
                    if let Err(error) = parse_row(&line) {
                        mistakes.push(wrong(format!("line {number}: {error}")));
                    }
                }
                Err(error) => {
                    mistakes.push(wrong(format!("line {number}: {error}")));
                    break;
                }
            }
        }
        mistakes
    }
}

/// Reads one line of a file of rows; an empty line is not a row.
pub(super) fn parse_row(line: &str) -> Result<Option<Value>, String> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(line).map(Some).map_err(|error| {
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text);
        let column = error.column();
        format!("column {column}: expected JSON, one value per line: {reason}")
    })
}
