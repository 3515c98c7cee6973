//! `mock-kuiper bench`: how fast a plugin is, and what it costs.

mod compare;
mod meter;
mod metric;
mod plan;
mod record;
mod round;
mod sink;
mod source;
mod stage;
mod table;
mod trips;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueHint;
use mock_kuiper::call::Call;
use mock_kuiper::host::HostError;
use serde_json::Value;

use self::meter::Sample;
use self::metric::Metric;
use self::plan::Plan;
use self::record::{Measurement, Record, Series, Subject};
use self::round::{Round, Samples};
use self::stage::Findings;
use super::host_args::HostArgs;
use super::interrupt::Interrupt;
use super::symbol_args::{SymbolArgs, json};
use super::terminal::Terminal;
use super::{CliError, Exit, STATUSES, print_results};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper bench ./mirror --config 'random={\"interval\":0}' --call 'echo(\"hi\")'
      Measures a source that sends without a pause, the sinks and a function.
  mock-kuiper bench ./mirror --sink append --send '{\"a\":1}' --rounds 9 --time 2s
      Measures one sink with rows of its own, longer and more often.
  mock-kuiper bench ./mirror --json before.json
  mock-kuiper bench ./mirror --compare before.json
      Names what got slower since; ends with status 1 if something did.";

/// Measure a plugin: rows and calls a second, latency, memory, processor time.
///
/// Each round launches the plugin anew and measures everything once, one thing
/// after the other: rows a second of each source and sink, of a sink also with
/// requireAck (a row, then its ack), and calls a second of each --call. The
/// first fifth of each measurement is a warm-up that does not count. The table
/// has medians of the rounds, the smallest and the greatest rate of all, and
/// the processor time of the plugin's processes for a row or a call.
///
/// A source is read as fast as it can be, each row checked as JSON. A sink is
/// sent rows as fast as it takes them; what only fills buffers does not count.
/// One that sends no acks is measured without. Time to greeting counts from the
/// launch; memory is the resident memory of the plugin's process group, once it
/// has greeted and at most.
///
/// With --compare a number got slower (or heavier) if all its rounds are worse
/// than all of the older file, and the medians differ by more than 5 %. The
/// slowest single call is not compared.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, its zip, or
    /// a Cargo package with NAME.json beside Cargo.toml, which is built first
    #[arg(value_hint = ValueHint::AnyPath)]
    plugin: PathBuf,

    /// Measure this call of a function: 'echo(1, "a", null, {"k":[2]})'; may be
    /// repeated. Functions without a call are not measured
    #[arg(long, value_name = "CALL")]
    call: Vec<Call>,

    /// Send this row to the sinks, in the place of one of 60 bytes; may be
    /// repeated
    #[arg(long, value_name = "JSON", value_parser = json)]
    send: Vec<Value>,

    /// How often everything is measured
    #[arg(long, value_name = "NUMBER", default_value = "5", value_parser = rounds)]
    rounds: usize,

    /// How long each measurement takes, beside its warm-up
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = time)]
    time: Duration,

    #[command(flatten)]
    symbols: SymbolArgs,

    #[command(flatten)]
    host: HostArgs,

    /// Write the numbers of all rounds to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,

    /// Name what got slower or heavier since this file of --json was written
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    compare: Option<PathBuf>,
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
        _ if time < Duration::from_millis(10) => Err("expected 10ms at least".to_owned()),
        _ if time > Duration::from_secs(3600) => Err("expected an hour at most".to_owned()),
        time => Ok(time),
    }
}

