//! Sinks: what an author writes, and how its rows become acks.
//!
//! No socket is used here; the instance's thread and channels are in `run`.
//! Acks wait in [`Acks`] for a host that reads them; see there.
//!
//! Rules: docs/protocol.md, "Sources and sinks".

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::warn;

use crate::ack::Acks;
use crate::context::{self, instance_methods, stop_methods};
use crate::{Config, Data, panics};

mod run;

pub(crate) use run::start;

/// A sink: takes the rows of a rule.
///
/// `configure`, `open`, any number of `collect`s and `close` are called in this
/// order; every instance of a rule has a value of its own.
///
/// ```
/// use ekuiper::{Config, Data, Sink, SinkContext};
///
/// #[derive(Default)]
/// struct Print;
///
/// impl Sink for Print {
///     fn configure(&mut self, _config: &Config) -> ekuiper::Result {
///         Ok(())
///     }
///
///     fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
///         println!("{data}");
///         Ok(())
///     }
/// }
/// ```
pub trait Sink: Send {
    /// Takes the properties of the rule's action.
    ///
    /// This runs while the host waits for the answer to its order, as all
    /// orders do: connect here only what connects soon.
    ///
    /// # Errors
    ///
    /// The host gets the error's text, and the instance does not exist.
    fn configure(&mut self, config: &Config) -> crate::Result;

    /// Prepares for rows, on the thread that collects them.
    ///
    /// # Errors
    ///
    /// An error ends the instance and is logged. What the host shall learn
    /// belongs into `configure`.
    fn open(&mut self, ctx: &SinkContext) -> crate::Result {
        let _ = ctx;
        Ok(())
    }

    /// Takes one message: a row, or a batch of rows. See [`Data`].
    ///
    /// Its outcome is the row's ack, except where this row was acked by hand
    /// ([`SinkContext::ack_ok`], [`SinkContext::ack_error`]).
    ///
    /// # Errors
    ///
    /// An error is logged and sent as the row's ack. With `requireAck` the
    /// host reports it for that row, and may send the row again.
    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> crate::Result;

    /// Returns whether all rows are acked by hand, also after `collect` has
    /// returned and from other threads. Asked once, after `open`.
    ///
    /// Then no outcome of `collect` is an ack, not even an error. The sink must
    /// send one ack for each message, in their order.
    fn acks_by_hand(&self) -> bool {
        false
    }

    /// Cleans up, on the same thread, after the last `collect`.
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

    fn close(&mut self, ctx: &SinkContext) -> crate::Result {
        (**self).close(ctx)
    }
}

/// Where an instance's acks go: a channel to the host, or a test.
pub(crate) trait AckOutlet: Send + Sync {
    /// Takes an ack if there is room for it now; never waits.
    fn offer(&self, ack: &[u8]) -> bool;

    /// Sends what was taken.
    fn deliver(&self) {}
}

/// What a sink knows of its instance, and the way out for its acks.
///
/// A handle: clones are of the same instance, and any thread may ack.
#[derive(Clone)]
pub struct SinkContext {
    shared: Arc<Shared>,
}

struct Shared {
    instance: Arc<context::Instance>,
    waiting: Mutex<WaitingAcks>,
    outlet: Arc<dyn AckOutlet>,
    /// Whether the row that `collect` works on was acked by hand.
    acked: AtomicBool,
    /// Whether another row is here already.
    more: AtomicBool,
}

#[derive(Default)]
struct WaitingAcks {
    acks: Acks,
    /// How many acks are added before the next try, where the last found no
    /// room: a row shall not pay for a reader that is not there.
    skip: u32,
    /// When the first of the acks came that wait for others to go with.
    put_off: Option<Instant>,
}

/// See [`WaitingAcks::skip`].
const SKIP: u32 = 64;

/// How long acks are put off while more rows are here already: a host that sends
/// on without them does not wait for them, and they go out together.
const PUT_OFF: Duration = Duration::from_millis(1);

impl SinkContext {
    pub(crate) fn new(instance: Arc<context::Instance>, outlet: Arc<dyn AckOutlet>) -> Self {
        SinkContext {
            shared: Arc::new(Shared {
                instance,
                waiting: Mutex::default(),
                outlet,
                acked: AtomicBool::new(false),
                more: AtomicBool::new(false),
            }),
        }
    }

    fn instance(&self) -> &context::Instance {
        &self.shared.instance
    }

    instance_methods!();
    stop_methods!();

    /// Acks a row as done, by hand.
    ///
    /// Inside `collect` it is this row's ack, and the outcome of `collect` is
    /// none. A sink that acks later says so by
    /// [`acks_by_hand`](Sink::acks_by_hand). Never waits, whether or not a host
    /// reads acks.
    pub fn ack_ok(&self) {
        self.shared.acked.store(true, Ordering::SeqCst);
        self.done();
    }

