//! The command line: subcommands, exit statuses, and how an error is said.

mod bench;
mod check;
mod explain;
mod faults;
mod feed;
mod findings;
mod host_args;
mod hosts;
mod pack;
mod plan;
mod reader;
mod report;
mod rows;
mod run;
mod running;
mod session;
mod stream;
mod summary;
mod symbol_args;
mod terminal;
mod watch;

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mock_kuiper::host::HostError;
use mock_kuiper::isolate::IsolationError;
use mock_kuiper::package::PackageError;

const STATUSES: &str = "\
Exit status:
  0  all is fine
  1  the plugin did something wrong
  2  the command line or its input is wrong
  3  trouble of ours, or of the machine";

/// A mock eKuiper: runs a portable plugin, in any language, without eKuiper.
#[derive(Debug, Parser)]
#[command(version, after_help = STATUSES, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Bench(Box<bench::Args>),
    Check(check::Args),
    Pack(pack::Args),
    Hosts(hosts::Args),
    Explain(explain::Args),
}

/// How a command ends when nothing went wrong on our side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Fine,
    PluginFellShort,
}

/// Why a command could not do its work.
#[derive(Debug)]
enum CliError {
    /// The command line or a file that it names; one line for each mistake.
    Input(Vec<String>),
    /// The plugin fell so short that nothing else could be done.
    Finding(HostError),
    /// Ours, or the machine's.
    Trouble(String),
}

impl CliError {
    fn input(text: impl Into<String>) -> Self {
        Self::Input(vec![text.into()])
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        if error.is_finding() {
            Self::Finding(error)
        } else {
            match error {
                HostError::Package(error) => error.into(),
                HostError::CannotLaunch { .. }
                | HostError::Input(_)
                | HostError::Isolation(IsolationError::TmpItself { .. }) => {
                    Self::input(error.to_string())
                }
                other => Self::Trouble(other.to_string()),
            }
        }
    }
}

impl From<PackageError> for CliError {
    fn from(error: PackageError) -> Self {
        match error {
            PackageError::Mistakes(mistakes) => {
                Self::Input(mistakes.iter().map(ToString::to_string).collect())
            }
            other => Self::Trouble(other.to_string()),
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(mistakes) => f.write_str(&mistakes.join("\n")),
            Self::Finding(error) => write!(f, "{error}"),
            Self::Trouble(text) => f.write_str(text),
        }
    }
}

/// Writes results to stdout. A reader that has read enough is no error.
fn print_results(text: &str) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let text = format!("cannot write to stdout: {error}");
            Err(CliError::Trouble(text))
        }
        _ => Ok(()),
    }
}

/// Reads the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Run(args) => run::run(*args),
        Command::Bench(args) => bench::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Pack(args) => pack::run(&args),
        Command::Hosts(args) => hosts::run(&args),
        Command::Explain(args) => explain::run(&args),
    };
    match done {
        Ok(Exit::Fine) => ExitCode::SUCCESS,
        Ok(Exit::PluginFellShort) => ExitCode::from(1),
        Err(error) => {
            for line in error.to_string().lines() {
                terminal::print_error(line);
            }
            ExitCode::from(match error {
                CliError::Finding(_) => 1,
                CliError::Input(_) => 2,
                CliError::Trouble(_) => 3,
            })
        }
    }
}
