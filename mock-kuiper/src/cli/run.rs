//! `mock-kuiper run`: drives a plugin from its launch to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use clap::{ArgAction, ValueHint};
use mock_kuiper::Package;
use mock_kuiper::engine::foreign::in_sentence;

use super::attach;
use super::drive_args::DriveArgs;
use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::faults::{self, FaultArg};
use super::host_args::HostArgs;
use super::interrupted::Done;
use super::output::print_results;
use super::plan::Plan;
use super::save::Save;
use super::serve;
use super::session::Session;
use super::stream::{Files, Stream};
use super::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  mock-kuiper run ./mirror
      Starts everything that the plugin offers, prints the rows of its sources,
      and sends them to its sinks. Ctrl-C ends the run.
  mock-kuiper run ./mirror --count 3 --config 'random={\"period\":10}'
      Ends after 3 rows of each source.
  mock-kuiper run mirror.zip --function echo --call 'echo(1, \"a\", null)'
      Calls a function, then ends.
  mock-kuiper run ./mirror --fault kill --fault restart=2s
      Kills the plugin's process, then takes the host away for 2 s. The exit
      status is 0 if the plugin survives both.
  mock-kuiper run ./mirror --attach --function echo --call 'echo(1)'
      Prints how to start the plugin in a debugger, waits for it, and calls a
      function, which may stop at a breakpoint for as long as you like.
  mock-kuiper run ./mirror --function echo --call 'echo(1)' --save echo.test.yaml
      Writes the call and its result as a case for `mock-kuiper test`.
  mock-kuiper run ./mirror --open
      Starts everything, and opens a page on which the plugin is driven by hand.
  mock-kuiper run ./mirror --sink file --send '{\"a\":1}' --require-ack
      Sends a row to a sink, and waits for its ack.";

/// Launch a plugin as eKuiper does, start its symbols, pass rows on, stop it.
///
/// The rows of sources are printed to stdout, one JSON object per line:
/// {"source":"random","message":{…},"meta":…}. So are calls:
/// {"function":"echo","args":[…],"result":…}, with "error" instead of "result"
/// if the function reports one. Everything else goes to stderr, the plugin's own
/// output included.
///
/// Every sink gets every row of the sources, as with the rule
/// SELECT * FROM source. The run ends at Ctrl-C, or as --count or --duration
/// says, or when all sources have ended. Without a source it ends after the calls
/// and the rows of --send or --rows; with --duration the plugin is idle until
/// then, and the calls are made again. If Ctrl-C comes before the rows of --count,
/// a call, a row for the sinks or a fault, the exit status is 3.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, a zip of one,
    /// or a Cargo package or Go module, which is built first
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "fault")]
    plugin: Option<PathBuf>,

    #[command(flatten)]
    drive: DriveArgs,

    #[command(flatten)]
    host: HostArgs,

    /// Reload the plugin whenever it is changed, until Ctrl-C
    ///
    /// What counts are its json, its executable, sources/, sinks/, functions/, code,
    /// yaml and toml in its directory, and what its build reads, but no data.
    /// A Cargo package or a Go module is built first. The process is replaced as by eKuiper's
    /// plugin update, what was running is started again, and the calls and the
    /// rows of --send or --rows are repeated.
    #[arg(long, conflicts_with_all = ["count", "fault"])]
    watch: bool,

    /// Draw from this number what eKuiper does in no certain order
    ///
    /// This is the order of the starts, and whether a data channel is closed
    /// before or after its stop is sent. The same number gives the same order.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    seed: Option<u64>,

    /// Play a fault on everything that runs, e.g. kill or kill=2s; `all` plays
    /// all of them, `help` lists them; may be repeated
    ///
    /// The run ends after the last fault, unless --count or --duration is given.
    #[arg(long, value_name = "NAME[=VALUE]")]
    fault: Vec<FaultArg>,

    /// Start as usual, and open a page in the browser that shows everything and on
    /// which more can be started, sent and called; until Ctrl-C
    ///
    /// It is the page of `mock-kuiper serve`, and rows are shown there instead of being
    /// printed. $BROWSER or xdg-open opens it.
    #[arg(long, conflicts_with_all = [
        "watch", "seed", "fault", "count", "duration", "json", "trace", "plugin_log", "save",
        "verbose",
    ])]
    open: bool,

    /// Write every event to this file, one JSON object per line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,

    /// Write what goes over the sockets to this file, in the format of the
    /// recorded vectors
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    trace: Option<PathBuf>,

    /// Write what the plugin writes to stdout and stderr to this file, and not to
    /// the terminal
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    plugin_log: Option<PathBuf>,

    /// Write what was given and seen as a case of this test file, which is made if
    /// there is none
    ///
    /// A source has its first 10 rows in the case, a sink its first 100. Properties
    /// are written as they were given, secrets included. Nothing is written if the
    /// run fails.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "watch")]
    save: Option<PathBuf>,

    /// Show every message with its time, channel and sender
    #[arg(short, long, action = ArgAction::SetTrue)]
    verbose: bool,
}

