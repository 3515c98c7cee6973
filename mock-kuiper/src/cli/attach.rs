//! `--attach`: what it excludes, and how the user is told to start the plugin.

use std::fmt::Write as _;

use anstyle::Style;
use mock_kuiper::engine::foreign::printable;
use mock_kuiper::{AttachCommand, Fault};

use super::output::DIM;

/// Returns why an option makes no sense with --attach, for each that is given.
pub(super) fn refusals(given: &[(&str, bool, &str)]) -> Vec<String> {
    let given = given.iter().filter(|(_, is_given, _)| *is_given);
    given
        .map(|(option, _, reason)| {
            format!("{option} cannot be used with --attach: {reason}; leave out one of them")
        })
        .collect()
}

/// Why a plugin that the user starts cannot have a /tmp of its own.
pub(super) const ISOLATE: &str =
    "a plugin that you start yourself uses the machine's /tmp, and mock-kuiper listens there";

/// Returns why a fault cannot be played on a plugin that the user starts.
pub(super) fn refused_fault(fault: Fault) -> Option<String> {
    fault.replaces_the_process().then(|| {
        format!(
            "--fault {fault} cannot be used with --attach: it ends and launches the plugin, which \
             you start yourself; end it and start it again in the debugger to see the same"
        )
    })
}

/// Says how to start the plugin.
pub(super) fn instructions(command: &AttachCommand) -> String {
    const NAME: Style = Style::new().bold();
    let mut text = String::from("start the plugin now, in a debugger or an IDE:\n");
    let mut line = |name: &str, value: &str| {
        let value = printable(value);
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {NAME}{name:12}{NAME:#} {value}");
    };
    line("command", &command.command_line());
    line(
        "directory",
        &match &command.directory {
            Some(directory) => directory.display().to_string(),
            None => "any".to_owned(),
        },
    );
    line(
        "environment",
        &match command.variables() {
            none if none.is_empty() => "nothing to add".to_owned(),
            variables => variables,
        },
    );
    line("in a shell", &command.to_string());
    let _ = write!(
        text,
        "{DIM}Start it while this waits: some SDKs give up after seconds without a host.{DIM:#}\n\
         waiting for the plugin…"
    );
    text
}
