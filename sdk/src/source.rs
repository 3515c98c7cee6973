//! Sources: what an author writes, and how it is run.
//!
//! A source's `open` has a thread of its own. A row is serialized into a buffer
//! of that thread and handed to the channel, without a copy in between.
//!
//! Rules: docs/protocol.md, "Sources and sinks" and the stops of the control
//! channel.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ekuiper_sp::Push;
use log::{debug, error, warn};
use serde::Serialize;

use crate::context::{self, instance_methods, stop_methods};
use crate::instance::{Instance, Phase, StopLimits, Worker, left};
use crate::wire::Target;
use crate::{BoxError, Config, EmitError, panics, wire};

/// A source: produces rows for a stream.
///
/// `configure`, `open` and `close` are called once each, in this order; every
/// instance of a rule has a value of its own.
///
/// ```
/// use std::time::Duration;
/// use ekuiper::{Config, Source, SourceContext, serde_json::json};
///
/// #[derive(Default)]
/// struct Clock;
///
/// impl Source for Clock {
///     fn configure(&mut self, _datasource: &str, _config: &Config) -> ekuiper::Result {
///         Ok(())
///     }
///
///     fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
///         let mut ticks = 0;
///         while ctx.sleep(Duration::from_secs(1)) {
///             ticks += 1;
///             ctx.emit(json!({"ticks": ticks}), ())?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Source: Send {
    /// Takes the stream's `DATASOURCE` and the instance's configuration.
    ///
    /// `datasource` is empty where the stream has none; it is found on every
    /// release (docs/protocol.md, section 5). This runs while the
    /// host waits for the answer to its order, as all orders do: connect here
    /// only what connects soon.
    ///
    /// # Errors
    ///
    /// The host gets the error's text, and the instance does not exist.
    fn configure(&mut self, datasource: &str, config: &Config) -> crate::Result;

    /// Runs until the instance is stopped, and emits rows.
    ///
    /// It has a thread of its own. It learns of a stop by
    /// [`ctx.stopped()`](SourceContext::stopped), by
    /// [`ctx.sleep()`](SourceContext::sleep) or by an error of
    /// [`ctx.emit()`](SourceContext::emit); where it has not returned 0.8 s
    /// after that, it is left behind: its channel is closed and `close` is not
    /// called.
    ///
    /// # Errors
    ///
    /// An error ends the instance and is logged; after a stop it is not looked
    /// at, so that `ctx.emit(…)?` may end the method.
    fn open(&mut self, ctx: &SourceContext) -> crate::Result;

    /// Cleans up, on the same thread, after `open` has returned.
    ///
    /// It is not called after a panic of `open`: the value is dropped.
    ///
    /// # Errors
    ///
    /// An error is logged.
    fn close(&mut self, ctx: &SourceContext) -> crate::Result {
        let _ = ctx;
        Ok(())
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn configure(&mut self, datasource: &str, config: &Config) -> crate::Result {
        (**self).configure(datasource, config)
    }

    fn open(&mut self, ctx: &SourceContext) -> crate::Result {
        (**self).open(ctx)
    }

    fn close(&mut self, ctx: &SourceContext) -> crate::Result {
        (**self).close(ctx)
    }
}

/// Where an instance's rows go: a channel to the host, or a test.
pub(crate) trait Outlet: Send + Sync {
    /// Sends a row; waits while there is no room. False where it was closed.
    fn send(&self, row: &[u8]) -> bool;
}

/// What a source knows of its instance, and the way out for its rows.
///
/// A handle: clones are of the same instance, and any thread may emit.
#[derive(Clone)]
pub struct SourceContext {
    instance: Arc<context::Instance>,
    outlet: Arc<dyn Outlet>,
}

