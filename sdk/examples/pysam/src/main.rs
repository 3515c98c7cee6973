//! The seed example of the Python SDK, in Rust. docs/from-python.md puts the
//! two side by side.

mod print;
mod pyjson;
mod revert;

use std::process::ExitCode;

use ekuiper::{PluginConfig, plugin};

use crate::print::Print;
use crate::pyjson::PyJson;
use crate::revert::Revert;

fn main() -> ExitCode {
    plugin::start(
        PluginConfig::new("pysam")
            .source("pyjson", PyJson::default)
            .sink("print", || Print)
            .function("revert", || Revert),
    )
}
