//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueHint};
use ekuiper_conformance::promise::ExpectedCall;
use mock_kuiper::Release;
use mock_kuiper::engine::call::{EnvVar, SymbolConfig};
use mock_kuiper::engine::release::DEFAULT_HOST;

const STATUSES: &str = "\
Exit status:
  0  the plugin meets the requirements
  1  the plugin fails a requirement, or a known failure passes
  2  the command line or its input is wrong
  3  an internal or system error
  130  a signal ended the run; its results are incomplete";

const EXAMPLES: &str = "\
Examples:
  ekuiper-conformance ./mirror
      Test a plugin against the requirements of eKuiper 2.4.
  ekuiper-conformance ./mirror --release all --junit junit.xml
      Test it against every release, and write a report for CI.
  ekuiper-conformance mirror.zip --config 'mqtt={\"server\":\"tcp://127.0.0.1:1883\"}'
      Give a source or sink the properties that it needs to start.
  ekuiper-conformance ./mirror --filter SNK --filter CTL-13
      Test only some requirements.
  ekuiper-conformance --explain SNK-02
      Show a rule, why it matters, and how it is observed.";

/// Test a portable plugin, in any language, against eKuiper's plugin protocol.
///
/// Each requirement is tested on a process of its own, which is launched and
/// driven as the eKuiper release does it. The report has a line for each
/// requirement; a failure is followed by what was observed and the last
/// messages. A failed SHOULD is a warning; with --strict it is a failure.
#[derive(Debug, Parser)]
#[command(
    name = "ekuiper-conformance",
    version,
    after_help = STATUSES,
    after_long_help = format!("{EXAMPLES}\n\n{STATUSES}")
)]
pub(super) struct Args {
    /// The plugin: a directory with NAME.json and the executable, its zip, or
    /// a Cargo package with NAME.json beside Cargo.toml, which is built first
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present_any = ["list", "explain"])]
    pub(super) plugin: Option<PathBuf>,

    /// The eKuiper release, 1.4 to 2.4; several releases separated by commas,
    /// or all
    #[arg(long, value_name = "RELEASE", default_value = DEFAULT_HOST)]
    pub(super) release: ReleaseList,

    /// Refused with a reason
    #[arg(long, hide = true)]
    pub(super) attach: bool,

    /// Set properties of a source or sink, which override those of its YAML
    /// file; `datasource` is the stream's DATASOURCE; may be repeated
    #[arg(long, value_name = "NAME=JSON")]
    pub(super) config: Vec<SymbolConfig>,

    /// Read the properties of many symbols from a file with one JSON object,
    /// {NAME:{…},…}
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) config_file: Option<PathBuf>,

    /// Name properties that a source or sink must refuse, for CTL-18
    #[arg(long, value_name = "NAME=JSON")]
    pub(super) refused: Vec<SymbolConfig>,

    /// Hide the values of this property in all reports; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(super) redact: Vec<String>,

    /// Test only the requirements whose numbers begin with ID: SNK, or SNK-02;
    /// may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) filter: Vec<String>,

    /// Examine only the symbols with this name; may be repeated. Without it all
    /// are examined, and of more than four of a kind a sample
    #[arg(long, value_name = "NAME")]
    pub(super) symbol: Vec<String>,

    /// Name a call and the result that it must have, for FUN-21; may be
    /// repeated
    #[arg(long, value_name = "NAME(ARGS)=RESULT")]
    pub(super) call: Vec<ExpectedCall>,

    /// Name a column that increases by one from row to row, for SRC-14
    #[arg(long, value_name = "COLUMN")]
    pub(super) counter: Option<String>,

    /// Read calls and the counter from a file, with lines like `call echo(1)=1`
    /// and `counter COLUMN`; --counter overrides that of the file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) promises: Option<PathBuf>,

    /// Also run the checks that take more than a minute
    #[arg(long)]
    pub(super) long: bool,

    /// Count a failed SHOULD as a failure
    #[arg(long)]
    pub(super) strict: bool,

    /// Read known failures from a file, with lines like `CTL-13  2.4  the
    /// reason`. A known failure that passes counts as a failure
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) expect_fail: Option<PathBuf>,

    /// Read flaky requirements from a file, with lines like `SNK-13  1.14  the
    /// reason`. One may pass or fail: neither counts
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) expect_flaky: Option<PathBuf>,

    /// Write what failed to a file for --expect-fail, and keep the reasons of
    /// --expect-fail
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) write_expect_fail: Option<PathBuf>,

    /// Write the results to a file as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) json: Option<PathBuf>,

    /// Write each result to a file as soon as it is known, as a JSON object on
    /// its own line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) events: Option<PathBuf>,

    /// Write the results to a file as JUnit's XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) junit: Option<PathBuf>,

    /// Write the results to a file as a web page, with the releases as columns
    #[arg(long, value_name = "PAGE", value_hint = ValueHint::FilePath)]
    pub(super) html: Option<PathBuf>,

    /// The Python interpreter, for example that of a virtual environment
    #[arg(long, value_name = "PATH", default_value = "python3", value_hint = ValueHint::CommandName)]
    pub(super) python: PathBuf,

    /// Set a variable in the plugin's environment; may be repeated
    #[arg(long, value_name = "K=V")]
    pub(super) env: Vec<EnvVar>,

    /// Multiply all waits by this number: more than 1 on a slow machine
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = scale, allow_negative_numbers = true)]
    pub(super) timeout_scale: f64,

    /// The number of tests that run at the same time, if plugins can be isolated
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = jobs, allow_negative_numbers = true)]
    pub(super) jobs: usize,

    /// Build a Cargo package or a Go module without optimizations
    #[arg(long)]
    pub(super) debug: bool,

    /// List the requirements of the release, one on each line
    #[arg(long, conflicts_with = "plugin")]
    pub(super) list: bool,

    /// Explain a requirement; with `all` every requirement, as Markdown; with
    /// `rules` write the tables of docs/protocol.md
    #[arg(long, value_name = "ID", conflicts_with_all = ["plugin", "list"])]
    pub(super) explain: Option<String>,

    /// Write shell completions and a man page to a directory
    #[arg(long, hide = true, value_name = "DIRECTORY", exclusive = true)]
    pub(super) pages: Option<PathBuf>,
}

/// The releases of `--release`, one at least.
#[derive(Debug, Clone)]
pub(super) struct ReleaseList(Vec<&'static Release>);

impl ReleaseList {
    pub(super) fn as_slice(&self) -> &[&'static Release] {
        &self.0
    }
}

impl FromStr for ReleaseList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Release::all().iter().collect()));
        }
        let mut releases = Vec::new();
        for name in text.split(',') {
            let release = Release::find(name).map_err(|error| error.to_string())?;
            if !releases.contains(&release) {
                releases.push(release);
            }
        }
        Ok(Self(releases))
    }
}

fn scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if (0.01..=100.0).contains(&scale) => Ok(scale),
        _ => Err("expected a number from 0.01 to 100".to_owned()),
    }
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=64) => Ok(jobs),
        _ => Err("expected a number from 1 to 64".to_owned()),
    }
}
