//! What several of the groups need.

pub(crate) mod probe;
#[cfg(feature = "cli")]
pub(crate) mod processes;
