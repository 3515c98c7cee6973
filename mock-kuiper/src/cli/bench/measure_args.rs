//! The options of `bench` that say what is measured, how often, and where.

use std::time::Duration;

use mock_kuiper::engine::call::Call;
use serde_json::Value;

use crate::cli::host_args::HostArgs;
use crate::cli::symbol_args::{SymbolArgs, json};

// A doc comment here would become that of the subcommand.
#[derive(Debug, clap::Args)]
pub(super) struct MeasureArgs {
    /// Measure this call of a function, e.g. 'echo(1, "a", null, {"k":[2]})'; may
    /// be repeated. A function without a call is not measured
    #[arg(long, value_name = "CALL")]
    pub(super) call: Vec<Call>,

    /// Send this row to the sinks instead of a row of 60 bytes; may be repeated
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(super) send: Vec<Value>,

    /// Measure everything this many times
    #[arg(long, value_name = "NUMBER", default_value = "5", value_parser = rounds, allow_negative_numbers = true)]
    pub(super) rounds: usize,

    /// Measure each thing for this time, after its warm-up
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = time)]
    pub(super) time: Duration,

    #[command(flatten)]
    pub(super) symbols: SymbolArgs,

    #[command(flatten)]
    pub(super) host: HostArgs,
}

fn rounds(text: &str) -> Result<usize, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=1000).contains(number));
    number.ok_or_else(|| "expected a number from 1 to 1000".to_owned())
}

fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match time {
        _ if time < Duration::from_millis(10) => Err("expected at least 10ms".to_owned()),
        _ if time > Duration::from_secs(3600) => Err("expected at most 1h".to_owned()),
        time => Ok(time),
    }
}
