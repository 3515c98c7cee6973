//! Why the command ends without results.

/// Why the command ends without results.
#[derive(Debug)]
pub(super) enum CliError {
    /// The command line or a file that it names is wrong; one line for each
    /// mistake.
    Input(Vec<String>),
    /// An internal or system error.
    System(String),
}
