//! A mock eKuiper.

pub mod profile;
pub mod symbol;
