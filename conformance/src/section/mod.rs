//! The requirements, one file or folder for each section, each with its checks.

mod control;
mod function;
mod life;
mod package;
mod sink;
mod source;

use mock_kuiper::engine::spelling::nearest;

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

/// Returns what is wrong with a number that no requirement has, with the nearest one.
#[must_use]
pub fn unknown(id: &str) -> String {
    let meant = nearest(&id.to_ascii_uppercase(), all().iter().map(|known| known.id));
    let meant = meant.map(|near| format!("did you mean `{near}`? "));
    format!(
        "unknown requirement `{id}`; {}`--list` shows all of them",
        meant.unwrap_or_default()
    )
}
