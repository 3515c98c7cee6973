//! What goes over the wire in one check: the last of it is kept for the report,
//! connections are counted, and what we send ourselves is held against the
//! recordings.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mock_kuiper::event::{Event, Meaning, Message, Observer, What};
use mock_kuiper::symbol::{Purpose, Side};

use crate::redact::Secrets;
use crate::self_check;

/// Lines that are kept.
const KEPT: usize = 40;

/// Characters of a message that are shown.
const SHOWN: usize = 240;

/// Takes note of what happens, and forgets what is long past.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    secrets: Secrets,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lines: VecDeque<String>,
    /// The connections that stand, by channel.
    open: HashMap<String, usize>,
    /// What we sent although no eKuiper sends it, and not on purpose.
    ours: Option<String>,
}

impl Transcript {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            seen: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// How many connections stand on a channel.
    pub(crate) fn open(&self, channel: &str) -> usize {
        self.lock().open.get(channel).copied().unwrap_or_default()
    }

    /// What is wrong with what we sent.
    pub(crate) fn our_mistake(&self) -> Option<String> {
        self.lock().ours.clone()
    }

    fn excerpt(&self, bytes: &[u8]) -> String {
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
            What::Exited { .. } => format!("{at:8.3} the process has ended"),
            _ => return None,
        })
    }
}

impl Observer for Transcript {
    fn event(&self, event: &Event<'_>) {
        let line = self.line(event);
        let ours = match &event.what {
            What::Message(message) if message.from == Side::Host => mistake(message),
            _ => None,
        };
        let mut seen = self.lock();
        match &event.what {
            What::Connected { channel, .. } => {
                *seen.open.entry(channel.name().to_owned()).or_default() += 1;
            }
            What::Closed { channel, .. } => {
                let open = seen.open.entry(channel.name().to_owned()).or_default();
                *open = open.saturating_sub(1);
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
fn mistake(message: &Message<'_>) -> Option<String> {
    let wrong = match (message.meaning, message.channel.purpose()) {
        (Meaning::Raw | Meaning::Stale, _) => None,
        (_, Purpose::Control) => self_check::order(message.body).err(),
        (_, Purpose::Function) => self_check::request(message.body).err(),
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
