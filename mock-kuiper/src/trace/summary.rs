//! What a trace is about as a whole: rates, durations, gaps.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::channel::{Known, MOST};
use super::line::{Header, Line};
use super::meaning::{Greeting, Interpreted, Refusal, Sense};
use super::spread::Spread;
use crate::symbol::{Purpose, Side};
use crate::wire::{Ack, FunctionAnswer};

/// The rows of a sink whose acks are awaited; of more, none is timed.
const AWAITED: usize = 10_000;

/// What a trace is about.
#[derive(Debug, Default)]
pub struct Summary {
    /// Whether messages were left out: rates, pauses and acks say nothing then.
    pub is_thinned: bool,
    /// The lines after the first.
    pub lines: u64,
    /// The messages.
    pub messages: u64,
    /// How often the process was launched.
    pub launches: u64,
    /// How long all launches took together, in seconds.
    pub end: f64,
    /// The channels, in the order of their first lines.
    pub lanes: Vec<Lane>,
    /// The channels that are not listed, because there are too many.
    pub more_lanes: u64,
    /// What a person should know that is not a finding.
    pub notes: Vec<Note>,
    numbers: HashMap<String, usize>,
    /// The time of the line before.
    before: f64,
    /// The time at which the clock of this launch began.
    base: f64,
}

/// What a person should know about lines of one kind.
#[derive(Debug)]
pub struct Note {
    /// The first line.
    pub line: u64,
    /// How many there are.
    pub times: u64,
    /// What they are.
    pub text: &'static str,
}

/// What happened on one channel.
#[derive(Debug, Default)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// What is known of it.
    pub known: Arc<Known>,
    /// The connections.
    pub connections: u64,
    /// The messages of the host.
    pub from_host: u64,
    /// The messages of the plugin.
    pub from_plugin: u64,
    /// The greetings.
    pub greetings: u64,
    /// What the plugin refused, failed, or did not send as it should.
    pub bad: u64,
    /// The bytes of all bodies.
    pub bytes: u64,
    /// How long answers or acks took.
    pub answers: Spread,
    /// The rows, and the time between the first and the last of each connection.
    pub rows: u64,
    /// Seconds in which rows went over the channel.
    pub busy: f64,
    /// How many pauses between two rows `busy` has.
    pub pauses: u64,
    /// The longest pause between two rows in seconds, and the line that ended it.
    pub gap: Option<(f64, u64)>,
    /// The time of the last row since the channel was connected.
    last_row: Option<f64>,
    /// The times of the rows without ack.
    awaited: VecDeque<f64>,
}

impl Summary {
    /// Begins with a trace's first line.
    #[must_use]
    pub fn new(header: &Header<'_>) -> Self {
        Self {
            is_thinned: header.dropped > 0,
            ..Self::default()
        }
    }

    /// Adds the line with this number.
    pub fn add(&mut self, number: u64, line: &Line<'_>, read: &Interpreted) {
        self.lines += 1;
        let note = match read.sense {
            Sense::Launch => {
                self.launch(line.t);
                None
            }
            Sense::Resent => Some(
                "the plugin sent its last message again, which eKuiper takes for its next answer",
            ),
            Sense::Late => Some("the plugin answered what nobody asked"),
            Sense::Greeting(Greeting::Idle) => Some("the plugin greeted while it was idle"),
            Sense::Raw => Some("a message that is not eKuiper's"),
            _ if line.t < self.before => Some("the time goes back"),
            _ => None,
        };
        if let Some(text) = note {
            self.note(number, text);
        }
        self.before = line.t;
        self.end = self.end.max(self.base + line.t);
        let Some(name) = line.channel.as_deref() else {
            return;
        };
        let kept = line.text.as_ref().map_or(0, |text| text.len())
            + line.hex.as_ref().map_or(0, |hex| hex.len() / 2);
        let size = line.length.unwrap_or(kept as u64);
        let is_message = line.event.is_none() && line.sp.is_none();
        self.messages += u64::from(is_message);
        if matches!(read.sense, Sense::Ack(_)) && !self.is_thinned {
            let sink = name.strip_suffix("_ack").unwrap_or_default();
            if let Some(sink) = self.numbers.get(sink) {
                self.lanes[*sink].acked(line.t);
            }
        }
        let Some(lane) = self.lane(name) else {
            return;
        };
        lane.known = Arc::clone(&read.known);
        lane.bytes = lane.bytes.saturating_add(size);
        if is_message {
            match read.from {
                Some(Side::Host) => lane.from_host += 1,
                _ => lane.from_plugin += 1,
            }
        }
        lane.add(number, line.t, &read.sense);
    }

