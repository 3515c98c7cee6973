//! A running source or sink: its handle, and the thread that reads a source.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mock_kuiper::engine::host::{GiveUp, Received};
use mock_kuiper::engine::save::{SavedKind, SavedStart, SavedStep};
use mock_kuiper::engine::transport::Waker;
use mock_kuiper::engine::wire::{Order, write_sink_row};
use mock_kuiper::{HostError, Kind, Observed, Sink, Source};
use serde_json::{Value, json};

use super::link::Link;
use super::problem::Problem;
use super::tap::Tap;

/// How often a reader that gets no rows looks whether its source is still there.
const TICK: Duration = Duration::from_millis(100);

/// How long a row may stop in its middle.
const HALF_ROW: Duration = Duration::from_secs(1);

/// A running source or sink.
#[derive(Debug)]
pub(in crate::cli::serve) struct Instance {
    /// The name of its data channel.
    pub(super) id: String,
    pub(super) order: Order,
    /// What it was started with, for a case.
    pub(super) start: SavedStart,
    /// Whether each row waits for its ack.
    pub(super) require_ack: bool,
    pub(in crate::cli::serve) tap: Arc<Tap>,
    pub(super) part: Part,
    /// What it did wrong last.
    finding: Mutex<Option<Problem>>,
    is_stopping: AtomicBool,
    has_ended: AtomicBool,
}

/// What only a source or only a sink has.
#[derive(Debug)]
pub(super) enum Part {
    Source(Reading),
    Sink(Box<Sending>),
}

/// A source, read by a thread of its own.
#[derive(Debug, Default)]
pub(super) struct Reading {
    thread: Mutex<Option<(JoinHandle<Source>, Waker)>>,
    stop: AtomicBool,
    /// The sinks that get its rows.
    sinks: Mutex<Arc<[Arc<Fed>]>>,
}

/// A sink that gets the rows of a source.
#[derive(Debug)]
struct Fed {
    sink: Arc<Instance>,
    link: Link,
}

/// A sink, which any thread may use in turn.
#[derive(Debug)]
pub(super) struct Sending {
    sink: Mutex<Option<Sink>>,
    /// Ends the waits for it.
    give_up: GiveUp,
    /// How many requests wait for it. A source at its full rate lets them pass.
    waiting: AtomicUsize,
    /// Whether rows are sent without an array around them.
    pub(super) single: bool,
}

impl Instance {
    pub(super) fn source(source: &Source, start: SavedStart, tap: Arc<Tap>) -> Self {
        let part = Part::Source(Reading::default());
        Self::new(source.order(), start, false, tap, part)
    }

    pub(super) fn sink(sink: Sink, start: SavedStart, reads_acks: bool, tap: Arc<Tap>) -> Self {
        let order = sink.order().clone();
        let is_set = |key: &str| order.config.get(key) == Some(&Value::Bool(true));
        let require_ack = is_set("requireAck") && reads_acks;
        let part = Part::Sink(Box::new(Sending {
            single: is_set("sendSingle"),
            give_up: sink.give_up(),
            sink: Mutex::new(Some(sink)),
            waiting: AtomicUsize::new(0),
        }));
        Self::new(&order, start, require_ack, tap, part)
    }

