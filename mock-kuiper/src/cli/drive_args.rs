//! The options of `run` that say what the plugin is given, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;
use mock_kuiper::engine::call::Call;
use serde_json::Value;

use super::number_args::whole;
use super::symbol_args::{SymbolArgs, json};

// A doc comment here would become that of the subcommand.
#[derive(Debug, clap::Args)]
pub(super) struct DriveArgs {
    /// End once every source has sent this many rows
    #[arg(long, value_name = "ROWS", value_parser = whole(1_u64), allow_negative_numbers = true)]
    pub(super) count: Option<u64>,

    /// End after this time, e.g. 5s or 500ms, counted from the first start;
    /// without a source, make the calls again then
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) duration: Option<Duration>,

    /// Call a function, e.g. 'echo(1, "a", null, {"k":[2]})'; may be repeated
    #[arg(long, value_name = "CALL")]
    pub(super) call: Vec<Call>,

    /// Send this row to the sinks instead of the sources' rows; may be repeated
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(super) send: Vec<Value>,

    /// Send the rows in this file to the sinks, one JSON value per line; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "send", value_hint = ValueHint::FilePath)]
    pub(super) rows: Option<PathBuf>,

    /// Set requireAck, and wait for the ack of each row
    #[arg(long)]
    pub(super) require_ack: bool,

    #[command(flatten)]
    pub(super) symbols: SymbolArgs,
}
