//! What happens between host and plugin, as it happens.
//!
//! A [`Host`](crate::Host) sends events to its [`Observer`]s. Whatever prints,
//! counts or records is an observer, and computes nothing that an event does
//! not carry.

mod json;
mod lines;
mod record;
mod trace;

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

pub use json::{JsonLines, event_json};
pub(crate) use record::Recorder;
pub use record::{Frame, Limits};
pub use trace::Trace;

use crate::breach::Breach;
use crate::fault::{Fault, Outcome};
use crate::finding::Finding;
use crate::symbol::Side;
use crate::symbol::{Channel, Kind};
use crate::usage::Usage;
use crate::wire::{Ack, Command, InvalidAnswer, InvalidRow, OrderAnswer, SourceRow};

/// Receives events, on the thread where they happen.
///
/// Rows arrive at their full rate: a slow observer slows the plugin.
pub trait Observer: Send + Sync {
    /// Receives `event`.
    fn event(&self, event: &Event<'_>);
}

/// One thing that happened, and when.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The time since the host began, just before the first launch. For a row,
    /// the time at which it was read from the socket.
    pub at: Duration,
    /// What happened.
    pub what: What<'a>,
}

impl<'a> Event<'a> {
    /// Makes an event.
    #[must_use]
    pub fn new(at: Duration, what: What<'a>) -> Self {
        Self { at, what }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum What<'a> {
    /// The plugin's process was started.
    Launched {
        /// Program and arguments.
        command: &'a [String],
        /// The working directory, unless it is the host's own.
        directory: Option<&'a Path>,
        /// The process id.
        pid: u32,
    },
    /// A peer connected and sent its transport greeting.
    Connected {
        /// The channel.
        channel: &'a Channel,
        /// Its process id, if the system tells.
        pid: Option<u32>,
    },
    /// A process that is not the plugin connected and was rejected.
    TurnedAway {
        /// The channel.
        channel: &'a Channel,
        /// Its process id, if the system tells.
        pid: Option<u32>,
        /// Why it is not the plugin.
        reason: Stranger,
    },
    /// A plugin that the host has not launched connected to the control channel;
    /// see [`Builder::attach`](crate::Builder::attach).
    Attached {
        /// Its process id, if the system tells.
        pid: Option<u32>,
    },
    /// An attached plugin has exited; its exit status is not known. The host waits
    /// for it to be started again.
    Detached {
        /// Its process id, if the system told.
        pid: Option<u32>,
    },
    /// A plugin that was started again got the start order of what ran before.
    StartedAgain {
        /// The symbol's kind.
        kind: Kind,
        /// The symbol's name.
        symbol: &'a str,
        /// What it did wrong, if it does not run now.
        finding: Option<&'a Finding>,
    },
    /// A connection ended.
    Closed {
        /// The channel.
        channel: &'a Channel,
        /// Who closed it.
        from: Side,
    },
    /// A message went over a channel.
    Message(Message<'a>),
    /// A symbol was started: its start order was answered with `ok`.
    Started {
        /// The symbol's kind.
        kind: Kind,
        /// The symbol's name.
        symbol: &'a str,
    },
    /// A symbol was stopped.
    Stopped {
        /// The symbol's kind.
        kind: Kind,
        /// The symbol's name.
        symbol: &'a str,
    },
    /// Everything a source has sent so far has been read.
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
        /// The result, or the function's error text.
        outcome: Result<&'a serde_json::Value, &'a str>,
    },
    /// The plugin wrote a line to its stdout or stderr.
    Log {
        /// The line, without its end; at most 64 KiB of it.
        line: &'a str,
    },
    /// The plugin's process exited.
    Exited {
        /// Its exit status.
        status: ExitStatus,
    },
    /// The host breaks the transport's protocol, on purpose.
    Breached {
        /// The channel.
        channel: &'a Channel,
        /// How.
        breach: Breach,
    },
    /// What the plugin's process used before and after many stops and starts.
    Used {
        /// How often each instance was stopped and started.
        cycles: u32,
        /// Before the first stop.
        before: Usage,
        /// After the last start.
        after: Usage,
    },
    /// A fault begins, or has been survived.
    Fault {
        /// The fault.
        fault: Fault,
        /// The result; `None` when the fault begins.
        outcome: Option<Outcome>,
    },
    /// The plugin did something wrong.
    Finding {
        /// What.
        finding: &'a Finding,
        /// The fault during which it was observed.
        during: Option<Fault>,
    },
    /// Something a person should know that is not a finding.
    Note {
        /// What, as a sentence without its full stop.
        text: &'a str,
    },
}

/// Why a process that connected is not the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stranger {
    /// The host did not launch it.
    NotLaunched,
    /// It belongs to another user than the host.
    OtherUser {
        /// The id of its user.
        user: u32,
    },
    /// Another plugin is attached, and runs.
    SecondPlugin {
        /// The process id of that plugin.
        attached: u32,
    },
}

/// A message on a channel.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The channel.
    pub channel: &'a Channel,
    /// The sender.
    pub from: Side,
    /// The request id in front of it, on a control or function channel.
    pub id: Option<u32>,
    /// Its body.
    pub body: &'a [u8],
    /// The kind of message.
    pub meaning: Meaning<'a>,
}

/// The kind of a message.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Meaning<'a> {
    /// The plugin's first message on a request channel, or a later one that
    /// begins with `h` and that the release takes for a greeting.
    Greeting,
    /// An order to start or stop a symbol.
    Order {
        /// `start` or `stop`.
        command: Command,
        /// The symbol's kind.
        kind: Kind,
        /// The symbol's name.
        symbol: &'a str,
    },
    /// The answer to an order.
    Answer(OrderAnswer<'a>),
    /// A row of a source.
    Row {
        /// The source's name.
        source: &'a str,
        /// The row.
        row: SourceRow<'a>,
    },
    /// A message of a source that is not a row.
    InvalidRow {
        /// The source's name.
        source: &'a str,
        /// What is wrong with it.
        error: &'a InvalidRow,
    },
    /// A row for a sink.
    SinkRow {
        /// The sink's name.
        sink: &'a str,
    },
    /// A sink's answer to a row.
    Ack {
        /// The sink's name.
        sink: &'a str,
        /// The answer.
        ack: Result<&'a Ack, &'a InvalidAnswer>,
    },
    /// A request to a function.
    Request {
        /// The function's name.
        function: &'a str,
        /// `IsAggregate`, `Validate` or `Exec`.
        request: &'static str,
    },
    /// A function's answer to a request.
    Reply {
        /// The function's name.
        function: &'a str,
    },
    /// An answer that nobody waits for any more; it is dropped.
    Late,
    /// An order under the id of a request that the plugin has given up; its
    /// socket drops it.
    Stale,
    /// Bytes of the caller, which no eKuiper sends.
    Raw,
}

impl Meaning<'_> {
    /// Returns the meaning in one word, as in the JSON of an event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Meaning::Greeting => "greeted",
            Meaning::Order { .. } => "order",
            Meaning::Answer(_) => "answer",
            Meaning::Row { .. } => "row",
            Meaning::InvalidRow { .. } => "invalid_row",
            Meaning::SinkRow { .. } => "sink_row",
            Meaning::Ack { .. } => "ack",
            Meaning::Request { .. } => "request",
            Meaning::Reply { .. } => "reply",
            Meaning::Late => "late",
            Meaning::Stale => "stale",
            Meaning::Raw => "raw",
        }
    }
}
