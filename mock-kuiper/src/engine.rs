//! What the command and the conformance suite are built on: the bytes on the
//! wire, the files of a plugin, releases as data, and the machinery of a host.
//!
//! **This module is exempt from semantic versioning**: anything in it may change
//! with any release. What a test needs is at the crate's root.

/// Calls and configurations as texts, for example `echo(1, "a")`.
pub mod call {
    pub use crate::call::*;
}

/// Observers that write events to a file, and what a host records.
pub mod event {
    pub use crate::event::{JsonLines, Trace, event_json};
}

/// The table of faults, and how a fault is read from a text.
pub mod fault {
    pub use crate::fault::{Amount, Description, FaultError};
}

/// Parts of a finding, and what is documented about each code.
pub mod finding {
    pub use crate::finding::{
        Explanation, Labels, Language, NOTHING, OtherText, Place, Quote, Remedy, Sdk, Seen,
        UnknownCode, Violation, Words, describe_status, explain, other_texts, troubleshooting,
    };
}

/// Foreign text, escaped and shortened.
pub mod foreign {
    pub use crate::foreign::*;
}

/// How Go's encoding/json reads and writes JSON.
pub mod go_json {
    pub use crate::go_json::*;
}

/// The limit of open files.
pub mod open_files {
    pub use crate::open_files::raise_limit;
}

/// Parts of a host that a test does not need.
pub mod host {
    pub use crate::host::{
        AckMode, GiveUp, Instance, Interrupter, KEPT_LINES, LAST_ROWS, Plugin, RESTORE, Received,
        process_name, source_order,
    };
}

/// What a process uses of the machine.
pub mod usage {
    pub use crate::host::usage::of_process;
}

/// Reports as one HTML file.
pub mod html {
    pub use crate::html::*;
}

/// A `/tmp` of the plugin's own.
///
/// Isolation keeps hosts apart; it is not a sandbox against a hostile plugin.
pub mod isolate {
    pub use crate::isolate::{IsolationError, refused};
}

/// A plugin on disk: reading it, checking it, packing it.
pub mod package {
    pub use crate::package::{
        Aligned, Build, CheckAdvice, CheckLevel, CheckLine, CheckReport, Checked, Front, Language,
        Manifest, Mistake, Packed, Plugin, Shape, SourceConfig, align, check, check_program,
        check_with_code, pack, put_in_front,
    };
}

/// Shell completions and man pages of a command.
#[cfg(feature = "pages")]
pub mod pages {
    pub use crate::pages::*;
}

/// What stands between a plugin and a real eKuiper, and records what they say.
pub mod recorder {
    pub use crate::recorder::*;
}

/// Hides secrets of configurations in every report.
pub mod redact {
    pub use crate::redact::Secrets;
}

/// How eKuiper releases differ, as data.
pub mod release {
    pub use crate::release::{
        AckChannel, DEFAULT_HOST, Datasource, FunctionMeta, LAUNCH_ARGUMENT, ORDER_TIMEOUT,
        ProcessLife, Property, Releases, Setting, StreamOptionSet, UnknownRelease,
        WorkingDirectory, YamlKeys,
    };
}

/// Plays the host's half of a trace to a plugin.
pub mod replay {
    pub use crate::replay::*;
}

/// Saves what a run did and saw as a case of a test file.
pub mod save {
    pub use crate::scenario::save::*;
}

/// The known word that is nearest to a mistyped one.
pub mod spelling {
    pub use crate::nearest::nearest;
}

/// A temporary directory that does not outlive the process.
pub mod scratch {
    pub use crate::scratch::Scratch;
}

/// What a channel is for.
pub mod symbol {
    pub use crate::symbol::Purpose;
}

/// The lines of a trace of a plugin's sockets.
pub mod trace {
    pub use crate::trace::*;
}

/// What carries the messages between host and plugin.
pub mod transport {
    pub use crate::transport::{Transport, UnavailableTransport, Waker};
}

/// The messages on the wire, byte for byte as eKuiper writes and reads them.
pub mod wire {
    pub use crate::wire::*;
}
