//! What goes over the wire in one check: the last of it is kept for the report,
//! connections are counted, and what we send ourselves is held against the
//! recordings.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mock_kuiper::event::{Event, Meaning, Message, Observer, What};
use mock_kuiper::profile::Profile;
use mock_kuiper::symbol::{Purpose, Side};
use mock_kuiper::wire::FunctionAnswer;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::redact::Secrets;
use crate::self_check;

/// Lines that are kept.
const KEPT: usize = 40;

/// Characters of a message that are shown.
const SHOWN: usize = 240;

const ENDED: &str = "the process has ended";

/// Takes note of what happens, and forgets what is long past.
#[derive(Debug)]
pub(crate) struct Transcript {
    secrets: Secrets,
    release: &'static Profile,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lines: VecDeque<String>,
    /// The connections that stand, by channel.
    open: HashMap<String, usize>,
    /// How often the plugin has closed one, by channel.
    hung_up: HashMap<String, usize>,
    /// What we sent although no eKuiper sends it, and not on purpose.
    ours: Option<String>,
    /// What the plugin said first on each request channel, and later greetings.
    greetings: HashMap<String, Greetings>,
    /// What a source has sent last.
    row: Vec<u8>,
    /// An ack with other names than eKuiper knows.
    odd_ack: Option<String>,
    /// An ack that is not UTF-8.
    broken_ack: Option<String>,
    /// A function's answer that eKuiper reads, by luck or in part.
    odd_reply: Option<String>,
    /// Bytes that the plugin has written to its log.
    logged: usize,
    /// The marked rows that are in the log, in its order.
    marks: Vec<u32>,
}

#[derive(Debug, Default)]
struct Greetings {
    first: Vec<u8>,
    count: usize,
    /// The last that was another.
    other: Option<Vec<u8>>,
}

/// What stands in front of the number of a marked row.
pub(crate) const MARK: &str = "conformance-row-";

impl Transcript {
    pub(crate) fn new(secrets: Secrets, release: &'static Profile) -> Self {
        Self {
            secrets,
            release,
            seen: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.lock().lines.iter().cloned().collect();
        // How a host ends that is not needed any more tells nothing.
        let of_end = |line: &String| line.ends_with(" closed by host");
        let mut end = lines.len();
        while end > 0 && of_end(&lines[end - 1]) {
            end -= 1;
        }
        if end > 1 && lines[end - 1].ends_with(ENDED) && of_end(&lines[end - 2]) {
            end -= 1;
            while end > 0 && of_end(&lines[end - 1]) {
                end -= 1;
            }
        }
        lines.truncate(end);
        lines
    }

    /// How many connections stand on a channel.
    pub(crate) fn open(&self, channel: &str) -> usize {
        self.lock().open.get(channel).copied().unwrap_or_default()
    }

    /// How often the plugin has closed a connection of a channel.
    pub(crate) fn hung_up(&self, channel: &str) -> usize {
        self.lock()
            .hung_up
            .get(channel)
            .copied()
            .unwrap_or_default()
    }

    /// How many greetings came on a channel.
    pub(crate) fn greetings(&self, channel: &str) -> usize {
        self.lock().greetings.get(channel).map_or(0, |of| of.count)
    }

    /// An answer that the release takes for a greeting, since it begins with `h`.
    pub(crate) fn mistaken_greeting(&self) -> Option<String> {
        let seen = self.lock();
        let of = seen.greetings.iter();
        let mut of = of.filter_map(|(channel, of)| Some((channel, of.other.as_ref()?)));
        let (channel, text) = of.next()?;
        Some(format!(
            "`{}` came on {channel}, which begins with `h`: eKuiper takes it for a greeting, and \
             sends the order again",
            excerpt(&String::from_utf8_lossy(text), text.len())
        ))
    }

    /// What a source has sent last, as it was sent.
    pub(crate) fn last_row(&self) -> Vec<u8> {
        self.lock().row.clone()
    }

    /// An ack with other names than eKuiper knows.
    pub(crate) fn odd_ack(&self) -> Option<String> {
        self.lock().odd_ack.clone()
    }

    /// An ack that is not UTF-8.
    pub(crate) fn broken_ack(&self) -> Option<String> {
        self.lock().broken_ack.clone()
    }

    /// A function's answer that eKuiper reads, by luck or in part.
    pub(crate) fn odd_reply(&self) -> Option<String> {
        self.lock().odd_reply.clone()
    }

    /// How many bytes the plugin has written to its log.
    pub(crate) fn logged(&self) -> usize {
        self.lock().logged
    }

    /// The numbers behind [`MARK`] in the log, in its order.
    pub(crate) fn marks(&self) -> Vec<u32> {
        self.lock().marks.clone()
    }

    /// What is wrong with what we sent.
    pub(crate) fn our_mistake(&self) -> Option<String> {
        self.lock().ours.clone()
    }

    /// The beginning of a message, without the secrets in it.
    pub(crate) fn excerpt(&self, bytes: &[u8]) -> String {
        // Hidden before it is cut, so that nothing of a secret is left.
        let enough = &bytes[..bytes.len().min(16 * SHOWN)];
        let text = self.secrets.hide(&String::from_utf8_lossy(enough));
        excerpt(&text, bytes.len())
    }

    fn line(&self, event: &Event<'_>) -> Option<String> {
        let at = event.at.as_secs_f64();
        Some(match &event.what {
            What::Message(message) => format!(
                "{at:8.3} {} from {}: {}",
                message.channel,
                message.from,
                self.excerpt(message.body)
            ),
            What::Log { line } => format!("{at:8.3} [plugin] {}", self.excerpt(line.as_bytes())),
            What::Connected { channel, .. } => format!("{at:8.3} {channel} connected"),
            What::Closed { channel, from } => format!("{at:8.3} {channel} closed by {from}"),
            What::Launched { pid, .. } => format!("{at:8.3} launched as process {pid}"),
            What::Exited { .. } => format!("{at:8.3} {ENDED}"),
            _ => return None,
        })
    }
}

impl Seen {
    fn note(&mut self, message: &Message<'_>) {
        match message.meaning {
            Meaning::Greeting => {
                let channel = message.channel.name().to_owned();
                let of = self.greetings.entry(channel).or_default();
                of.count += 1;
                if of.count == 1 {
                    of.first = message.body.to_vec();
                } else if of.first != message.body && message.body.first() == Some(&b'h') {
                    of.other = Some(message.body.to_vec());
                }
            }
            Meaning::Ack { ack: Ok(_), .. } => {
                let text = String::from_utf8_lossy(message.body);
                let names: Result<HashMap<String, IgnoredAny>, _> = serde_json::from_str(&text);
                // eKuiper takes `null`, and a name in capitals.
                if names.map_or(true, |names| names.keys().any(|name| name != "error")) {
                    self.odd_ack = Some(excerpt(&text, text.len()));
                }
                if matches!(text, Cow::Owned(_)) {
                    self.broken_ack = Some(excerpt(&text, text.len()));
                }
            }
            Meaning::Reply { .. } if is_odd_reply(message.body) => {
                let text = String::from_utf8_lossy(message.body);
                self.odd_reply = Some(excerpt(&text, text.len()));
            }
            Meaning::Row { .. } => {
                self.row.clear();
                self.row.extend_from_slice(message.body);
            }
            _ => {}
        }
    }
}

/// Whether eKuiper reads a function's answer, but not all of it: a name is in
/// capitals or spelled wrong, bytes are not UTF-8, or an error has no text.
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

/// The numbers of the marked rows in a line.
fn marks_of(line: &str) -> impl Iterator<Item = u32> {
    line.split(MARK).skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    })
}

