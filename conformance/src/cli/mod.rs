//! The command: what it tests, what it reports, and its exit status.

mod args;
mod error;
mod input;
mod interrupt;
mod output;
mod progress;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::{CommandFactory as _, Parser as _};
use ekuiper_conformance::plan::Examined;
use ekuiper_conformance::report::{self, Results};
use ekuiper_conformance::run::Trial;
use ekuiper_conformance::verdict::Verdict;
use ekuiper_conformance::{Plan, run, section};
use mock_kuiper::Kind;
use mock_kuiper::engine::pages;

use self::args::Args;
use self::error::CliError;
use self::input::{Filtered, Input};
use self::output::{Events, print, write, write_reports};
use self::progress::Progress;

/// The plugin meets the requirements.
const SUCCESS: u8 = 0;

/// The plugin fails a requirement, or a known failure passes.
const FAILURE: u8 = 1;

/// The command line or its input is wrong.
const WRONG_INPUT: u8 = 2;

/// An internal or system error.
const SYSTEM_ERROR: u8 = 3;

/// A signal ended the run before all requirements were tried: as a shell reports
/// SIGINT.
const INTERRUPTED: u8 = 130;

/// Reads the command line and carries it out.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let (status, lines) = match execute(&args) {
        Ok(status) => return ExitCode::from(status),
        Err(CliError::Input(mistakes)) => (WRONG_INPUT, mistakes),
        Err(CliError::System(text)) => (SYSTEM_ERROR, vec![text]),
    };
    for line in lines {
        progress::print_error(&line);
    }
    ExitCode::from(status)
}

fn execute(args: &Args) -> Result<u8, CliError> {
    if args.attach {
        return Err(CliError::Input(vec![
            "--attach cannot be used here: each requirement is tested on a process of its own, \
             which is launched, and on each release; use `mock-kuiper run --attach` to debug one \
             process"
                .to_owned(),
        ]));
    }
    if let Some(id) = &args.explain {
        return explain(id).map(|()| SUCCESS);
    }
    if let Some(directory) = &args.pages {
        return write_pages(directory).map(|()| SUCCESS);
    }
    let filtered = input::filter(&args.filter);
    if args.list {
        let filtered = filtered.map_err(CliError::Input)?;
        let [release] = args.release.as_slice() else {
            return Err(CliError::Input(vec![
                "--list: name one release, for example `--release 2.4`".to_owned(),
            ]));
        };
        return print(&report::list(&filtered, release)).map(|()| SUCCESS);
    }
    test(args, filtered)
}

fn explain(id: &str) -> Result<(), CliError> {
    match id {
        "all" => return print(&report::markdown()),
        "rules" => return print(&report::rules()),
        _ => {}
    }
    let known = section::all();
    let found = known
        .iter()
        .find(|requirement| requirement.id.eq_ignore_ascii_case(id));
    match found {
        Some(requirement) => print(&report::explain(requirement)),
        None => Err(CliError::Input(vec![format!(
            "--explain: {}",
            section::unknown(id)
        )])),
    }
}

fn write_pages(directory: &Path) -> Result<(), CliError> {
    pages::write("ekuiper-conformance", &Args::command(), directory).map_err(|error| {
        CliError::System(format!("cannot write to {}: {error}", directory.display()))
    })
}

fn test(args: &Args, filtered: Filtered) -> Result<u8, CliError> {
    let Input {
        plan,
        expected,
        flaky,
        requirements,
    } = input::read(args, filtered)?;
    let stop = interrupt::watch()?;
    let mut all = Vec::new();
    let events = args.events.as_deref().map(Events::create).transpose()?;
    let several = args.release.as_slice().len() > 1;
    for release in args.release.as_slice() {
        let plan = plan.under(release);
        let mut results = Results {
            plugin: plan.name(),
            release: release.name,
            notes: Vec::new(),
            trials: Vec::new(),
            took: Duration::ZERO,
            expected: &expected,
            flaky: &flaky,
            strict: args.strict,
            unexamined: 0,
        };
        let progress = Progress::new(release.name, requirements.len());
        let began = Instant::now();
        let trials = run::run_until(&plan, &requirements, &stop, &|trial| {
            if let Some(events) = &events {
                events.write(&report::event(&results, trial));
            }
            if let Some(line) = report::brief(&results, trial) {
                progress.print(&line);
            }
            progress.done(trial);
        });
        progress.close();
        results.notes = notes(&plan, &trials);
        results.unexamined = requirements.len() - trials.len();
        results.trials = trials;
        results.took = began.elapsed();
        // With many releases, what passed would hide the rest.
        print(&report::text(&results, several))?;
        all.push(results);
        if stop.load(Ordering::SeqCst) {
            break;
        }
    }
    let left = args.release.as_slice().len() - all.len();
    let is_complete = left == 0 && all.iter().all(|results| results.unexamined == 0);
    events.map_or(Ok(()), Events::close)?;
    write_reports(args, &all)?;
    if !is_complete {
        progress::print_interrupted(left);
        if args.write_expect_fail.is_some() {
            progress::print_error("--write-expect-fail: nothing was written");
        }
        return Ok(INTERRUPTED);
    }
    if let Some(path) = &args.write_expect_fail {
        let failures = all.iter().flat_map(Results::failures).collect::<Vec<_>>();
        let tried: Vec<_> = all.iter().map(|results| results.release).collect();
        write(path, &expected.write(&tried, &failures))?;
    }
    Ok(status(&all))
}

