//! A plugin on disk: reading it, checking it, packing it.
//!
//! A plugin is a directory, a zip, or a Cargo package that is built first. Whatever
//! eKuiper refuses is refused here too, with all mistakes at once. Nothing is
//! launched.
//!
//! Rules: protocol.md section 2.

mod archive;
mod cargo;
mod check;
mod config;
mod error;
pub(crate) mod files;
mod locate;
mod manifest;
mod opened;
mod pack;
mod parts;
mod spelling;
#[cfg(test)]
mod tests;
mod yaml;

pub use cargo::Build;
pub use check::{CheckAdvice, CheckLevel, CheckLine, CheckReport, Checked, check};
pub use config::SourceConfig;
pub use error::{Mistake, PackageError};
pub use manifest::{Language, Manifest};
pub use opened::Package;
pub use pack::{Packed, pack};
