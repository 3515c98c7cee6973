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

/// The lines that are kept, the last ones.
const LINES: usize = 2_000;

/// Keeps the last messages and lines since the attempt began.
#[derive(Debug)]
pub(super) struct Record(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// When the host's clock began, from which the times of its events count;
    /// known since its first event.
    host_began: Option<Instant>,
    /// When the attempt began; the times of the record count from then.
    began: Instant,
    frames: VecDeque<Frame>,
    bytes: usize,
    log: VecDeque<LogLine>,
    /// The lines of the attempt that are not kept any more.
    dropped: usize,
    notes: Vec<String>,
}

impl Record {
    /// Makes the record of a host.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Kept {
            host_began: None,
            began: Instant::now(),
            frames: VecDeque::new(),
            bytes: 0,
            log: VecDeque::new(),
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
        let began = self.host_began.unwrap_or(self.began);
        (began + at).saturating_duration_since(self.began)
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
}

impl Observer for Record {
    fn event(&self, event: &Event<'_>) {
        self.lock().host_began.get_or_insert_with(|| {
            let now = Instant::now();
            now.checked_sub(event.at).unwrap_or(now)
        });
        match event.what {
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
                kept.log.push_back(LogLine {
                    at,
                    text: line.to_owned(),
                });
                if kept.log.len() > LINES {
                    kept.log.pop_front();
                    kept.dropped += 1;
                }
            }
            What::Note { text } => self.lock().notes.push(text.to_owned()),
            _ => {}
        }
    }
}