impl Args {
    /// Checks that no option needs a plugin that mock-kuiper launches, if it does not.
    fn check_attach(&self) -> Result<(), CliError> {
        if !self.host.attach {
            return Ok(());
        }
        let mut mistakes = attach::refusals(&[
            ("--isolate", self.host.isolate.is_some(), attach::ISOLATE),
            (
                "--watch",
                self.watch,
                "it launches the plugin again when it is changed, and you start the \
                 plugin yourself",
            ),
            (
                "--plugin-log",
                self.plugin_log.is_some(),
                "the plugin prints where you start it",
            ),
        ]);
        let faults = self.fault.iter().filter_map(|arg| match arg {
            FaultArg::One(fault) => attach::refused_fault(*fault),
            FaultArg::Help | FaultArg::All => None,
        });
        mistakes.extend(faults);
        match mistakes.is_empty() {
            true => Ok(()),
            false => Err(CliError::Input(mistakes)),
        }
    }
}

/// Runs a plugin.
pub(crate) fn run(args: Args) -> Result<Exit, CliError> {
    if args.fault.iter().any(|arg| matches!(arg, FaultArg::Help)) {
        print_results(&faults::help())?;
        return Ok(Exit::Fine);
    }
    let plugin = args.plugin.as_deref();
    let plugin = plugin.ok_or_else(|| {
        CliError::input(
            "no plugin is named; --fault plays faults on a running plugin, `--fault help` lists \
             them",
        )
    })?;
    if args.watch && plugin.is_file() {
        return Err(CliError::input(
            "--watch needs the plugin's directory, not a zip",
        ));
    }
    args.check_attach()?;
    if args.open {
        return open(plugin, args.drive, args.host);
    }
    let began = SystemTime::now();
    let package = Arc::new(args.host.package(plugin)?);
    let plan = Plan {
        seeded: args.seed.is_some(),
        faults: faults::chosen(&args.fault),
        ..Plan::make(&args.drive, args.host.release(), &package)?
    };
    let save = match &args.save {
        Some(path) => {
            let sources = plan.sources.iter();
            let sources = sources.map(|order| args.drive.symbols.saved_source(&order.symbol));
            let run = args.host.saved_run(plugin);
            Some(Save::open(path, run, &plan, sources.collect())?)
        }
        None => None,
    };
    let terminal = Arc::new(Terminal::new(&plan.plugin, args.verbose));
    let stream = Stream::open(
        Arc::clone(&terminal),
        &Files {
            json: args.json.as_deref(),
            trace: args.trace.as_deref(),
            plugin_log: args.plugin_log.as_deref(),
            seen: save.as_ref().map(Save::seen),
        },
        plan.profile.name,
        &plan.plugin,
    )?;
    let stream = Arc::new(stream);
    let mut host = args.host.builder(Arc::clone(&package));
    if let Some(seed) = args.seed {
        host = host.seed(seed);
    }
    let watched = args.watch.then_some((plugin, &package, began));
    let outcome = match Session::start(&plan, host, Arc::clone(&terminal), &stream, watched)? {
        Some(session) => session.finish(),
        None => Done::default().check(&plan).map(|()| Exit::Fine),
    };
    terminal.close();
    note_lost_files(&terminal, &package);
    let written = stream.finish();
    let outcome = outcome.and_then(|exit| written.map(|()| exit));
    let saved = save.map_or(Ok(()), |save| save.finish(&outcome));
    outcome.and_then(|exit| saved.map(|()| exit))
}

/// Says which files of the plugin go with its temporary directory.
fn note_lost_files(terminal: &Terminal, package: &Package) {
    const LISTED: usize = 5;
    let lost = package.lost_files();
    if lost.is_empty() {
        return;
    }
    let names = lost.iter().take(LISTED).map(|name| in_sentence(name));
    let mut names = names.collect::<Vec<_>>().join(", ");
    if lost.len() > LISTED {
        names.push_str(&format!(" and {} more", lost.len() - LISTED));
    }
    terminal.note(&format!(
        "the plugin wrote {names} to its working directory, which was temporary and is removed; \
         give it absolute paths to keep what it writes"
    ));
}

/// Runs a plugin on the page.
fn open(plugin: &Path, drive: DriveArgs, host: HostArgs) -> Result<Exit, CliError> {
    let package = host.package(plugin)?;
    let plan = Plan::make(&drive, host.release(), &package)?;
    let sources = plan.sources.iter();
    let sources = sources.map(|order| drive.symbols.saved_source(&order.symbol));
    let sources = sources.collect();
    serve::open(plugin, package, host, plan, sources)
}
