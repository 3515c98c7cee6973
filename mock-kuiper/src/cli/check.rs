//! `mock-kuiper check`: a plugin, judged before it is installed.

use std::path::PathBuf;

use clap::ValueHint;
use mock_kuiper::package::{self, Build, Level};

use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::output::print_results;
use super::report;

const EXAMPLES: &str = "\
Examples:
  mock-kuiper check ./mirror
      Checks a directory, or a Cargo package, which is built first.
  mock-kuiper check mirror.zip --target aarch64 --strict
      Checks a zip for a device with another processor; warnings count.
  mock-kuiper check ./mirror --json | jq '.lines[] | select(.level == \"error\")'";

/// Check a plugin before it is installed, as eKuiper's install would judge it.
///
/// Looks at the json, the executable (its processor, the libraries and the
/// glibc it needs), the yaml of each source, the UI metadata of each symbol,
/// install.sh, names, and of a zip its layout. Nothing of the plugin is run.
///
/// An error is what eKuiper refuses, or what cannot run; a warning is what
/// eKuiper tolerates. Judged is the install of eKuiper 2.4. A directory is
/// judged as the zip that `mock-kuiper pack` makes of it.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, its zip, or
    /// a Cargo package with NAME.json beside Cargo.toml, which is built first
    #[arg(value_hint = ValueHint::AnyPath)]
    plugin: PathBuf,

    /// The machine it is for, if not this one: e.g. aarch64-unknown-linux-musl
    ///
    /// A Cargo package is built for it. Of anything else the processor alone is
    /// looked at, so that `aarch64` suffices.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,

    /// Build a Cargo package without optimizations
    #[arg(long)]
    debug: bool,

    /// Take warnings for errors
    #[arg(long)]
    strict: bool,

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
    let checked = package::check(&args.plugin, &build)?;
    let report = checked.report();
    let text = if args.json {
        report::json(report)
    } else {
        report::text(report)
    };
    print_results(&text)?;
    let warned = args.strict && report.count(Level::Warning) > 0;
    if warned || report.count(Level::Error) > 0 {
        Ok(Exit::Finding)
    } else {
        Ok(Exit::Fine)
    }
}
