//! Why a subcommand could not do its work.

use std::fmt;

use mock_kuiper::{Finding, HostError, InputError, PackageError};

use super::advice;

/// Why a subcommand could not do its work.
#[derive(Debug)]
pub(super) enum CliError {
    /// The command line, or a file that it names, is wrong: one line for each
    /// mistake.
    Input(Vec<String>),
    /// The plugin did something that leaves nothing else to do.
    Finding(Box<Finding>),
    /// An internal error, or one of the system.
    Trouble(String),
}

impl CliError {
    /// Makes the error for one mistake.
    pub(super) fn input(text: impl Into<String>) -> Self {
        Self::Input(vec![text.into()])
    }

    /// Returns the exit status.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Finding(_) => 1,
            Self::Input(_) => 2,
            Self::Trouble(_) => 3,
        }
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Finding(finding) => Self::Finding(finding),
            HostError::Input(error) => match *error {
                InputError::Package(error) => error.into(),
                other => Self::input(advice::error(&HostError::Input(Box::new(other)))),
            },
            other => Self::Trouble(advice::error(&other)),
        }
    }
}

impl From<PackageError> for CliError {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Mistakes(mistakes) => {
                Self::Input(mistakes.iter().map(ToString::to_string).collect())
            }
            other if other.is_input() => Self::input(other.to_string()),
            other => Self::Trouble(other.to_string()),
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(mistakes) => f.write_str(&mistakes.join("\n")),
            Self::Finding(finding) => f.write_str(&advice::finding(finding, None)),
            Self::Trouble(text) => f.write_str(text),
        }
    }
}
