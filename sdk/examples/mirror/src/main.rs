//! An example plugin with a source, a sink, a function and an aggregate.
//!
//! Copy the directory, replace the symbols with yours, and delete the rest.

mod append;
mod functions;
mod random;

use std::process::ExitCode;

use ekuiper::serde_json::json;
use ekuiper::{PluginConfig, metadata, plugin};

use crate::append::Append;
use crate::functions::{echo, mean};
use crate::random::Random;

fn main() -> ExitCode {
    // `mock-kuiper check` writes mirror.json and the files in sources/, sinks/ and
    // functions/ from this.
    plugin::start(
        PluginConfig::new("mirror")
            .source(
                "random",
                metadata::source(Random::new).section("fast", json!({"period": 10})),
            )
            .sink("append", metadata::sink(Append::new))
            .function(
                "echo",
                metadata::function(echo)
                    .description("Returns its argument.")
                    .argument("value", "any", "The value to return."),
            )
            .function(
                "mean",
                metadata::aggregate(mean)
                    .description("Computes the mean of a column of numbers in a window.")
                    .argument("column", "float", "The column."),
            ),
    )
}
