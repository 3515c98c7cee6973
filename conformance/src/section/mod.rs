//! The requirements, one file or folder for each section, each with its checks.

mod control;
mod function;
mod life;
mod package;
mod sink;
mod source;

use crate::requirement::{Requirement, Unobserved};

/// Returns all requirements, by section and number.
#[must_use]
pub fn all() -> Vec<&'static Requirement> {
    [
        package::REQUIREMENTS,
        control::REQUIREMENTS,
        source::REQUIREMENTS,
        sink::REQUIREMENTS,
        function::REQUIREMENTS,
        life::REQUIREMENTS,
    ]
    .concat()
}

/// Returns the rules that no test of a plugin can observe, by section and
/// number.
#[must_use]
pub fn unobserved() -> Vec<&'static Unobserved> {
    [
        control::UNOBSERVED,
        source::UNOBSERVED,
        sink::UNOBSERVED,
        function::UNOBSERVED,
        life::UNOBSERVED,
    ]
    .concat()
}
