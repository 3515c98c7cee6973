//! Shows a trace line by line.

use std::io::{self, Write as _};

use anstyle::Style;
use mock_kuiper::Side;
use mock_kuiper::engine::foreign::printable;
use mock_kuiper::engine::trace::{Interpreted, Line, Refusal, Sense, body};
use mock_kuiper::engine::wire::{Ack, FunctionAnswer};

use super::super::error::CliError;
use super::super::output::{DIM, ERROR, stdout_failed};
use super::filter::Filter;
use super::opened::Opened;
use super::width::{fitted, width};

/// The characters of a channel's name that are shown.
const CHANNEL: usize = 28;

/// Prints every line that matches.
pub(super) fn print(
    trace: &mut Opened,
    filter: &mut Filter<'_>,
    bodies: bool,
) -> Result<(), CliError> {
    let stdout = anstream::stdout().lock();
    let mut out = io::BufWriter::with_capacity(1 << 16, stdout);
    let mut table = Table {
        width: width(),
        channel: 12,
        bodies,
    };
    let written = (|| {
        write_out(writeln!(out, "{}", trace.title()))?;
        loop {
            let line = trace.next(|_, line, read| {
                let shown = filter.matches(line, &read);
                shown.then(|| table.line(line, &read))
            })?;
            match line {
                None => break,
                Some(None) => {}
                Some(Some(text)) => write_out(out.write_all(text.as_bytes()))?,
            }
        }
        write_out(out.flush())
    })();
    match written {
        Ok(()) => {}
        Err(Stopped::Reader) => return Ok(()),
        Err(Stopped::Error(error)) => return Err(error),
    }
    trace.say_notes();
    filter.check(&[&trace.path])
}

/// Why no more lines are written.
enum Stopped {
    /// The reader of stdout has read enough.
    Reader,
    Error(CliError),
}

impl From<CliError> for Stopped {
    fn from(error: CliError) -> Self {
        Self::Error(error)
    }
}

fn write_out(written: io::Result<()>) -> Result<(), Stopped> {
    written.map_err(|error| match stdout_failed(error) {
        Ok(()) => Stopped::Reader,
        Err(error) => Stopped::Error(error),
    })
}

/// The columns of the lines.
struct Table {
    width: usize,
    /// The width of the channel's column, which grows with the names.
    channel: usize,
    bodies: bool,
}

impl Table {
    fn line(&mut self, line: &Line<'_>, read: &Interpreted) -> String {
        let channel = printable(line.channel.as_deref().unwrap_or_default());
        let channel: String = channel.chars().take(CHANNEL).collect();
        self.channel = self.channel.max(channel.chars().count());
        let arrow = match read.from {
            Some(Side::Host) => "→",
            Some(Side::Plugin) => "←",
            None => " ",
        };
        let kind = read.sense.kind();
        let width = self.channel;
        let head = format!("{:>9.4}  {channel:width$} {arrow} {kind:<11}  ", line.t);
        let text = fitted(read.text(line), self.width, head.chars().count());
        let style = style(&read.sense);
        let shown = format!("{head}{text}");
        let mut shown = format!("{style}{}{style:#}\n", shown.trim_end());
        if self.bodies
            && let Some(body) = body(line)
        {
            let body = printable(&String::from_utf8_lossy(&body));
            shown.push_str(&format!("           {body}\n"));
        }
        shown
    }
}

/// Shows what is wrong in red, and what matters less dimmed.
fn style(sense: &Sense) -> Style {
    match sense {
        Sense::Answer(refusal, _) if *refusal != Refusal::None => ERROR,
        Sense::Reply(Ok(FunctionAnswer::Done(_) | FunctionAnswer::DoneDeep(_)), _)
        | Sense::Ack(Ok(Ack::Done)) => Style::new(),
        Sense::Reply(..) | Sense::Ack(_) | Sense::InvalidRow(_) | Sense::Resent | Sense::Late => {
            ERROR
        }
        Sense::Socket(_) | Sense::Connected | Sense::Closed | Sense::Stale => DIM,
        _ => Style::new(),
    }
}
