//! How eKuiper releases differ, as data: one [`Profile`] for each release.
//!
//! No other code compares versions; it reads a named field of [`Profile`]. The
//! fields are in `release`, their values for each release in `table`, and the
//! names under which they are shown in `properties`.
//!
//! Rules: protocol.md section 9.

mod properties;
mod release;
mod releases;
mod table;

pub use properties::{Property, Setting};
pub use release::{
    AckChannel, Datasource, FunctionMeta, ProcessLife, Profile, StreamOptionSet, WorkingDirectory,
};
pub use releases::Releases;
pub use table::{DEFAULT_HOST, LAUNCH_ARGUMENT, ORDER_TIMEOUT, UnknownRelease};
