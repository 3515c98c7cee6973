//! The observer of one plugin: counts rows, and fills the hubs of its streams.
//!
//! A row costs a counter, a look-up and a look at the clock, unless it is shown.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use mock_kuiper::engine::event::{Trace, event_json};
use mock_kuiper::engine::trace::{Header, seconds};
use mock_kuiper::engine::wire::Ack;
use mock_kuiper::{Event, Meaning, Message, Observer, What};
use serde_json::json;

use super::explain::explain;
use super::sampler::Sampler;
use super::tap::{EXCERPT, LARGE, Tap};
use crate::cli::serve::hub::Hub;

/// The bytes of the plugin's output that are kept.
const LOG: usize = 1 << 20;

/// The bytes of messages that are kept.
const WIRE: usize = 4 << 20;

/// The bytes of the trace.
const TRACE: usize = 16 << 20;

/// The events of one plugin, over all of its processes.
pub(in crate::cli::serve) struct Watcher {
    pub(in crate::cli::serve) log: Hub,
    pub(in crate::cli::serve) wire: Hub,
    pub(in crate::cli::serve) sampler: Arc<Sampler>,
    taps: RwLock<HashMap<String, Arc<Tap>>>,
    lines: AtomicU64,
    messages: AtomicU64,
    process: Mutex<Seen>,
    /// When the host began.
    begun: Mutex<Instant>,
    trace: Mutex<Trace<Ring>>,
    traced: Ring,
    untraced: AtomicU64,
}

/// What is known of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its id, while it runs.
    pub(super) pid: Option<u32>,
    /// Whether it has greeted.
    pub(super) has_greeted: bool,
}

impl Watcher {
    pub(super) fn new() -> Self {
        let traced = Ring::default();
        Self {
            log: Hub::new(LOG),
            wire: Hub::new(WIRE),
            sampler: Arc::default(),
            taps: RwLock::default(),
            lines: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            process: Mutex::default(),
            begun: Mutex::new(Instant::now()),
            trace: Mutex::new(traced.trace()),
            traced,
            untraced: AtomicU64::new(0),
        }
    }

    /// Begins to count the rows of an instance, and to show some of them, or all.
    pub(super) fn tap(&self, id: &str, shows_all: bool) -> Arc<Tap> {
        let tap = Arc::new(Tap::new(shows_all));
        let mut taps = self.taps.write().unwrap_or_else(PoisonError::into_inner);
        taps.insert(id.to_owned(), Arc::clone(&tap));
        taps.insert(ack_channel(id), Arc::clone(&tap));
        tap
    }

    /// Forgets an instance.
    pub(super) fn untap(&self, id: &str) {
        let mut taps = self.taps.write().unwrap_or_else(PoisonError::into_inner);
        for name in [id, &ack_channel(id)] {
            if let Some(tap) = taps.remove(name) {
                tap.hub.end();
            }
        }
    }

    /// Returns what is known of the process.
    pub(super) fn process(&self) -> Seen {
        *self.seen()
    }

    /// Forgets the process and the trace: another one is launched.
    pub(super) fn begin(&self) {
        *self.seen() = Seen::default();
        *self.begun() = Instant::now();
        self.traced.clear();
        self.untraced.store(0, Ordering::Relaxed);
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        *trace = self.traced.trace();
    }

    /// Returns the trace since the last launch.
    pub(super) fn trace(&self, release: &str, plugin: &str) -> Vec<u8> {
        let (dropped, lines) = self.traced.text();
        let header = Header {
            host: format!("mock-kuiper as eKuiper {release}").into(),
            plugin: plugin.into(),
            note: "frames in order, without most rows; t in seconds since the process was launched"
                .into(),
            dropped: self.untraced.load(Ordering::Relaxed) + dropped,
        };
        let mut text = serde_json::to_vec(&header).unwrap_or_default();
        text.push(b'\n');
        text.extend(lines);
        text
    }

    /// Ends all streams.
    pub(super) fn end(&self) {
        self.log.end();
        self.wire.end();
        let taps = self.taps.read().unwrap_or_else(PoisonError::into_inner);
        taps.values().for_each(|tap| tap.hub.end());
    }

    /// Shows something that the host does not report itself.
    pub(super) fn tell(&self, what: What<'_>) {
        let at = self.begun().elapsed();
        self.show(&Event::new(at, what));
    }

