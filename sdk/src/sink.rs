//! Sinks: the trait that a plugin implements, and how its results become acks.
//!
//! No socket is used here; the instance's thread and channels are in `run`, and
//! the calls of the plugin's code in `collector`. Acks wait in [`Acks`] until a
//! host reads them.
//!
//! Rules: docs/protocol.md, "Sources and sinks".

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::warn;

use crate::ack::Acks;
use crate::context::{InstanceInfo, instance_methods, stop_methods};
use crate::{Config, Data};

pub(crate) mod collector;
mod pace;
pub(crate) mod run;

/// A sink: receives the rows of a rule.
///
/// `configure`, `open`, any number of `collect`s and `close` are called in this
/// order, all but `configure` on the instance's own thread. Each instance has its
/// own value.
///
/// ```
/// use ekuiper::{Data, Sink, SinkContext};
///
/// #[derive(Default)]
/// struct Print;
///
/// impl Sink for Print {
///     fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
///         println!("{data}");
///         Ok(())
///     }
/// }
/// ```
///
/// # Batches
///
/// A sink that implements [`linger`](Self::linger) and [`flush`](Self::flush)
/// works in batches: `collect` keeps the rows, `flush` commits them, and the acks
/// are sent after it, in the order of the messages.
///
/// ```
/// use std::time::Duration;
/// use ekuiper::{Data, Sink, SinkContext, Value, serde_json::json, testing};
/// # #[derive(Default)]
/// # struct Database;
/// # struct Transaction;
/// # impl Database {
/// #     fn transaction(&mut self) -> ekuiper::Result<Transaction> { Ok(Transaction) }
/// # }
/// # impl Transaction {
/// #     fn insert(&mut self, _row: &Value) -> ekuiper::Result { Ok(()) }
/// #     fn commit(self) -> ekuiper::Result { Ok(()) }
/// # }
///
/// #[derive(Default)]
/// struct Table {
///     linger: Duration,
///     database: Database,
///     rows: Vec<Value>,
/// }
///
/// impl Sink for Table {
///     fn linger(&self) -> Option<Duration> {
///         Some(self.linger) // such as 100 ms
///     }
///
///     fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
///         self.rows.extend(data.rows::<Value>()?);
///         if self.rows.len() >= 500 {
///             ctx.request_flush();
///         }
///         Ok(())
///     }
///
///     fn flush(&mut self, _ctx: &SinkContext) -> ekuiper::Result {
///         // After an error the host may send the rows again.
///         let rows = std::mem::take(&mut self.rows);
///         let mut transaction = self.database.transaction()?;
///         for row in &rows {
///             transaction.insert(row)?;
///         }
///         transaction.commit()
///     }
/// }
///
/// // So long that only `flush` commits, however slow the test is.
/// let linger = Duration::from_secs(3600);
/// let table = Table { linger, ..Table::default() };
/// let mut table = testing::sink(table).open()?;
/// assert_eq!(table.feed(json!({"n": 1}).to_string()), []);
/// assert_eq!(table.feed("not JSON"), []);
/// let acks = table.flush();
/// assert_eq!(acks[0], testing::Ack::Ok);
/// assert!(matches!(acks[1], testing::Ack::Error(_)));
/// # Ok::<(), testing::Failure>(())
/// ```
///
/// With the property `requireAck` in a rule's action, eKuiper waits for the ack of
/// each message before it sends the next one. So a sink that keeps rows gets **one
/// row in each linger time**, unless the action also has `batchSize` or
/// `lingerInterval`: then eKuiper collects rows itself, into arrays with one ack
/// each, and a sink needs no batches of its own. See [what
/// eKuiper does with a configuration](crate::reference::configuration).
///
/// # When a row is collected
///
/// A row is collected as soon as it arrives. The exception are several busy sinks of
/// one process whose host reads no acks: their rows may wait up to 4 ms, because it
/// costs much less to wake a sink for several rows than for each.
pub trait Sink: Send {
    /// Configures the instance with the properties of the rule's action.
    ///
    /// The host and all further orders wait until this returns. Connect to
    /// something here only if that takes a short time.
    ///
    /// # Errors
    ///
    /// An error refuses the start, and its text is the answer to the host. The
    /// instance is dropped.
    fn configure(&mut self, config: &Config) -> crate::Result {
        let _ = config;
        Ok(())
    }

    /// Prepares for rows, on the thread that collects them.
    ///
    /// # Errors
    ///
    /// An error ends the instance and is logged. The host does not see it; to
    /// refuse the start, return an error from `configure`.
    fn open(&mut self, ctx: &SinkContext) -> crate::Result {
        let _ = ctx;
        Ok(())
    }

    /// Receives one message: a row, or a batch of rows. See [`Data`].
    ///
    /// The result is sent as the ack, unless the message was acked by hand with
    /// [`SinkContext::ack_ok`] or [`SinkContext::ack_error`].
    ///
    /// # Errors
    ///
    /// An error is logged and sent as the ack. With `requireAck` the host
    /// reports it for that row, and may send the row again.
    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> crate::Result;

