//! What goes over the wire during one check: the last messages are kept for the
//! report, connections are counted, and what the suite itself sends is compared
//! with the recordings.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mock_kuiper::engine::symbol::Purpose;
use mock_kuiper::engine::wire::FunctionAnswer;
use mock_kuiper::{Channel, Event, Meaning, Message, Observer, Release, Side, What};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::line::{Line, excerpt, excerpt_without, without_shutdown};
use crate::self_check;
use mock_kuiper::engine::redact::Secrets;

/// Lines that are kept.
const KEPT: usize = 40;

/// Precedes the number of a marked row.
pub(crate) const MARK: &str = "conformance-row-";

/// Records the events of one check.
#[derive(Debug)]
pub(crate) struct Transcript {
    secrets: Secrets,
    release: &'static Release,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lines: VecDeque<Line>,
    /// What is known of each channel, by its name.
    channels: HashMap<String, ChannelState>,
    /// A message of the suite that no eKuiper sends and that is not wrong on
    /// purpose.
    suite_mistake: Option<String>,
    /// The last row of a source.
    row: Vec<u8>,
    /// The last ack of a sink.
    ack: Vec<u8>,
    /// An ack that is spelled wrong.
    odd_ack: Option<String>,
    /// An ack that is not UTF-8.
    broken_ack: Option<String>,
    /// A function's answer that eKuiper reads only in part or by accident.
    odd_reply: Option<String>,
    /// The number of bytes in the plugin's log.
    logged: usize,
    /// The numbers of the marked rows in the log, in its order.
    marks: Vec<u32>,
}

/// What is known of a channel.
#[derive(Debug, Default)]
struct ChannelState {
    /// The number of open connections.
    open: usize,
    /// How often the plugin has closed a connection.
    hung_up: usize,
    /// The last request to a function, until something answers it.
    unanswered: Option<Request>,
    /// The number of greetings.
    greetings: usize,
    first_greeting: Vec<u8>,
    /// The last greeting with another text than the first.
    other_greeting: Option<Vec<u8>>,
    /// The last message of the suite with no mistake: most are sent many times in a
    /// row, and are examined once.
    right: Option<Vec<u8>>,
    /// The same for the plugin: the last ack or answer that was not odd.
    usual: Option<Vec<u8>>,
}

/// A request to a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    /// Its size in bytes.
    pub(crate) size: usize,
    /// Whether it consists of bytes that no eKuiper sends.
    pub(crate) is_raw: bool,
}

