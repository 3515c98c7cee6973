//! Why a subcommand could not do its work.

use std::fmt;

use mock_kuiper::host::HostError;
use mock_kuiper::isolate::IsolationError;
use mock_kuiper::package::PackageError;

/// Why a subcommand could not do its work.
#[derive(Debug)]
pub(super) enum CliError {
    /// The command line, or a file that it names, is wrong: one line for each
    /// mistake.
    Input(Vec<String>),
    /// The plugin did something that leaves nothing else to do.
    Finding(HostError),
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
        if error.is_finding() {
            Self::Finding(error)
        } else {
            match error {
                HostError::Package(error) => error.into(),
                HostError::CannotLaunch { .. }
                | HostError::Input(_)
                | HostError::Isolation(IsolationError::TmpItself { .. }) => {
                    Self::input(error.to_string())
                }
                other => Self::Trouble(other.to_string()),
            }
        }
    }
}

impl From<PackageError> for CliError {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Mistakes(mistakes) => {
                Self::Input(mistakes.iter().map(ToString::to_string).collect())
            }
            other => Self::Trouble(other.to_string()),
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(mistakes) => f.write_str(&mistakes.join("\n")),
            Self::Finding(error) => write!(f, "{error}"),
            Self::Trouble(text) => f.write_str(text),
        }
    }
}
