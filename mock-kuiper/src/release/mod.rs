//! How eKuiper releases differ, as data: one [`Release`] for each release.
//!
//! No other code compares versions; it reads a named field of [`Release`]. The
//! fields are in `fields`, their values for each release in `table`, and the
//! names under which they are shown in `properties`.
//!
//! Rules: protocol.md section 9.

mod fields;
mod properties;
mod range;
mod table;

pub use fields::{
    AckChannel, Datasource, FunctionMeta, ProcessLife, Release, StreamOptionSet, WorkingDirectory,
    YamlKeys,
};
pub use properties::{Property, Setting};
pub use range::Releases;
pub use table::{DEFAULT_HOST, LAUNCH_ARGUMENT, ORDER_TIMEOUT, UnknownRelease};
