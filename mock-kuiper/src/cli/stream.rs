//! One stream of events for all that listen: the terminal, the files of `--json`
//! and `--trace`, and the thread that gives the orders.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mock_kuiper::event::{Event, JsonLines, Observer, Trace, What};

use super::CliError;
use super::plan::Plan;
use super::session::Happening;
use super::terminal::Terminal;

/// Passes on what happens.
pub(super) struct Stream {
    started: Instant,
    terminal: Arc<Terminal>,
    json: Option<(PathBuf, JsonLines<BufWriter<File>>)>,
    trace: Option<(PathBuf, Trace<BufWriter<File>>)>,
    /// Who is told of the plugin's end.
    session: Mutex<Option<Sender<Happening>>>,
}

impl Stream {
    /// Opens the files that the run writes.
    ///
    /// # Errors
    ///
    /// All files at once that cannot be written.
    pub(super) fn open(
        plan: &Plan,
        terminal: Arc<Terminal>,
        json: Option<&Path>,
        trace: Option<&Path>,
    ) -> Result<Self, CliError> {
        let mut mistakes = Vec::new();
        let mut create = |flag: &str, path: Option<&Path>| {
            let path = path?;
            match File::create(path) {
                Ok(file) => Some((path.to_owned(), BufWriter::new(file))),
                Err(error) => {
                    mistakes.push(format!("{flag} {}: {error}", path.display()));
                    None
                }
            }
        };
        let (json, trace) = (create("--json", json), create("--trace", trace));
        if !mistakes.is_empty() {
            return Err(CliError::Input(mistakes));
        }
        let trace = match trace {
            None => None,
            Some((path, file)) => match Trace::new(file, plan.profile.name, &plan.plugin) {
                Ok(trace) => Some((path, trace)),
                Err(error) => return Err(unwritten("--trace", &path, &error)),
            },
        };
        Ok(Self {
            started: Instant::now(),
            terminal,
            json: json.map(|(path, file)| (path, JsonLines::new(file))),
            trace,
            session: Mutex::default(),
        })
    }

    /// Has the plugin's end told to `session`.
    pub(super) fn tell_end(&self, session: Sender<Happening>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// Tells of something that the run itself does or notices.
    pub(super) fn tell(&self, what: What<'_>) {
        self.event(&Event::new(self.started.elapsed(), what));
    }

    /// Writes what is held back.
    ///
    /// # Errors
    ///
    /// The first file that could not be written.
    pub(super) fn finish(&self) -> Result<(), CliError> {
        if let Some((path, json)) = &self.json {
            json.finish()
                .map_err(|error| unwritten("--json", path, &error))?;
        }
        if let Some((path, trace)) = &self.trace {
            trace
                .finish()
                .map_err(|error| unwritten("--trace", path, &error))?;
        }
        Ok(())
    }
}

impl Observer for Stream {
    fn event(&self, event: &Event<'_>) {
        self.terminal.event(event);
        if let Some((_, json)) = &self.json {
            json.event(event);
        }
        if let Some((_, trace)) = &self.trace {
            trace.event(event);
        }
        if let What::Exited { .. } = event.what
            && let Some(session) = &*self.session.lock().unwrap_or_else(PoisonError::into_inner)
        {
            let _ = session.send(Happening::PluginEnded);
        }
    }
}

fn unwritten(flag: &str, path: &Path, error: &io::Error) -> CliError {
    CliError::Trouble(format!(
        "{flag} {}: cannot be written: {error}",
        path.display()
    ))
}
