//! The command line: what is tried, what is told of it, and how it ends.

mod input;
mod progress;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs, io};

use clap::{Parser, ValueHint};
use ekuiper_conformance::report::{self, Results};
use ekuiper_conformance::requirement;
use ekuiper_conformance::run;
use mock_kuiper::call::{EnvVar, SymbolConfig};
use mock_kuiper::profile::DEFAULT_HOST;
use serde_json::json;

use self::input::{Chosen, Input, Releases};
use self::progress::Progress;

const STATUSES: &str = "\
Exit status:
  0  the plugin does what is required
  1  it fell short, or a known failure is none any more
  2  the command line or its input is wrong
  3  trouble of ours, or of the machine";

const EXAMPLES: &str = "\
Examples:
  ekuiper-conformance ./mirror
      Holds a plugin against what eKuiper 2.4 requires.
  ekuiper-conformance ./mirror --release all --junit junit.xml
      The same for every release; the file is what a CI shows.
  ekuiper-conformance mirror.zip --config 'mqtt={\"server\":\"tcp://127.0.0.1:1883\"}'
      A source or sink gets the properties without which it cannot be started.
  ekuiper-conformance ./mirror --filter SNK --filter CTL-13
      Some requirements alone.
  ekuiper-conformance --explain SNK-02
      The rule, why it matters, and how it is observed.";

/// Hold a portable plugin, in any language, against eKuiper's plugin protocol.
///
/// Each requirement is observed on a process of its own, which is launched and
/// driven as the eKuiper release does it. A line tells of each; below one that
/// failed are the reason and the last messages. A failed SHOULD is shown, and
/// counts with --strict alone.
#[derive(Debug, Parser)]
#[command(
    name = "ekuiper-conformance",
    version,
    after_help = STATUSES,
    after_long_help = format!("{EXAMPLES}\n\n{STATUSES}")
)]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, its zip, or
    /// a Cargo package with NAME.json beside Cargo.toml, which is built first
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present_any = ["list", "explain"])]
    plugin: Option<PathBuf>,

    /// The eKuiper release that is required, 1.4 to 2.4; several with commas,
    /// or all
    #[arg(long, value_name = "RELEASE", default_value = DEFAULT_HOST)]
    release: Releases,

    /// Properties of a source or sink, over those of its yaml, `datasource` for
    /// the stream's DATASOURCE; may be repeated
    #[arg(long, value_name = "NAME=JSON")]
    config: Vec<SymbolConfig>,

    /// The same for many symbols: a file with one JSON object, {NAME:{…},…}
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config_file: Option<PathBuf>,

    /// Properties that a source or sink has to refuse, for CTL-18
    #[arg(long, value_name = "NAME=JSON")]
    refused: Vec<SymbolConfig>,

    /// Keep the values of this property out of all reports; may be repeated
    #[arg(long, value_name = "KEY")]
    redact: Vec<String>,

    /// Try the requirements whose numbers begin so alone: SNK, or SNK-02; may
    /// be repeated
    #[arg(long, value_name = "ID")]
    filter: Vec<String>,

    /// A failed SHOULD counts as well
    #[arg(long)]
    strict: bool,

    /// Failures that are known: a line each, `CTL-13  2.4  the reason`. One that
    /// passes is an error
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    expect_fail: Option<PathBuf>,

    /// Write what failed to this file, the reasons of --expect-fail kept
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    write_expect_fail: Option<PathBuf>,

    /// Write the results to this file as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,

    /// Write the results to this file as JUnit's XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    junit: Option<PathBuf>,

    /// The Python interpreter, e.g. of a virtual environment
    #[arg(long, value_name = "PATH", default_value = "python3", value_hint = ValueHint::CommandName)]
    python: PathBuf,

    /// Add a variable to the plugin's environment; may be repeated
    #[arg(long, value_name = "K=V")]
    env: Vec<EnvVar>,

    /// Make all waits so many times as long: more on a slow machine
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = input::scale)]
    timeout_scale: f64,

    /// Processes of the plugin at the same time, where they can be isolated
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = input::jobs)]
    jobs: usize,

    /// Build a Cargo package without optimizations
    #[arg(long)]
    debug: bool,

    /// List what the release requires, a line each
    #[arg(long, conflicts_with = "plugin")]
    list: bool,

    /// Tell all of a requirement; of every one with `all`, as Markdown, and
    /// with `rules` as the tables of docs/protocol.md
    #[arg(long, value_name = "ID", conflicts_with_all = ["plugin", "list"])]
    explain: Option<String>,
}

/// Why nothing could be told of the plugin.
#[derive(Debug)]
pub(crate) enum CliError {
    /// The command line or a file that it names; one line for each mistake.
    Input(Vec<String>),
    /// Ours, or the machine's.
    Trouble(String),
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let (status, lines) = match act(&args) {
        Ok(status) => return ExitCode::from(status),
        Err(CliError::Input(mistakes)) => (2, mistakes),
        Err(CliError::Trouble(text)) => (3, vec![text]),
    };
    for line in lines {
        progress::print_error(&line);
    }
    ExitCode::from(status)
}

