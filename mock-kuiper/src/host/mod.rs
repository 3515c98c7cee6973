//! A host: one plugin, launched, given orders, and ended.
//!
//! The caller decides what happens and when. The host sends what eKuiper sends,
//! and reports what the plugin does.
//!
//! Rules: docs/protocol.md, sections 3 to 8.

mod adversity;
mod answer;
mod attach_command;
mod attachment;
mod attend;
mod breach;
mod builder;
mod channel;
mod command_line;
mod error;
mod exit;
mod failure;
mod function;
mod growth;
#[expect(clippy::module_inception, reason = "the type `Host` has its own file")]
mod host;
mod inner;
mod presence;
mod process;
mod pull;
mod raw;
mod replace;
mod restart;
mod seen;
mod sending;
mod shared;
mod sink;
mod source;
mod start;
mod state;
mod supervisor;
mod turn;
pub(crate) mod usage;

pub(crate) use self::answer::require_ok;
pub use self::attach_command::AttachCommand;
pub use self::builder::{Builder, Plugin};
pub use self::error::{HostError, InputError, SystemError, process_name};
pub use self::function::{Function, Reply};
pub use self::host::{Host, Interrupter};
pub use self::presence::RESTORE;
pub use self::process::KEPT_LINES;
pub(crate) use self::raw::{Closer, RawPull, RawPush};
pub use self::restart::Instance;
pub use self::sink::{AckMode, GiveUp, Sink};
pub use self::source::{LAST_ROWS, Received, Row, Source};
pub use self::start::{SinkStart, SourceStart, source_order};
pub(crate) use self::supervisor::{Connection, Report, Reports, Supervisor};
