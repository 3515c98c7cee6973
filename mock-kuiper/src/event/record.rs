//! What a test looks at afterwards: the last messages, the plugin's output, and
//! the report of a failure.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Event, Message, Observer, Side, What};

/// The errors that the report of a failed test shows.
const ERRORS: usize = 3;

/// How much a [`Host`](crate::Host) records; the oldest is dropped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of frames.
    pub frames: usize,
    /// The total bytes of all frames.
    pub bytes: usize,
    /// The lines of the plugin's output.
    pub lines: usize,
}

impl Limits {
    /// Keeps nothing.
    pub const NONE: Limits = Limits {
        frames: 0,
        bytes: 0,
        lines: 0,
    };
}

impl Default for Limits {
    /// 10,000 frames, 64 MiB, 1,000 lines.
    fn default() -> Self {
        Limits {
            frames: 10_000,
            bytes: 64 * 1024 * 1024,
            lines: 1_000,
        }
    }
}

/// A message that went over a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The time since the host began.
    pub at: Duration,
    /// The channel's name, e.g. `plugin_mirror`.
    pub channel: String,
    /// The sender.
    pub from: Side,
    /// The request id in front of it, on a control or function channel.
    pub id: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
    /// The kind of message in one word: `order`, `answer`, `row` …
    pub meaning: &'static str,
}

impl Frame {
    /// Returns the body as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl fmt::Display for Frame {
    /// Writes time, channel, direction, and the body as [`crate::foreign::excerpt`]
    /// shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:9.4} {} from {}: {}",
            self.at.as_secs_f64(),
            crate::foreign::printable(&self.channel),
            self.from,
            crate::foreign::excerpt(&self.body)
        )
    }
}

/// Keeps the last frames and lines.
#[derive(Debug)]
pub(crate) struct Recorder {
    limits: Limits,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    frames: VecDeque<Frame>,
    bytes: usize,
    lines: VecDeque<String>,
    dropped: u64,
    errors: VecDeque<String>,
}

impl Recorder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            kept: Mutex::default(),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn frames(&self) -> Vec<Frame> {
        self.lock().frames.iter().cloned().collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// Keeps the text of an error that the host returned, for the report.
    pub(crate) fn keep_error(&self, text: String) {
        let mut kept = self.lock();
        if kept.errors.back() != Some(&text) {
            kept.errors.push_back(text);
        }
        if kept.errors.len() > ERRORS {
            kept.errors.pop_front();
        }
    }

    /// Returns the report of a test that failed: the last errors with their
    /// advice, then the last messages and the last lines of output, at most
    /// `most` of each.
    pub(crate) fn report(&self, most: usize) -> String {
        let kept = self.lock();
        let mut text = String::new();
        for error in &kept.errors {
            text.push_str(&format!("mock-kuiper: {error}\n"));
        }
        let older = |all: usize, dropped: u64| {
            let older = dropped + all.saturating_sub(most) as u64;
            match older {
                0 => String::new(),
                older => format!(" (and {older} older)"),
            }
        };
        text.push_str(&format!(
            "messages between host and plugin{}:\n",
            older(kept.frames.len(), kept.dropped)
        ));
        let skip = kept.frames.len().saturating_sub(most);
        for frame in kept.frames.iter().skip(skip) {
            text.push_str(&format!("{frame}\n"));
        }
        text.push_str(&format!(
            "output of the plugin{}:\n",
            older(kept.lines.len(), 0)
        ));
        let skip = kept.lines.len().saturating_sub(most);
        for line in kept.lines.iter().skip(skip) {
            text.push_str(&format!("  {line}\n"));
        }
        text
    }

    fn keep_frame(&self, at: Duration, message: &Message<'_>) {
        let mut kept = self.lock();
        kept.bytes += message.body.len();
        kept.frames.push_back(Frame {
            at,
            channel: message.channel.name().to_owned(),
            from: message.from,
            id: message.id,
            body: message.body.to_vec(),
            meaning: message.meaning.name(),
        });
        while kept.frames.len() > self.limits.frames || kept.bytes > self.limits.bytes {
            let Some(oldest) = kept.frames.pop_front() else {
                break;
            };
            kept.bytes -= oldest.body.len();
            kept.dropped += 1;
        }
    }

    fn keep_line(&self, line: &str) {
        let mut kept = self.lock();
        kept.lines.push_back(line.to_owned());
        while kept.lines.len() > self.limits.lines {
            kept.lines.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn event(&self, event: &Event<'_>) {
        match &event.what {
            What::Message(message) if self.limits.frames > 0 => self.keep_frame(event.at, message),
            What::Log { line } if self.limits.lines > 0 => self.keep_line(line),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Meaning;
    use crate::symbol::Channel;

    fn tell(recorder: &Recorder, body: &[u8]) {
        recorder.event(&Event {
            at: Duration::from_millis(1500),
            what: What::Message(Message {
                channel: &Channel::control("mirror"),
                from: Side::Plugin,
                id: Some(1),
                body,
                meaning: Meaning::Greeting,
            }),
        });
    }

    fn bodies(recorder: &Recorder) -> Vec<String> {
        recorder.frames().iter().map(Frame::text).collect()
    }

    #[test]
    fn the_oldest_frames_are_dropped_when_a_limit_is_exceeded() {
        let recorder = Recorder::new(Limits {
            frames: 3,
            bytes: 10,
            lines: 0,
        });

        for body in [&b"one"[..], b"two", b"three", b"4"] {
            tell(&recorder, body);
        }
        assert_eq!(bodies(&recorder), ["two", "three", "4"]);
        tell(&recorder, b"sixsix");

        assert_eq!(bodies(&recorder), ["4", "sixsix"]);
        tell(&recorder, b"longer than all");
        assert_eq!(bodies(&recorder), [] as [&str; 0]);
    }

    #[test]
    fn a_report_shows_the_error_then_the_last_messages_and_lines_and_counts_the_others() {
        let recorder = Recorder::new(Limits::default());
        for body in [&b"one"[..], b"two"] {
            tell(&recorder, body);
        }
        recorder.event(&Event {
            at: Duration::ZERO,
            what: What::Log { line: "started" },
        });
        recorder.keep_error("source `random` sent no row within 5s".to_owned());

        assert_eq!(
            recorder.report(1),
            "mock-kuiper: source `random` sent no row within 5s\n\
             messages between host and plugin (and 1 older):\n   \
             1.5000 plugin_mirror from plugin: two\n\
             output of the plugin:\n  started\n"
        );
    }
}
