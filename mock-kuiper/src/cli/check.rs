//! `mock-kuiper check`: checks a plugin before it is installed.

use std::path::PathBuf;

use clap::ValueHint;
use mock_kuiper::engine::package;
use mock_kuiper::engine::package::{Build, CheckLevel};

use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::output::{print_beside, print_results};
use super::{github, report};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper check ./mirror
      Checks a directory, or builds and checks a Cargo package.
  mock-kuiper check mirror.zip --target aarch64 --strict
      Checks a zip for a device with another processor; warnings are errors.
  mock-kuiper check ./mirror --fix
      Makes NAME.json and the UI metadata of a Cargo package agree with its code.
  mock-kuiper check ./mirror --json | jq '.lines[] | select(.level == \"error\")'
      Lists the errors.";

/// Check a plugin by the rules of eKuiper's install, before it is installed.
///
/// Checks NAME.json, the executable (its processor, and the libraries and glibc
/// that it needs), the yaml of each source, the UI metadata of each symbol,
/// install.sh, names, and the layout of a zip.
///
/// The files of a Cargo package on the Rust SDK are compared with its code, and
/// those that are missing are written. For this its executable is run with
/// `--describe`: it runs what `main` has before `plugin::start`, which prints the
/// symbols and exits. Of any other plugin, nothing is run.
///
/// An error is what the install of eKuiper 2.4 refuses, or what cannot run. A
/// warning is what eKuiper tolerates. A directory is checked as the zip that
/// `mock-kuiper pack` makes of it.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, a zip of one,
    /// or a Cargo package, which is built first
    #[arg(value_hint = ValueHint::AnyPath)]
    plugin: PathBuf,

    /// Check for this target instead of this machine, e.g.
    /// aarch64-unknown-linux-musl
    ///
    /// A Cargo package is built for it. For any other plugin only the processor
    /// matters, so that `aarch64` is enough.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,

    /// Build a Cargo package without optimizations
    #[arg(long)]
    debug: bool,

    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,

    /// Change the files of a Cargo package that differ from its code
    ///
    /// NAME.json gets the symbols of the code, and UI metadata its properties, defaults
    /// and texts, each in the languages that the code has. Properties that only the
    /// file has are removed, unless the code takes any; its other fields stay. To the
    /// yaml of a source, missing sections are added.
    #[arg(long)]
    fix: bool,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Checks a plugin.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let build = Build {
        release: !args.debug,
        target: args.target.clone(),
    };
    let checked = package::check_with_code(&args.plugin, &build, args.fix)?;
    let report = checked.report();
    let text = if args.json {
        report::json(report)
    } else {
        report::text(report)
    };
    print_results(&text)?;
    if github::is_job() {
        let workspace = github::workspace();
        let annotations = report::annotations(report, &args.plugin, workspace.as_deref());
        // The JSON on stdout stays valid.
        print_beside(&annotations)?;
        github::add_to_summary(&report::summary(report))?;
    }
    let warned = args.strict && report.count(CheckLevel::Warning) > 0;
    if warned || report.count(CheckLevel::Error) > 0 {
        Ok(Exit::Finding)
    } else {
        Ok(Exit::Fine)
    }
}