/// Returns what a reader has to know about all results of a plan.
fn notes(plan: &Plan, trials: &[Trial]) -> Vec<String> {
    let mut notes = missing_properties(trials);
    let kinds = [Kind::Source, Kind::Sink, Kind::Function];
    let samples = kinds.into_iter().filter_map(|kind| {
        let Examined { names, all } = plan.examined(kind);
        (names.len() < all).then(|| {
            format!(
                "of {all} {kind}s, {} were examined; `--symbol NAME` examines others",
                names.join(", ")
            )
        })
    });
    notes.extend(samples);
    notes
}

/// Returns a line for each property that a symbol needs and that is not set.
fn missing_properties(trials: &[Trial]) -> Vec<String> {
    let mut lines = Vec::new();
    for trial in trials {
        let (Verdict::Failed(evidence) | Verdict::NotTestable(evidence)) = &trial.verdict else {
            continue;
        };
        let Some((symbol, property)) = &evidence.configure else {
            continue;
        };
        let line = format!(
            "{symbol} refused to start because `{property}` is missing: add `--config \
             '{}={{\"{property}\":…}}'`",
            symbol.name
        );
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Returns the exit status. After an internal or system error the verdicts on
/// the plugin are incomplete, so it comes first.
fn status(all: &[Results<'_>]) -> u8 {
    match () {
        () if all.iter().any(Results::has_errors) => SYSTEM_ERROR,
        () if all.iter().any(Results::has_failures) => FAILURE,
        () => SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use ekuiper_conformance::expect::Expected;
    use ekuiper_conformance::verdict::Evidence;
    use mock_kuiper::Symbol;

    use super::*;

    #[test]
    fn a_missing_property_is_named_once_with_the_option_that_sets_it() {
        let evidence = Evidence {
            seen: String::new(),
            code: None,
            transcript: Vec::new(),
            cause: None,
            configure: Some((Symbol::new(Kind::Source, "weather"), "url".to_owned())),
        };
        let trials = [
            Verdict::Failed(evidence.clone()),
            Verdict::NotTestable(evidence),
        ]
        .map(|verdict| Trial {
            requirement: section::all()[0],
            verdict,
            took: Duration::ZERO,
        });

        assert_eq!(
            missing_properties(&trials),
            [
                "source `weather` refused to start because `url` is missing: add `--config \
              'weather={\"url\":…}'`"
            ]
        );
    }

    #[test]
    fn a_system_error_outranks_a_failure_of_the_plugin() {
        let expected = Expected::default();
        let results = |verdicts: Vec<Verdict>| Results {
            plugin: "p".to_owned(),
            release: "2.4",
            trials: (verdicts.into_iter())
                .map(|verdict| Trial {
                    requirement: section::all()[0],
                    verdict,
                    took: Duration::ZERO,
                })
                .collect(),
            took: Duration::ZERO,
            expected: &expected,
            flaky: &expected,
            notes: Vec::new(),
            strict: false,
            unexamined: 0,
        };
        let failed = Verdict::Failed(Evidence {
            seen: String::new(),
            code: None,
            transcript: Vec::new(),
            cause: None,
            configure: None,
        });
        let text = "no room".to_owned();
        let error = Verdict::Error { text };

        assert_eq!(status(&[results(vec![Verdict::Passed])]), 0);
        assert_eq!(status(&[results(vec![failed.clone()])]), 1);
        assert_eq!(status(&[results(vec![failed, error])]), 3);
    }
}
