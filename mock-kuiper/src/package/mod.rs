//! A plugin on disk: reading it, checking it, packing it.
//!
//! A plugin is a directory, a zip, or the code of one that is built first: a Cargo
//! package or a Go module. Whatever eKuiper refuses is refused here too, with all
//! mistakes at once. Nothing is launched.
//!
//! Rules: protocol.md section 2.

mod archive;
mod build;
mod cargo;
mod check;
mod config;
mod contents;
mod describe;
mod error;
pub(crate) mod files;
mod front;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod go;
mod layout;
mod locate;
mod manifest;
mod opened;
mod ordered;
mod pack;
mod parts;
mod project;
mod report;
mod spelling;
#[cfg(test)]
mod tests;
mod yaml;

pub use build::Build;
pub use check::{Checked, Plugin, check, check_program, check_with_code};
pub use config::SourceConfig;
pub use describe::{Aligned, align};
pub use error::{Mistake, PackageError};
pub use front::{Front, Shape, put_in_front};
pub use manifest::{Language, Manifest};
pub use opened::Package;
pub use pack::{Packed, pack};
pub use report::{CheckAdvice, CheckLevel, CheckLine, CheckReport};
