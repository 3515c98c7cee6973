//! `mock-kuiper run`: a plugin, driven from its launch to its end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, ValueHint};
use mock_kuiper::call::{Call, EnvVar, SymbolConfig};
use mock_kuiper::event::Limits;
use mock_kuiper::host::{Builder, Host};
use mock_kuiper::package::Package;
use mock_kuiper::profile::{DEFAULT_HOST, Profile};
use mock_kuiper::transport::Transport;
use serde_json::Value;

use super::faults::{self, FaultArg};
use super::plan::Plan;
use super::session::Session;
use super::stream::Stream;
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

    /// Send rows as objects; otherwise each is an array of one
    #[arg(long)]
    pub(super) send_single: bool,

    /// Wait for the ack of each row
    #[arg(long)]
    pub(super) require_ack: bool,

    /// Start this source; naming any symbol starts the named ones alone
    #[arg(long, value_name = "NAME")]
    pub(super) source: Vec<String>,

    /// Start this sink
    #[arg(long, value_name = "NAME")]
    pub(super) sink: Vec<String>,

    /// Start this function
    #[arg(long, value_name = "NAME")]
    pub(super) function: Vec<String>,

    /// Properties of a source or sink, over those of its yaml; may be repeated
    #[arg(long, value_name = "NAME=JSON")]
    pub(super) config: Vec<SymbolConfig>,

    /// The section of sources/NAME.yaml that overlays `default`
    #[arg(long, value_name = "KEY")]
    pub(super) conf_key: Option<String>,

    /// The stream's DATASOURCE
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) datasource: String,

    /// Other options of the stream, e.g. '{"format":"binary"}'
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    pub(super) stream: Option<serde_json::Map<String, Value>>,

    /// The rule's id
    #[arg(long, value_name = "ID", default_value = "mock", value_parser = rule_id)]
    pub(super) rule: String,

    /// The eKuiper release to play, 1.4 to 2.4, or with its patch level, 1.13.5
    #[arg(long, value_name = "RELEASE", default_value = DEFAULT_HOST, value_parser = Profile::find)]
    pub(super) host: &'static Profile,

    /// What carries the messages: sp, our own transport, or nng, NNG's C library
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(super) transport: Transport,

    /// The Python interpreter, e.g. of a virtual environment
    #[arg(long, value_name = "PATH", default_value = "python3", value_hint = ValueHint::CommandName)]
    pub(super) python: PathBuf,

    /// Add a variable to the plugin's environment; may be repeated
    #[arg(long, value_name = "K=V")]
    pub(super) env: Vec<EnvVar>,

    /// How long the plugin may take to greet, from its launch; by default as
    /// long as the release gives it, 60s from 2.0 on and 5s before
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) init_timeout: Option<Duration>,

    /// How long an answer or an ack may take; eKuiper waits an hour
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(super) answer_timeout: Duration,

    /// Build a Cargo package without optimizations
    #[arg(long)]
    pub(super) debug: bool,

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

    /// Give the plugin a /tmp of its own: many runs at once are not in each
    /// other's way, nor in that of a real eKuiper
    #[arg(long)]
    pub(super) isolate: bool,

    /// A path in /tmp that an isolated plugin is to see, beside those of its
    /// command and environment; may be repeated
    #[arg(long, value_name = "PATH", requires = "isolate", value_hint = ValueHint::AnyPath)]
    pub(super) bind: Vec<PathBuf>,

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

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"))
}

fn json_object(text: &str) -> Result<serde_json::Map<String, Value>, String> {
    match json(text)? {
        Value::Object(object) => Ok(object),
        other => Err(format!("expected a JSON object, got `{other}`")),
    }
}

/// A rule's id is a part of socket paths.
fn rule_id(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if text.is_empty() || !text.chars().all(plain) {
        return Err("expected letters, digits, `_`, `-` and `.`".to_owned());
    }
    Ok(text.to_owned())
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
    let package = Arc::new(Package::build(plugin, !args.debug)?);
    let plan = Plan::make(&args, &package)?;
    let terminal = Arc::new(Terminal::new(&plan.plugin, args.verbose));
    let stream = Stream::open(
        &plan,
        Arc::clone(&terminal),
        args.json.as_deref(),
        args.trace.as_deref(),
    )?;
    let stream = Arc::new(stream);
    let host = host(&args, Arc::clone(&package));
    let watched = args.watch.then_some((plugin, package));
    let session = Session::start(&plan, host, Arc::clone(&terminal), &stream, watched)?;
    let outcome = session.finish();
    terminal.close();
    let written = stream.finish();
    outcome.and_then(|exit| written.map(|()| exit))
}

/// The host that the command line asks for.
fn host(args: &Args, package: Arc<Package>) -> Builder {
    let mut host = Host::builder()
        .package(package)
        .release(args.host.name)
        .transport(args.transport)
        .python(&args.python)
        .answer_timeout(args.answer_timeout)
        .record(Limits::NONE);
    if args.isolate {
        host = host.isolated();
    }
    if let Some(limit) = args.init_timeout {
        host = host.init_timeout(limit);
    }
    if let Some(seed) = args.seed {
        host = host.seed(seed);
    }
    for path in &args.bind {
        host = host.visible(path);
    }
    for variable in &args.env {
        host = host.env(&variable.name, &variable.value);
    }
    host
}
