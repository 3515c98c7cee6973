//! The types of an explanation.

use super::zh::Translation;
use crate::finding::code::Code;

/// What a kind of finding means under a real eKuiper, and what to do about it.
///
/// All texts are Markdown without line breaks; command-line flags are never
/// named. A text of eKuiper is quoted verbatim, see [`Quote`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The kind of finding.
    pub code: Code,
    /// The finding in a few words, without a full stop.
    pub title: &'static str,
    /// What mock-kuiper observed.
    pub observed: &'static str,
    /// What follows under a real eKuiper. If eKuiper shows nothing, the text
    /// begins with [`NOTHING`].
    pub effect: &'static str,
    /// The texts that a user of a real eKuiper can find.
    pub quotes: &'static [Quote],
    /// The usual causes.
    pub cause: &'static str,
    /// What to change, for every plugin or for those on one SDK.
    pub remedies: &'static [Remedy],
    /// The same in Chinese.
    pub(super) chinese: &'static Translation,
}

impl Explanation {
    /// Returns whether eKuiper shows nothing when it happens.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.effect.starts_with(NOTHING)
    }
}

/// The beginning of [`Explanation::effect`] if eKuiper shows nothing.
pub const NOTHING: &str = "eKuiper shows nothing";

/// A text that eKuiper shows, verbatim.
///
/// Words in capitals stand for what differs from case to case: `RULE`, `STREAM`,
/// `PLUGIN`, `SYMBOL`, `OP` (the action and its index, `file_0`), `PATH`, `TEXT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quote {
    /// Where it is shown.
    pub place: Place,
    /// The releases of eKuiper that show it, for example `2.3 on`.
    pub releases: &'static str,
    /// The text, in one line.
    pub text: &'static str,
    /// Where the text was read: a file of a release, a recording or an issue.
    /// `seen in a run` says that a run of that release showed it, too.
    pub source: &'static str,
}

/// Where eKuiper shows a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// eKuiper's log.
    Log,
    /// The answer to a REST call, such as `POST /rules`.
    RestAnswer,
    /// `GET /rules/RULE/status`.
    RuleStatus,
    /// `GET /plugins/portables/PLUGIN/status`.
    PluginStatus,
    /// What the plugin itself writes, which eKuiper copies to its log.
    PluginOutput,
}

impl Place {
    /// Returns the place as a heading, for example `In eKuiper's log`.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::Log => "In eKuiper's log",
            Self::RestAnswer => "In the REST answer",
            Self::RuleStatus => "In the rule's status",
            Self::PluginStatus => "In the plugin's status",
            Self::PluginOutput => "In the plugin's own output",
        }
    }
}

/// What to change in a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remedy {
    /// The SDK that the text is about.
    pub sdk: Sdk,
    /// What to do.
    pub text: &'static str,
}

/// The SDK that a plugin is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sdk {
    /// Any, or none.
    Any,
    /// The crate `ekuiper`.
    Rust,
    /// eKuiper's own Python SDK, from PyPI.
    Python,
    /// eKuiper's own Go SDK.
    Go,
}

impl Sdk {
    /// Returns the name, for example `Python SDK`; empty for [`Sdk::Any`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Rust => "Rust SDK",
            Self::Python => "Python SDK",
            Self::Go => "Go SDK",
        }
    }
}

/// A text of eKuiper about the machine or the package, which no finding has.
#[derive(Debug)]
#[non_exhaustive]
pub struct OtherText {
    /// The text.
    pub quote: Quote,
    /// What it means and what to do.
    pub meaning: &'static str,
}

/// Makes a quote; the entries are lists of these.
pub(super) const fn quote(
    place: Place,
    releases: &'static str,
    text: &'static str,
    source: &'static str,
) -> Quote {
    Quote {
        place,
        releases,
        text,
        source,
    }
}

/// Makes a remedy.
pub(super) const fn remedy(sdk: Sdk, text: &'static str) -> Remedy {
    Remedy { sdk, text }
}
