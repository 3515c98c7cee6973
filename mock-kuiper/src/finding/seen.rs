//! What was seen of a plugin from which no message came.

use std::fmt;

use serde_json::{Map, Value, json};

/// What was seen of a plugin when it had not sent a message in time: whether it
/// can send one at all, and whether it may only be slow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Whether it has ever dialed the channel.
    pub dialed: bool,
    /// Whether it is connected to the channel.
    pub connected: bool,
    /// Whether it uses a processor.
    pub busy: bool,
    /// Whether a debugger or a signal has stopped its process.
    pub stopped: bool,
}

impl Seen {
    /// Whether more time may help: the plugin works, or its connection stands.
    pub(super) fn may_be_slow(self) -> bool {
        self.connected || self.busy
    }

    /// Returns all of it as JSON.
    pub(super) fn to_json(self) -> Map<String, Value> {
        let Self {
            dialed,
            connected,
            busy,
            stopped,
        } = self;
        let fields = [
            ("dialed", dialed),
            ("connected", connected),
            ("busy", busy),
            ("stopped", stopped),
        ];
        fields
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .into_iter()
            .collect()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.dialed, self.connected) {
            (_, true) => "its connection is open",
            (true, false) => "it has closed its connection",
            (false, false) => "it has not dialed",
        })?;
        f.write_str(match (self.stopped, self.busy) {
            (true, _) => ", and a debugger or a signal has stopped it",
            (false, true) => ", and it is busy",
            (false, false) => ", and it is idle",
        })
    }
}