    /// Acks a row as failed, by hand: as [`ack_ok`](Self::ack_ok), with the
    /// error's text (its first 2 KiB).
    pub fn ack_error(&self, error: impl fmt::Display) {
        self.shared.acked.store(true, Ordering::SeqCst);
        self.failed(&error.to_string());
    }

    pub(crate) fn stop(&self) {
        self.instance().stop.set();
    }

    fn done(&self) {
        let mut waiting = self.waiting();
        waiting.acks.done();
        self.pump_soon(&mut waiting);
    }

    /// Says whether another row is here, behind the one that comes now.
    fn expect_more(&self, more: bool) {
        self.shared.more.store(more, Ordering::Relaxed);
    }

    /// Acks the row that was collected; puts it off while there are more.
    fn collected(&self) {
        let mut waiting = self.waiting();
        waiting.acks.done();
        if self.shared.more.load(Ordering::Relaxed) {
            let since = *waiting.put_off.get_or_insert_with(Instant::now);
            if since.elapsed() < PUT_OFF {
                return;
            }
        }
        self.pump_soon(&mut waiting);
    }

    fn failed(&self, text: &str) {
        let mut waiting = self.waiting();
        let dropped = waiting.acks.failed(text);
        self.pump_soon(&mut waiting);
        drop(waiting);
        // Said for the first, the second, the fourth …: nobody reads acks here,
        // and the log shall not grow instead of the memory.
        if let Some(dropped) = dropped.filter(|dropped| dropped.is_power_of_two()) {
            warn!(
                "sink {}: nobody reads its acks: {dropped} of failed rows dropped so far",
                self.instance()
            );
        }
    }

    fn pump_soon(&self, waiting: &mut WaitingAcks) {
        match waiting.skip.checked_sub(1) {
            Some(left) => waiting.skip = left,
            None => drop(self.pump_now(waiting)),
        }
    }

    /// Sends the acks that wait, as far as there is room.
    fn pump(&self) -> Backlog {
        self.pump_now(&mut self.waiting())
    }

    fn pump_now(&self, waiting: &mut WaitingAcks) -> Backlog {
        let sent = waiting.acks.pump(|ack| self.shared.outlet.offer(ack));
        if sent > 0 {
            self.shared.outlet.deliver();
        }
        waiting.skip = 0;
        waiting.put_off = None;
        if waiting.acks.is_empty() {
            Backlog::None
        } else if sent > 0 {
            Backlog::Shrinking
        } else {
            waiting.skip = SKIP;
            Backlog::Stuck
        }
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingAcks> {
        // The counts are whole after each step, whoever panicked.
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SinkContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.instance().show(f, "SinkContext")
    }
}

/// What [`SinkContext::pump`] left waiting.
#[derive(Debug, PartialEq)]
enum Backlog {
    None,
    Shrinking,
    Stuck,
}

/// An opened sink: turns messages into acks.
pub(crate) struct Collector {
    sink: Box<dyn Sink>,
    by_hand: bool,
}

impl Collector {
    /// Opens the sink. The text says why it could not be opened.
    pub(crate) fn open(mut sink: Box<dyn Sink>, ctx: &SinkContext) -> Result<Self, String> {
        let opened = panics::attempt(|| {
            sink.open(ctx)?;
            Ok(sink.acks_by_hand())
        });
        match opened {
            Ok(by_hand) => Ok(Collector { sink, by_hand }),
            Err(text) => {
                let _ = panics::catch(move || drop(sink));
                Err(text)
            }
        }
    }

    /// Hands a message to the sink and acks it. The text says how it panicked:
    /// then the instance has ended.
    pub(crate) fn collect(&mut self, ctx: &SinkContext, message: &[u8]) -> Result<(), String> {
        ctx.shared.acked.store(false, Ordering::SeqCst);
        let outcome = panics::catch(|| self.sink.collect(ctx, Data::new(message)));
        let acked = self.by_hand || ctx.shared.acked.load(Ordering::SeqCst);
        match outcome {
            Ok(Ok(())) if acked => {}
            Ok(Ok(())) => ctx.collected(),
            Ok(Err(cause)) => {
                let text = crate::error::chain(&*cause);
                warn!("sink {}: a row failed: {text}", ctx.instance());
                if !acked {
                    ctx.failed(&text);
                }
            }
            Err(panic) => {
                if !acked {
                    ctx.failed(&panic);
                }
                return Err(panic);
            }
        }
        Ok(())
    }

    /// Closes the sink. The text says why that failed.
    pub(crate) fn close(mut self, ctx: &SinkContext) -> Result<(), String> {
        let closed = panics::attempt(|| self.sink.close(ctx));
        self.discard();
        closed
    }

    /// Drops the sink without its `close`.
    pub(crate) fn discard(self) {
        let _ = panics::catch(move || drop(self));
    }
}

#[cfg(test)]
mod tests;
