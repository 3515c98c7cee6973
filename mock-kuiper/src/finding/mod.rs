//! What a plugin did wrong, as data.
//!
//! A [`Finding`] says what was observed and about which symbol, instance and
//! channel. [`Finding::advice`] says what to do about it, as data too: the
//! command phrases it as flags, the suite in its own terms, and this library
//! with the names of its builder's methods.

mod advice;
mod code;
mod details;
mod explain;
#[expect(
    clippy::module_inception,
    reason = "the type `Finding` has its own file"
)]
mod finding;
mod json;
mod missing;
mod observed;
mod remedy;
mod seen;
#[cfg(test)]
mod tests;
mod text;
mod violation;

pub use self::advice::{Advice, Limit};
pub use self::code::{Code, UnknownCode};
pub use self::explain::{
    Explanation, Labels, Language, NOTHING, OtherText, Place, Quote, Remedy, Sdk, Words, explain,
    other_texts, troubleshooting,
};
pub use self::finding::Finding;
pub use self::observed::Observed;
pub use self::seen::Seen;
pub use self::text::describe_status;
pub(crate) use self::text::says_unknown;
pub use self::violation::Violation;
