//! Numbered requirements that a portable plugin, in any language, is held
//! against, for any eKuiper release.
//!
//! This crate is a place with a name so far: the suite comes after the
//! library of `mock-kuiper`, on which it stands.
