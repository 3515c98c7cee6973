//! What a person sees on stderr: the progress of the tests, and errors.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use ekuiper_conformance::run::Trial;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// How often the progress is drawn.
const REDRAW: Duration = Duration::from_millis(100);

/// What did not pass, as soon as it is known; and, if stderr is a terminal, a
/// line below that counts finished tests.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(super) fn new(release: &str, all: usize) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr_with_hz(10));
        let style =
            ProgressStyle::with_template("{spinner} {elapsed_precise} {prefix} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(format!("eKuiper {release}"));
        bar.enable_steady_tick(REDRAW);
        Self(Some(bar))
    }

    /// Counts a finished test.
    pub(super) fn done(&self, trial: &Trial) {
        if let Some(bar) = &self.0 {
            bar.set_message(format!("{} is done", trial.requirement.id));
            bar.inc(1);
        }
    }

    /// Writes a line above the one that counts.
    pub(super) fn print(&self, line: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }

    /// Removes the line that counts.
    pub(super) fn close(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Says on stderr that the results are incomplete; `left` is the number of
/// releases that were not tried at all.
pub(super) fn print_interrupted(left: usize) {
    let releases = match left {
        0 => String::new(),
        1 => ", and 1 release was not tried".to_owned(),
        left => format!(", and {left} releases were not tried"),
    };
    print_error(&format!(
        "interrupted: the results are incomplete{releases}"
    ));
}

/// Writes an error to stderr.
pub(super) fn print_error(text: &str) {
    say(&format!("{ERROR}error{ERROR:#}: {text}"));
}

/// Writes a line to stderr, without colours if it is not a terminal. It is one
/// write: stdout may be the same file, and its lines must not get into these.
fn say(line: &str) {
    let mut err = std::io::stderr().lock();
    let line = match AutoStream::choice(&err) {
        ColorChoice::Never => format!("{}\n", strip_str(line)),
        _ => format!("{line}\n"),
    };
    // Nobody reads a stderr that is closed.
    let _ = err.write_all(line.as_bytes());
}
