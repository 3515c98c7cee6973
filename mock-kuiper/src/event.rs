//! What happens between host and plugin, as it happens.
//!
//! A [`Host`](crate::host::Host) tells an [`Observer`]; whatever prints, counts
//! or records is one, and computes nothing that an event does not say.

use std::process::ExitStatus;

use crate::wire::SourceRow;

/// Is told what happens, on the thread where it happens.
///
/// Rows come at their full rate: an observer that is slow slows the plugin.
pub trait Observer: Send + Sync {
    /// Takes note of `event`.
    fn event(&self, event: &Event<'_>);
}

/// One thing that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The plugin's process was started.
    Launched {
        /// Program and arguments.
        command: &'a [String],
        /// The process id.
        pid: u32,
    },
    /// The plugin said its first message.
    Greeted,
    /// A process outside the plugin's group connected, and was turned away.
    TurnedAway {
        /// The channel, e.g. `plugin_mirror`.
        channel: &'a str,
        /// Its process id, where the system tells.
        pid: Option<u32>,
    },
    /// A message went over a channel.
    Frame {
        /// The channel, e.g. `plugin_mirror`.
        channel: &'a str,
        /// Who sent it.
        from: Side,
        /// The message's body.
        body: &'a [u8],
    },
    /// A symbol was started.
    Started {
        /// The symbol's kind, e.g. `source`.
        kind: crate::symbol::Kind,
        /// The symbol's name.
        symbol: &'a str,
    },
    /// A source sent a row.
    Row {
        /// The source's name.
        source: &'a str,
        /// The row.
        row: SourceRow<'a>,
    },
    /// All that a source has sent so far is read.
    CaughtUp {
        /// The source's name.
        source: &'a str,
    },
    /// A function answered a call.
    Called {
        /// The function's name.
        function: &'a str,
        /// The arguments, as JSON.
        args: &'a [serde_json::Value],
        /// The result as JSON, or the function's error text.
        outcome: Result<&'a str, &'a str>,
    },
    /// The plugin wrote a line to its stdout or stderr.
    Log {
        /// The line, without its end; at most 64 KiB of it.
        line: &'a str,
    },
    /// The plugin's process ended.
    Exited {
        /// How it ended.
        status: ExitStatus,
    },
    /// The plugin did something wrong.
    Finding {
        /// What, as a sentence without its full stop.
        text: &'a str,
    },
    /// Something that a person should know, and that is nobody's fault.
    Note {
        /// What, as a sentence without its full stop.
        text: &'a str,
    },
}

/// An end of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// eKuiper, or who plays its part.
    Host,
    /// The plugin.
    Plugin,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Host => "host",
            Side::Plugin => "plugin",
        })
    }
}
