//! A mock eKuiper.

pub mod call;
pub mod event;
pub mod go_json;
pub mod host;
pub mod isolate;
pub mod package;
pub mod profile;
pub mod symbol;
pub mod wire;
