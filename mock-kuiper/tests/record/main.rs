//! Plugins that `mock-kuiper record` has written, run by the mock in the place of
//! eKuiper, with the plugin `examples/probe`.

mod common;
mod failures;
#[path = "../run/common.rs"]
#[expect(dead_code, reason = "the tests of `run` use all of it")]
mod probe;
#[path = "../support/processes.rs"]
mod processes;
mod recordings;
