//! The exit statuses that every subcommand shares.

/// The table of exit statuses, for `--help`.
pub(super) const STATUSES: &str = "\
Exit status:
  0  success
  1  the plugin did something wrong
  2  the command line or its input is wrong
  3  internal or system error";

/// How a subcommand ends that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Nothing is wrong with the plugin.
    Fine,
    /// The plugin did something wrong.
    Finding,
}

impl Exit {
    /// Returns the exit status.
    pub(super) fn status(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Finding => 1,
        }
    }
}
