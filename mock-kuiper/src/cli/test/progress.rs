//! What is shown while the cases run: on a terminal a line with the counts and
//! the cases that run, and each case that did not pass as soon as it has ended.

use std::io::{self, IsTerminal as _};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mock_kuiper::engine::foreign;
use mock_kuiper::scenario::{CaseResult, Verdict};

use super::{phrase, text};
use crate::cli::error::CliError;
use crate::cli::output::DIM;
use crate::cli::terminal::REDRAW;

/// The cases that are shown with all their details.
const IN_FULL: usize = 50;

/// Shows what happens, from any thread.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    /// Writes the texts for people.
    print: fn(&str) -> Result<(), CliError>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Vec<(String, &'static str)>,
    failed: usize,
    shown: usize,
}

impl Progress {
    /// `all` is the number of cases, on each of their releases.
    pub(super) fn new(all: usize, print: fn(&str) -> Result<(), CliError>) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(10);
            let bar = ProgressBar::with_draw_target(Some(all as u64), target);
            let style =
                ProgressStyle::with_template("{spinner} {elapsed_precise} {pos}/{len}{wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(REDRAW);
            bar
        });
        Self {
            bar,
            print,
            state: Mutex::default(),
        }
    }

    /// A case begins on a release.
    pub(super) fn began(&self, name: &str, release: &'static str) {
        let mut state = self.lock();
        state.running.push((name.to_owned(), release));
        self.draw(&state);
    }

    /// A case has ended on a release.
    ///
    /// # Errors
    ///
    /// If the text cannot be written.
    pub(super) fn ended(&self, case: &CaseResult) -> Result<(), CliError> {
        let mut state = self.lock();
        let is_this =
            |(name, release): &(String, &str)| *name == case.name && *release == case.release;
        if let Some(index) = state.running.iter().position(is_this) {
            state.running.remove(index);
        }
        let shown = state.shown(case);
        if let Some(bar) = &self.bar {
            bar.inc(1);
            self.draw(&state);
        }
        match (shown, &self.bar) {
            (None, _) => Ok(()),
            (Some(text), Some(bar)) => bar.suspend(|| (self.print)(&text)),
            (Some(text), None) => (self.print)(&text),
        }
    }

    /// Removes the line.
    pub(super) fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn draw(&self, state: &State) {
        if let Some(bar) = &self.bar {
            bar.set_message(state.line());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a case that has ended, and returns what is shown of it, with an empty
    /// line after its details.
    fn shown(&mut self, case: &CaseResult) -> Option<String> {
        match case.verdict {
            Verdict::Passed | Verdict::Skipped => return None,
            Verdict::Flaky => {}
            _ => self.failed += 1,
        }
        self.shown += 1;
        let shown = match self.shown {
            number if number < IN_FULL => text::full(case) + "\n",
            number if number == IN_FULL => format!(
                "{}{DIM}of further cases only the first line is shown; a report has the rest: \
                 --html FILE{DIM:#}\n\n",
                text::full(case)
            ),
            _ => text::head(case) + "\n",
        };
        Some(shown)
    }

    /// Returns the rest of the line: `, 1 failed: echo answers (2.4), …`.
    fn line(&self) -> String {
        let failed = match self.failed {
            0 => String::new(),
            failed => {
                let (_, style) = phrase::word(Verdict::Failed);
                format!(", {style}{failed} failed{style:#}")
            }
        };
        let running = self
            .running
            .iter()
            .map(|(name, release)| format!("{} ({release})", foreign::excerpt(name.as_bytes())));
        let running: Vec<_> = running.collect();
        match running.is_empty() {
            true => failed,
            false => format!("{failed}: {}", running.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn only_what_did_not_pass_is_shown() {
        let mut state = State::default();

        assert_eq!(state.shown(&samples::passed()), None);
        assert_eq!(state.shown(&samples::skipped()), None);
        assert_eq!(
            state.shown(&samples::flaky()),
            Some(text::full(&samples::flaky()) + "\n")
        );
        assert_eq!(state.failed, 0);
        assert_eq!(
            state.shown(&samples::error()),
            Some(text::full(&samples::error()) + "\n")
        );
        assert_eq!(state.failed, 1);
    }

    #[test]
    fn of_many_failures_the_first_fifty_are_shown_in_full() {
        let mut state = State::default();
        let mut shown = Vec::new();
        for _ in 0..52 {
            shown.extend(state.shown(&samples::failed()));
        }

        assert_eq!(shown[48], text::full(&samples::failed()) + "\n");
        assert!(
            shown[49].ends_with("a report has the rest: --html FILE\x1b[0m\n\n"),
            "{}",
            shown[49]
        );
        assert_eq!(shown[50], text::head(&samples::failed()) + "\n");
        assert_eq!(shown.len(), 52);
    }

    #[test]
    fn the_line_names_the_cases_that_run() {
        let mut state = State::default();
        assert_eq!(state.line(), "");

        state.running = vec![("echo\n".to_owned(), "2.4"), ("random".to_owned(), "1.13")];
        assert_eq!(state.line(), ": echo\\n (2.4), random (1.13)");

        state.failed = 2;
        let line = anstream::adapter::strip_str(&state.line()).to_string();
        assert_eq!(line, ", 2 failed: echo\\n (2.4), random (1.13)");
    }
}
