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
use super::pace::Pace;
use super::{AckOutlet, Sink, SinkContext};
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

/// The memory that the kernel may use for acks that the host has not read: some 40 that
/// were sent one by one. A host that waits for acks leaves one unread, and most hosts
/// read none, so more would only be lost memory.
const UNREAD_ACKS: usize = 32 * 1024;

/// Starts an instance of a configured sink. The sink is listening when this
/// returns.
pub(crate) fn start(
    sink: Box<dyn Sink>,
    info: Arc<InstanceInfo>,
) -> Result<Box<dyn Instance>, BoxError> {
    let pull = Pull::listen(&wire::data_url(&info.identity), Options::default())?;
    let mut options = Options::default();
    options.queue_bytes = ACK_QUEUE;
    options.kernel_bytes = Some(UNREAD_ACKS);
    // An ack that finds the channel full waits until the thread is woken, which waits
    // for a row meanwhile.
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
            acks: Arc::clone(&acks),
            pace: Pace::new(),
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
            phase.end_close();
        } else {
            collector.discard(&ctx);
        }
    }
    ctx.stop();
    send_last_acks(&ctx, acks, LAST_ACKS, ACK_PATIENCE);
    acks.close();
    drop(lock(&rows.pull).take());
}

/// Sends the acks that wait, for at most `limit`, and while the host reads some within
/// `patience`. A host that does not listen for acks is not waited for.
fn send_last_acks(ctx: &SinkContext, acks: &Push, limit: Duration, patience: Duration) {
    let end = Instant::now() + limit;
    loop {
        let all = ctx.pump();
        let read = acks.flush_while_read(left(end), patience).is_ok();
        if all || !read || left(end).is_zero() {
            return;
        }
    }
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
/// read.
const DRAIN_QUIET: Duration = Duration::from_millis(5);
/// How long to wait until a host has greeted the ack channel and has read the last
/// acks.
const LAST_ACKS: Duration = Duration::from_millis(500);
/// How long a host may read no ack until it is taken to read none. It counts from
/// before the stop; see [`Push::flush_while_read`].
const ACK_PATIENCE: Duration = Duration::from_millis(200);

/// Reads messages, and sends waiting acks meanwhile.
struct Rows {
    /// `None` once the sink was abandoned, which closes the channel.
    pull: Arc<Mutex<Option<Pull>>>,
    ctx: SinkContext,
    acks: Arc<Push>,
    pace: Pace,
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
            } else {
                if !pull.has_buffered() {
                    self.ctx.pump_if_useful();
                    if self.acks.is_stalled() {
                        let stop = &self.ctx.info().stop;
                        self.pace.wait(stop, flush_due.map(left));
                    }
                }
                None
            };
            let until_flush = flush_due.map(left);
            match pull.recv_into(buffer, shorter(limit, until_flush)) {
                Ok(range) => {
                    self.ctx.expect_more(pull.has_buffered());
                    return Next::Message(range);
                }
                Err(Error::TimedOut) if is_flush_due() => return Next::FlushDue,
                // A host that has just connected may have sent rows.
                Err(Error::TimedOut) if pull.is_greeting() => {}
                Err(Error::TimedOut) => return Next::End,
                // For a stop, or because the ack channel has room again.
                Err(Error::Woken) => drop(self.ctx.pump()),
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
            Err(_) => match abandon(&self.phase) {
                Some(text) => warn!("sink {info} {text}"),
                None => debug!("sink {info} is closed, but the host did not read its last acks"),
            },
        }
        self.acks.close();
        // The thread holds this lock only while it waits for rows, which it no
        // longer does.
        drop(lock(&self.pull).take());
    }
}