thread_local! {
    /// The row being written. Taken while in use, so that a `Serialize` that
    /// emits itself gets a buffer of its own.
    static ROW: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The capacity in bytes that a thread's buffer may keep after a row.
const KEPT: usize = 1024 * 1024;

impl SourceContext {
    pub(crate) fn new(instance: Arc<context::Instance>, outlet: Arc<dyn Outlet>) -> Self {
        SourceContext { instance, outlet }
    }

    fn instance(&self) -> &context::Instance {
        &self.instance
    }

    instance_methods!();
    stop_methods!();

    /// Sends one row to the host.
    ///
    /// `message` is the row: anything that serializes to a JSON object, by
    /// value or by reference (what is JSON already: a
    /// [`RawValue`](serde_json::value::RawValue)). `meta` is about the row, such
    /// as a topic: an object, or `()` for none. Waits while the host reads
    /// slower than rows come, and while it is away; a stop ends the wait.
    ///
    /// Source: docs/protocol.md, section 6.
    ///
    /// # Errors
    ///
    /// [`EmitError::NotAnObject`] and [`EmitError::Encode`] where the row would
    /// be none: nothing is sent. [`EmitError::Stopped`] once the instance was
    /// stopped.
    ///
    /// ```
    /// # use ekuiper::{EmitError, SourceContext};
    /// # use serde::Serialize;
    /// #[derive(Serialize)]
    /// struct Reading { temperature: f64 }
    ///
    /// fn emit_one(ctx: &SourceContext) -> Result<(), EmitError> {
    ///     ctx.emit(&Reading { temperature: 21.5 }, ())
    /// }
    /// ```
    pub fn emit(&self, message: impl Serialize, meta: impl Serialize) -> Result<(), EmitError> {
        if self.stopped() {
            return Err(EmitError::Stopped);
        }
        let mut row = ROW.take();
        row.clear();
        let outcome = write_row(&mut row, &message, &meta).and_then(|()| {
            let sent = self.outlet.send(&row);
            sent.then_some(()).ok_or(EmitError::Stopped)
        });
        if row.capacity() <= KEPT {
            ROW.set(row);
        }
        outcome
    }

    /// Logs an error of the source.
    ///
    /// No host reads an error from a source's channel: one that is sent there
    /// becomes a row without columns. So it is only logged.
    pub fn emit_error(&self, error: impl fmt::Display) {
        error!(logger: self.logger(), "{error}");
    }
}

impl fmt::Debug for SourceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.instance.show(f, "SourceContext")
    }
}

