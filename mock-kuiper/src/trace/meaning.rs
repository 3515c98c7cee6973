//! What each line of a trace means: which message it is, and what it answers.
//!
//! The plugin is the requesting side of control and function channels, so the answer
//! to an order is the plugin's *next* request. Rules: docs/protocol.md, sections 5 to 7.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::channel::{Channels, Known, MOST};
use super::line::{Header, Line};
use super::order::{Ordered, Requested, order, request};
use super::read::{body, dialer, request_id, sender, socket};
use crate::finding::says_unknown;
use crate::redact::HIDDEN;
use crate::release::Release;
use crate::symbol::{Purpose, Side, Symbol};
use crate::wire::{
    Ack, Command, FunctionAnswer, InvalidAnswer, InvalidRow, OrderAnswer, SourceRow, parse_ack,
};

/// The ids of a channel's requests that are remembered: of a reply under an older id
/// nothing is known.
const REMEMBERED: usize = 8;

/// What a line means.
#[derive(Debug, Clone)]
pub struct Interpreted {
    /// The sender of a message, or who dialed or closed.
    pub from: Option<Side>,
    /// What is known of the channel.
    pub known: Arc<Known>,
    /// The meaning.
    pub sense: Sense,
}

/// The meaning of a line.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Sense {
    /// The plugin's process was launched.
    Launch,
    /// The plugin's process exited.
    Exit,
    /// A connection was made.
    Connected,
    /// A connection was closed.
    Closed,
    /// Another event, of which only the name is known.
    OtherEvent,
    /// A transport greeting, with the number of the socket's protocol.
    Socket(Option<u16>),
    /// A greeting of the plugin.
    Greeting(Greeting),
    /// An order.
    Order(Ordered),
    /// The answer to an order, and the order if it is known.
    Answer(Refusal, Option<Asked>),
    /// A request to a function.
    Request(Requested),
    /// The answer to a request, and the request if it is known.
    Reply(Result<FunctionAnswer, InvalidAnswer>, Option<Asked>),
    /// A row of a source.
    Row,
    /// A message of a source that is not a row.
    InvalidRow(InvalidRow),
    /// A row for a sink.
    SinkRow,
    /// A sink's ack.
    Ack(Result<Ack, InvalidAnswer>),
    /// An order or request under the id of a request that the plugin has given up:
    /// its socket drops it.
    Stale,
    /// A message of the plugin that was sent before, under the same id.
    Resent,
    /// A message of the plugin for which nobody waits.
    Late,
    /// A message of which the recorder has kept the beginning only.
    Cut,
    /// A message that is none of eKuiper's.
    Raw,
}

impl Sense {
    /// The names of all kinds, as [`kind`](Self::kind) returns them.
    pub const KINDS: [&'static str; 20] = [
        "launch",
        "exit",
        "connected",
        "closed",
        "event",
        "sp",
        "greeting",
        "order",
        "answer",
        "request",
        "reply",
        "row",
        "invalid_row",
        "sink_row",
        "ack",
        "stale",
        "resent",
        "late",
        "cut",
        "raw",
    ];

    /// Returns the meaning in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Exit => "exit",
            Self::Connected => "connected",
            Self::Closed => "closed",
            Self::OtherEvent => "event",
            Self::Socket(_) => "sp",
            Self::Greeting(_) => "greeting",
            Self::Order(_) => "order",
            Self::Answer(..) => "answer",
            Self::Request(_) => "request",
            Self::Reply(..) => "reply",
            Self::Row => "row",
            Self::InvalidRow(_) => "invalid_row",
            Self::SinkRow => "sink_row",
            Self::Ack(_) => "ack",
            Self::Stale => "stale",
            Self::Resent => "resent",
            Self::Late => "late",
            Self::Cut => "cut",
            Self::Raw => "raw",
        }
    }
}

/// When a plugin greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Greeting {
    /// With its first message on a connection.
    First,
    /// While an order or a request waits for its answer.
    InsteadOfAnswer,
    /// While it has nothing to answer.
    Idle,
}

/// Whether an order was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// `ok`.
    None,
    /// The plugin does not have the symbol; its text.
    Unknown(String),
    /// An error; its text.
    Text(String),
    /// A greeting, which the release takes for an error; its text.
    Greeting(String),
}

/// What an answer answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Its line.
    pub line: u64,
    /// Its time in seconds.
    pub t: f64,
    /// What it was, in a few words: ``start of source `random` ``.
    pub what: String,
    /// The command, if it is an order.
    pub command: Option<Command>,
    /// The symbol, if it is an order.
    pub symbol: Option<Symbol>,
}

/// Interprets the lines of a trace, one after another.
#[derive(Debug)]
pub struct Interpreter {
    /// The release that the trace is of, if it is known.
    release: Option<&'static Release>,
    /// Whether messages were left out.
    thinned: bool,
    channels: Channels,
    asking: HashMap<String, Asking>,
}