impl Transcript {
    pub(crate) fn new(secrets: Secrets, release: &'static Release) -> Self {
        Self {
            secrets,
            release,
            seen: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the last lines, without those that only show how the host shuts
    /// down after the check.
    pub(crate) fn lines(&self) -> Vec<String> {
        let seen = self.lock();
        let lines: Vec<&Line> = seen.lines.iter().collect();
        let shown = without_shutdown(&lines).iter();
        shown.map(|line| line.text(&self.secrets)).collect()
    }

    fn of_channel<T: Default>(&self, channel: &Channel, get: impl Fn(&ChannelState) -> T) -> T {
        let seen = self.lock();
        seen.channels
            .get(channel.name())
            .map(get)
            .unwrap_or_default()
    }

    /// Returns the number of open connections on a channel. A request channel
    /// that is dropped with its host stays open here.
    pub(crate) fn open(&self, channel: &Channel) -> usize {
        self.of_channel(channel, |state| state.open)
    }

    /// Returns how often the plugin has closed a connection on a channel.
    pub(crate) fn hung_up(&self, channel: &Channel) -> usize {
        self.of_channel(channel, |state| state.hung_up)
    }

    /// Returns the request that went out on a function's channel and that
    /// nothing has answered.
    pub(crate) fn unanswered(&self, channel: &Channel) -> Option<Request> {
        self.of_channel(channel, |state| state.unanswered)
    }

    /// Returns the number of greetings on a channel.
    pub(crate) fn greetings(&self, channel: &Channel) -> usize {
        self.of_channel(channel, |state| state.greetings)
    }

    /// Returns an answer that the release takes for a greeting, because it
    /// begins with `h`.
    pub(crate) fn mistaken_greeting(&self) -> Option<String> {
        let seen = self.lock();
        let mut channels = seen.channels.values();
        let text = channels.find_map(|state| state.other_greeting.as_ref())?;
        Some(excerpt(&String::from_utf8_lossy(text), text.len()))
    }

    /// Returns the last row of a source as it came.
    pub(crate) fn last_row(&self) -> Vec<u8> {
        self.lock().row.clone()
    }

    /// Returns the last ack of a sink as it came.
    pub(crate) fn last_ack(&self) -> Vec<u8> {
        self.lock().ack.clone()
    }

    /// Returns an ack that is spelled wrong.
    pub(crate) fn odd_ack(&self) -> Option<String> {
        self.lock().odd_ack.clone()
    }

    /// Returns an ack that is not UTF-8.
    pub(crate) fn broken_ack(&self) -> Option<String> {
        self.lock().broken_ack.clone()
    }

    /// Returns a function's answer that eKuiper reads only in part or by
    /// accident.
    pub(crate) fn odd_reply(&self) -> Option<String> {
        self.lock().odd_reply.clone()
    }

    /// Returns the number of bytes in the plugin's log.
    pub(crate) fn logged(&self) -> usize {
        self.lock().logged
    }

    /// Returns the numbers after [`MARK`] in the log, in its order.
    pub(crate) fn marks(&self) -> Vec<u32> {
        self.lock().marks.clone()
    }

    /// Returns what is wrong with a message of the suite.
    pub(crate) fn suite_mistake(&self) -> Option<String> {
        self.lock().suite_mistake.clone()
    }

    /// Returns the beginning of a message, without the secrets in it.
    pub(crate) fn excerpt(&self, bytes: &[u8]) -> String {
        excerpt_without(&self.secrets, bytes)
    }
}

impl Seen {
    fn channel(&mut self, channel: &Channel) -> &mut ChannelState {
        self.channels.entry(channel.name().to_owned()).or_default()
    }

    fn note(&mut self, message: &Message<'_>) {
        let state = self.channel(message.channel);
        if message.channel.purpose() == Purpose::Function {
            state.note_request(message);
        }
        match message.meaning {
            Meaning::Greeting => {
                state.greetings += 1;
                if state.greetings == 1 {
                    state.first_greeting = message.body.to_vec();
                } else if state.first_greeting != message.body
                    && message.body.first() == Some(&b'h')
                {
                    state.other_greeting = Some(message.body.to_vec());
                }
            }
            Meaning::Ack { ack: Ok(_), .. } => {
                let is_known = state.is_usual(message.body);
                self.ack.clear();
                self.ack.extend_from_slice(message.body);
                if !is_known && !self.note_odd_ack(message.body) {
                    self.channel(message.channel).usual = Some(message.body.to_vec());
                }
            }
            Meaning::Reply { .. } if !state.is_usual(message.body) => {
                if is_odd_reply(message.body) {
                    let text = String::from_utf8_lossy(message.body);
                    self.odd_reply = Some(excerpt(&text, text.len()));
                } else {
                    state.usual = Some(message.body.to_vec());
                }
            }
            Meaning::Row { .. } => {
                self.row.clear();
                self.row.extend_from_slice(message.body);
            }
            _ => {}
        }
    }

    /// Notes an ack that is spelled wrong or is not UTF-8; returns whether it is.
    fn note_odd_ack(&mut self, ack: &[u8]) -> bool {
        let text = String::from_utf8_lossy(ack);
        let names: Result<HashMap<String, IgnoredAny>, _> = serde_json::from_str(&text);
        // eKuiper accepts `null` and a name in capital letters.
        let is_odd = names.map_or(true, |names| names.keys().any(|name| name != "error"));
        let is_broken = matches!(text, Cow::Owned(_));
        if is_odd {
            self.odd_ack = Some(excerpt(&text, text.len()));
        }
        if is_broken {
            self.broken_ack = Some(excerpt(&text, text.len()));
        }
        is_odd || is_broken
    }

    /// Returns what is wrong with a message of the suite that is not wrong on
    /// purpose.
    fn mistake(&mut self, message: &Message<'_>, release: &Release) -> Option<String> {
        let check = match (message.meaning, message.channel.purpose()) {
            (Meaning::Raw | Meaning::Stale, _) => return None,
            (_, Purpose::Control) => self_check::order,
            (_, Purpose::Function) => self_check::request,
            // A row may be any bytes, and the host sends nothing else.
            _ => return None,
        };
        let state = self.channel(message.channel);
        if state.right.as_deref() == Some(message.body) {
            return None;
        }
        let Err(wrong) = check(message.body, release) else {
            state.right = Some(message.body.to_vec());
            return None;
        };
        let sent = String::from_utf8_lossy(message.body);
        Some(format!(
            "the suite sent a message that no eKuiper sends: {wrong}, in `{}`",
            excerpt(&sent, sent.len())
        ))
    }
}

impl ChannelState {
    fn is_usual(&self, body: &[u8]) -> bool {
        self.usual.as_deref() == Some(body)
    }

    fn note_request(&mut self, message: &Message<'_>) {
        let is_raw = match message.meaning {
            Meaning::Request { .. } => false,
            Meaning::Raw => true,
            // The plugin's socket drops it.
            Meaning::Stale => return,
            _ => {
                self.unanswered = None;
                return;
            }
        };
        let size = message.body.len();
        self.unanswered = Some(Request { size, is_raw });
    }
}

/// Returns whether eKuiper reads a function's answer only in part or by
/// accident: a name is in capital letters or misspelled, bytes are not UTF-8,
/// or an error has no text.
fn is_odd_reply(body: &[u8]) -> bool {
    if !matches!(
        FunctionAnswer::parse(body),
        Ok(FunctionAnswer::Done(_) | FunctionAnswer::Failed(_))
    ) {
        return false;
    }
    let fields: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    fields.map_or(true, |fields| {
        let known = fields.len() == 2 && fields.contains_key("state");
        let result = fields.get("result").filter(|_| known);
        result.is_none_or(|result| fields["state"] == false && !result.is_string())
    })
}

/// Returns the numbers of the marked rows in a line of the log.
fn marks_of(line: &str) -> impl Iterator<Item = u32> {
    line.split(MARK).skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    })
}

