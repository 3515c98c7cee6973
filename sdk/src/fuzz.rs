//! Fuzz targets: what a plugin reads of a host, with any bytes.
//!
//! Exists only in tests and with `--cfg fuzzing`; `ci/fuzz` runs the targets. Each
//! panics if a rule of the protocol is broken, or if two ways to read the same bytes
//! disagree.

mod messages;
mod settings;

/// A target: its name, and the function that checks an input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets.
pub const TARGETS: &[Target] = &[
    ("sdk_orders", messages::orders),
    ("sdk_requests", messages::requests),
    ("sdk_rows", messages::rows),
    ("sdk_config", settings::config),
    ("sdk_durations", settings::durations),
    ("sdk_sizes", settings::sizes),
    ("sdk_bytes", settings::bytes),
];
