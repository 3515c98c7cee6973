//! `mock-kuiper replay`: plays a recorded host to a plugin, and compares the plugin's
//! half.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ValueEnum, ValueHint};
use mock_kuiper::engine::foreign::in_sentence;
use mock_kuiper::engine::replay::{Contents, Difference, Options, Outcome, Timing, replay};
use mock_kuiper::engine::trace::Reader;
use mock_kuiper::{HostError, Kind, Package};

use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::host_args::HostArgs;
use super::interrupt::Interrupt;
use super::output::{ERROR, NOTE, labelled, print_results, say};
use super::text::{count, count_or_no, grouped};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper run ./mirror --count 3 --trace mirror.jsonl
  mock-kuiper replay mirror.jsonl ./mirror
      Records a run, and plays it to the plugin again.
  mock-kuiper replay ekuiper.jsonl ./mirror --timing recorded
      Plays what a real eKuiper said, as slowly as it did.
  mock-kuiper replay mirror.jsonl ./mirror --exact
      Fails if a row of a source is not the recorded one.";

/// Play the host's half of a trace to a plugin, and show where the plugin's half differs.
///
/// The host's messages are sent byte for byte, on the channels of the trace. What the
/// plugin had sent before one of them is awaited first. The release is that of the
/// trace, unless --host names another.
///
/// Answers to orders must be the recorded ones, and so must error texts. Results of
/// functions and acks must be equal as JSON; 1 and 1.0 are the same. Rows of sources
/// must have the shape of a recorded row of that source, since their values and their
/// number depend on the time; with --exact they must be equal, one by one. Greetings
/// are not compared.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The trace, for example of `mock-kuiper run --trace`
    #[arg(value_hint = ValueHint::FilePath)]
    trace: PathBuf,

    /// The plugin: a directory with NAME.json and the executable, a zip of one, or a
    /// Cargo package or Go module, which is built first
    #[arg(value_hint = ValueHint::AnyPath)]
    plugin: PathBuf,

    /// When the host's messages are sent: as soon as the plugin has sent what it had
    /// sent before, or not before the recorded time either
    #[arg(long, value_name = "WHEN", value_enum, default_value = "fastest")]
    timing: When,

    /// Compare the values of the rows of sources, not only their keys and types
    #[arg(long)]
    exact: bool,

    /// Show this many differences; all are counted
    #[arg(long, value_name = "NUMBER", default_value = "20")]
    show: u64,

    #[command(flatten)]
    host: HostArgs,
}

/// When the host's messages are sent.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum When {
    Fastest,
    Recorded,
}

/// Plays a trace.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let contents = contents(&args.trace)?;
    let package = Arc::new(args.host.package(&args.plugin)?);
    let control = control(&args.trace, &contents, &package)?;
    check_symbols(&args.trace, &contents.started, &package)?;
    let release = args.host.given_or(contents.release);
    for note in notes(&args.trace, &contents, &package) {
        say(&labelled(NOTE, "note", &note));
    }
    let interrupt = Interrupt::watch(|| {})?;
    let mut shown = 0;
    let mut differs = |difference: &Difference| {
        shown += 1;
        if shown <= args.show {
            show(difference);
        }
    };
    let builder = args.host.builder(package).release(release.name);
    let host = builder.interrupted_by(interrupt.came()).spawn()?;
    interrupt.concerns(&host);
    host.wait_greeting()?;
    let outcome = replay(
        open(&args.trace)?,
        &contents,
        &host,
        Options {
            timing: match args.timing {
                When::Fastest => Timing::Fastest,
                When::Recorded => Timing::Recorded,
            },
            exact: args.exact,
            limit: host.answer_limit(),
            control: control.as_deref(),
            interrupted: &|| interrupt.check().is_err(),
            differs: &mut differs,
        },
    );
    drop(host);
    let outcome = match outcome {
        Err(HostError::Interrupted) => {
            return Err(CliError::Trouble("the replay was interrupted".to_owned()));
        }
        outcome => outcome?,
    };
    let more = outcome.differences - shown.min(args.show);
    if more > 0 {
        print_results(&format!("… and {}\n", count(more, "more difference")))?;
    }
    print_results(&summary(&outcome, release.name))?;
    Ok(match outcome.differences {
        0 => Exit::Fine,
        _ => Exit::Finding,
    })
}

/// Opens a trace.
fn open(path: &Path) -> Result<Reader<BufReader<File>>, CliError> {
    let wrong = |text: String| CliError::input(format!("{}: {text}", path.display()));
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    Reader::new(BufReader::new(file)).map_err(|error| wrong(error.to_string()))
}