    fn new(order: &Order, start: SavedStart, require_ack: bool, tap: Arc<Tap>, part: Part) -> Self {
        Self {
            id: order.meta.to_string(),
            order: order.clone(),
            start,
            require_ack,
            tap,
            part,
            finding: Mutex::default(),
            is_stopping: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    /// Describes the instance. `exit` is why the plugin does not run.
    pub(super) fn to_json(&self, exit: Option<&Problem>) -> Value {
        let (done, failed) = self.tap.acks();
        let (rows, order) = (self.tap.rows(), &self.order);
        let pending = match self.require_ack {
            true => rows.saturating_sub(done + failed),
            false => 0,
        };
        let own = lock(&self.finding);
        let finding = own.as_ref().or(exit).map(Problem::to_json);
        let has_ended = self.has_ended.load(Ordering::SeqCst) || exit.is_some();
        let conf_key = match &self.start.kind {
            SavedKind::Source { conf_key, .. } => conf_key.as_deref(),
            SavedKind::Sink { .. } => None,
        };
        json!({
            "id": self.id,
            "kind": order.kind.to_string(),
            "symbol": order.symbol,
            "rule": order.meta.rule_id,
            "config": order.config,
            "datasource": order.datasource,
            "confKey": conf_key,
            "requireAck": self.require_ack,
            "state": if has_ended { "ended" } else { "running" },
            "rows": rows,
            "rate": self.tap.rate(),
            "invalid": self.tap.invalid_rows(),
            "acks": {"done": done, "failed": failed, "pending": pending},
            "finding": finding,
        })
    }

    /// Notes what it did wrong.
    pub(super) fn note(&self, problem: Problem) {
        *lock(&self.finding) = Some(problem);
    }

    fn note_error(&self, error: HostError) {
        if !matches!(error, HostError::Interrupted) {
            self.note(error.into());
        }
    }

    /// Notes that somebody stops it. Returns `false` if somebody else does already.
    pub(super) fn begin_stop(&self) -> bool {
        !self.is_stopping.swap(true, Ordering::SeqCst)
    }

    /// Notes that it was stopped.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
    }

    /// Starts the thread that reads the source.
    pub(super) fn read(self: &Arc<Self>, source: Source) -> Result<(), Problem> {
        let Part::Source(reading) = &self.part else {
            return Ok(());
        };
        reading.stop.store(false, Ordering::SeqCst);
        let (waker, instance) = (source.waker(), Arc::clone(self));
        let spawned = thread::Builder::new()
            .name("source".to_owned())
            .spawn(move || instance.read_on(source));
        let thread = spawned
            .map_err(|error| Problem::internal(format!("cannot start a thread: {error}")))?;
        *lock(&reading.thread) = Some((thread, waker));
        Ok(())
    }

    /// Ends the thread that reads the source, and returns the source.
    pub(super) fn take_source(&self) -> Option<Source> {
        let Part::Source(reading) = &self.part else {
            return None;
        };
        let (thread, waker) = lock(&reading.thread).take()?;
        reading.stop.store(true, Ordering::SeqCst);
        waker.wake();
        thread.join().ok()
    }

    /// Asks the thread that reads the source to end. Returns whether it has ended.
    pub(super) fn stop_reading(&self) -> bool {
        let Part::Source(reading) = &self.part else {
            return true;
        };
        reading.stop.store(true, Ordering::SeqCst);
        match &*lock(&reading.thread) {
            Some((thread, waker)) => {
                waker.wake();
                thread.is_finished()
            }
            None => true,
        }
    }

    /// Feeds a sink with the rows of this source.
    pub(super) fn feed(&self, sink: &Arc<Self>) -> Link {
        let link = Link::new(&self.start, &sink.start);
        if let Part::Source(reading) = &self.part {
            let fed = Arc::new(Fed {
                sink: Arc::clone(sink),
                link: link.clone(),
            });
            let mut sinks = lock(&reading.sinks);
            *sinks = sinks.iter().map(Arc::clone).chain([fed]).collect();
        }
        link
    }

    /// Feeds a sink no more.
    pub(super) fn feed_no_more(&self, sink: &Arc<Self>) {
        if let Part::Source(reading) = &self.part {
            let mut sinks = lock(&reading.sinks);
            let others = sinks.iter().filter(|fed| !Arc::ptr_eq(&fed.sink, sink));
            *sinks = others.map(Arc::clone).collect();
        }
    }

    /// Uses the sink. `None` if it was taken away.
    pub(super) fn with_sink<T>(&self, use_it: impl FnOnce(&mut Sink) -> T) -> Option<T> {
        let Part::Sink(sending) = &self.part else {
            return None;
        };
        sending.waiting.fetch_add(1, Ordering::SeqCst);
        let mut sink = lock(&sending.sink);
        sending.waiting.fetch_sub(1, Ordering::SeqCst);
        sink.as_mut().map(use_it)
    }

    /// Takes the sink away. Whoever waits for it is given this time, and no more.
    pub(super) fn take_sink_within(&self, limit: Duration) -> Option<Sink> {
        let Part::Sink(sending) = &self.part else {
            return None;
        };
        sending.waiting.fetch_add(1, Ordering::SeqCst);
        let deadline = Instant::now() + limit;
        let mut sink = loop {
            match sending.sink.try_lock() {
                Ok(sink) => break sink,
                Err(TryLockError::Poisoned(sink)) => break sink.into_inner(),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(2));
                }
                Err(TryLockError::WouldBlock) => {
                    sending.give_up.give_up();
                    break lock(&sending.sink);
                }
            }
        };
        sending.waiting.fetch_sub(1, Ordering::SeqCst);
        sink.take()
    }

    /// Whether somebody stops it.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// Takes the sink away.
    pub(super) fn take_sink(&self) -> Option<Sink> {
        match &self.part {
            Part::Sink(sending) => lock(&sending.sink).take(),
            Part::Source(_) => None,
        }
    }

    /// Gives the sink back.
    pub(super) fn put_sink(&self, sink: Sink) {
        if let Part::Sink(sending) = &self.part {
            *lock(&sending.sink) = Some(sink);
        }
    }

    /// Returns the last steps of its case: its first rows, and its stop.
    pub(super) fn last_steps(&self) -> Vec<SavedStep> {
        let alias = self.id.clone();
        let rows = SavedStep::Rows {
            alias: alias.clone(),
            rows: self.tap.first(),
            within: None,
        };
        let has_rows = matches!(&rows, SavedStep::Rows { rows, .. } if !rows.is_empty());
        let stop = SavedStep::Stop { alias };
        has_rows.then_some(rows).into_iter().chain([stop]).collect()
    }

    pub(super) fn kind(&self) -> Kind {
        self.order.kind
    }

    /// Reads rows until it is asked to stop, and passes them on.
    fn read_on(&self, mut source: Source) -> Source {
        let Part::Source(reading) = &self.part else {
            return source;
        };
        let began = Instant::now();
        let mut half_row = None;
        let mut buffer = Vec::new();
        while !reading.stop.load(Ordering::SeqCst) {
            match source.read(Some(TICK)) {
                Ok(Received::Row(row)) => {
                    half_row = None;
                    // A sink may take long, and nobody must wait for the lock meanwhile.
                    let sinks = Arc::clone(&lock(&reading.sinks));
                    for fed in &*sinks {
                        match fed.sink.pass_on(row.message, &mut buffer) {
                            Ok(()) => fed.link.count(),
                            Err(problem) => fed.sink.note(problem),
                        }
                    }
                }
                Ok(Received::Invalid(invalid)) => {
                    let finding = source.about(Observed::InvalidRow(invalid));
                    let problem = Problem::from(&finding);
                    // Whoever is shown it finds it noted.
                    self.note(problem.clone());
                    self.tap.show_invalid(&problem);
                }
                Ok(Received::Woken) => {
                    // The plugin has exited, and another process may follow.
                    if source.plugin_has_exited() {
                        thread::sleep(Duration::from_millis(10));
                    }
                }
                Ok(Received::Nothing) => self.look_at(&source, began, &mut half_row),
                Err(error) => {
                    let is_finding = error.is_finding();
                    self.note_error(error);
                    if !is_finding {
                        self.end();
                        break;
                    }
                }
            }
        }
        source
    }

    /// Notes why no rows come, if the source is to blame.
    fn look_at(&self, source: &Source, began: Instant, half: &mut Option<(usize, Instant)>) {
        /// How long a source may take to dial, as long as an answer by default.
        const DIALS_WITHIN: Duration = Duration::from_secs(10);
        let bytes = source.incomplete();
        match half {
            Some((before, since)) if *before == bytes && bytes > 0 => {
                if since.elapsed() >= HALF_ROW {
                    let limit = HALF_ROW;
                    self.note((&source.about(Observed::HalfFrame { bytes, limit })).into());
                }
            }
            _ => *half = Some((bytes, Instant::now())),
        }
        if !source.has_dialed() && began.elapsed() >= DIALS_WITHIN && !source.plugin_has_exited() {
            let limit = DIALS_WITHIN;
            self.note((&source.about(Observed::NotDialed { limit })).into());
        }
    }

    /// Sends a source's row to this sink.
    fn pass_on(&self, message: &str, buffer: &mut Vec<u8>) -> Result<(), Problem> {
        let Part::Sink(sending) = &self.part else {
            return Ok(());
        };
        while sending.waiting.load(Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_micros(200));
        }
        buffer.clear();
        if let Err(invalid) = write_sink_row(buffer, message, sending.single) {
            return Err(Problem::input(invalid.to_string()));
        }
        match lock(&sending.sink)
            .as_mut()
            .map(|sink| sink.deliver(buffer))
        {
            None | Some(Ok(()) | Err(HostError::Interrupted)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
