//! Why a step failed.

use crate::finding::Finding;
use crate::host::HostError;
use crate::scenario::result::{Difference, Update};

/// Why a step failed.
#[derive(Debug)]
pub(super) enum StepError {
    /// An expectation did not hold.
    Unmet(Box<Unmet>),
    /// The host could not go on.
    Host(HostError),
    /// The file asks for something that is not possible.
    Invalid(String),
}

/// An expectation that did not hold.
#[derive(Debug, Default)]
pub(super) struct Unmet {
    pub(super) text: String,
    pub(super) differences: Vec<Difference>,
    pub(super) finding: Option<Finding>,
    pub(super) update: Option<Update>,
}

pub(super) type Played = Result<(), StepError>;

impl StepError {
    /// Whether what was seen could replace what was expected.
    pub(super) fn has_update(&self) -> bool {
        matches!(self, Self::Unmet(unmet) if unmet.update.is_some())
    }
}

impl From<HostError> for StepError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<String> for StepError {
    fn from(text: String) -> Self {
        Self::Invalid(text)
    }
}

impl Unmet {
    /// Makes one of a text.
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl From<Unmet> for StepError {
    fn from(unmet: Unmet) -> Self {
        Self::Unmet(Box::new(unmet))
    }
}
