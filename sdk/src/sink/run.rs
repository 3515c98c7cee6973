//! An instance of a sink: its channels, its thread, its stop.
//!
//! The thread reads the host's messages and passes them to a [`Collector`],
//! which calls the plugin's code.
//!
//! Rules: docs/protocol.md, "Sources and sinks" and the stops of the control
//! channel.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Keep, Options, Pull, Push, Waker};
use log::{debug, error, warn};

use super::collector::Collector;
use super::{AckOutlet, Backlog, Sink, SinkContext};
use crate::context::InstanceInfo;
use crate::instance::{Instance, Phase, StopLimits, Worker, left};
use crate::{BoxError, wire};

impl AckOutlet for Push {
    fn offer(&self, ack: &[u8]) -> bool {
        // A closed channel accepts every ack, because none will be read.
        self.put(ack).unwrap_or(true)
    }

    fn deliver(&self) {
        self.write_out();
    }
}

/// How many bytes of acks may wait in the channel. Further acks wait in
/// [`Acks`](crate::ack::Acks), which counts them.
const ACK_QUEUE: usize = 4096;

/// Starts an instance of a configured sink. The sink is listening when this
/// returns.
pub(crate) fn start(
    sink: Box<dyn Sink>,
    info: Arc<InstanceInfo>,
) -> Result<Box<dyn Instance>, BoxError> {
    let pull = Pull::listen(&wire::data_url(&info.identity), Options::default())?;
    let mut options = Options::default();
    options.queue_bytes = ACK_QUEUE;
    // Acks by hand may find the channel full while the thread waits for a row
    // without a limit: it then sends those that wait.
    options.on_room = Some({
        let waker = pull.waker();
        Arc::new(move || waker.wake())
    });
    let acks = Arc::new(Push::dial(&wire::ack_url(&info.identity), options)?);
    let ctx = SinkContext::new(Arc::clone(&info), Arc::clone(&acks) as _);
    let waker = pull.waker();
    let pull = Arc::new(Mutex::new(Some(pull)));
    let phase = Arc::new(Phase::default());
    let worker = {
        let rows = Rows {
            pull: Arc::clone(&pull),
            ctx,
            pause: PAUSE_FIRST,
            has_rested: false,
            drain_until: None,
        };
        let (acks, phase) = (Arc::clone(&acks), Arc::clone(&phase));
        Worker::spawn(&info.symbol, move || run(sink, rows, &acks, &phase))?
    };
    Ok(Box::new(RunningSink {
        info,
        waker,
        pull,
        acks,
        phase,
        worker,
    }))
}

/// The body of the instance's thread.
fn run(sink: Box<dyn Sink>, mut rows: Rows, acks: &Push, phase: &Phase) {
    let ctx = rows.ctx.clone();
    if let Some(collector) = collect_all(sink, &mut rows) {
        if phase.begin_close() {
            close(collector, &ctx);
        } else {
            collector.discard(&ctx);
        }
    }
    ctx.stop();
    if ctx.pump() != Backlog::Stuck {
        // A host that reads its acks does so soon, and one that does not listen for
        // them is not waited for.
        let _ = acks.flush(LAST_ACKS);
    }
    acks.close();
    drop(lock(&rows.pull).take());
}

/// Flushes what a sink that works in batches has collected, and closes the sink.
fn close(mut collector: Collector, ctx: &SinkContext) {
    if let Err(panic) = collector.flush_rest(ctx) {
        error!("sink {} ended: {panic}", ctx.info());
        collector.discard(ctx);
    } else if let Err(cause) = collector.close(ctx) {
        error!("sink {}: close failed: {cause}", ctx.info());
    }
}

/// Collects messages until the instance is stopped or fails. Returns the sink if
/// it is to be closed.
fn collect_all(sink: Box<dyn Sink>, rows: &mut Rows) -> Option<Collector> {
    let ctx = rows.ctx.clone();
    let mut collector = match Collector::open(sink, &ctx) {
        Ok(collector) => collector,
        Err(text) => {
            error!("sink {}: open failed: {text}", ctx.info());
            return None;
        }
    };
    let mut message = Vec::new();
    let mut keep = Keep::default();
    loop {
        let outcome = match rows.next(&mut message, collector.flush_due()) {
            Next::Message(range) => collector.collect(&ctx, &message[range]),
            Next::FlushDue => collector.flush(&ctx),
            Next::End => return Some(collector),
        };
        if let Err(panic) = outcome {
            error!("sink {} ended: {panic}", ctx.info());
            collector.discard(&ctx);
            return None;
        }
        keep.empty(&mut message);
    }
}

