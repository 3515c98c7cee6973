//! The first example of eKuiper's Python SDK, in Rust. docs/from-python.md
//! compares the two.

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
