//! `mock-kuiper bench`: measures how fast a plugin is, and what it costs.

mod compare;
mod measure_args;
mod meter;
mod metric;
mod record;
mod round;
mod sink;
mod source;
mod stage;
mod table;
mod trips;
mod workload;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueHint;
use mock_kuiper::HostError;

use self::measure_args::MeasureArgs;
use self::meter::Sample;
use self::metric::Metric;
use self::record::{Measurement, Record, Series, Subject};
use self::round::{Round, Samples};
use self::stage::Findings;
use self::workload::{Task, Workload};
use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::interrupt::Interrupt;
use super::output::print_results;
use super::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  mock-kuiper bench ./mirror --config 'random={\"period\":0}' --call 'echo(\"hi\")'
      Measures a source that sends without a pause, the sinks, and a function.
  mock-kuiper bench ./mirror --sink append --send '{\"a\":1}' --rounds 9 --time 2s
      Measures one sink with this row, longer and more often.
  mock-kuiper bench ./mirror --json before.json
  mock-kuiper bench ./mirror --compare before.json
      Lists what got slower or heavier since then; if anything did, the exit
      status is 1.";

/// Measure a plugin: rows and calls per second, latency, memory, processor time.
///
/// Every round launches the plugin and measures one thing after the other: the
/// rows per second of each source and sink, of a sink also with requireAck (one
/// row, then its ack), and the calls per second of each --call. The first fifth
/// of each measurement is a warm-up and does not count. The table shows medians
/// of the rounds, the lowest and the highest rate, and the processor time that
/// the plugin's processes take for a row or a call.
///
/// Sources are read at full speed, and every row is checked as JSON. Sinks are
/// sent rows as fast as they take them; rows that only fill buffers do not
/// count. A sink that sends no acks is not measured with requireAck. The time to
/// greeting counts from the launch. Memory is the resident memory of the
/// plugin's process group, after the greeting and at its peak.
///
/// With --compare, a number is slower or heavier if every round is worse than
/// every round in the older file and the medians differ by more than 5 %. The
/// slowest single call is not compared.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
#[command(mut_arg("attach", |arg| arg.hide(true)))]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, a zip of one,
    /// or a Cargo package or Go module, which is built first
    #[arg(value_hint = ValueHint::AnyPath)]
    plugin: PathBuf,

    #[command(flatten)]
    measure: MeasureArgs,

    /// Write the numbers of all rounds to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,

    /// List what got slower or heavier since --json wrote this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    compare: Option<PathBuf>,
}

/// Measures a plugin.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    if args.measure.host.attach {
        return Err(CliError::input(
            "--attach cannot be used with bench: each round measures a new process, which \
             mock-kuiper launches; a debugger would be measured, too",
        ));
    }
    let old = match &args.compare {
        Some(path) => Some((path, Record::read(path)?)),
        None => None,
    };
    if let Some(path) = &args.json {
        check_writable(path)?;
    }
    let package = args.measure.host.package(&args.plugin)?;
    let workload = Workload::make(&args.measure, Arc::new(package))?;
    let terminal = Arc::new(Terminal::new(&workload.plugin().name, false));
    let findings = Findings::new(Arc::clone(&terminal));
    let interrupt = Interrupt::watch(|| {})?;
    let mut bench = Bench {
        args: &args.measure,
        workload: &workload,
        given_up: vec![None; workload.tasks.len()],
        plugin: Vec::new(),
        tasks: workload.tasks.iter().map(|_| Vec::new()).collect(),
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
        Ok(Exit::Finding)
    }
}

/// Checks that a file can be written, and leaves its content, which --compare
/// may still read.
fn check_writable(path: &Path) -> Result<(), CliError> {
    let opened = File::options().append(true).create(true).open(path);
    let wrong = |error| CliError::input(format!("--json {}: {error}", path.display()));
    opened.map(drop).map_err(wrong)
}

/// The rounds so far.
struct Bench<'a> {
    args: &'a MeasureArgs,
    workload: &'a Workload,
    /// For each task, why it cannot be measured.
    given_up: Vec<Option<String>>,
    plugin: Vec<Sample>,
    tasks: Vec<Vec<Sample>>,
}

impl Bench<'_> {
    /// Measures round after round.
    fn measure(
        &mut self,
        terminal: &Arc<Terminal>,
        interrupt: &Interrupt,
        findings: &Findings,
    ) -> Result<(), HostError> {
        let round = Round {
            args: self.args,
            workload: self.workload,
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

    /// Returns how many rounds are complete.
    fn rounds(&self) -> usize {
        self.plugin.len()
    }

    fn record(&self) -> Record {
        let subjects = self.workload.tasks.iter().map(Task::subject);
        let measurements = [(Subject::Plugin, &self.plugin)]
            .into_iter()
            .chain(subjects.zip(&self.tasks))
            .filter(|(_, samples)| !samples.is_empty())
            .map(|(subject, samples)| Measurement {
                subject,
                metrics: series(samples),
            });
        Record::new(
            self.workload.plugin(),
            workload::environment(self.args, self.rounds()),
            measurements.collect(),
        )
    }

    /// Writes what was not measured, and why.
    fn notes(&self) -> Vec<String> {
        let given_up = self.workload.tasks.iter().zip(&self.given_up);
        let given_up = given_up.filter_map(|(task, reason)| {
            let reason = reason.as_ref()?;
            Some(format!("{}: not measured, {reason}", task.subject()))
        });
        let uncalled = self.workload.uncalled.iter().map(|name| {
            format!("function {name}: not measured, no call is given; add --call '{name}(…)'")
        });
        let slow = cfg!(debug_assertions).then(|| {
            "mock-kuiper itself was built without optimizations, which limits fast plugins"
                .to_owned()
        });
        given_up.chain(uncalled).chain(slow).collect()
    }
}

/// Collects the values of each metric over the rounds.
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
