//! What trying a requirement on a plugin shows.

use mock_kuiper::{Code, Symbol};
use serde::Serialize;

/// The verdict on one requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// The plugin does what the rule says.
    Passed,
    /// The plugin does something else.
    Failed(Evidence),
    /// The plugin did not get as far as the rule, so the rule could not be
    /// observed. The plugin counts as failing the requirement.
    NotTestable(Evidence),
    /// The plugin has nothing that the rule is about, or the release does not
    /// have the rule.
    NotApplicable {
        /// The reason.
        reason: String,
    },
    /// An internal or system error: there is no verdict on the plugin.
    #[serde(rename = "trouble")]
    Error {
        /// The error.
        text: String,
    },
}

impl Verdict {
    /// Returns whether the plugin fails the requirement.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::NotTestable(_))
    }
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What the plugin did instead of what the rule says.
    pub seen: String,
    /// The code of the finding, if the host reported one: see
    /// `mock-kuiper explain CODE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The last messages on the wire and the last lines of the plugin's log.
    pub transcript: Vec<String>,
    /// The cause, if another requirement is about what was observed. If that one
    /// has failed, it is the reason, and this rule could not be observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The property that a symbol needs and that the user has not set.
    #[serde(skip)]
    pub configure: Option<(Symbol, String)>,
}

/// A fault of the plugin that keeps other requirements from being observed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Cause {
    /// The fault in a few words, for example `sink append refused to start`.
    pub text: String,
    /// The requirement that is about the fault, for example `CTL-02`; or a
    /// section, for example `PKG`.
    pub see: &'static str,
}
