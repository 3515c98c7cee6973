//! The result of one requirement.

use std::time::Duration;

use crate::requirement::Requirement;
use crate::verdict::Verdict;

/// One requirement, tried on a plugin.
#[derive(Debug)]
pub struct Trial {
    /// The requirement.
    pub requirement: &'static Requirement,
    /// The verdict.
    pub verdict: Verdict,
    /// How long the check took.
    pub took: Duration,
}