    /// Returns whether the sink acks every message by hand. Called once, after
    /// `open`.
    ///
    /// If it returns true, the results of `collect` are not sent as acks, not
    /// even errors. The sink must send one ack for each message, in the order of
    /// the messages. It may do so after `collect` has returned, and from other
    /// threads.
    fn acks_by_hand(&self) -> bool {
        false
    }

    /// Returns the linger time of a sink that works in batches: how long a
    /// message may wait for the next [`flush`](Self::flush). Called once, after
    /// `open`. `None`, the default, is for a sink that is done with a message when
    /// `collect` returns.
    ///
    /// If it returns a time, a message that `collect` has accepted is acked after
    /// the next `flush`. The ack of a message that `collect` has failed, or that
    /// was acked by hand inside `collect`, keeps its own outcome and its place in
    /// the order. With a time of zero, `flush` follows each `collect`.
    ///
    /// If [`acks_by_hand`](Self::acks_by_hand) returns true, `flush` is called at
    /// the same times, and the sink still sends all acks itself.
    fn linger(&self) -> Option<Duration> {
        None
    }

    /// Commits what was collected since the last `flush`, on the same thread as
    /// `collect`. Called only for a sink with a [`linger`](Self::linger) time:
    ///
    /// - when that time has passed since the first message that `collect` has
    ///   accepted after the last `flush`, also while rows keep coming;
    /// - after a `collect` that called [`SinkContext::request_flush`];
    /// - after a `collect` when 1,024 entries wait for a flush. Consecutive
    ///   messages that `collect` has accepted are one entry, and each other message
    ///   after them is one of its own;
    /// - before `close`, if a message was accepted after the last `flush`.
    ///
    /// # Errors
    ///
    /// An error is logged and sent as the ack of each message that waits for this
    /// flush. The instance goes on. A host may send these rows again, so forget
    /// them.
    ///
    /// A panic does the same, and ends the instance without a call of `close`.
    fn flush(&mut self, ctx: &SinkContext) -> crate::Result {
        let _ = ctx;
        Ok(())
    }

    /// Cleans up after the last `collect` or `flush`, on the same thread.
    ///
    /// It is not called after a panic: the value is dropped.
    ///
    /// # Errors
    ///
    /// An error is logged.
    fn close(&mut self, ctx: &SinkContext) -> crate::Result {
        let _ = ctx;
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn configure(&mut self, config: &Config) -> crate::Result {
        (**self).configure(config)
    }

    fn open(&mut self, ctx: &SinkContext) -> crate::Result {
        (**self).open(ctx)
    }

    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> crate::Result {
        (**self).collect(ctx, data)
    }

    fn acks_by_hand(&self) -> bool {
        (**self).acks_by_hand()
    }

    fn linger(&self) -> Option<Duration> {
        (**self).linger()
    }

    fn flush(&mut self, ctx: &SinkContext) -> crate::Result {
        (**self).flush(ctx)
    }

    fn close(&mut self, ctx: &SinkContext) -> crate::Result {
        (**self).close(ctx)
    }
}

/// The destination of an instance's acks: a channel to the host, or a test.
pub(crate) trait AckOutlet: Send + Sync {
    /// Accepts an ack if there is room for it. Never waits. After a refusal, tells the
    /// instance's thread once there is room.
    fn offer(&self, ack: &[u8]) -> bool;

    /// Sends the acks that were accepted.
    fn deliver(&self) {}
}

/// What a sink knows about its instance, and how it sends acks by hand.
///
/// A context is a handle: clones refer to the same instance, and any thread may
/// use them.
#[derive(Clone)]
pub struct SinkContext {
    shared: Arc<Shared>,
}

struct Shared {
    info: Arc<InstanceInfo>,
    waiting: Mutex<WaitingAcks>,
    outlet: Arc<dyn AckOutlet>,
    /// Whether the message that `collect` works on was acked by hand.
    acked: AtomicBool,
    /// Whether the next message has been received already.
    more: AtomicBool,
    /// Whether `collect` has asked for a flush.
    flush_requested: AtomicBool,
}

#[derive(Default)]
struct WaitingAcks {
    acks: Acks,
    /// Whether the last attempt to send found no room. The instance's thread makes the
    /// next one once the channel has room again, so that rows do not pay for a missing
    /// reader. An ack by hand makes one at once: that thread may be busy with a row.
    stuck: bool,
    /// Since when acks have been delayed to be sent together.
    delayed_since: Option<Instant>,
    /// How many acks must have been dropped for the next warning.
    warn_at: u64,
}

impl WaitingAcks {
    /// Returns the number of dropped acks if a warning is due: about each time that
    /// it has doubled, so that the log does not grow with every row. It may grow by
    /// a whole batch at once.
    fn warning_due(&mut self, dropped: Option<u64>) -> Option<u64> {
        let dropped = dropped.filter(|dropped| *dropped >= self.warn_at)?;
        self.warn_at = (dropped + 1).next_power_of_two();
        Some(dropped)
    }
}

/// How long acks are delayed at most while more rows have arrived already. A
/// host that sends rows without waiting for acks does not need them at once, and
/// sending them together is cheaper.
const MOST_DELAY: Duration = Duration::from_millis(1);

impl SinkContext {
    pub(crate) fn new(info: Arc<InstanceInfo>, outlet: Arc<dyn AckOutlet>) -> Self {
        SinkContext {
            shared: Arc::new(Shared {
                info,
                waiting: Mutex::default(),
                outlet,
                acked: AtomicBool::new(false),
                more: AtomicBool::new(false),
                flush_requested: AtomicBool::new(false),
            }),
        }
    }