    fn begun(&self) -> MutexGuard<'_, Instant> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tap_of(&self, channel: &str) -> Option<Arc<Tap>> {
        let taps = self.taps.read().unwrap_or_else(PoisonError::into_inner);
        taps.get(channel).map(Arc::clone)
    }

    /// Counts a message. Returns whether it is one of many, and the tap of its
    /// channel.
    fn count(&self, event: &Event<'_>, message: &Message<'_>) -> (bool, Option<Arc<Tap>>) {
        let tap = || self.tap_of(message.channel.name());
        match message.meaning {
            Meaning::Row { row, .. } => {
                let tap = tap();
                if let Some(tap) = &tap {
                    tap.row(event.at, row);
                }
                (true, tap)
            }
            Meaning::InvalidRow { .. } => {
                let tap = tap();
                if let Some(tap) = &tap {
                    tap.invalid();
                }
                (true, tap)
            }
            Meaning::SinkRow { .. } => {
                let tap = tap();
                if let Some(tap) = &tap {
                    tap.sent();
                }
                (true, tap)
            }
            Meaning::Ack { ack, .. } => {
                let tap = tap();
                if let Some(tap) = &tap {
                    tap.ack(matches!(ack, Ok(Ack::Done)));
                }
                (true, tap)
            }
            Meaning::Greeting if message.channel.name().starts_with("plugin_") => {
                self.seen().has_greeted = true;
                (false, None)
            }
            _ => (false, None),
        }
    }

    fn show(&self, event: &Event<'_>) {
        let mut skipped = 0;
        let mut is_row = false;
        let mut channel = None;
        if let What::Message(message) = &event.what {
            let tap;
            (is_row, tap) = self.count(event, message);
            if is_row && !self.sampler.shows() {
                self.messages.fetch_add(1, Ordering::Relaxed);
                self.untraced.fetch_add(1, Ordering::Relaxed);
                if let Some(tap) = tap {
                    tap.unseen.fetch_add(1, Ordering::Relaxed);
                }
                return;
            }
            skipped = tap.map_or(0, |tap| tap.unseen.swap(0, Ordering::Relaxed));
            channel = Some(message.channel.name());
        }
        match event.what {
            What::Connected { channel: of, .. }
            | What::Closed { channel: of, .. }
            | What::TurnedAway { channel: of, .. }
            | What::Breached { channel: of, .. } => channel = Some(of.name()),
            _ => {}
        }
        self.trace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .event(event);
        let number = self.messages.fetch_add(1, Ordering::Relaxed) + 1;
        let line = line(number, event);
        self.wire
            .push(channel.map(Into::into), is_row, skipped, line);
    }
}

impl Observer for Watcher {
    fn event(&self, event: &Event<'_>) {
        match &event.what {
            What::Log { line } => {
                let n = self.lines.fetch_add(1, Ordering::Relaxed) + 1;
                let event = json!({"n": n, "t": seconds(event.at), "line": line});
                self.log.push(None, false, 0, event.to_string());
                return;
            }
            What::CaughtUp { .. } | What::Called { .. } => return,
            What::Launched { pid, .. } => {
                *self.seen() = Seen {
                    pid: Some(*pid),
                    ..Seen::default()
                };
            }
            What::Exited { .. } => {
                self.seen().pid = None;
            }
            _ => {}
        }
        self.show(event);
    }
}

fn ack_channel(id: &str) -> String {
    format!("{id}_ack")
}

/// Writes an event of the wire: that of `run --json`, its number, and what it means.
fn line(number: u64, event: &Event<'_>) -> String {
    let explain = explain(event);
    match &event.what {
        What::Message(message) if message.body.len() > LARGE => {
            let text = String::from_utf8_lossy(&message.body[..EXCERPT]);
            let line = json!({
                "n": number,
                "explain": explain,
                "t": seconds(event.at),
                "event": message.meaning.name(),
                "channel": message.channel.name(),
                "from": message.from.name(),
                "text": text,
                "bytes": message.body.len(),
            });
            line.to_string()
        }
        _ => {
            let mut line = json!({"n": number, "explain": explain}).to_string();
            if let Ok(rest) = event_json(event) {
                line.pop();
                line.push(',');
                line.push_str(&rest[1..]);
            }
            line
        }
    }
}

/// A text that keeps its last lines.
#[derive(Debug, Clone, Default)]
struct Ring(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<Vec<u8>>,
    /// The beginning of a line.
    part: Vec<u8>,
    bytes: usize,
    dropped: u64,
}

impl Ring {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a trace. Its header is written when it is read.
    fn trace(&self) -> Trace<Ring> {
        let trace = Trace::new(self.clone(), "", "").expect("memory takes everything");
        self.clear();
        trace
    }

    fn clear(&self) {
        *self.lock() = Lines::default();
    }

    /// Returns how many lines were dropped, and the others.
    fn text(&self) -> (u64, Vec<u8>) {
        let lines = self.lock();
        let text = lines.lines.iter().flatten().copied().collect();
        (lines.dropped, text)
    }
}

impl io::Write for Ring {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut ring = self.lock();
        ring.part.extend_from_slice(bytes);
        if bytes.ends_with(b"\n") {
            let line = std::mem::take(&mut ring.part);
            ring.bytes += line.len();
            ring.lines.push_back(line);
            while ring.bytes > TRACE {
                let Some(oldest) = ring.lines.pop_front() else {
                    break;
                };
                ring.bytes -= oldest.len();
                ring.dropped += 1;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
