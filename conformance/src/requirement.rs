//! What is required: the table of all rules.

use std::fmt;

use mock_kuiper::profile::{AckChannel, Profile};

use crate::bench::{Bench, Checked};
use crate::section;

/// A rule, and how it is observed.
#[derive(Debug)]
pub struct Requirement {
    /// Its number, e.g. `SNK-02`; never given to another rule.
    pub id: &'static str,
    /// Whether a plugin that falls short is refused.
    pub level: Level,
    /// Which releases have it.
    pub releases: Releases,
    /// What the plugin does, as a sentence.
    pub rule: &'static str,
    /// What happens in a running eKuiper where it does not.
    pub why: &'static str,
    /// How it is observed.
    pub how: &'static str,
    /// Where the rule comes from: `FILE:LINE` of a recording in
    /// `tests/vectors/`, or a file of eKuiper's.
    pub source: &'static str,
    pub(crate) check: fn(&Bench<'_>) -> Checked,
}

/// How much depends on a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// eKuiper does such a thing in normal life, and something breaks.
    Must,
    /// eKuiper never or hardly ever does such a thing, or does not mind.
    Should,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        })
    }
}

/// The releases that have a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Releases {
    /// Every one.
    All,
    /// Those whose hosts have no channel for acks: up to 1.13.
    WithoutAckChannel,
    /// Those that open it, and never read or close it: 1.14.
    WithDeafAckChannel,
    /// Those whose hosts read acks: 2.0 on.
    WithAcks,
    /// Those that send the orders again to a new process: 1.8 on.
    WithReplay,
}

impl Releases {
    /// Whether a release is one of them.
    #[must_use]
    pub fn has(self, profile: &Profile) -> bool {
        match self {
            Self::All => true,
            Self::WithoutAckChannel => profile.ack == AckChannel::Absent,
            Self::WithDeafAckChannel => profile.ack == AckChannel::Unread,
            Self::WithAcks => profile.ack == AckChannel::Read,
            Self::WithReplay => profile.replay,
        }
    }
}

impl fmt::Display for Releases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::WithoutAckChannel => "1.4 to 1.13",
            Self::WithDeafAckChannel => "1.14",
            Self::WithAcks => "2.0 on",
            Self::WithReplay => "1.8 on",
        })
    }
}

/// The sections, by the first letters of their rules' numbers.
pub const SECTIONS: [(&str, &str); 6] = [
    ("PKG", "Package"),
    ("CTL", "Control"),
    ("SRC", "Source"),
    ("SNK", "Sink"),
    ("FUN", "Function"),
    ("LIF", "Life"),
];

impl Requirement {
    /// Returns the name of its section, e.g. `Sink`.
    #[must_use]
    pub fn section(&self) -> &'static str {
        let of = SECTIONS
            .iter()
            .find(|(prefix, _)| self.id.starts_with(prefix));
        of.map_or("", |(_, name)| name)
    }
}

/// Returns all rules, by section and number.
#[must_use]
pub fn all() -> Vec<&'static Requirement> {
    [
        section::package::REQUIREMENTS,
        section::control::REQUIREMENTS,
        section::source::REQUIREMENTS,
        section::sink::REQUIREMENTS,
        section::function::REQUIREMENTS,
        section::life::REQUIREMENTS,
    ]
    .concat()
    .into_iter()
    .collect()
}