impl Observer for Transcript {
    fn event(&self, event: &Event<'_>) {
        let line = self.line(event);
        let ours = match &event.what {
            What::Message(message) if message.from == Side::Host => mistake(message, self.release),
            _ => None,
        };
        let mut seen = self.lock();
        match &event.what {
            What::Connected { channel, .. } => {
                *seen.open.entry(channel.name().to_owned()).or_default() += 1;
            }
            What::Closed { channel, from } => {
                let open = seen.open.entry(channel.name().to_owned()).or_default();
                *open = open.saturating_sub(1);
                if *from == Side::Plugin {
                    *seen.hung_up.entry(channel.name().to_owned()).or_default() += 1;
                }
            }
            What::Message(message) => seen.note(message),
            What::Log { line } => {
                seen.logged += line.len();
                seen.marks.extend(marks_of(line));
            }
            _ => {}
        }
        if seen.ours.is_none() {
            seen.ours = ours;
        }
        if let Some(line) = line {
            if seen.lines.len() == KEPT {
                seen.lines.pop_front();
            }
            seen.lines.push_back(line);
        }
    }
}

/// What is wrong with a message of ours that is not marked as wrong on purpose.
fn mistake(message: &Message<'_>, release: &Profile) -> Option<String> {
    let wrong = match (message.meaning, message.channel.purpose()) {
        (Meaning::Raw | Meaning::Stale, _) => None,
        (_, Purpose::Control) => self_check::order(message.body, release).err(),
        (_, Purpose::Function) => self_check::request(message.body, release).err(),
        // Any bytes may be a row; nothing else is sent by the host.
        _ => None,
    };
    wrong.map(|wrong| {
        let sent = String::from_utf8_lossy(message.body);
        format!(
            "the suite sent what no eKuiper sends: {wrong}, in `{}`",
            excerpt(&sent, sent.len())
        )
    })
}

/// The beginning of a message, harmless to a terminal; `length` is that of the
/// whole, in bytes.
fn excerpt(text: &str, length: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().take(SHOWN) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str(&format!("… ({length} bytes)"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("a\x1b[2J", 5), "a\\u{1b}[2J");
        let long = excerpt(&"x".repeat(1000), 1000);
        assert!(long.ends_with("x… (1000 bytes)"));
        assert_eq!(
            long.chars().count(),
            SHOWN + "… (1000 bytes)".chars().count()
        );
    }
}
