//! A trace that is being read, and how far that is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mock_kuiper::engine::foreign::printable;
use mock_kuiper::engine::trace::{Header, Interpreted, Interpreter, Line, Reader};

use super::super::error::CliError;
use super::super::output::{NOTE, labelled, say};

/// The lines after which the bar moves.
const SHOWN_EVERY: u64 = 4096;

/// A trace that is read from a file or from stdin.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    reader: Reader<Box<dyn BufRead>>,
    interpreter: Interpreter,
    progress: Option<ProgressBar>,
}

impl Opened {
    /// Opens a trace.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let mut size = None;
        let input: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            let wrong = |error: io::Error| CliError::input(format!("{}: {error}", path.display()));
            let file = File::open(path).map_err(wrong)?;
            size = file.metadata().ok().map(|metadata| metadata.len());
            Box::new(file)
        };
        let input: Box<dyn BufRead> = Box::new(BufReader::with_capacity(1 << 18, input));
        let reader = Reader::new(input);
        let reader =
            reader.map_err(|error| CliError::input(format!("{}: {error}", path.display())))?;
        let interpreter = Interpreter::new(reader.header());
        // Only a long wait without output needs a bar.
        let is_long = size.is_some_and(|size| size > 32 << 20) && !io::stdout().is_terminal();
        let progress = is_long.then(|| bar(size.unwrap_or_default()));
        Ok(Self {
            path: path.to_owned(),
            reader,
            interpreter,
            progress,
        })
    }

    /// Returns the first line.
    pub(super) fn header(&self) -> &Header<'static> {
        self.reader.header()
    }

    pub(super) fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// Interprets the next line, and gives it to `each`; returns whether there was
    /// one, and what `each` returned.
    pub(super) fn next<T>(
        &mut self,
        each: impl FnOnce(u64, &Line<'_>, Interpreted) -> T,
    ) -> Result<Option<T>, CliError> {
        let wrong = |error| CliError::input(format!("{}: {error}", self.path.display()));
        let at = self.reader.bytes();
        let Some((number, line)) = self.reader.next_line().map_err(wrong)? else {
            if let Some(progress) = &self.progress {
                progress.finish_and_clear();
            }
            return Ok(None);
        };
        let read = self.interpreter.interpret(number, &line);
        if number % SHOWN_EVERY == 0
            && let Some(progress) = &self.progress
        {
            progress.set_position(at);
        }
        Ok(Some(each(number, &line, read)))
    }

    /// Says on stderr what the reader of the whole should know.
    pub(super) fn say_notes(&self) {
        if self.reader.is_cut() {
            let text = format!(
                "{}: the last line is incomplete and was left out",
                self.path.display()
            );
            say(&labelled(NOTE, "note", &text));
        }
    }

    /// Says what the trace is of, in one line.
    pub(super) fn title(&self) -> String {
        let header = self.header();
        let mut title = format!("{} with {}", header.host, header.plugin);
        if header.dropped > 0 {
            title.push_str(&format!("; {} messages were left out", header.dropped));
        }
        printable(&title)
    }
}

fn bar(size: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
