//! An example plugin with a source, a sink, a function and an aggregate.
//!
//! Copy the directory, replace the symbols with yours, and delete the rest.

mod append;
mod functions;
mod random;

use std::process::ExitCode;

use ekuiper::{PluginConfig, plugin};

use crate::append::Append;
use crate::functions::{echo, mean};
use crate::random::Random;

fn main() -> ExitCode {
    // The same names as in mirror.json.
    plugin::start(
        PluginConfig::new("mirror")
            .source("random", Random::new)
            .sink("append", Append::new)
            .function("echo", echo)
            .aggregate("mean", mean),
    )
}