/// Measures a plugin.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let old = match &args.compare {
        Some(path) => Some((path, Record::read(path)?)),
        None => None,
    };
    if let Some(path) = &args.json {
        check_writable(path)?;
    }
    let plan = Plan::make(args, Arc::new(args.host.package(&args.plugin)?))?;
    let terminal = Arc::new(Terminal::new(&plan.plugin().name, false));
    let findings = Findings::new(Arc::clone(&terminal));
    let interrupt = Interrupt::watch(|| {})?;
    let mut bench = Bench {
        args,
        plan: &plan,
        given_up: vec![None; plan.tasks.len()],
        plugin: Vec::new(),
        tasks: plan.tasks.iter().map(|_| Vec::new()).collect(),
    };
    let ended = bench.measure(&terminal, &interrupt, &findings);
    terminal.close();
    let mut worse = 0;
    if bench.rounds() > 0 {
        let record = bench.record();
        let mut text = table::text(&record, &bench.notes());
        if let Some((path, old)) = &old {
            let compared = compare::compare(old, &record, &path.display().to_string());
            text.push_str(&compared.text);
            worse = compared.worse;
        }
        print_results(&text)?;
        if let Some(path) = &args.json {
            record.write(path)?;
        }
    }
    match ended {
        Ok(()) => {}
        Err(HostError::Interrupted) => terminal.note(&match bench.rounds() {
            0 => "interrupted in the first round: nothing was measured".to_owned(),
            whole => format!("interrupted in round {}, which does not count", whole + 1),
        }),
        Err(error) => return Err(error.into()),
    }
    if worse == 0 && findings.are_none() {
        Ok(Exit::Fine)
    } else {
        Ok(Exit::PluginFellShort)
    }
}

/// Looks whether a file can be written, and leaves what it has: it may be the
/// one to compare with.
fn check_writable(path: &Path) -> Result<(), CliError> {
    let opened = File::options().append(true).create(true).open(path);
    let wrong = |error| CliError::input(format!("--json {}: {error}", path.display()));
    opened.map(drop).map_err(wrong)
}

/// The rounds so far.
struct Bench<'a> {
    args: &'a Args,
    plan: &'a Plan,
    /// Of each task: why it cannot be measured.
    given_up: Vec<Option<String>>,
    plugin: Vec<Sample>,
    tasks: Vec<Vec<Sample>>,
}

impl Bench<'_> {
    fn measure(
        &mut self,
        terminal: &Arc<Terminal>,
        interrupt: &Interrupt,
        findings: &Findings,
    ) -> Result<(), HostError> {
        let round = Round {
            args: self.args,
            plan: self.plan,
            terminal,
            interrupt,
            findings,
        };
        for number in 1..=self.args.rounds {
            let Samples { plugin, tasks } = round.run(number, &mut self.given_up)?;
            self.plugin.push(plugin);
            for (all, sample) in self.tasks.iter_mut().zip(tasks) {
                all.extend(sample);
            }
        }
        Ok(())
    }

    /// The rounds that are whole.
    fn rounds(&self) -> usize {
        self.plugin.len()
    }

    fn record(&self) -> Record {
        let subjects = self.plan.tasks.iter().map(plan::Task::subject);
        let measurements = [(Subject::Plugin, &self.plugin)]
            .into_iter()
            .chain(subjects.zip(&self.tasks))
            .filter(|(_, samples)| !samples.is_empty())
            .map(|(subject, samples)| Measurement {
                subject,
                metrics: series(samples),
            });
        Record::new(
            self.plan.plugin(),
            plan::environment(self.args, self.rounds()),
            measurements.collect(),
        )
    }

    /// What was not measured, and why.
    fn notes(&self) -> Vec<String> {
        let given_up = self.plan.tasks.iter().zip(&self.given_up);
        let given_up = given_up.filter_map(|(task, reason)| {
            let reason = reason.as_ref()?;
            Some(format!("{}: not measured, {reason}", task.subject()))
        });
        let uncalled = self.plan.uncalled.iter().map(|name| {
            format!("function {name}: not measured; say what to call it with: --call '{name}(…)'")
        });
        let slow = cfg!(debug_assertions).then(|| {
            "mock-kuiper itself was built without optimizations, and holds back what is fast"
                .to_owned()
        });
        given_up.chain(uncalled).chain(slow).collect()
    }
}

/// The values of each metric over the rounds.
fn series(samples: &[Sample]) -> BTreeMap<Metric, Series> {
    let mut values: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for &(metric, value) in samples.iter().flatten() {
        values.entry(metric).or_default().push(value);
    }
    let series = values.into_iter();
    series
        .map(|(metric, values)| (metric, Series::new(values)))
        .collect()
}