/// Writes `{"message":…,"meta":…}`, where `message` is an object and `meta` an
/// object or `null`. That JSON is an object is seen at its first byte.
fn write_row<M: Serialize, N: Serialize>(
    row: &mut Vec<u8>,
    message: &M,
    meta: &N,
) -> Result<(), EmitError> {
    row.extend_from_slice(br#"{"message":"#);
    if write_part(row, "message", message)? != b'{' {
        return Err(EmitError::NotAnObject { part: "message" });
    }
    row.extend_from_slice(br#","meta":"#);
    if !matches!(write_part(row, "meta", meta)?, b'{' | b'n') {
        return Err(EmitError::NotAnObject { part: "meta" });
    }
    row.push(b'}');
    Ok(())
}

/// Writes a part of a row and returns its first byte.
fn write_part(
    row: &mut Vec<u8>,
    part: &'static str,
    value: &impl Serialize,
) -> Result<u8, EmitError> {
    let start = row.len();
    serde_json::to_writer(&mut *row, value).map_err(|source| EmitError::Encode { part, source })?;
    Ok(row[start])
}

/// A source's data channel, and who is sending on it.
struct Channel {
    push: Push,
    /// Threads inside [`Outlet::send`]; their rows were emitted before a stop
    /// that begins now.
    sending: AtomicUsize,
    instance: Arc<context::Instance>,
}

impl Outlet for Channel {
    fn send(&self, row: &[u8]) -> bool {
        self.sending.fetch_add(1, Ordering::SeqCst);
        // Looked at after the count: the stop sets its flag, then counts.
        let sent = !self.instance.stop.is_set() && self.push.send(row, None).is_ok();
        self.sending.fetch_sub(1, Ordering::SeqCst);
        sent
    }
}

impl Channel {
    /// Waits until the rows that were emitted before the stop have gone to the
    /// host, if it reads.
    fn finish(&self, until: Instant) {
        loop {
            let quiet = self.sending.load(Ordering::SeqCst) == 0;
            match self.push.flush(left(until)) {
                Ok(()) if quiet => return,
                Ok(()) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => {
                    debug!("{}: not all rows were sent: {error}", self.instance);
                    return;
                }
            }
            if left(until).is_zero() {
                return;
            }
        }
    }

    /// Waits until all rows have gone to the host, however slow or far it is,
    /// or until a stop closes the channel; closes it.
    fn finish_alone(&self) {
        loop {
            match self.push.flush(LOOK_AGAIN) {
                Ok(()) | Err(ekuiper_sp::Error::Closed) => break,
                Err(ekuiper_sp::Error::TimedOut) => {}
                // The host is away: it is dialed in the background.
                Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        }
        self.push.close();
    }
}

/// How often the rows that a source has left behind are looked after.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How long the first try to reach the host's data address may take. The host
/// listens there before it sends the order.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// Starts an instance of a configured source.
pub(crate) fn start(
    source: Box<dyn Source>,
    target: &Target,
) -> Result<Box<dyn Instance>, BoxError> {
    let instance = context::Instance::new(&target.symbol, target.identity.clone());
    let url = wire::data_url(&target.identity);
    let options = ekuiper_sp::Options::default();
    let push = match Push::connect(&url, options.clone(), CONNECT_LIMIT) {
        Err(error @ ekuiper_sp::Error::Unreachable { .. }) => {
            // Where a host replays the orders of a process that crashed, the
            // rule may be gone already; its stop comes next.
            warn!("source {instance}: {error}; dialing on");
            Push::dial(&url, options)?
        }
        outcome => outcome?,
    };
    let channel = Arc::new(Channel {
        push,
        sending: AtomicUsize::new(0),
        instance: Arc::clone(&instance),
    });
    let ctx = SourceContext::new(Arc::clone(&instance), Arc::clone(&channel) as _);
    let phase = Arc::new(Phase::default());
    let worker = {
        let (channel, phase) = (Arc::clone(&channel), Arc::clone(&phase));
        Worker::spawn(&target.symbol, move || run(source, &ctx, &channel, &phase))?
    };
    Ok(Box::new(Running {
        instance,
        channel,
        phase,
        worker,
    }))
}

/// The body of the instance's thread.
fn run(mut source: Box<dyn Source>, ctx: &SourceContext, channel: &Channel, phase: &Phase) {
    let instance = &*ctx.instance;
    let outcome = panics::catch(|| source.open(ctx));
    let stopped = ctx.stopped();
    // A source whose `open` has returned has ended: handles that its other
    // threads keep emit no more.
    instance.stop.set();
    let intact = match outcome {
        Ok(Ok(())) => {
            debug!("source {instance} has ended");
            true
        }
        Ok(Err(cause)) if stopped => {
            debug!("source {instance} ended after its stop: {cause}");
            true
        }
        Ok(Err(cause)) => {
            error!("source {instance} failed: {}", crate::error::chain(&*cause));
            true
        }
        Err(panic) => {
            error!("source {instance} ended: {panic}");
            false
        }
    };
    if intact && phase.begin_close() {
        if let Err(cause) = panics::attempt(|| source.close(ctx)) {
            error!("source {instance}: close failed: {cause}");
        }
    }
    let _ = panics::catch(move || drop(source));
    if !stopped {
        channel.finish_alone();
    }
}

struct Running {
    instance: Arc<context::Instance>,
    channel: Arc<Channel>,
    phase: Arc<Phase>,
    worker: Worker,
}

impl Instance for Running {
    fn is_running(&self) -> bool {
        !self.instance.stop.is_set() && !self.worker.is_finished()
    }

    fn begin_stop(&self) {
        self.instance.stop.set();
    }

    fn release(&self, limits: &StopLimits) {
        self.channel.finish(limits.flush);
        // Ends an `emit` that waits for a host that reads no more.
        self.channel.push.close();
    }

    fn finish_stop(self: Box<Self>, limits: &StopLimits) {
        let instance = &self.instance;
        match self.worker.join_until(limits.end) {
            Ok(()) => debug!("source {instance} is stopped"),
            Err(_) if self.phase.abandon() => warn!(
                "source {instance} ignores its stop: left behind on its thread, close is not called"
            ),
            Err(_) => warn!("source {instance} is still in its close: left behind on its thread"),
        }
    }
}

#[cfg(test)]
mod tests;
