//! Plugins that `mock-kuiper record` has written, run by the mock in the place of
//! eKuiper, with the plugin `examples/probe`.

mod common;
mod failures;
mod recordings;
