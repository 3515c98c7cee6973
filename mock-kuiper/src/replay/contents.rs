//! What a trace has, before it is played: its symbols, its channels, its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::BufRead;

use super::rows::Rows;
use crate::foreign::in_sentence;
use crate::release::Release;
use crate::symbol::{Kind, Purpose, Side, Symbol};
use crate::trace::{Interpreter, Reader, Refusal, Sense, TraceError, body, failure};
use crate::wire::Command;

/// The orders and requests without answer that are remembered.
const UNANSWERED: usize = 10_000;

/// The channels of a trace that can be played.
const CHANNELS: usize = 1000;

/// What a trace has.
#[derive(Debug, Default)]
pub struct Contents {
    /// The release that the trace is of, if it is known.
    pub release: Option<&'static Release>,
    /// The host, as the first line names it.
    pub host: String,
    /// How many messages were left out.
    pub dropped: u64,
    /// Whether the last line is incomplete.
    pub is_cut: bool,
    /// The symbols that are started, and answer `ok`.
    pub started: BTreeSet<(Kind, String)>,
    /// The names of the plugins whose control channels the trace has.
    pub plugins: BTreeSet<String>,
    /// How many messages of the host have only their beginning, and cannot be sent.
    pub cut: u64,
    /// What each source's rows are like, by the source's name or its channel.
    pub(super) rows: BTreeMap<String, Rows>,
    /// The lines of the orders and requests that the plugin did not answer, and whether
    /// it crashed meanwhile.
    pub(super) unanswered: BTreeMap<u64, bool>,
    /// How many rows or acks each channel has.
    pub(super) counts: BTreeMap<String, u64>,
}

/// Why a trace cannot be played.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unplayable {
    /// It cannot be read.
    Trace(TraceError),
    /// It cannot be played: the number of a line, and what is wrong with it.
    Line(u64, String),
}

impl fmt::Display for Unplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(error) => error.fmt(f),
            Self::Line(number, reason) => write!(f, "line {number}: {reason}"),
        }
    }
}

impl std::error::Error for Unplayable {}

impl Contents {
    /// Reads a whole trace.
    ///
    /// # Errors
    ///
    /// [`Unplayable`], with the first line that is wrong.
    pub fn read(mut reader: Reader<impl BufRead>) -> Result<Self, Unplayable> {
        let mut interpreter = Interpreter::new(reader.header());
        let mut contents = Self {
            release: interpreter.release(),
            host: reader.header().host.clone().into_owned(),
            dropped: reader.header().dropped,
            ..Self::default()
        };
        // The last order or request of each channel that has no answer yet.
        let mut asked = BTreeMap::new();
        while let Some((number, line)) = reader.next_line().map_err(Unplayable::Trace)? {
            let read = interpreter.interpret(number, &line);
            if let Sense::Exit = read.sense {
                let status = line.status.as_deref().unwrap_or_default();
                contents.left(&mut asked, failure(status).is_some());
            }
            let wrong = |reason: String| Unplayable::Line(number, reason);
            let Some(name) = line.channel.as_deref() else {
                continue;
            };
            check_name(name).map_err(wrong)?;
            if read.known.purpose == Some(Purpose::Control) {
                let plugin = name.strip_prefix("plugin_").unwrap_or(name);
                contents.plugins.insert(plugin.to_owned());
            }
            match &read.sense {
                Sense::Order(_) | Sense::Request(_) => {
                    asked.insert(name.to_owned(), number);
                }
                Sense::Answer(..) | Sense::Reply(..) | Sense::Cut => {
                    asked.remove(name);
                }
                _ => {}
            }
            match &read.sense {
                Sense::Answer(Refusal::None, Some(asked))
                    if asked.command == Some(Command::Start) =>
                {
                    if let Some(Symbol { kind, name }) = &asked.symbol {
                        contents.started.insert((*kind, name.clone()));
                    }
                }
                Sense::Row | Sense::InvalidRow(_) => {
                    *contents.counts.entry(name.to_owned()).or_default() += 1;
                    let body = body(&line).unwrap_or_default();
                    let source = source_of(read.known.symbol.as_ref(), name);
                    contents.rows.entry(source).or_default().add(&body);
                }
                Sense::Cut if read.from == Some(Side::Host) => contents.cut += 1,
                Sense::Ack(_) => *contents.counts.entry(name.to_owned()).or_default() += 1,
                _ => {}
            }
            if contents.counts.len().max(contents.plugins.len()) > CHANNELS {
                return Err(wrong(format!(
                    "the trace has more than {CHANNELS} channels"
                )));
            }
        }
        contents.left(&mut asked, false);
        contents.is_cut = reader.is_cut();
        Ok(contents)
    }

    /// Notes what a process has left without answer at its end. If messages were left
    /// out, the answer may be one of them.
    fn left(&mut self, asked: &mut BTreeMap<String, u64>, has_crashed: bool) {
        for number in std::mem::take(asked).into_values() {
            if self.dropped == 0 && self.unanswered.len() < UNANSWERED {
                self.unanswered.insert(number, has_crashed);
            }
        }
    }
}

/// Returns under which name the shapes of a source's rows are kept.
pub(super) fn source_of(symbol: Option<&Symbol>, channel: &str) -> String {
    symbol.map_or_else(|| channel.to_owned(), |symbol| symbol.name.clone())
}

/// Fails for a name that would lead out of the directory of the sockets.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['/', '\0']) {
        return Err(format!(
            "`{}` cannot be the name of a channel: it would be a file outside of /tmp",
            in_sentence(name)
        ));
    }
    Ok(())
}