/// The state of a control or function channel.
#[derive(Debug, Default)]
struct Asking {
    /// Whether the next message is the first on a new connection.
    is_new: bool,
    /// Whether the plugin has sent anything.
    has_spoken: bool,
    /// The ids of the plugin's last requests, the newest last.
    ids: Vec<u32>,
    /// What the host waits for, and the id under which it asked.
    pending: Option<(Asked, Option<u32>)>,
}

impl Interpreter {
    /// Begins with a trace's first line.
    #[must_use]
    pub fn new(header: &Header<'_>) -> Self {
        Self {
            release: release(&header.host),
            thinned: header.dropped > 0,
            channels: Channels::default(),
            asking: HashMap::new(),
        }
    }

    /// Returns the release that the trace is of, if it is known.
    #[must_use]
    pub fn release(&self) -> Option<&'static Release> {
        self.release
    }

    /// Interprets the line with this number.
    pub fn interpret(&mut self, number: u64, line: &Line<'_>) -> Interpreted {
        let known = self.channels.learn(line);
        let sense = match line.event.as_deref() {
            Some(event) => self.event(event, line),
            None if line.sp.is_some() => Sense::Socket(socket(line)),
            None => self.message(number, line, &known),
        };
        let known = match &sense {
            // An order may have named another channel only.
            Sense::Order(_) | Sense::Row | Sense::SinkRow => known,
            _ => self.channels.learn(line),
        };
        let from = match sense {
            Sense::Connected => dialer(line),
            _ => sender(line),
        };
        Interpreted { from, known, sense }
    }

    fn event(&mut self, event: &str, line: &Line<'_>) -> Sense {
        match event {
            "launch" => {
                self.asking.clear();
                Sense::Launch
            }
            "exit" => {
                self.asking.clear();
                Sense::Exit
            }
            "connected" => {
                if let Some(channel) = &line.channel {
                    let new = Asking {
                        is_new: true,
                        ..Asking::default()
                    };
                    self.set(channel, new);
                }
                Sense::Connected
            }
            "closed" => Sense::Closed,
            _ => Sense::OtherEvent,
        }
    }

    fn set(&mut self, channel: &str, asking: Asking) {
        if self.asking.len() < MOST || self.asking.contains_key(channel) {
            self.asking.insert(channel.to_owned(), asking);
        }
    }

    fn message(&mut self, number: u64, line: &Line<'_>, known: &Known) -> Sense {
        let (Some(body), Some(from)) = (body(line), sender(line)) else {
            return Sense::Raw;
        };
        let is_json = matches!(
            known.purpose,
            Some(Purpose::Source | Purpose::Ack | Purpose::Function)
        );
        let is_cut = line.length.is_some() || is_json && is_torn(&body);
        match (known.purpose, from) {
            (Some(Purpose::Source | Purpose::Sink | Purpose::Ack), _) if is_cut => Sense::Cut,
            (Some(Purpose::Source), Side::Plugin) => source_row(&body),
            (Some(Purpose::Sink), Side::Host) => Sense::SinkRow,
            (Some(Purpose::Ack), Side::Plugin) => Sense::Ack(parse_ack(&body)),
            (Some(purpose @ (Purpose::Control | Purpose::Function)), _) => {
                let channel = line.channel.as_deref().unwrap_or_default();
                let mut asking = self.asking.remove(channel).unwrap_or_default();
                let sense = match from {
                    Side::Host => self.ask(&mut asking, purpose, number, line, &body),
                    Side::Plugin => self.hear(&mut asking, purpose, line, &body),
                };
                self.set(channel, asking);
                // A greeting is no longer than its beginning.
                match sense {
                    Sense::Stale | Sense::Resent | Sense::Late => sense,
                    _ if is_cut => Sense::Cut,
                    sense => sense,
                }
            }
            _ => Sense::Raw,
        }
    }

    /// Interprets a message of the host on a control or function channel.
    fn ask(
        &mut self,
        asking: &mut Asking,
        purpose: Purpose,
        number: u64,
        line: &Line<'_>,
        body: &[u8],
    ) -> Sense {
        let id = request_id(line);
        let is_stale = id.is_some_and(|id| {
            asking.ids.contains(&id) && asking.ids.last().is_some_and(|last| *last != id)
        });
        if is_stale {
            return Sense::Stale;
        }
        let at = (number, line.t);
        let (sense, asked) = match purpose {
            Purpose::Control => match order(body) {
                Some(order) => {
                    let (symbol, meta) = (&order.symbol, &order.meta);
                    if order.command == Command::Start {
                        self.channels.start(symbol, meta, &order.config);
                    }
                    let asked = Asked::of_order(at, order.command, symbol);
                    (Sense::Order(order), asked)
                }
                None => (Sense::Raw, Asked::of_request(at, "bytes that are no order")),
            },
            _ => match request(body) {
                Some(request) => {
                    let asked = Asked::of_request(at, &request.name);
                    (Sense::Request(request), asked)
                }
                None => (
                    Sense::Raw,
                    Asked::of_request(at, "bytes that are no request"),
                ),
            },
        };
        asking.pending = Some((asked, id));
        sense
    }

    /// Interprets a message of the plugin on a control or function channel.
    fn hear(&self, asking: &mut Asking, purpose: Purpose, line: &Line<'_>, body: &[u8]) -> Sense {
        let id = request_id(line);
        let is_new = std::mem::take(&mut asking.is_new);
        let has_spoken = std::mem::replace(&mut asking.has_spoken, true);
        if let Some(id) = id {
            if asking.ids.last() == Some(&id) {
                return Sense::Resent;
            }
            if asking.ids.len() == REMEMBERED {
                asking.ids.remove(0);
            }
            asking.ids.push(id);
        }
        let is_greeting = body.first() == Some(&b'h');
        if is_new || is_greeting && !has_spoken && asking.pending.is_none() {
            return Sense::Greeting(Greeting::First);
        }
        if is_greeting {
            return self.greeting(asking, purpose, body);
        }
        // Of a thinned trace the request may be missing, not of one on control.
        let follows = |asked: Option<u32>| match (asked, id) {
            (Some(asked), Some(id)) if self.thinned => asked.wrapping_add(1) | 1 << 31 == id,
            _ => true,
        };
        let asked = asking.pending.take();
        let asked = asked.filter(|(_, id)| purpose == Purpose::Control || follows(*id));
        let asked = asked.map(|(asked, _)| asked);
        match purpose {
            Purpose::Control => match &asked {
                Some(asked) => Sense::Answer(refusal(body, asked), Some(asked.clone())),
                None if !has_spoken => Sense::Answer(refusal(body, &Asked::UNKNOWN), None),
                None => Sense::Late,
            },
            _ if asked.is_none() && !self.thinned && has_spoken => Sense::Late,
            _ => Sense::Reply(FunctionAnswer::parse(body), asked),
        }
    }

    /// Interprets a text that begins with `h`, and is not the first of a connection.
    fn greeting(&self, asking: &mut Asking, purpose: Purpose, body: &[u8]) -> Sense {
        let Some((asked, id)) = asking.pending.take() else {
            return Sense::Greeting(Greeting::Idle);
        };
        let is_recognized = self.release.is_none_or(|release| match purpose {
            Purpose::Control => release.regreet_on_control,
            _ => release.regreet_on_functions,
        });
        if is_recognized {
            // The host sends it again.
            asking.pending = Some((asked, id));
            return Sense::Greeting(Greeting::InsteadOfAnswer);
        }
        match purpose {
            Purpose::Control => {
                let text = String::from_utf8_lossy(body).into_owned();
                Sense::Answer(Refusal::Greeting(text), Some(asked))
            }
            _ => Sense::Reply(FunctionAnswer::parse(body), Some(asked)),
        }
    }
}

