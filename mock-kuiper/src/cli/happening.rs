//! What the thread that gives the orders waits for.

use std::io;

use mock_kuiper::Finding;

use super::watch::Change;

/// What other threads report to the one that gives the orders.
#[derive(Debug)]
pub(super) enum Happening {
    /// A source's thread has ended; its channel is closed.
    SourceEnded(usize),
    /// The rows of the command line are sent, or some of them are wrong.
    InputEnded(Result<(), Vec<String>>),
    /// The plugin's process has exited.
    PluginEnded,
    /// A plugin that mock-kuiper has not launched was attached.
    Attached,
    /// An attached plugin that was started again did something wrong when it was given
    /// its orders again.
    StartedAgain(Box<Finding>),
    /// A signal asks the run to end.
    Signal,
    /// Stdout takes nothing more.
    StdoutFailed(io::Error),
    /// The plugin was changed, and built if it is built from source.
    Changed(Change),
}
