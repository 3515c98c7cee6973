//! `mock-kuiper trace`: shows what went over a plugin's sockets, and what it proves.

mod diff;
mod filter;
mod html;
mod lines;
mod summary;

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use clap::ValueHint;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mock_kuiper::engine::foreign::printable;
use mock_kuiper::engine::trace::{Header, Interpreted, Interpreter, Line, Reader};

use self::filter::{Condition, Filter};
use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::output::{NOTE, labelled, say, stdout_width};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper run ./mirror --count 3 --trace mirror.jsonl
  mock-kuiper trace mirror.jsonl
      Records a run, then shows its messages, one per line.
  mock-kuiper trace mirror.jsonl --filter kind=order --filter kind=answer
      Shows the orders and their answers only.
  mock-kuiper trace mirror.jsonl --filter symbol=random --filter t=0.5..2 --bodies
      Shows the messages of one symbol in one and a half seconds, whole.
  mock-kuiper trace mirror.jsonl --summary
      Shows how fast rows and answers came, and what the plugin did wrong.
  mock-kuiper trace mirror.jsonl --diff ekuiper.jsonl
      Shows which messages only one of two traces has.
  mock-kuiper trace mirror.jsonl --html mirror.html
      Writes a page to look at in a browser.";

/// Show a trace: what went over a plugin's sockets, and what it means.
///
/// Each message is one line: its time in seconds since the launch, the channel, who
/// sent it (→ the host, ← the plugin), what kind of message it is, and what it says.
/// Lines are cut to the width of the terminal, or to 200 characters in a file.
///
/// A trace is what `mock-kuiper run --trace` writes, or another recorder in the same
/// format (docs/protocol.md, section 10).
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The trace; - is stdin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    trace: PathBuf,

    /// Show only what matches: channel=NAME, kind=KIND, symbol=NAME, from=host,
    /// from=plugin or t=FROM..TO in seconds; may be repeated
    ///
    /// Several values of one key match any of them, different keys must all match. A
    /// `*` at either end of a name stands for anything. The kinds are launch, exit,
    /// connected, closed, event, sp (a greeting of the transport), greeting, order,
    /// answer, request, reply, row, invalid_row, sink_row, ack, stale, resent, late,
    /// cut and raw.
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<Condition>,

    /// Show the whole body of each message below its line
    #[arg(long, conflicts_with = "summary")]
    bodies: bool,

    /// Show rates, durations and pauses for each channel, and what the trace proves
    /// that the plugin did wrong
    ///
    /// The exit status is 1 if it proves anything. A trace from which messages were
    /// left out (`dropped` in its first line) proves nothing to be missing.
    #[arg(long)]
    summary: bool,

    /// Show which messages are in only one of two traces, by their keys and types
    ///
    /// Values, times and counts are not compared, nor are the names of rules. `-` marks
    /// what only FILE has, `+` what only OTHER has. The exit status is 1 if they differ.
    #[arg(long, value_name = "OTHER", value_hint = ValueHint::FilePath,
        conflicts_with_all = ["summary", "bodies"])]
    diff: Option<PathBuf>,

    /// Write the conversation, the summary and what the trace proves as a page to this
    /// file; - is stdout
    #[arg(long, value_name = "PAGE", value_hint = ValueHint::FilePath,
        conflicts_with_all = ["summary", "bodies", "diff"])]
    html: Option<PathBuf>,
}

/// Shows a trace.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let mut trace = Opened::open(&args.trace)?;
    let filter = Filter::new(&args.filter);
    if let Some(other) = &args.diff {
        return diff::print_diff(&mut trace, other, &filter);
    }
    if let Some(page) = &args.html {
        return html::write(&mut trace, &filter, page);
    }
    if args.summary {
        return summary::print_summary(&mut trace, &filter);
    }
    lines::print(&mut trace, &filter, args.bodies)?;
    Ok(Exit::Fine)
}

/// A trace that is read from a file or from stdin.
pub(super) struct Opened {
    path: PathBuf,
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
        if let Some(progress) = &self.progress {
            progress.set_position(self.reader.bytes());
        }
        let Some((number, line)) = self.reader.next_line().map_err(wrong)? else {
            if let Some(progress) = &self.progress {
                progress.finish_and_clear();
            }
            return Ok(None);
        };
        let read = self.interpreter.interpret(number, &line);
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

/// The characters of a line where there is no terminal.
const WIDTH: usize = 200;

/// Returns the characters that a line may have.
fn width() -> usize {
    stdout_width().unwrap_or(WIDTH)
}

/// Cuts a text to what is left of a line of this width after `used` characters.
fn fitted(text: String, width: usize, used: usize) -> String {
    let room = width.saturating_sub(used).max(20);
    if text.chars().nth(room).is_none() {
        return text;
    }
    let mut cut: String = text.chars().take(room - 1).collect();
    cut.push('…');
    cut
}

fn bar(size: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
