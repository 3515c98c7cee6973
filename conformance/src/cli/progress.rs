//! What a person sees on stderr while requirements are tried.

use std::io::IsTerminal as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use ekuiper_conformance::run::Outcome;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// How often the line that counts is drawn anew.
const REDRAW: Duration = Duration::from_millis(100);

/// A line that counts what is done, on a terminal alone.
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

    pub(super) fn done(&self, outcome: &Outcome) {
        if let Some(bar) = &self.0 {
            bar.set_message(format!("{} is done", outcome.requirement.id));
            bar.inc(1);
        }
    }

    pub(super) fn close(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Writes an error's line to stderr.
pub(super) fn print_error(text: &str) {
    anstream::eprintln!("{ERROR}error{ERROR:#}: {text}");
}
