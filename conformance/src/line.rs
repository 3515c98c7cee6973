//! The lines of a report: what happened is kept as it came, and written only when a
//! report is made. Most checks pass, and nobody reads their lines.

use std::time::Duration;

use mock_kuiper::engine::foreign;
use mock_kuiper::engine::redact::Secrets;
use mock_kuiper::{Channel, Event, Side, What};

/// Characters of a message that are shown.
const SHOWN: usize = 240;

/// What a line says.
#[derive(Debug)]
pub(crate) struct Line {
    at: Duration,
    what: Said,
}

#[derive(Debug)]
enum Said {
    Message {
        channel: Channel,
        from: Side,
        body: Beginning,
    },
    Log(Beginning),
    Connected(Channel),
    Closed {
        channel: Channel,
        from: Side,
    },
    Launched {
        pid: u32,
    },
    Exited,
}

/// The beginning of a message, with the size of the whole message in bytes.
#[derive(Debug)]
struct Beginning {
    bytes: Vec<u8>,
    size: usize,
}

impl Line {
    /// Keeps an event; `None` if no line is about it.
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        let what = match &event.what {
            What::Message(message) => Said::Message {
                channel: message.channel.clone(),
                from: message.from,
                body: Beginning::of(message.body),
            },
            What::Log { line } => Said::Log(Beginning::of(line.as_bytes())),
            What::Connected { channel, .. } => Said::Connected((*channel).clone()),
            What::Closed { channel, from } => Said::Closed {
                channel: (*channel).clone(),
                from: *from,
            },
            What::Launched { pid, .. } => Said::Launched { pid: *pid },
            What::Exited { .. } => Said::Exited,
            _ => return None,
        };
        Some(Self { at: event.at, what })
    }

    /// Writes the line without the secrets in it.
    pub(crate) fn text(&self, secrets: &Secrets) -> String {
        let text = match &self.what {
            Said::Message {
                channel,
                from,
                body,
            } => format!("{channel} from {from}: {}", body.excerpt(secrets)),
            Said::Log(line) => format!("[plugin] {}", line.excerpt(secrets)),
            Said::Connected(channel) => format!("{channel} connected"),
            Said::Closed { channel, from } => format!("{channel} closed by {from}"),
            Said::Launched { pid } => format!("launched as process {pid}"),
            Said::Exited => "the process exited".to_owned(),
        };
        format!("{:8.3} {text}", self.at.as_secs_f64())
    }

    fn is_closed_by_host(&self) -> bool {
        matches!(
            self.what,
            Said::Closed {
                from: Side::Host,
                ..
            }
        )
    }

    fn is_exit(&self) -> bool {
        matches!(self.what, Said::Exited)
    }
}

impl Beginning {
    fn of(message: &[u8]) -> Self {
        Self {
            bytes: enough(message).to_vec(),
            size: message.len(),
        }
    }

    fn excerpt(&self, secrets: &Secrets) -> String {
        excerpt_of(&self.bytes, self.size, secrets)
    }
}

/// Returns as much of a message as an excerpt needs: secrets are hidden before the
/// text is cut, so that none is left in part.
fn enough(message: &[u8]) -> &[u8] {
    &message[..message.len().min(16 * SHOWN)]
}

/// Returns the beginning of a message, without the secrets in it.
pub(crate) fn excerpt_without(secrets: &Secrets, message: &[u8]) -> String {
    excerpt_of(enough(message), message.len(), secrets)
}

fn excerpt_of(beginning: &[u8], size: usize, secrets: &Secrets) -> String {
    let text = secrets.hide(&String::from_utf8_lossy(beginning));
    excerpt(&text, size)
}

/// Returns the beginning of a message, escaped like [`foreign::printable`], tabs
/// too; `size` is that of the whole message in bytes.
pub(crate) fn excerpt(text: &str, size: usize) -> String {
    // Tabs are escaped, too: the columns of a transcript stay in line.
    let printable = |text| foreign::printable(text).replace('\t', "\\t");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({size} bytes)", printable(&text[..end])),
        None => printable(text),
    }
}

/// Returns the lines without those that only show how the host shuts down: it closes
/// its channels, and then ends the process.
pub(crate) fn without_shutdown<'l>(lines: &'l [&'l Line]) -> &'l [&'l Line] {
    let shown = without_closed(lines);
    match shown {
        [before @ .., end]
            if end.is_exit() && before.last().is_some_and(|line| line.is_closed_by_host()) =>
        {
            without_closed(before)
        }
        _ => shown,
    }
}

/// Returns the lines up to the last that is not about a channel that the host
/// has closed.
fn without_closed<'l>(lines: &'l [&'l Line]) -> &'l [&'l Line] {
    let last = lines.iter().rposition(|line| !line.is_closed_by_host());
    &lines[..last.map_or(0, |last| last + 1)]
}

#[cfg(test)]
mod tests {
    use mock_kuiper::{Meaning, Message};
    use serde_json::json;

    use super::*;

    fn text_of(body: &[u8], secrets: &Secrets) -> String {
        let channel = Channel::control("p");
        let message = Message {
            channel: &channel,
            from: Side::Plugin,
            id: None,
            body,
            meaning: Meaning::Raw,
        };
        let event = Event::new(Duration::from_millis(1500), What::Message(message));
        Line::of(&event).unwrap().text(secrets)
    }

    #[test]
    fn a_line_shows_the_beginning_of_a_message_and_the_size_of_all_of_it() {
        let long = text_of(&[b'x'; 10_000], &Secrets::default());

        let shown = "x".repeat(SHOWN);
        assert_eq!(
            long,
            format!("   1.500 plugin_p from plugin: {shown}… (10000 bytes)")
        );
    }

    #[test]
    fn a_secret_is_hidden_that_reaches_beyond_what_is_shown() {
        let secret = "s".repeat(2 * SHOWN);
        let mut secrets = Secrets::default();
        let config = json!({ "password": secret });
        secrets.add(&["password".to_owned()], config.as_object().unwrap());

        let hidden = text_of(format!("it is {secret}").as_bytes(), &secrets);

        assert_eq!(hidden, "   1.500 plugin_p from plugin: it is [redacted]");
    }

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        assert_eq!(excerpt("a\t\x1b[2J\u{fffe}", 9), "a\\t\\u{1b}[2J\\u{fffe}");
        let long = excerpt(&"x".repeat(1000), 1000);
        assert!(long.ends_with("x… (1000 bytes)"));
        assert_eq!(
            long.chars().count(),
            SHOWN + "… (1000 bytes)".chars().count()
        );
    }
}
