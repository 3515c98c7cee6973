//! What a requirement is: a rule, and how it is observed. The requirements
//! themselves are in `section`.

use std::fmt;

use mock_kuiper::engine::release::Releases;
use mock_kuiper::{Fault, Kind};

use crate::checked::{Checked, NotPassed};
use crate::rig::{Kinds, Rig};

/// A rule for plugins, and how it is observed.
#[derive(Debug)]
pub struct Requirement {
    /// The number, for example `SNK-02`. It is never given to another rule.
    pub id: &'static str,
    /// Whether a plugin that breaks the rule fails.
    pub level: Level,
    /// The releases that have the rule.
    pub releases: Releases,
    /// What the plugin does, as a sentence.
    pub rule: &'static str,
    /// What happens in a running eKuiper if the plugin breaks the rule.
    pub why: &'static str,
    /// How the rule is observed: what the host does.
    pub how: &'static str,
    /// What has to be observed then.
    pub expected: &'static str,
    /// Where the rule comes from: `FILE:LINE` of a recording in
    /// `tests/vectors/`, or a file of eKuiper.
    pub source: &'static str,
    /// Whether the check takes seconds. Such checks begin first.
    pub slow: bool,
    pub(crate) check: Check,
}

/// A rule that no test of a plugin can observe.
#[derive(Debug)]
pub struct Unobserved {
    /// The number, as that of a [`Requirement`].
    pub id: &'static str,
    /// How much depends on the rule.
    pub level: Level,
    /// What the plugin does, as a sentence.
    pub rule: &'static str,
    /// Why no test can observe it.
    pub reason: &'static str,
    /// Where the rule comes from, as that of a [`Requirement`].
    pub source: &'static str,
}

/// How much depends on a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// eKuiper does what the rule is about in normal operation, and something
    /// breaks.
    Must,
    /// eKuiper rarely or never does what the rule is about, or tolerates the
    /// result.
    Should,
    /// The plugin is free to do it or not.
    May,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        })
    }
}

/// The sections, each with the letters that the numbers of its rules begin with.
pub const SECTIONS: [(&str, &str); 6] = [
    ("PKG", "Package"),
    ("CTL", "Control"),
    ("SRC", "Source"),
    ("SNK", "Sink"),
    ("FUN", "Function"),
    ("LIF", "Life"),
];

impl Requirement {
    /// Returns the kind of the symbols that the rule is about, if it is tried on
    /// each of them.
    pub(crate) fn each(&self) -> Option<Kind> {
        match &self.id[..3] {
            // All functions are called at once.
            _ if self.id == "FUN-09" => None,
            "SRC" => Some(Kind::Source),
            "SNK" => Some(Kind::Sink),
            "FUN" => Some(Kind::Function),
            _ => None,
        }
    }

    /// Returns the name of the section, for example `Sink`.
    #[must_use]
    pub fn section(&self) -> &'static str {
        let mut sections = SECTIONS.iter();
        let section = sections.find(|(prefix, _)| self.id.starts_with(prefix));
        section.map_or("", |(_, name)| name)
    }
}

/// The reason why a check of more than a minute was left out.
pub(crate) const NOT_EXAMINED: &str = "the check takes more than a minute: `--long` runs it";

/// How a rule is observed.
#[derive(Debug)]
pub(crate) enum Check {
    /// By a function.
    Function(fn(&Rig<'_>) -> Checked),
    /// By a function that takes more than a minute.
    Long(fn(&Rig<'_>) -> Checked),
    /// By a fault that the plugin has to survive.
    Fault(Kinds, Fault),
}

impl Check {
    pub(crate) fn run(&self, rig: &Rig<'_>) -> Checked {
        match self {
            Self::Long(_) if !rig.plan.long => Err(NotPassed::NotApplicable(NOT_EXAMINED)),
            Self::Function(check) | Self::Long(check) => check(rig),
            Self::Fault(kinds, fault) => rig.play(*kinds, *fault),
        }
    }
}