/// Reads what a trace has, so that no mistake in it is found in the middle of a replay.
pub(super) fn contents(path: &Path) -> Result<Contents, CliError> {
    let contents = Contents::read(open(path)?);
    contents.map_err(|error| CliError::input(format!("{}: {error}", path.display())))
}

/// Picks the control channel, if the trace has those of several plugins.
fn control(
    path: &Path,
    contents: &Contents,
    package: &Package,
) -> Result<Option<String>, CliError> {
    let name = &package.manifest().name;
    if contents.plugins.len() < 2 {
        return Ok(None);
    }
    if contents.plugins.contains(name) {
        return Ok(Some(format!("plugin_{name}")));
    }
    let names: Vec<_> = contents
        .plugins
        .iter()
        .map(|name| in_sentence(name))
        .collect();
    Err(CliError::input(format!(
        "{}: the trace is of several plugins ({}), and none is called `{name}`; give the plugin \
         one of these names",
        path.display(),
        names.join(", ")
    )))
}

/// Fails if the plugin lacks symbols that the trace starts.
pub(super) fn check_symbols(
    path: &Path,
    started: &BTreeSet<(Kind, String)>,
    package: &Package,
) -> Result<(), CliError> {
    let manifest = package.manifest();
    let missing = started.iter().filter(|(kind, name)| {
        let names = match kind {
            Kind::Source => &manifest.sources,
            Kind::Sink => &manifest.sinks,
            Kind::Function => &manifest.functions,
        };
        !names.contains(name)
    });
    let missing: Vec<_> = missing
        .map(|(kind, name)| {
            format!(
                "{}: the trace starts the {kind} `{}`, which `{}` does not have",
                path.display(),
                in_sentence(name),
                manifest.name
            )
        })
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(CliError::Input(missing)),
    }
}

/// Says what the reader of the result should know of the trace.
fn notes(path: &Path, contents: &Contents, package: &Package) -> Vec<String> {
    let shown = path.display();
    let mut notes = Vec::new();
    if contents.dropped > 0 {
        notes.push(format!(
            "{shown}: {} left out of the trace; acks are not compared",
            match contents.dropped {
                1 => "1 message was".to_owned(),
                dropped => format!("{} messages were", grouped(dropped)),
            }
        ));
    }
    if contents.cut > 0 {
        notes.push(format!(
            "{shown}: {} of the host cannot be sent, because the recorder has kept its beginning \
             only",
            count(contents.cut, "message")
        ));
    }
    if contents.is_cut {
        notes.push(incomplete(path));
    }
    let name = &package.manifest().name;
    let other: BTreeSet<_> = contents
        .plugins
        .iter()
        .filter(|other| *other != name)
        .collect();
    if other.len() == 1 && contents.plugins.len() == 1 {
        let other = other
            .first()
            .map(|other| in_sentence(other))
            .unwrap_or_default();
        notes.push(format!(
            "the trace is of the plugin `{other}`; its orders are sent to `{name}`"
        ));
    }
    if contents.release.is_none() {
        notes.push(format!(
            "{shown}: no known release of eKuiper in `{}`",
            in_sentence(&contents.host)
        ));
    }
    notes
}

/// Says that the last line of a trace was not written to its end.
pub(super) fn incomplete(path: &Path) -> String {
    format!(
        "{}: the last line is incomplete and is left out",
        path.display()
    )
}

/// Shows a difference.
fn show(difference: &Difference) {
    let Difference {
        line,
        channel,
        what,
        recorded,
        came,
    } = difference;
    let place = match channel.is_empty() {
        true => String::new(),
        false => format!(", {}", in_sentence(channel)),
    };
    let text = format!(
        "{ERROR}line {line}{place}{ERROR:#}: {}\n  recorded: {}\n  came:     {}\n",
        in_sentence(what),
        in_sentence(recorded),
        in_sentence(came)
    );
    // A closed stdout is noticed when the summary is written.
    let _ = print_results(&text);
}

fn summary(outcome: &Outcome, release: &str) -> String {
    let mut text = String::new();
    for (channel, (recorded, came)) in &outcome.rows {
        if recorded != came {
            text.push_str(&format!(
                "{}: {} recorded, {} came; their number depends on the time\n",
                in_sentence(channel),
                count(*recorded, "row"),
                grouped(*came)
            ));
        }
    }
    if outcome.not_sent > 0 {
        text.push_str(&format!(
            "{} of the host could not be sent\n",
            count(outcome.not_sent, "message")
        ));
    }
    text.push_str(&format!(
        "{} sent as eKuiper {release}, {} compared: {}\n",
        count(outcome.sent, "message"),
        grouped(outcome.compared),
        count_or_no(outcome.differences, "difference")
    ));
    text
}
