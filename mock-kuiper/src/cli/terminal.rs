//! Shows the events of a run: rows on stdout; on stderr the plugin's output, what
//! went wrong, and on a terminal a status line.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mock_kuiper::engine::foreign::printable;
use mock_kuiper::engine::host::process_name;
use mock_kuiper::{Event, Meaning, Observer, Outcome, Stranger, What};

use super::advice;
use super::output::{DIM, ERROR, NOTE, labelled, say};
use super::rows::Lines;

const PLUGIN: Style = AnsiColor::Cyan.on_default();

/// The bytes of a message that `-v` shows.
const SHOWN: usize = 4096;

/// How often the status line is drawn.
pub(super) const REDRAW: Duration = Duration::from_millis(100);

/// Stdout and stderr, and the lines that wait for them.
pub(super) struct Terminal {
    plugin: String,
    verbose: bool,
    lines: Mutex<Lines>,
    /// Called once when stdout cannot be written.
    stdout_failed: OnceLock<Box<dyn Fn(io::Error) + Send + Sync>>,
    failed: OnceLock<()>,
    status: Option<ProgressBar>,
    shares_screen: bool,
}

impl Terminal {
    pub(super) fn new(plugin: &str, verbose: bool) -> Self {
        let status = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(
                ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar
        });
        Self {
            plugin: plugin.to_owned(),
            verbose,
            lines: Mutex::default(),
            stdout_failed: OnceLock::new(),
            failed: OnceLock::new(),
            shares_screen: status.is_some() && io::stdout().is_terminal(),
            status,
        }
    }

    /// Calls `failed` once when stdout cannot be written.
    pub(super) fn on_stdout_failure(&self, failed: impl Fn(io::Error) + Send + Sync + 'static) {
        let _ = self.stdout_failed.set(Box::new(failed));
    }

    /// Whether there is a status line.
    pub(super) fn has_status(&self) -> bool {
        self.status.is_some()
    }

    /// Draws the status line.
    pub(super) fn status(&self, text: String) {
        if let Some(bar) = &self.status {
            bar.set_message(text);
            bar.tick();
        }
    }

    /// Writes the waiting lines, and removes the status line.
    pub(super) fn close(&self) {
        self.write_lines(&mut self.lock());
        if let Some(bar) = &self.status {
            bar.finish_and_clear();
        }
    }

    /// Writes a line to stderr, above the status line.
    pub(super) fn say(&self, line: &str) {
        self.beside_status(true, || say(line));
    }

    /// Writes what the plugin did wrong.
    pub(super) fn error(&self, text: &str) {
        self.say(&labelled(ERROR, "error", text));
    }

    /// Writes what a person should know.
    pub(super) fn note(&self, text: &str) {
        self.say(&labelled(NOTE, "note", text));
    }

    /// Calls `write` while the status line is hidden.
    fn beside_status<T>(&self, shares_screen: bool, write: impl FnOnce() -> T) -> T {
        match &self.status {
            // A finished one would be drawn again.
            Some(bar) if shares_screen && !bar.is_finished() => bar.suspend(write),
            _ => write(),
        }
    }

    fn write_lines(&self, lines: &mut Lines) {
        let written =
            self.beside_status(self.shares_screen, || lines.write(&mut io::stdout().lock()));
        if let Err(error) = written
            && self.failed.set(()).is_ok()
            && let Some(failed) = self.stdout_failed.get()
        {
            failed(error);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Terminal {
    fn event(&self, event: &Event<'_>) {
        match &event.what {
            What::Message(message) => {
                if let Meaning::Row { source, row } = message.meaning {
                    let mut lines = self.lock();
                    lines.row(source, row);
                    if lines.is_full() {
                        self.write_lines(&mut lines);
                    }
                }
                if self.verbose {
                    self.say(&format!(
                        "{DIM}{:9.4} {} from {}:{DIM:#} {}",
                        event.at.as_secs_f64(),
                        printable(message.channel.name()),
                        message.from,
                        excerpt(message.body, SHOWN)
                    ));
                }
            }
            What::CaughtUp { .. } => self.write_lines(&mut self.lock()),
            What::Called {
                function,
                args,
                outcome,
            } => {
                let mut lines = self.lock();
                lines.call(function, args, *outcome);
                self.write_lines(&mut lines);
            }
            What::Log { line } => self.say(&format!(
                "{PLUGIN}[{}]{PLUGIN:#} {}",
                printable(&self.plugin),
                printable(line)
            )),
            What::Finding { finding, during } => self.error(&advice::finding(finding, *during)),
            What::Note { text } => self.note(text),
            What::Fault { fault, outcome } => match outcome {
                None => self.status(format!("fault {fault}")),
                Some(Outcome::Survived) => self.say(&format!("fault {fault}: survived")),
                Some(Outcome::NotApplicable(reason)) => {
                    self.say(&format!("fault {fault}: not applicable, {reason}"));
                }
            },
            What::Used {
                cycles,
                before,
                after,
            } => self.say(&format!(
                "{cycles} stops and starts: {before} before, {after} after"
            )),
            What::Breached { channel, breach } if self.verbose => self.say(&format!(
                "{DIM}{:9.4} {channel} from host:{DIM:#} {}",
                event.at.as_secs_f64(),
                breach.describe()
            )),
            What::TurnedAway {
                channel,
                pid,
                reason,
            } => self.note(&turned_away(channel.name(), *pid, *reason)),
            What::Attached { pid } => self.say(&format!("the plugin is attached ({})", of(*pid))),
            What::Detached { pid } => self.say(&format!(
                "the plugin ({}) has exited; its exit status is not known, because mock-kuiper did \
                 not start it\nwaiting for the plugin to be started again…",
                of(*pid)
            )),
            What::StartedAgain {
                kind,
                symbol,
                finding: None,
            } => self.say(&format!("started again: {kind} `{}`", printable(symbol))),
            What::Launched { command, pid, .. } if self.verbose => self.say(&format!(
                "{DIM}{:9.4} launched as process {pid}:{DIM:#} {}",
                event.at.as_secs_f64(),
                printable(&command.join(" "))
            )),
            _ => {}
        }
    }
}

/// Writes the process of an attached plugin.
fn of(pid: Option<u32>) -> String {
    pid.map_or_else(|| "pid not known".to_owned(), |pid| format!("pid {pid}"))
}

fn turned_away(channel: &str, pid: Option<u32>, reason: Stranger) -> String {
    let (who, end) = match pid {
        Some(pid) => (
            format!(
                "process {pid}{}",
                process_name(pid).map_or_else(String::new, |name| format!(" ({name})"))
            ),
            format!("end it with `kill {pid}`"),
        ),
        None => ("a process".to_owned(), "end it".to_owned()),
    };
    match reason {
        Stranger::OtherUser { user } => format!(
            "{who} dialed {channel} and was turned away, because it belongs to user {user}; start \
             the plugin as the user of mock-kuiper"
        ),
        Stranger::SecondPlugin { attached } => format!(
            "{who} dialed {channel} and was turned away, because the plugin with the pid \
             {attached} is attached; end that first"
        ),
        _ => format!(
            "{who} dialed {channel} and was turned away, because this run did not \
             launch it; if it is left over from an earlier run, {end}"
        ),
    }
}

/// Shows at most `limit` bytes of a message, escaped for a terminal.
fn excerpt(bytes: &[u8], limit: usize) -> String {
    let mut shown = printable(&String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]));
    if bytes.len() > limit {
        shown.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_and_followed_by_its_length() {
        assert_eq!(excerpt(b"abcdef", 3), "abc… (6 bytes)");
    }
}