    /// Begins with a new process. The clock of a trace may begin again with it.
    fn launch(&mut self, t: f64) {
        self.launches += 1;
        if t < self.before {
            self.base = self.end;
        }
        for lane in &mut self.lanes {
            lane.begin();
        }
    }

    fn note(&mut self, line: u64, text: &'static str) {
        match self.notes.iter_mut().find(|note| note.text == text) {
            Some(note) => note.times += 1,
            None => self.notes.push(Note {
                line,
                times: 1,
                text,
            }),
        }
    }

    fn lane(&mut self, name: &str) -> Option<&mut Lane> {
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None if self.lanes.len() == MOST => {
                self.more_lanes += 1;
                return None;
            }
            None => {
                let number = self.lanes.len();
                self.numbers.insert(name.to_owned(), number);
                self.lanes.push(Lane {
                    name: name.to_owned(),
                    ..Lane::default()
                });
                number
            }
        };
        Some(&mut self.lanes[number])
    }
}

impl Lane {
    fn add(&mut self, number: u64, t: f64, sense: &Sense) {
        match sense {
            Sense::Connected => {
                self.connections += 1;
                self.begin();
            }
            Sense::Greeting(_) => self.greetings += 1,
            Sense::Answer(refusal, asked) => {
                self.bad += u64::from(*refusal != Refusal::None);
                self.answered(t, asked.as_ref().map(|asked| asked.t));
            }
            Sense::Reply(reply, asked) => {
                let is_good = matches!(
                    reply,
                    Ok(FunctionAnswer::Done(_) | FunctionAnswer::DoneDeep(_))
                );
                self.bad += u64::from(!is_good);
                self.answered(t, asked.as_ref().map(|asked| asked.t));
            }
            Sense::InvalidRow(_) => {
                self.bad += 1;
                self.row(number, t);
            }
            Sense::Row => self.row(number, t),
            Sense::Cut if self.has_rows() => self.row(number, t),
            Sense::SinkRow => {
                self.row(number, t);
                if self.awaited.len() <= AWAITED {
                    self.awaited.push_back(t);
                }
            }
            Sense::Ack(ack) => self.bad += u64::from(!matches!(ack, Ok(Ack::Done))),
            _ => {}
        }
    }

    /// Begins with a new connection or process: the pause before it is not the plugin's.
    fn begin(&mut self) {
        self.last_row = None;
        self.awaited.clear();
    }

    fn answered(&mut self, t: f64, asked: Option<f64>) {
        if let Some(asked) = asked {
            self.answers.add(t - asked);
        }
    }

    fn row(&mut self, number: u64, t: f64) {
        self.rows += 1;
        if let Some(last) = self.last_row.replace(t) {
            let gap = (t - last).max(0.0);
            self.busy += gap;
            self.pauses += 1;
            if self.gap.is_none_or(|(longest, _)| gap > longest) {
                self.gap = Some((gap, number));
            }
        }
    }

    /// Takes the ack of a row of this sink.
    fn acked(&mut self, t: f64) {
        let is_counted = self.awaited.len() <= AWAITED;
        if let Some(row) = self.awaited.pop_front().filter(|_| is_counted) {
            self.answers.add(t - row);
        }
    }

    /// Returns the rows per second while rows came, if at least two did.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.pauses > 0 && self.busy > 0.0).then(|| self.pauses as f64 / self.busy)
    }

    /// Whether rows go over the channel.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        matches!(self.known.purpose, Some(Purpose::Source | Purpose::Sink))
    }
}
