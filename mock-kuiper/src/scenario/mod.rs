//! Tests of a plugin in a file: `*.test.yaml`.
//!
//! [`load`] reads a file and finds all its mistakes, [`Runner`] plays its cases
//! on real processes, and [`CaseResult`] has what came of each. The command
//! `mock-kuiper test` and a test in Rust use the same functions.
//!
//! ```no_run
//! let runner = mock_kuiper::scenario::Runner::new(["tests"]);
//! runner.run().unwrap().assert_passed();
//! ```
//!
//! Layers, each of which imports only those before it: `node` (YAML with
//! places), `model` (what a file says), `pattern` (expected values), `result`
//! (what came of it), `words` (how YAML writes values), `update` (writes what was seen
//! into a file), `format` and `parse` (from YAML to the model), `save` (writes a case),
//! `play` (runs cases).

mod discover;
mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod model;
mod node;
mod parse;
mod pattern;
mod play;
mod result;
mod runner;
pub(crate) mod save;
mod selection;
mod symbols;
mod update;
mod words;

pub use self::discover::discover;
pub use self::format::{reference, schema};
pub use self::model::{Case, TestFile};
pub use self::node::{FileMistake, Place};
pub use self::parse::load;
pub use self::play::Stop;
pub use self::result::{CaseResult, Difference, Failure, LogLine, Results, StepTime, Verdict};
pub use self::runner::{Progress, Runner, RunnerError};
pub use self::selection::{Filter, Selected};
pub use self::update::UpdatedFile;
