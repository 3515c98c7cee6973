//! The rules, by what they are about; each is one function that observes it.

pub(crate) mod control;
pub(crate) mod function;
pub(crate) mod life;
pub(crate) mod package;
pub(crate) mod sink;
pub(crate) mod source;
