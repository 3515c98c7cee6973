//! One stream of events for all that listen: the terminal, the files of `--json`,
//! `--trace` and `--plugin-log`, what `--save` writes, and the thread that gives the
//! orders.

use std::fs::File;
use std::io::{self, BufWriter, LineWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mock_kuiper::engine::event::{JsonLines, Trace};
use mock_kuiper::{Event, Observer, What};

use super::dialing::Dialing;
use super::error::CliError;
use super::happening::Happening;
use super::save::Seen;
use super::terminal::Terminal;

/// Passes each event on to all that listen.
pub(super) struct Stream {
    started: Instant,
    terminal: Arc<Terminal>,
    json: Option<(Target, JsonLines<BufWriter<File>>)>,
    trace: Option<(Target, Trace<BufWriter<File>>)>,
    plugin_log: Option<(Target, Mutex<PluginLog>)>,
    seen: Option<Arc<Seen>>,
    /// What is known about the control address.
    dialing: Dialing,
    /// Who learns of the plugin's exit.
    session: Mutex<Option<Sender<Happening>>>,
}

/// The files that a run writes.
#[derive(Debug, Default)]
pub(super) struct Files<'a> {
    pub(super) json: Option<&'a Path>,
    pub(super) trace: Option<&'a Path>,
    pub(super) plugin_log: Option<&'a Path>,
    /// What a saved case has.
    pub(super) seen: Option<Arc<Seen>>,
}

/// What the plugin writes, line by line.
struct PluginLog {
    file: LineWriter<BufWriter<File>>,
    /// The first error; then no more is written.
    failed: Option<io::Error>,
}

impl PluginLog {
    fn write(&mut self, line: &str) {
        if self.failed.is_none() {
            self.failed = writeln!(self.file, "{line}").err();
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.failed.take().map_or_else(|| self.file.flush(), Err)
    }
}

/// A file that an option names.
struct Target {
    option: &'static str,
    path: PathBuf,
}

impl Target {
    fn new(option: &'static str, path: &Path) -> Self {
        Self {
            option,
            path: path.to_owned(),
        }
    }

    fn create(&self) -> Result<BufWriter<File>, String> {
        let file = File::create(&self.path);
        let failed = |error| format!("{} {}: {error}", self.option, self.path.display());
        file.map(BufWriter::new).map_err(failed)
    }

    fn unwritten(&self, error: &io::Error) -> CliError {
        let (option, path) = (self.option, self.path.display());
        CliError::Trouble(format!("{option} {path}: cannot be written: {error}"))
    }
}

impl Stream {
    /// Opens the files. `release` and `plugin` are what the trace is of.
    ///
    /// # Errors
    ///
    /// All files at once that cannot be written.
    pub(super) fn open(
        terminal: Arc<Terminal>,
        files: &Files<'_>,
        release: &str,
        plugin: &str,
    ) -> Result<Self, CliError> {
        let mut mistakes = Vec::new();
        let mut create = |option: &'static str, path: Option<&Path>| {
            let target = Target::new(option, path?);
            match target.create() {
                Ok(file) => Some((target, file)),
                Err(mistake) => {
                    mistakes.push(mistake);
                    None
                }
            }
        };
        let json = create("--json", files.json);
        let trace = create("--trace", files.trace);
        let plugin_log = create("--plugin-log", files.plugin_log);
        if !mistakes.is_empty() {
            return Err(CliError::Input(mistakes));
        }
        let begin = |(target, file): (Target, _)| match Trace::new(file, release, plugin) {
            Ok(trace) => Ok((target, trace)),
            Err(error) => Err(target.unwritten(&error)),
        };
        Ok(Self {
            started: Instant::now(),
            terminal,
            json: json.map(|(target, file)| (target, JsonLines::new(file))),
            trace: trace.map(begin).transpose()?,
            plugin_log: plugin_log.map(|(target, file)| {
                let file = LineWriter::new(file);
                (target, Mutex::new(PluginLog { file, failed: None }))
            }),
            seen: files.seen.clone(),
            dialing: Dialing::new(plugin),
            session: Mutex::default(),
        })
    }

    /// Names who learns of the plugin's exit.
    pub(super) fn tell_end(&self, session: Sender<Happening>) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// Asks for the plugin's name if it has not dialed.
    pub(super) fn note_undialed(&self) {
        if let Some(text) = self.dialing.note() {
            self.tell(What::Note { text: &text });
        }
    }

    /// Reports what the run itself does or notices.
    pub(super) fn tell(&self, what: What<'_>) {
        self.event(&Event::new(self.started.elapsed(), what));
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    ///
    /// The first file that could not be written.
    pub(super) fn finish(&self) -> Result<(), CliError> {
        if let Some((target, json)) = &self.json {
            json.finish().map_err(|error| target.unwritten(&error))?;
        }
        if let Some((target, trace)) = &self.trace {
            trace.finish().map_err(|error| target.unwritten(&error))?;
        }
        if let Some((target, log)) = &self.plugin_log {
            let finished = log.lock().unwrap_or_else(PoisonError::into_inner).finish();
            finished.map_err(|error| target.unwritten(&error))?;
        }
        Ok(())
    }
}

impl Observer for Stream {
    fn event(&self, event: &Event<'_>) {
        match (&event.what, &self.plugin_log) {
            (What::Log { line }, Some((_, log))) => {
                log.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .write(line);
            }
            _ => self.terminal.event(event),
        }
        self.dialing.event(&event.what);
        if let Some(seen) = &self.seen {
            seen.event(event);
        }
        if let Some((_, json)) = &self.json {
            json.event(event);
        }
        if let Some((_, trace)) = &self.trace {
            trace.event(event);
        }
        let happening = match event.what {
            What::Exited { .. } => Some(Happening::PluginEnded),
            What::Attached { .. } => Some(Happening::Attached),
            What::StartedAgain { finding, .. } => {
                finding.map(|finding| Happening::StartedAgain(Box::new(finding.clone())))
            }
            _ => None,
        };
        if let Some(happening) = happening
            && let Some(session) = &*self.session.lock().unwrap_or_else(PoisonError::into_inner)
        {
            let _ = session.send(happening);
        }
    }
}
