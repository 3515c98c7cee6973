//! Fuzz targets: what the host reads of a plugin and of its author, with any bytes.
//!
//! Exists only in tests and with `--cfg fuzzing`; `ci/fuzz` runs the targets. They stand
//! beside what they check, and panic if a rule of the protocol is broken, if two ways to
//! read the same bytes disagree, or if what was written is not what is read.

use crate::{package, scenario, trace, wire};

/// A target: its name, and the function that checks an input.
pub type Target = (&'static str, fn(&[u8]));

/// The targets.
pub const TARGETS: &[Target] = &[
    ("mock_rows", wire::fuzz::rows),
    ("mock_json", wire::fuzz::json),
    ("mock_answers", wire::fuzz::answers),
    ("mock_trace", trace::fuzz::trace),
    ("mock_manifest", package::fuzz::manifest),
    ("mock_yaml", package::fuzz::yaml),
    ("mock_zip", package::fuzz::zip),
    ("mock_zipped", package::fuzz::zipped),
    ("mock_cases", scenario::fuzz::cases),
    ("mock_words", scenario::fuzz::words),
    ("mock_update", scenario::fuzz::update),
];