/// Abandons an instance that did not end in time. Returns what its code has not done;
/// `None` if it has returned from all its methods.
fn abandon(phase: &Phase) -> Option<&'static str> {
    if phase.abandon() {
        Some("did not stop in time: abandoned on its thread without calling close")
    } else if phase.is_closed() {
        None
    } else {
        Some("did not return from its last flush or from close in time: abandoned on its thread")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::context::Identity;
    use crate::sink::pace::LONGEST;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_sink_that_has_closed_is_not_blamed_for_acks_that_nobody_reads() {
        struct Idle;
        impl Sink for Idle {
            fn collect(&mut self, _: &SinkContext, _: crate::Data<'_>) -> crate::Result {
                Ok(())
            }
        }
        let place = tempfile::tempdir().unwrap();
        let url = |name| format!("ipc://{}", place.path().join(name).display());
        let pull = Pull::listen(&url("rows.ipc"), Options::default()).unwrap();
        let acks = Arc::new(Push::dial(&url("acks.ipc"), Options::default()).unwrap());
        let info = InstanceInfo::new("s", Identity::default());
        info.stop.set();
        let rows = Rows {
            pull: Arc::new(Mutex::new(Some(pull))),
            ctx: SinkContext::new(info, Arc::clone(&acks) as _),
            acks: Arc::clone(&acks),
            pace: Pace::new(),
            drain_until: None,
        };
        let (open, closes, closed) = (Phase::default(), Phase::default(), Phase::default());

        run(Box::new(Idle), rows, &acks, &closed);
        assert!(closes.begin_close());

        assert_eq!(
            abandon(&open),
            Some("did not stop in time: abandoned on its thread without calling close")
        );
        assert_eq!(
            abandon(&closes),
            Some(
                "did not return from its last flush or from close in time: abandoned on its thread"
            )
        );
        assert_eq!(abandon(&closed), None);
    }

    #[test]
    fn a_stopped_sink_reads_the_rows_of_a_host_that_is_still_greeting() {
        let place = tempfile::tempdir().unwrap();
        let url = |name| format!("ipc://{}", place.path().join(name).display());
        let pull = Pull::listen(&url("rows.ipc"), Options::default()).unwrap();
        let acks = Arc::new(Push::dial(&url("acks.ipc"), Options::default()).unwrap());
        let info = InstanceInfo::new("s", Identity::default());
        let mut host = UnixStream::connect(place.path().join("rows.ipc")).unwrap();
        host.read_exact(&mut [0; 8]).unwrap();
        info.stop.set();
        let mut rows = Rows {
            pull: Arc::new(Mutex::new(Some(pull))),
            ctx: SinkContext::new(info, Arc::clone(&acks) as _),
            acks: Arc::clone(&acks),
            pace: Pace::new(),
            drain_until: Some(Instant::now() + LONG),
        };
        let late = std::thread::spawn(move || {
            // Many times as long as the sink waits for a row.
            std::thread::sleep(20 * DRAIN_QUIET);
            host.write_all(b"\0SP\0\0\x50\0\0").unwrap();
            host.write_all(b"\x01\0\0\0\0\0\0\0\x02{}").unwrap();
            host
        });
        let mut buffer = Vec::new();

        let Next::Message(range) = rows.next(&mut buffer, None) else {
            panic!("the row was not read");
        };
        assert_eq!(&buffer[range], b"{}");
        assert!(matches!(rows.next(&mut buffer, None), Next::End));
        drop(late.join().unwrap());
    }

    #[test]
    fn all_acks_that_wait_are_sent_while_the_host_reads_them() {
        let place = tempfile::tempdir().unwrap();
        let url = format!("ipc://{}", place.path().join("acks.ipc").display());
        let mut host = Pull::listen(&url, Options::default()).unwrap();
        let mut options = Options::default();
        options.queue_bytes = ACK_QUEUE;
        let acks = Arc::new(Push::dial(&url, options).unwrap());
        let info = InstanceInfo::new("s", Identity::default());
        let ctx = SinkContext::new(info, Arc::clone(&acks) as _);
        for _ in 0..5000 {
            ctx.ack_ok();
        }

        let reader = std::thread::spawn(move || {
            let is_done = |_: &u32| host.recv(Some(LONG)).unwrap() == b"{}";
            (0..5000).filter(is_done).count()
        });
        send_last_acks(&ctx, &acks, LONG, LONG);
        acks.close();

        assert_eq!(reader.join().unwrap(), 5000);
    }

    #[test]
    fn rows_of_busy_sinks_gather_only_if_the_host_reads_no_acks() {
        let place = tempfile::tempdir().unwrap();
        let url = |name| format!("ipc://{}", place.path().join(name).display());
        let pull = Pull::listen(&url("rows.ipc"), Options::default()).unwrap();
        let host = Push::connect(&url("rows.ipc"), Options::default(), LONG).unwrap();
        let _unread = Pull::listen(&url("acks.ipc"), Options::default()).unwrap();
        let acks = Push::connect(&url("acks.ipc"), Options::default(), LONG).unwrap();
        let acks = Arc::new(acks);
        let mut rows = Rows {
            pull: Arc::new(Mutex::new(Some(pull))),
            ctx: SinkContext::new(
                InstanceInfo::new("s", Identity::default()),
                Arc::clone(&acks) as _,
            ),
            acks: Arc::clone(&acks),
            pace: Pace::new(),
            drain_until: None,
        };
        // A busy machine may make a single one take longer.
        let mut shortest = || {
            let times = (0..100).map(|_| {
                host.send(b"{}", None).unwrap();
                let begin = Instant::now();
                rows.pace = Pace::busy();
                assert!(matches!(rows.next(&mut Vec::new(), None), Next::Message(_)));
                begin.elapsed()
            });
            times.min().unwrap()
        };

        let read = shortest();
        while acks.put(&[7; 1000]).unwrap() {
            acks.write_out();
        }
        let unread = shortest();

        assert!(read < LONGEST, "{read:?}");
        assert!(unread >= LONGEST / 2, "{unread:?}");
    }
}
