//! `mock-kuiper run`: a plugin, driven from its launch to its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, ValueHint};
use mock_kuiper::call::Call;
use serde_json::Value;

use super::faults::{self, FaultArg};
use super::host_args::HostArgs;
use super::plan::Plan;
use super::session::Session;
use super::stream::Stream;
use super::symbol_args::{SymbolArgs, json};
use super::terminal::Terminal;
use super::{CliError, Exit, STATUSES, print_results};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper run ./mirror
      Starts all that the plugin offers. Rows of its sources are printed, and
      sent to its sinks. Ctrl-C stops it.
  mock-kuiper run ./mirror --count 3 --config 'random={\"interval\":10}'
      Ends after 3 rows of each source.
  mock-kuiper run mirror.zip --function echo --call 'echo(1, \"a\", null)'
      Calls a function, and ends.
  mock-kuiper run ./mirror --fault kill --fault restart=2s
      Kills the process, and lets the host be gone for 2 s; ends with status 0
      if the plugin survives.
  mock-kuiper run ./mirror --sink file --send '{\"a\":1}' --require-ack
      Sends a row to a sink, and waits for its ack.";

/// Launch a plugin as eKuiper does, start what it offers, pass rows, stop it.
///
/// Rows of sources are printed on stdout, one JSON object a line:
/// {"source":"random","message":{…},"meta":…}. So are calls:
/// {"function":"echo","args":[…],"result":…}, or "error" in the place of
/// "result". All else, the plugin's own output included, goes to stderr.
///
/// Each sink is sent each row of the sources, as a rule SELECT * FROM source
/// would. The run ends at Ctrl-C, or as --count or --duration says; without a
/// source it ends when the rows of --send and --rows and the calls are done.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, its zip, or
    /// a Cargo package with NAME.json beside Cargo.toml, which is built first
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "fault")]
    pub(super) plugin: Option<PathBuf>,

    /// End after this many rows of each source
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) count: Option<u64>,

    /// End after this time, e.g. 5s or 500ms, counted from the first start
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) duration: Option<Duration>,

    /// Call a function: 'echo(1, "a", null, {"k":[2]})'; may be repeated
    #[arg(long, value_name = "CALL")]
    pub(super) call: Vec<Call>,

    /// Send this row to the sinks, instead of the sources' rows; may be repeated
    #[arg(long, value_name = "JSON", value_parser = json)]
    pub(super) send: Vec<Value>,

    /// Send these rows to the sinks, one JSON a line; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "send", value_hint = ValueHint::FilePath)]
    pub(super) rows: Option<PathBuf>,

    /// Wait for the ack of each row
    #[arg(long)]
    pub(super) require_ack: bool,

    #[command(flatten)]
    pub(super) symbols: SymbolArgs,

    #[command(flatten)]
    pub(super) host: HostArgs,

    /// Watch the plugin's directory: on a change build a Cargo package, replace
    /// the process as eKuiper's plugin update does, start again what runs, and
    /// make the calls and send the rows again. Ctrl-C ends the run
    #[arg(long, conflicts_with_all = ["count", "fault"])]
    pub(super) watch: bool,

    /// Draw what eKuiper does in no certain order, by this number: the order of
    /// starts, and whether a channel closes before or after its stop
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,

    /// Play a misfortune on all that was started, e.g. kill, or kill=2s; all of
    /// them with `all`; `help` lists them. May be repeated. The run ends behind
    /// the last, unless --count or --duration say otherwise
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(super) fault: Vec<FaultArg>,

    /// Write every event to this file, one JSON object a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) json: Option<PathBuf>,

    /// Write what goes over the sockets to this file, as the recorded vectors
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) trace: Option<PathBuf>,

    /// Show every message: time, channel, direction
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) verbose: bool,
}

/// Runs a plugin.
pub(crate) fn run(args: Args) -> Result<Exit, CliError> {
    if args.fault.iter().any(|arg| matches!(arg, FaultArg::Help)) {
        print_results(&faults::help())?;
        return Ok(Exit::Fine);
    }
    let plugin = args.plugin.as_deref();
    let plugin = plugin.ok_or_else(|| {
        CliError::input("no plugin is named; --fault plays misfortunes on a running plugin")
    })?;
    if args.watch && plugin.is_file() {
        return Err(CliError::input(
            "a zip is not watched; give the plugin's directory",
        ));
    }
    let package = Arc::new(args.host.package(plugin)?);
    let plan = Plan::make(&args, &package)?;
    let terminal = Arc::new(Terminal::new(&plan.plugin, args.verbose));
    let stream = Stream::open(
        &plan,
        Arc::clone(&terminal),
        args.json.as_deref(),
        args.trace.as_deref(),
    )?;
    let stream = Arc::new(stream);
    let mut host = args.host.builder(Arc::clone(&package));
    if let Some(seed) = args.seed {
        host = host.seed(seed);
    }
    let watched = args.watch.then_some((plugin, package));
    let session = Session::start(&plan, host, Arc::clone(&terminal), &stream, watched)?;
    let outcome = session.finish();
    terminal.close();
    let written = stream.finish();
    outcome.and_then(|exit| written.map(|()| exit))
}
