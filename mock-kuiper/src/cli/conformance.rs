//! `mock-kuiper conformance`: runs the suite, so that users need only one name.
//!
//! The suite is the program `ekuiper-conformance`, which depends on this crate. This
//! process becomes that program: its exit status, its output and the signals to
//! it need no forwarding.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::fs::{Access, access};

use super::error::CliError;
use super::exit::Exit;

/// The program of the suite.
const SUITE: &str = "ekuiper-conformance";

/// Test a plugin against numbered requirements, with ekuiper-conformance.
///
/// The arguments are those of ekuiper-conformance, and
/// `mock-kuiper conformance --help` shows its help. The program is searched for
/// next to mock-kuiper, then in the directories of PATH.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// The arguments of ekuiper-conformance
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<OsString>,
}

/// Becomes the suite. Returns only if that fails.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let Some(suite) = find() else {
        return Err(CliError::Trouble(format!(
            "`{SUITE}` is neither next to mock-kuiper nor in a directory of PATH; install it \
             with `cargo install {SUITE}`, or put the executable of a release next to mock-kuiper"
        )));
    };
    let error = Command::new(&suite).args(&args.arguments).exec();
    let suite = suite.display();
    Err(CliError::Trouble(format!(
        "cannot run {suite}: {error}; install it again with `cargo install {SUITE}`"
    )))
}

/// Looks for the suite next to this program, then in the directories of `PATH`.
fn find() -> Option<PathBuf> {
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(|own| own.parent());
    let path = env::var_os("PATH").unwrap_or_default();
    beside
        .map(PathBuf::from)
        .into_iter()
        .chain(env::split_paths(&path))
        .filter(|directory| !directory.as_os_str().is_empty())
        .map(|directory| directory.join(SUITE))
        .find(|file| file.is_file() && access(file, Access::EXEC_OK).is_ok())
}
