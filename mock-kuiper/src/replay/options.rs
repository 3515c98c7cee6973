//! How a trace is played, and what comes of it.

use std::collections::BTreeMap;
use std::time::Duration;

/// When the host's messages are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Timing {
    /// As soon as what the plugin had sent before has come.
    #[default]
    Fastest,
    /// Not before the time at which they were recorded, either.
    Recorded,
}

/// How a trace is played.
pub struct Options<'a> {
    /// When the host's messages are sent.
    pub timing: Timing,
    /// Whether the rows of sources must be equal, not only of the same shape.
    pub exact: bool,
    /// How long a row or an ack may take that the trace has.
    pub limit: Duration,
    /// The control channel that is played, if the trace has several.
    pub control: Option<&'a str>,
    /// Whether to stop at once.
    pub interrupted: &'a dyn Fn() -> bool,
    /// Receives each difference; of rows of one shape, only the first.
    pub differs: &'a mut dyn FnMut(&Difference),
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("timing", &self.timing)
            .field("exact", &self.exact)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Where the plugin's half is not as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The line of the trace.
    pub line: u64,
    /// Its channel.
    pub channel: String,
    /// What it is about: `answer to the start of source …`.
    pub what: String,
    /// What was recorded.
    pub recorded: String,
    /// What came instead.
    pub came: String,
}

/// How a trace was played.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Outcome {
    /// The messages of the host that were sent.
    pub sent: u64,
    /// The messages of the host that could not be sent.
    pub not_sent: u64,
    /// The messages of the plugin that were compared.
    pub compared: u64,
    /// Where the plugin's half was not as recorded.
    pub differences: u64,
    /// The rows of each channel of a source: how many were recorded until it was
    /// closed, and how many came.
    pub rows: BTreeMap<String, (u64, u64)>,
}