impl Observer for Transcript {
    fn event(&self, event: &Event<'_>) {
        let line = Line::of(event);
        let mut seen = self.lock();
        match &event.what {
            What::Connected { channel, .. } => seen.channel(channel).open += 1,
            What::Closed { channel, from } => {
                let state = seen.channel(channel);
                state.open = state.open.saturating_sub(1);
                state.hung_up += usize::from(*from == Side::Plugin);
            }
            What::Message(message) => {
                seen.note(message);
                if message.from == Side::Host && seen.suite_mistake.is_none() {
                    seen.suite_mistake = seen.mistake(message, self.release);
                }
            }
            What::Log { line } => {
                seen.logged += line.len();
                seen.marks.extend(marks_of(line));
            }
            _ => {}
        }
        if let Some(line) = line {
            if seen.lines.len() == KEPT {
                seen.lines.pop_front();
            }
            seen.lines.push_back(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mock_kuiper::Meta;
    use mock_kuiper::engine::wire::Ack;

    use super::*;

    const REQUEST: Meaning<'_> = Meaning::Request {
        function: "f",
        request: "IsAggregate",
    };
    const ANSWER: Meaning<'_> = Meaning::Reply { function: "f" };
    const ACK: Meaning<'_> = Meaning::Ack {
        sink: "s",
        ack: Ok(&Ack::Done),
    };

    fn transcript() -> Transcript {
        Transcript::new(Secrets::default(), Release::find("2.4").unwrap())
    }

    fn tell(transcript: &Transcript, channel: &Channel, meaning: Meaning<'_>, body: &[u8]) {
        let from = match meaning {
            Meaning::Request { .. } => Side::Host,
            _ => Side::Plugin,
        };
        let message = Message {
            channel,
            from,
            id: None,
            body,
            meaning,
        };
        transcript.event(&Event::new(Duration::ZERO, What::Message(message)));
    }

    #[test]
    fn a_mistake_of_the_suite_is_found_after_messages_without_one() {
        for wrong in [&br#"{"func":"Reset","arg":[]}"#[..], b""] {
            let transcript = transcript();
            let tell = |body| tell(&transcript, &Channel::function("f"), REQUEST, body);
            tell(br#"{"func":"IsAggregate","arg":null}"#);
            tell(br#"{"func":"IsAggregate","arg":null}"#);
            assert_eq!(transcript.suite_mistake(), None);

            tell(wrong);

            assert!(transcript.suite_mistake().is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn an_odd_ack_or_answer_is_found_after_others() {
        let transcript = transcript();
        let sink = Channel::ack(&Meta::new("rule", "op"));
        let function = Channel::function("f");
        let tell_both = |ack, answer| {
            tell(&transcript, &sink, ACK, ack);
            tell(&transcript, &function, ANSWER, answer);
        };
        let good: (&[u8], &[u8]) = (b"{}", br#"{"state":true,"result":1}"#);
        tell_both(good.0, good.1);
        tell_both(good.0, good.1);
        let found = || [transcript.odd_ack(), transcript.odd_reply()];
        assert_eq!(found(), [None, None]);

        tell_both(b"null", br#"{"State":true,"result":1}"#);
        tell_both(good.0, good.1);

        let found = found().map(Option::unwrap);
        assert_eq!(found, ["null", r#"{"State":true,"result":1}"#]);
        assert_eq!(transcript.last_ack(), b"{}");
        tell(&transcript, &sink, ACK, b"{\"error\":\"\xff\"}");
        assert!(transcript.broken_ack().is_some());
    }

    #[test]
    fn the_numbers_of_marked_rows_are_read_wherever_they_stand() {
        let line =
            r#"got [{"c":"conformance-row-7"},{"c":"conformance-row-12"}], conformance-row-x"#;

        assert_eq!(marks_of(line).collect::<Vec<_>>(), [7, 12]);
    }

    #[test]
    fn an_answer_is_odd_that_ekuiper_reads_by_luck_or_in_part() {
        for body in [
            &br#"{"State":true,"result":1}"#[..],
            br#"{"state":true}"#,
            br#"{"state":true,"result":1,"more":2}"#,
            br#"{"state":false,"result":null}"#,
            br#"{"state":false,"result":{"text":"no"}}"#,
            b"{\"state\":true,\"result\":\"\xff\"}",
        ] {
            assert!(is_odd_reply(body), "{}", String::from_utf8_lossy(body));
        }
        for body in [
            &br#"{"result":null,"state":true}"#[..],
            br#"{"state":false,"result":"no"}"#,
            // Others are there to find these.
            br#"{"state":1,"result":2}"#,
            b"handshake",
            b"\xff",
        ] {
            assert!(!is_odd_reply(body), "{}", String::from_utf8_lossy(body));
        }
    }
}
