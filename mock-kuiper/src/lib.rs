//! A mock eKuiper.

pub mod call;
pub mod go_json;
pub mod profile;
pub mod symbol;
pub mod wire;
