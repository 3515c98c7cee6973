//! `mock-kuiper run`: a plugin, driven from its launch to its end.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, ValueHint};

use super::drive_args::DriveArgs;
use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::faults::{self, FaultArg};
use super::host_args::HostArgs;
use super::output::print_results;
use super::plan::Plan;
use super::session::Session;
use super::stream::Stream;
use super::terminal::Terminal;

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
    plugin: Option<PathBuf>,

    #[command(flatten)]
    drive: DriveArgs,

    #[command(flatten)]
    host: HostArgs,

    /// Watch the plugin's directory: on a change build a Cargo package, replace
    /// the process as eKuiper's plugin update does, start again what runs, and
    /// make the calls and send the rows again. Ctrl-C ends the run
    #[arg(long, conflicts_with_all = ["count", "fault"])]
    watch: bool,

    /// Draw what eKuiper does in no certain order, by this number: the order of
    /// starts, and whether a channel closes before or after its stop
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Play a misfortune on all that was started, e.g. kill, or kill=2s; all of
    /// them with `all`; `help` lists them. May be repeated. The run ends behind
    /// the last, unless --count or --duration say otherwise
    #[arg(long, value_name = "NAME[=VALUE]")]
    fault: Vec<FaultArg>,

    /// Write every event to this file, one JSON object a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,

    /// Write what goes over the sockets to this file, as the recorded vectors
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    trace: Option<PathBuf>,

    /// Show every message: time, channel, direction
    #[arg(short, long, action = ArgAction::SetTrue)]
    verbose: bool,
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
    let plan = Plan {
        seeded: args.seed.is_some(),
        faults: faults::chosen(&args.fault),
        ..Plan::make(&args.drive, args.host.host, &package)?
    };
    let terminal = Arc::new(Terminal::new(&plan.plugin, args.verbose));
    let stream = Stream::open(
        Arc::clone(&terminal),
        args.json.as_deref(),
        args.trace.as_deref(),
        plan.profile.name,
        &plan.plugin,
    )?;
    let stream = Arc::new(stream);
    let mut host = args.host.builder(Arc::clone(&package));
    if let Some(seed) = args.seed {
        host = host.seed(seed);
    }
    let watched = args.watch.then_some((plugin, &package));
    let session = Session::start(&plan, host, Arc::clone(&terminal), &stream, watched)?;
    let outcome = session.finish();
    terminal.close();
    let written = stream.finish();
    outcome.and_then(|exit| written.map(|()| exit))
}
