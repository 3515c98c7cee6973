//! Keeps what a report shows of an attempt: messages and the plugin's output.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::event::{Event, Frame, Observer, What};
use crate::scenario::result::LogLine;

/// The messages that are kept, the last ones, and the total of their bytes.
const FRAMES: usize = 2_000;
const BYTES: usize = 1024 * 1024;

/// The bytes of a message that are kept.
const BODY: usize = 64 * 1024;

/// The lines that are kept, the last ones, and the total of their bytes.
const LINES: usize = 2_000;
const TEXT: usize = 1024 * 1024;

/// How long the end of the plugin's output is awaited, and the silence that counts as
/// its end.
const SETTLE: Duration = Duration::from_millis(200);
const QUIET: Duration = Duration::from_millis(20);

/// Keeps the last messages and lines since the attempt began.
#[derive(Debug)]
pub(super) struct Record(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// When the host began; the times of its events count from then. Its first event,
    /// the launch, tells.
    host_began: Option<Instant>,
    /// When the attempt began; the times of the record count from then.
    began: Instant,
    frames: VecDeque<Frame>,
    bytes: usize,
    log: VecDeque<LogLine>,
    text: usize,
    /// The lines of the attempt that are not kept any more.
    dropped: usize,
    notes: Vec<String>,
}

impl Record {
    /// Makes the record of a host that is about to begin.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Kept {
            host_began: None,
            began: Instant::now(),
            frames: VecDeque::new(),
            bytes: 0,
            log: VecDeque::new(),
            text: 0,
            dropped: 0,
            notes: Vec::new(),
        }))
    }

    /// Forgets what was kept: another attempt began at `began`.
    pub(super) fn begin(&self, began: Instant) {
        let mut kept = self.lock();
        kept.began = began;
        kept.frames.clear();
        kept.bytes = 0;
        kept.log.clear();
        kept.text = 0;
        kept.dropped = 0;
        kept.notes.clear();
    }

    /// Takes the messages.
    pub(super) fn take_frames(&self) -> Vec<Frame> {
        let mut kept = self.lock();
        kept.bytes = 0;
        std::mem::take(&mut kept.frames).into()
    }

    /// Takes what the host has noted.
    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().notes)
    }

    /// Waits for a moment in which the plugin writes nothing, at most [`SETTLE`].
    pub(super) fn settle(&self) {
        let deadline = Instant::now() + SETTLE;
        let mut before = None;
        while Instant::now() < deadline {
            let now = self.lines_since(usize::MAX, |_| {});
            if before.replace(now) == Some(now) {
                return;
            }
            std::thread::sleep(QUIET);
        }
    }

    /// Returns the lines of the attempt.
    pub(super) fn log(&self) -> Vec<LogLine> {
        self.lock().log.iter().cloned().collect()
    }

    /// Calls `look` with each line since the line of number `from`, and returns
    /// the number of the next line.
    pub(super) fn lines_since(&self, from: usize, mut look: impl FnMut(&str)) -> usize {
        let kept = self.lock();
        let skip = from.saturating_sub(kept.dropped);
        kept.log.iter().skip(skip).for_each(|line| look(&line.text));
        kept.dropped + kept.log.len()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Returns the time since the attempt began.
    fn since_began(&self, at: Duration) -> Duration {
        let host_began = self.host_began.unwrap_or(self.began);
        (host_began + at).saturating_duration_since(self.began)
    }

    fn keep_frame(&mut self, frame: Frame) {
        self.bytes += frame.body.len();
        self.frames.push_back(frame);
        while self.frames.len() > FRAMES || self.bytes > BYTES {
            let Some(oldest) = self.frames.pop_front() else {
                break;
            };
            self.bytes -= oldest.body.len();
        }
    }

    fn keep_line(&mut self, line: LogLine) {
        self.text += line.text.len();
        self.log.push_back(line);
        while self.log.len() > LINES || self.text > TEXT {
            let Some(oldest) = self.log.pop_front() else {
                break;
            };
            self.text -= oldest.text.len();
            self.dropped += 1;
        }
    }
}

impl Observer for Record {
    fn event(&self, event: &Event<'_>) {
        match event.what {
            What::Launched { .. } => {
                let began = Instant::now().checked_sub(event.at);
                let mut kept = self.lock();
                kept.host_began = kept.host_began.or(began);
            }
            What::Message(message) => {
                let body = &message.body[..message.body.len().min(BODY)];
                let mut kept = self.lock();
                let frame = Frame {
                    at: kept.since_began(event.at),
                    channel: message.channel.name().to_owned(),
                    from: message.from,
                    id: message.id,
                    body: body.to_vec(),
                    meaning: message.meaning.name(),
                };
                kept.keep_frame(frame);
            }
            What::Log { line } => {
                let mut kept = self.lock();
                let at = kept.since_began(event.at);
                let text = line.to_owned();
                kept.keep_line(LogLine { at, text });
            }
            What::Note { text } => self.lock().notes.push(text.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(lines: impl IntoIterator<Item = String>) -> Record {
        let record = Record::new();
        for line in lines {
            let what = What::Log { line: &line };
            let at = Duration::ZERO;
            record.event(&Event { at, what });
        }
        record
    }

    #[test]
    fn the_last_lines_are_kept_and_a_reader_sees_each_line_once() {
        let record = record((0..2_500).map(|number| number.to_string()));
        let mut seen = Vec::new();

        let next = record.lines_since(0, |line| seen.push(line.to_owned()));
        let again = record.lines_since(next, |line| panic!("{line} again"));

        assert_eq!(record.log()[0].text, "500");
        assert_eq!((seen[0].as_str(), seen.len()), ("500", 2_000));
        assert_eq!((next, again), (2_500, 2_500));
    }

    #[test]
    fn long_lines_are_kept_up_to_a_mebibyte() {
        let record = record((0..100).map(|_| "x".repeat(64 * 1024)));

        assert_eq!(record.log().len(), 16);
    }

    #[test]
    fn another_attempt_begins_with_nothing() {
        let record = record(["before".to_owned()]);

        record.begin(Instant::now());

        assert!(record.log().is_empty());
        assert_eq!(record.lines_since(0, |line| panic!("{line}")), 0);
    }
}