fn act(args: &Args) -> Result<u8, CliError> {
    if let Some(id) = &args.explain {
        return explain(id).map(|()| 0);
    }
    let chosen = input::chosen(&args.filter);
    if args.list {
        let chosen = chosen.map_err(CliError::Input)?;
        let [release] = args.release.as_slice() else {
            return Err(CliError::Input(vec![
                "--list: name one release, e.g. --release 2.4".to_owned(),
            ]));
        };
        return print(&report::list(&chosen, release)).map(|()| 0);
    }
    try_plugin(args, chosen)
}

fn explain(id: &str) -> Result<(), CliError> {
    match id {
        "all" => return print(&report::markdown()),
        "rules" => return print(&report::rules()),
        _ => {}
    }
    let known = requirement::all();
    let found = known
        .iter()
        .find(|requirement| requirement.id.eq_ignore_ascii_case(id));
    match found {
        Some(requirement) => print(&report::explain(requirement)),
        None => Err(CliError::Input(vec![format!(
            "--explain: no requirement `{id}` is known; `--list` shows them"
        )])),
    }
}

fn try_plugin(args: &Args, chosen: Chosen) -> Result<u8, CliError> {
    let Input {
        plan,
        expected,
        chosen,
    } = input::read(args, chosen)?;
    let mut all = Vec::new();
    let several = args.release.as_slice().len() > 1;
    for release in args.release.as_slice() {
        let plan = plan.under(release);
        let progress = Progress::new(release.name, chosen.len());
        let began = Instant::now();
        let outcomes = run::run(&plan, &chosen, &|outcome| progress.done(outcome));
        progress.close();
        let results = Results {
            plugin: plan.name(),
            release: release.name,
            outcomes,
            took: began.elapsed(),
            expected: &expected,
            strict: args.strict,
        };
        // With many releases what is as it should be would hide the rest.
        print(&report::text(&results, several))?;
        all.push(results);
    }
    write_reports(args, &all)?;
    if let Some(path) = &args.write_expect_fail {
        let failures = all.iter().flat_map(Results::failures).collect::<Vec<_>>();
        let tried: Vec<_> = all.iter().map(|results| results.release).collect();
        write(path, &expected.write(&tried, &failures))?;
    }
    Ok(status(&all))
}

/// How it ends: with trouble of ours no verdict on the plugin is worth much.
fn status(all: &[Results<'_>]) -> u8 {
    match () {
        () if all.iter().any(Results::has_trouble) => 3,
        () if all.iter().any(Results::falls_short) => 1,
        () => 0,
    }
}

/// Writes the files that were asked for, and what GitHub's job shows.
fn write_reports(args: &Args, all: &[Results<'_>]) -> Result<(), CliError> {
    if let Some(path) = &args.json {
        let values: Vec<_> = all.iter().map(report::json).collect();
        let text = serde_json::to_string_pretty(&json!({"runs": values}));
        let text = text.map_err(|error| CliError::Trouble(error.to_string()))?;
        write(path, &(text + "\n"))?;
    }
    if let Some(path) = &args.junit {
        write(path, &report::junit(all).map_err(CliError::Trouble)?)?;
    }
    if env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        for results in all {
            print(&report::annotations(results))?;
        }
        if let Some(path) = env::var_os("GITHUB_STEP_SUMMARY") {
            let text: String = all.iter().map(report::summary).collect();
            let file = fs::OpenOptions::new().append(true).create(true).open(&path);
            file.and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| cannot_write(Path::new(&path), &error))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    CliError::Trouble(format!("{}: cannot be written: {error}", path.display()))
}

/// Writes to stdout. A reader that has read enough is no error.
fn print(text: &str) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Trouble(format!(
            "cannot write to stdout: {error}"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ekuiper_conformance::expect::Expected;
    use ekuiper_conformance::run::{Evidence, Outcome, Verdict};

    use super::*;

    #[test]
    fn trouble_of_ours_comes_before_what_the_plugin_did() {
        let expected = Expected::default();
        let results = |verdicts: Vec<Verdict>| Results {
            plugin: "p".to_owned(),
            release: "2.4",
            outcomes: (verdicts.into_iter())
                .map(|verdict| Outcome {
                    requirement: requirement::all()[0],
                    verdict,
                    took: Duration::ZERO,
                })
                .collect(),
            took: Duration::ZERO,
            expected: &expected,
            strict: false,
        };
        let failed = Verdict::Failed(Evidence {
            seen: String::new(),
            transcript: Vec::new(),
        });
        let text = "no room".to_owned();
        let trouble = Verdict::Trouble { text };

        assert_eq!(status(&[results(vec![Verdict::Passed])]), 0);
        assert_eq!(status(&[results(vec![failed.clone()])]), 1);
        assert_eq!(status(&[results(vec![failed, trouble])]), 3);
    }
}