impl Asked {
    /// Describes an order.
    pub(super) fn of_order(at: (u64, f64), command: Command, symbol: &Symbol) -> Self {
        Self {
            line: at.0,
            t: at.1,
            what: format!("the {} of {symbol}", command.name()),
            command: Some(command),
            symbol: Some(symbol.clone()),
        }
    }

    /// Describes what is not an order.
    pub(super) fn of_request(at: (u64, f64), name: &str) -> Self {
        Self {
            line: at.0,
            t: at.1,
            what: name.to_owned(),
            command: None,
            symbol: None,
        }
    }

    const UNKNOWN: Self = Self {
        line: 0,
        t: 0.0,
        what: String::new(),
        command: None,
        symbol: None,
    };
}

/// Finds the release in the first line's `host`: its last word that is one.
fn release(host: &str) -> Option<&'static Release> {
    let words = host.rsplit(|c: char| c.is_whitespace() || c == '-' || c == ',');
    let mut found = words.filter_map(|word| {
        let word = word.strip_prefix('v').unwrap_or(word);
        Release::find(word).ok()
    });
    found.next()
}

/// Whether a secret that was hidden, such as a number, has left no JSON. What stood there
/// is not known.
fn is_torn(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| text.contains(HIDDEN))
        && serde_json::from_slice::<IgnoredAny>(body).is_err()
}

fn source_row(body: &[u8]) -> Sense {
    match SourceRow::parse(&String::from_utf8_lossy(body)) {
        Ok(_) => Sense::Row,
        Err(invalid) => Sense::InvalidRow(invalid),
    }
}

fn refusal(body: &[u8], asked: &Asked) -> Refusal {
    let answer = OrderAnswer::parse(body);
    let text = answer.text();
    let names = |symbol: &Symbol| says_unknown(&text, &symbol.name);
    match answer {
        OrderAnswer::Done => Refusal::None,
        _ if asked.command == Some(Command::Start) && asked.symbol.as_ref().is_some_and(names) => {
            Refusal::Unknown(text)
        }
        _ => Refusal::Text(text),
    }
}

#[cfg(test)]
mod tests;
