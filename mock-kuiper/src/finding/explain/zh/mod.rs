//! The explanations in Chinese, with the words of eKuiper's Chinese documentation.
//!
//! Texts of eKuiper are not translated, and stand in the original alone. The files are
//! those of the original; a change there belongs here, too.

pub(super) mod channel;
pub(super) mod function;
pub(super) mod order;
mod other;
pub(super) mod plugin;
pub(super) mod row;
pub(super) mod sink;
mod terms;
mod translation;

pub(super) use self::other::MEANINGS;
pub(super) use self::terms::{releases, source};
pub(super) use self::translation::Translation;