    fn info(&self) -> &InstanceInfo {
        &self.shared.info
    }

    instance_methods!();
    stop_methods!();

    /// Acks a message as done, by hand.
    ///
    /// Called inside `collect`, it replaces the ack that the result of `collect`
    /// would be. A sink that acks after `collect` has returned must return true
    /// from [`acks_by_hand`](Sink::acks_by_hand). Never waits, whether or not
    /// the host reads acks.
    pub fn ack_ok(&self) {
        self.shared.acked.store(true, Ordering::SeqCst);
        self.done();
    }

    /// Acks a message as failed, by hand, with the first 2 KiB of the error's
    /// text.
    ///
    /// Called inside `collect`, it replaces the ack that the result of `collect`
    /// would be. See also [`ack_ok`](Self::ack_ok).
    pub fn ack_error(&self, error: impl fmt::Display) {
        self.shared.acked.store(true, Ordering::SeqCst);
        self.failed(&error.to_string());
    }

    /// Requests a call of [`flush`](Sink::flush) as soon as the current `collect`
    /// has returned, for example because the batch is large enough.
    ///
    /// From another thread, it takes effect after the next `collect`. It has no
    /// effect on a sink without a [`linger`](Sink::linger) time.
    pub fn request_flush(&self) {
        self.shared.flush_requested.store(true, Ordering::SeqCst);
    }

    pub(crate) fn stop(&self) {
        self.info().stop.set();
    }

    fn done(&self) {
        let mut waiting = self.waiting();
        waiting.acks.done();
        self.pump_now(&mut waiting);
    }

    /// Records whether more messages have arrived after the one that is
    /// collected next.
    fn expect_more(&self, more: bool) {
        self.shared.more.store(more, Ordering::Relaxed);
    }

    /// Acks the message that was collected. Delays the ack while more messages
    /// have arrived.
    fn collected(&self) {
        let mut waiting = self.waiting();
        waiting.acks.done();
        if !waiting.stuck && self.shared.more.load(Ordering::Relaxed) {
            let since = *waiting.delayed_since.get_or_insert_with(Instant::now);
            if since.elapsed() < MOST_DELAY {
                return;
            }
        }
        self.pump_soon(&mut waiting);
    }

    /// Holds the ack of the message that was collected until [`release`] is called.
    ///
    /// [`release`]: Self::release
    fn hold(&self) {
        self.waiting().acks.hold();
    }

    /// Returns whether a flush is due now, whatever the linger time. Forgets the
    /// request for it.
    fn take_flush_request(&self) -> bool {
        self.shared.flush_requested.swap(false, Ordering::SeqCst)
            || self.waiting().acks.holds_too_many()
    }

    /// Sends the acks that were held, with the outcome of the flush.
    fn release(&self, outcome: Result<(), &str>) {
        let mut waiting = self.waiting();
        let dropped = waiting.acks.release(outcome);
        let dropped = waiting.warning_due(dropped);
        self.pump_now(&mut waiting);
        drop(waiting);
        self.warn_of_dropped(dropped);
    }

    fn failed(&self, text: &str) {
        let mut waiting = self.waiting();
        let dropped = waiting.acks.failed(text);
        let dropped = waiting.warning_due(dropped);
        self.pump_now(&mut waiting);
        drop(waiting);
        self.warn_of_dropped(dropped);
    }

    fn warn_of_dropped(&self, dropped: Option<u64>) {
        if let Some(dropped) = dropped {
            warn!(
                "sink {}: no host reads its acks; acks of failed rows dropped so far: {dropped}",
                self.info()
            );
        }
    }

    fn pump_soon(&self, waiting: &mut WaitingAcks) {
        if !waiting.stuck {
            self.pump_now(waiting);
        }
    }

    /// Sends the waiting acks, unless there was no room for them and nothing has been
    /// said of room since.
    fn pump_if_useful(&self) {
        self.pump_soon(&mut self.waiting());
    }

    /// Sends the waiting acks for which there is room. Returns whether those were all.
    fn pump(&self) -> bool {
        let mut waiting = self.waiting();
        self.pump_now(&mut waiting);
        !waiting.stuck
    }

    fn pump_now(&self, waiting: &mut WaitingAcks) {
        let sent = waiting.acks.pump(|ack| self.shared.outlet.offer(ack));
        if sent > 0 {
            self.shared.outlet.deliver();
        }
        waiting.stuck = !waiting.acks.is_empty();
        waiting.delayed_since = None;
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingAcks> {
        // A panic of another holder leaves the counts consistent.
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SinkContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info().show(f, "SinkContext")
    }
}

#[cfg(test)]
mod tests;
