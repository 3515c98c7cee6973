//! The command line: picks the subcommand, and prints how it ended.

mod advice;
mod attach;
mod bench;
mod check;
mod conformance;
mod dialing;
mod drive_args;
mod error;
mod exit;
mod explain;
mod faults;
mod feed;
mod findings;
mod github;
mod happening;
mod host_args;
mod hosts;
mod input;
mod interrupt;
mod interrupted;
mod new;
mod number_args;
mod output;
mod pack;
mod plan;
mod reader;
mod record;
mod recorder;
mod replay;
mod report;
mod rows;
mod run;
mod running;
mod save;
mod serve;
mod session;
mod stream;
mod summary;
mod symbol_args;
mod terminal;
mod test;
mod text;
mod trace;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use mock_kuiper::engine::{open_files, pages};

use self::error::CliError;
use self::exit::{Exit, STATUSES};

/// A mock eKuiper: runs a portable plugin, in any language, without eKuiper.
#[derive(Debug, Parser)]
#[command(version, after_help = STATUSES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Run(Box<run::Args>),
    Serve(Box<serve::Args>),
    Test(Box<test::Args>),
    Bench(Box<bench::Args>),
    Conformance(conformance::Args),
    Check(check::Args),
    Pack(pack::Args),
    Record(record::Args),
    Hosts(hosts::Args),
    Trace(trace::Args),
    Replay(Box<replay::Args>),
    Explain(explain::Args),
    /// Write shell completions and man pages to a directory
    #[command(hide = true)]
    Pages {
        directory: PathBuf,
    },
}

/// Reads the command line and runs its subcommand. A copy of this program that eKuiper
/// has launched as a plugin records instead.
pub(crate) fn main() -> ExitCode {
    if let Some(recorded) = recorder::run_if_launched() {
        return recorded;
    }
    let cli = Cli::parse();
    open_files::raise_limit();
    let done = match cli.command {
        Command::New(args) => new::run(&args),
        Command::Run(args) => run::run(*args),
        Command::Serve(args) => serve::run(*args),
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Pack(args) => pack::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Hosts(args) => hosts::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Pages { directory } => write_pages(&directory),
    };
    match done {
        Ok(exit) => exit.status().into(),
        Err(error) => {
            for line in error.to_string().lines() {
                output::say_error(line);
            }
            error.status().into()
        }
    }
}

fn write_pages(directory: &Path) -> Result<Exit, CliError> {
    pages::write("mock-kuiper", &Cli::command(), directory).map_err(|error| {
        CliError::Trouble(format!("cannot write to {}: {error}", directory.display()))
    })?;
    Ok(Exit::Fine)
}