/// How long a stopped sink goes on reading rows that the host had sent.
const DRAIN: Duration = Duration::from_millis(300);
/// How long a stopped sink waits for a further row until it takes all rows to be
/// read. Not zero, because a host that has just connected must be taken in first.
const DRAIN_QUIET: Duration = Duration::from_millis(5);
/// How long to wait until a host has greeted the ack channel and has read the last
/// acks.
const LAST_ACKS: Duration = Duration::from_millis(500);
/// The pause between attempts to send waiting acks while the host reads them and
/// no row comes.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
/// The first pause between such attempts if no host reads the acks. It doubles.
const PAUSE_STUCK: Duration = Duration::from_millis(100);
/// The longest pause between such attempts.
const PAUSE_LAST: Duration = Duration::from_millis(500);

/// Reads messages, and sends waiting acks meanwhile.
struct Rows {
    /// `None` once the sink was abandoned, which closes the channel.
    pull: Arc<Mutex<Option<Pull>>>,
    ctx: SinkContext,
    pause: Duration,
    /// Whether waiting acks may have found room since the last attempt.
    has_rested: bool,
    drain_until: Option<Instant>,
}

/// What the instance's thread does next.
enum Next {
    /// It collects the message at this range of the buffer.
    Message(Range<usize>),
    /// It flushes the batch.
    FlushDue,
    /// It ends, because no more messages come.
    End,
}

impl Rows {
    /// Waits for the next message, which it leaves in `buffer`, or until a flush is due.
    fn next(&mut self, buffer: &mut Vec<u8>, flush_due: Option<Instant>) -> Next {
        let mut guard = lock(&self.pull);
        let Some(pull) = guard.as_mut() else {
            return Next::End;
        };
        let is_flush_due = || flush_due.is_some_and(|due| left(due).is_zero());
        loop {
            // Checked before each message, because messages may come without end.
            if is_flush_due() {
                return Next::FlushDue;
            }
            let limit = if self.ctx.stopped() {
                let until = *self
                    .drain_until
                    .get_or_insert_with(|| Instant::now() + DRAIN);
                if left(until).is_zero() {
                    return Next::End;
                }
                Some(DRAIN_QUIET)
            } else if pull.has_buffered() {
                None
            } else {
                let backlog = match std::mem::take(&mut self.has_rested) {
                    true => self.ctx.pump(),
                    false => self.ctx.pump_if_useful(),
                };
                match backlog {
                    Backlog::None => None,
                    Backlog::Shrinking => {
                        self.pause = PAUSE_FIRST;
                        Some(self.pause)
                    }
                    Backlog::Stuck => {
                        self.pause = self.pause.max(PAUSE_STUCK);
                        Some(self.pause)
                    }
                }
            };
            let until_flush = flush_due.map(left);
            match pull.recv_into(buffer, shorter(limit, until_flush)) {
                Ok(range) => {
                    self.ctx.expect_more(pull.has_buffered());
                    return Next::Message(range);
                }
                Err(Error::TimedOut) if is_flush_due() => return Next::FlushDue,
                Err(Error::TimedOut) if self.drain_until.is_some() => return Next::End,
                Err(Error::TimedOut) => {
                    self.pause = (self.pause * 2).min(PAUSE_LAST);
                    self.has_rested = true;
                }
                // The ack channel may have room again.
                Err(Error::Woken) => self.has_rested = true,
                Err(error @ Error::Protocol(_)) => {
                    warn!("sink {}: {error}", self.ctx.info());
                }
                Err(error) => {
                    error!("sink {} ended: {error}", self.ctx.info());
                    return Next::End;
                }
            }
        }
    }
}

/// Returns the shorter of two waits. `None` is a wait without end.
fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn lock(pull: &Mutex<Option<Pull>>) -> MutexGuard<'_, Option<Pull>> {
    pull.lock().unwrap_or_else(PoisonError::into_inner)
}

struct RunningSink {
    info: Arc<InstanceInfo>,
    waker: Waker,
    pull: Arc<Mutex<Option<Pull>>>,
    acks: Arc<Push>,
    phase: Arc<Phase>,
    worker: Worker,
}

impl Instance for RunningSink {
    fn is_running(&self) -> bool {
        !self.info.stop.is_set() && !self.worker.is_finished()
    }

    fn begin_stop(&self) {
        self.info.stop.set_with(|| self.waker.wake());
    }

    fn finish_stop(self: Box<Self>, limits: &StopLimits) {
        let info = &self.info;
        match self.worker.join_until(limits.end) {
            Ok(()) => {
                debug!("sink {info} has stopped");
                return;
            }
            Err(_) if self.phase.abandon() => warn!(
                "sink {info} did not stop in time: abandoned on its thread without calling close"
            ),
            Err(_) => {
                warn!("sink {info} did not return from close in time: abandoned on its thread");
            }
        }
        self.acks.close();
        // The thread holds this lock only while it waits for rows, which it no
        // longer does.
        drop(lock(&self.pull).take());
    }
}
