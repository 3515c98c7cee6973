//! `mock-kuiper trace`: shows what went over a plugin's sockets, and what it proves.

mod diff;
mod filter;
mod html;
mod lines;
mod opened;
mod summary;
mod width;

use std::path::PathBuf;

use clap::ValueHint;

use self::filter::{Condition, Filter};
use self::opened::Opened;
use super::error::CliError;
use super::exit::{Exit, STATUSES};

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
    /// cut and raw. A filter that no line matches is refused with what the trace has.
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<Condition>,

    /// Show the whole body of each message below its line
    #[arg(long, conflicts_with = "summary")]
    bodies: bool,

    /// Show rates, durations and pauses for each channel, and what the trace proves
    /// that the plugin did wrong
    ///
    /// The exit status is 1 if it proves anything; with --filter, in the lines and of the
    /// symbols that match. A trace from which messages were
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
    let mut filter = Filter::new(&args.filter);
    if let Some(other) = &args.diff {
        return diff::print_diff(&mut trace, other, &mut filter);
    }
    if let Some(page) = &args.html {
        return html::write(&mut trace, &mut filter, page);
    }
    if args.summary {
        return summary::print_summary(&mut trace, &mut filter);
    }
    lines::print(&mut trace, &mut filter, args.bodies)?;
    Ok(Exit::Fine)
}
