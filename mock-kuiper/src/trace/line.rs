//! The lines of a trace, as they are written and read.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The first line: what the trace is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header<'a> {
    /// The host, for example `eKuiper 2.4.0`.
    #[serde(borrow)]
    pub host: Cow<'a, str>,
    /// The plugin.
    #[serde(borrow)]
    pub plugin: Cow<'a, str>,
    /// How the trace was made.
    #[serde(borrow, default)]
    pub note: Cow<'a, str>,
    /// The messages that were left out.
    #[serde(default)]
    pub dropped: u64,
}

/// Any other line, its keys in the order of the recorded vectors.
///
/// An event has `event`, a transport greeting has `sp`, a message has `text`, or `hex`
/// if its body is not UTF-8.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Line<'a> {
    /// Seconds since the first launch.
    pub t: f64,
    /// The name of the channel: the file of its socket without `.ipc`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Cow<'a, str>>,
    /// `launch`, `connected`, `closed` or `exit`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Cow<'a, str>>,
    /// The argument of a launch.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<Cow<'a, str>>,
    /// The working directory of a launch.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<Cow<'a, str>>,
    /// Who dialed: `host` or `plugin`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub dialer: Option<Cow<'a, str>>,
    /// Who sent the message, or closed: `host` or `plugin`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Cow<'a, str>>,
    /// The eight bytes of a transport greeting, as hexadecimal digits.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub sp: Option<Cow<'a, str>>,
    /// The four bytes of a request id, as hexadecimal digits.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    /// The body of a message.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
    /// The body of a message that is not UTF-8, as hexadecimal digits.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub hex: Option<Cow<'a, str>>,
    /// The bytes of the body, if `text` or `hex` has only its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// The status of an exit.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Cow<'a, str>>,
    /// The time of day of a launch, as RFC 3339 writes it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Cow<'a, str>>,
}

/// Returns seconds with four decimals, as in the vectors.
#[must_use]
pub fn seconds(at: Duration) -> f64 {
    (at.as_secs_f64() * 1e4).round() / 1e4
}

/// Writes bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
