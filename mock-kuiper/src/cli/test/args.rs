//! The options of `test`.

use std::path::PathBuf;

use clap::ValueHint;
use mock_kuiper::Release;
use mock_kuiper::engine::package::Build;
use mock_kuiper::scenario::{Filter, Runner};

use crate::cli::exit::STATUSES;
use crate::cli::number_args::whole;

const EXAMPLES: &str = "\
Examples:
  mock-kuiper test
      Runs every *.test.yaml below this directory.
  mock-kuiper test tests/echo.test.yaml --filter 'echo returns'
      Runs the cases of a file whose names contain a text.
  mock-kuiper test --junit report.xml --html report.html
      Writes reports, for CI and for people.
  mock-kuiper test --from mirror.jsonl ./mirror --output mirror.test.yaml
      Makes cases of a trace, for example of `mock-kuiper run --trace`.
  mock-kuiper test --update
      Writes what was seen into the files, where it differs from what they expect.";

/// Run the tests of a plugin: the cases of *.test.yaml files.
///
/// Each case has a process of the plugin, a /tmp of its own, and runs on each
/// eKuiper release that its file names. The page docs/testing-a-plugin.md describes
/// the files; --schema prints their JSON schema, for editors.
///
/// Cases that fail are printed to stdout with what was expected and seen, the
/// plugin's log, the last messages, and the command that runs the case alone.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// Test files, or directories with files that end in .test.yaml
    ///
    /// In directories, `target`, `node_modules`, virtual environments and what is
    /// hidden is skipped.
    #[arg(value_name = "PATH", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(super) paths: Vec<PathBuf>,

    /// Run the cases whose names contain TEXT, or with =NAME the one of this name;
    /// may be repeated
    #[arg(long, value_name = "TEXT", value_parser = filter)]
    pub(super) filter: Vec<Filter>,

    /// Run the cases on this release only, instead of those that their files name;
    /// may be repeated
    #[arg(long, value_name = "RELEASE", value_parser = Release::find)]
    pub(super) release: Vec<&'static Release>,

    /// Refused with a reason
    #[arg(long, hide = true)]
    pub(super) attach: bool,

    /// Print the cases and do not run them
    #[arg(long)]
    pub(super) list: bool,

    /// Print the JSON schema of test files
    #[arg(long)]
    pub(super) schema: bool,

    /// Print the reference of test files, as Markdown
    #[arg(long, conflicts_with_all = ["list", "schema"])]
    pub(super) reference: bool,

    /// Run so many cases at once [default: the number of processors]
    #[arg(short, long, value_name = "NUMBER", value_parser = whole(1_u16), allow_negative_numbers = true)]
    pub(super) jobs: Option<u16>,

    /// Begin no further case after one has failed
    #[arg(long)]
    pub(super) fail_fast: bool,

    /// Use this Python interpreter, instead of those that the files name
    #[arg(long, value_name = "PATH", value_hint = ValueHint::CommandName)]
    pub(super) python: Option<PathBuf>,

    /// Try each case again that fails, up to so many times
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        value_parser = whole(0_u32),
        allow_negative_numbers = true
    )]
    pub(super) retries: u32,

    /// Fail if a case has passed only after a retry
    #[arg(long)]
    pub(super) fail_on_flaky: bool,

    /// Multiply all time limits, for a slow machine, e.g. 3
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = scale, allow_negative_numbers = true)]
    pub(super) timeout_scale: f64,

    /// Run one part of the cases, e.g. 1/4
    #[arg(long, value_name = "PART/PARTS", value_parser = shard)]
    pub(super) shard: Option<(usize, usize)>,

    /// Draw from this number what eKuiper does in no certain order
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,

    /// Hide the values of this property, or variable of the environment, in all
    /// reports; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(super) redact: Vec<String>,

    /// Write what was seen into the test files, where it is not as expected
    ///
    /// Comments and layout stay. Nothing is written if the variable CI is set.
    #[arg(long, conflicts_with_all = ["list", "schema", "reference"])]
    pub(super) update: bool,

    /// Build Cargo packages and Go modules without optimizations
    #[arg(long)]
    pub(super) debug: bool,

    /// Stop also when stdin ends, as after Ctrl-C
    ///
    /// For a program that starts this command with a pipe on stdin: the plugin then ends
    /// with the program, however that ends.
    #[arg(long)]
    pub(super) end_with_stdin: bool,

    /// Run nothing: make cases of this trace, for the plugin PATH
    ///
    /// There is a case for each function, with its first 20 calls, and one for each
    /// rule, with the first 10 rows of its sources and the first 100 rows for its sinks.
    /// What differs among the rows of a source is expected by its type. Properties are
    /// written as the trace has them, secrets included. The plugin must have the symbols of
    /// the trace; it is built for that if it is a Cargo package or a Go module.
    #[arg(long, value_name = "TRACE", value_hint = ValueHint::FilePath,
        conflicts_with_all = ["list", "schema", "reference", "update"])]
    pub(super) from: Option<PathBuf>,

    /// Write the cases of --from to this test file, which is made if there is none,
    /// and not to stdout
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "from")]
    pub(super) output: Option<PathBuf>,

    /// Write the results as JUnit's XML to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) junit: Option<PathBuf>,

    /// Write the results, or with --list the cases, as JSON to this file; - is
    /// stdout
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) json: Option<PathBuf>,

    /// Write the results as a page to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) html: Option<PathBuf>,
}

impl Args {
    /// Returns how Cargo packages and Go modules are built.
    pub(super) fn build(&self) -> Build {
        match self.debug {
            true => Build::unoptimized(),
            false => Build::optimized(),
        }
    }

    /// Makes the runner that these options describe.
    pub(super) fn runner(&self) -> Runner {
        let mut runner = Runner::new(&self.paths)
            .build(self.build())
            .retries(self.retries)
            .timeout_scale(self.timeout_scale);
        if let Some(jobs) = self.jobs {
            runner = runner.jobs(usize::from(jobs));
        }
        if !self.release.is_empty() {
            runner = runner.releases(self.release.clone());
        }
        if let Some(python) = &self.python {
            runner = runner.python(python);
        }
        if self.fail_fast {
            runner = runner.fail_fast();
        }
        if let Some((part, parts)) = self.shard {
            runner = runner.shard(part, parts);
        }
        if self.update {
            runner = runner.for_update();
        }
        if let Some(seed) = self.seed {
            runner = runner.seed(seed);
        }
        runner = self.filter.iter().cloned().fold(runner, Runner::filter);
        self.redact
            .iter()
            .fold(runner, |runner, key| runner.redact(key))
    }
}

fn filter(text: &str) -> Result<Filter, String> {
    match text.strip_prefix('=') {
        _ if text.is_empty() => Err("expected a part of a case's name, or =NAME".to_owned()),
        Some(name) => Ok(Filter::Exactly(name.to_owned())),
        None => Ok(Filter::Contains(text.to_owned())),
    }
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.01..=1000.0).contains(&factor) => Ok(factor),
        _ => Err("expected a factor between 0.01 and 1000".to_owned()),
    }
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/');
    let parts = parts.and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    match parts {
        Some((part, parts)) if (1..=parts).contains(&part) => Ok((part, parts)),
        _ => Err("expected a part and the number of parts, for example 1/4".to_owned()),
    }
}
