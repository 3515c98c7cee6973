//! What subcommands write: results to stdout, everything else to stderr.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use mock_kuiper::engine::foreign::lines;

use super::error::CliError;

/// The style of the word `error`.
pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();

/// The style of the words `warning` and `note`.
pub(super) const NOTE: Style = AnsiColor::Yellow.on_default().bold();

/// The style of what matters less.
pub(super) const DIM: Style = Style::new().dimmed();

/// Returns the columns of the terminal that stdout is, if it is one.
pub(super) fn stdout_width() -> Option<usize> {
    // `termwidth` is a guess where there is no terminal.
    io::stdout().is_terminal().then(textwrap::termwidth)
}

/// Writes results to stdout. A closed pipe is not an error: its reader has read
/// enough.
pub(super) fn print_results(text: &str) -> Result<(), CliError> {
    let mut out = anstream::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.or_else(stdout_failed)
}

/// Writes results for people to stderr, because a report is on stdout.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it takes the place of `print_results`"
)]
pub(super) fn print_beside(text: &str) -> Result<(), CliError> {
    write_to_stderr(text);
    Ok(())
}

/// Sorts a failed write to stdout: a closed pipe is not an error.
pub(super) fn stdout_failed(error: io::Error) -> Result<(), CliError> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(CliError::Trouble(format!(
            "cannot write to stdout: {error}"
        ))),
    }
}

/// Makes a line that begins with a coloured word: `error`, `warning` or `note`.
/// The text may be foreign, and may have more lines.
pub(super) fn labelled(style: Style, word: &str, text: &str) -> String {
    format!("{style}{word}{style:#}: {}", lines(text))
}

/// Writes a line to stderr.
pub(super) fn say(line: &str) {
    write_to_stderr(&format!("{line}\n"));
}

/// Writes to stderr, without colours if it is not a terminal. It is one write:
/// stdout may be the same file, and its lines must not get into these.
fn write_to_stderr(text: &str) {
    let mut err = io::stderr().lock();
    let text = match AutoStream::choice(&err) {
        ColorChoice::Never => Cow::Owned(strip_str(text).to_string()),
        _ => Cow::Borrowed(text),
    };
    // Nobody reads a stderr that is closed.
    let _ = err.write_all(text.as_bytes());
}

/// Writes an error to stderr. An indented line continues the one before.
pub(super) fn say_error(line: &str) {
    if line.starts_with(' ') {
        say(&lines(line));
    } else {
        say(&labelled(ERROR, "error", line));
    }
}
