//! Sources: the trait that a plugin implements, and how an instance is run.
//!
//! Each instance runs `open` on its own thread. A row is serialized into a
//! buffer of the thread that emits it, and handed to the channel without another
//! copy.
//!
//! Rules: docs/protocol.md, "Sources and sinks" and the stops of the control
//! channel.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use ekuiper_sp::Keep;
use log::{debug, error, info, warn};
use serde::Serialize;

use crate::context::{InstanceInfo, instance_methods, stop_methods};
use crate::instance::{Instance, Phase, StopLimits, Worker};
use crate::{BoxError, Config, EmitError, json, panics};

mod outlet;

use outlet::Channel;
pub(crate) use outlet::Outlet;

/// A source: produces rows for a stream.
///
/// `configure`, `open` and `close` are called once each, in this order. Each
/// instance has its own value.
///
/// ```
/// use std::time::Duration;
/// use ekuiper::{Source, SourceContext, serde_json::json};
///
/// #[derive(Default)]
/// struct Clock;
///
/// impl Source for Clock {
///     fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
///         let mut ticks = 0;
///         while ctx.sleep(Duration::from_secs(1)) {
///             ticks += 1;
///             ctx.emit(json!({"ticks": ticks}))?;
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Source: Send {
    /// Configures the instance with the stream's `DATASOURCE` and its
    /// configuration.
    ///
    /// `datasource` is empty if the stream has none. The SDK finds it on every
    /// release, although releases send it in different places.
    ///
    /// The host and all further orders wait until this returns. Connect to
    /// something here only if that takes a short time.
    ///
    /// Source: [the protocol](crate::reference::protocol), section 5.
    ///
    /// # Errors
    ///
    /// An error refuses the start, and its text is the answer to the host. The
    /// instance is dropped.
    fn configure(&mut self, datasource: &str, config: &Config) -> crate::Result {
        let _ = (datasource, config);
        Ok(())
    }

    /// Emits rows until the instance is stopped.
    ///
    /// It runs on the instance's own thread. [`ctx.stopped()`] and
    /// [`ctx.sleep()`] report a stop, and [`ctx.emit()`] then returns an error.
    /// If `open` has not returned 0.8 s after the stop, the instance is
    /// abandoned: its channel is closed and `close` is not called.
    ///
    /// # Errors
    ///
    /// An error ends the instance and is logged as a failure. After a stop it is
    /// not a failure, so `ctx.emit(…)?` may end the method.
    ///
    /// [`ctx.stopped()`]: SourceContext::stopped
    /// [`ctx.sleep()`]: SourceContext::sleep
    /// [`ctx.emit()`]: SourceContext::emit
    fn open(&mut self, ctx: &SourceContext) -> crate::Result;

    /// Cleans up after `open` has returned, on the same thread.
    ///
    /// It is not called if `open` panicked: the value is dropped.
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

/// What a source knows about its instance, and how it emits rows.
///
/// A context is a handle: clones refer to the same instance, and any thread may
/// use them.
#[derive(Clone)]
pub struct SourceContext {
    info: Arc<InstanceInfo>,
    outlet: Arc<dyn Outlet>,
}

thread_local! {
    /// The empty buffer for a row. It is taken out while in use, so that a
    /// `Serialize` that emits another row meanwhile gets a separate buffer.
    static ROW: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static KEEP: RefCell<Keep> = const { RefCell::new(Keep::new()) };
}

impl SourceContext {
    pub(crate) fn new(info: Arc<InstanceInfo>, outlet: Arc<dyn Outlet>) -> Self {
        SourceContext { info, outlet }
    }

    pub(crate) fn info(&self) -> &InstanceInfo {
        &self.info
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn outlet(&self) -> &dyn Outlet {
        &*self.outlet
    }

    instance_methods!();
    stop_methods!();

    pub(crate) fn stop(&self) {
        self.info.stop.set();
    }

    /// Sends one row to the host.
    ///
    /// `row` is any value or reference that serializes to a JSON object. For text
    /// that is JSON already, use a [`RawValue`](serde_json::value::RawValue).
    ///
    /// Waits while the host reads more slowly than rows are emitted, and while
    /// the host is away. A stop ends the wait. While another instance of the plugin
    /// is stopped, it may wait for 5 ms.
    ///
    /// Source: [the protocol](crate::reference::protocol), section 6.
    ///
    /// # Errors
    ///
    /// [`EmitError::NotAnObject`] and [`EmitError::Encode`] if `row` is not
    /// valid; nothing is sent. [`EmitError::Stopped`] once the instance was
    /// stopped.
    ///
    /// ```
    /// # use ekuiper::{EmitError, SourceContext};
    /// # use serde::Serialize;
    /// #[derive(Serialize)]
    /// struct Reading { temperature: f64 }
    ///
    /// fn emit_one(ctx: &SourceContext) -> Result<(), EmitError> {
    ///     ctx.emit(&Reading { temperature: 21.5 })
    /// }
    /// ```
    pub fn emit(&self, row: impl Serialize) -> Result<(), EmitError> {
        self.emit_with(row, ())
    }

    /// Sends one row to the host like [`emit`](Self::emit), with metadata.
    ///
    /// `meta` describes the row, for example with a topic: a JSON object, or `()`
    /// for none. SQL reads it with `meta(topic)`.
    ///
    /// # Errors
    ///
    /// The same as those of [`emit`](Self::emit), also for `meta`.
    pub fn emit_with(&self, row: impl Serialize, meta: impl Serialize) -> Result<(), EmitError> {
        self.write_and(&row, &meta, |bytes| match self.outlet.send(bytes) {
            true => Ok(()),
            false => Err(EmitError::Stopped),
        })
    }

    /// Sends one row to the host like [`emit`](Self::emit), but never waits. For
    /// loops that must not block.
    ///
    /// Some hundred KiB of rows wait in the channel for a slow host, or for one that
    /// is away; 32 KiB if the rows of many sources wait. After `Ok` the row is sent as
    /// one from `emit` is, in order.
    ///
    /// # Errors
    ///
    /// The same as those of [`emit`](Self::emit), and [`EmitError::Full`] if the
    /// channel has no room. The row is then not sent.
    ///
    /// ```
    /// # use ekuiper::{EmitError, SourceContext};
    /// # use serde::Serialize;
    /// /// Emits a row, or counts it as lost.
    /// fn sample(ctx: &SourceContext, row: impl Serialize, lost: &mut u64) -> ekuiper::Result {
    ///     match ctx.try_emit(row) {
    ///         Err(EmitError::Full) => *lost += 1,
    ///         outcome => outcome?,
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn try_emit(&self, row: impl Serialize) -> Result<(), EmitError> {
        self.try_emit_with(row, ())
    }

    /// Sends one row to the host like [`try_emit`](Self::try_emit), with metadata
    /// as in [`emit_with`](Self::emit_with).
    ///
    /// # Errors
    ///
    /// The same as those of [`try_emit`](Self::try_emit), also for `meta`.
    pub fn try_emit_with(
        &self,
        row: impl Serialize,
        meta: impl Serialize,
    ) -> Result<(), EmitError> {
        self.write_and(&row, &meta, |bytes| self.outlet.try_send(bytes))
    }

    /// Writes a row into the thread's buffer and passes it to `send`.
    fn write_and(
        &self,
        row: &impl Serialize,
        meta: &impl Serialize,
        send: impl FnOnce(&[u8]) -> Result<(), EmitError>,
    ) -> Result<(), EmitError> {
        let bytes = self.encode(row, meta)?;
        let outcome = send(&bytes);
        Self::recycle(bytes);
        outcome
    }

    /// Writes a row into the thread's buffer and returns the buffer.
    pub(crate) fn encode(
        &self,
        row: &impl Serialize,
        meta: &impl Serialize,
    ) -> Result<Vec<u8>, EmitError> {
        if self.stopped() {
            return Err(EmitError::Stopped);
        }
        let mut bytes = ROW.take();
        write_row(&mut bytes, row, meta)?;
        Ok(bytes)
    }

    /// Makes the buffer of a row that of this thread.
    pub(crate) fn recycle(mut bytes: Vec<u8>) {
        KEEP.with_borrow_mut(|keep| keep.empty(&mut bytes));
        ROW.set(bytes);
    }

    /// Logs an error of the source.
    ///
    /// It is not sent to the host, because no host accepts an error on a
    /// source's channel: it would become a row without columns.
    pub fn emit_error(&self, error: impl fmt::Display) {
        error!(logger: self.logger(), "{error}");
    }
}

impl fmt::Debug for SourceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info.show(f, "SourceContext")
    }
}

/// Writes `{"message":…,"meta":…}`. Checks by the first byte of each part that
/// `message` is an object and `meta` an object or `null`.
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
    json::write(row, value).map_err(|source| EmitError::Encode { part, source })?;
    Ok(row[start])
}

/// Starts an instance of a configured source.
pub(crate) fn start(
    source: Box<dyn Source>,
    info: Arc<InstanceInfo>,
) -> Result<Box<dyn Instance>, BoxError> {
    let channel = Arc::new(Channel::connect(Arc::clone(&info))?);
    let ctx = SourceContext::new(Arc::clone(&info), Arc::clone(&channel) as _);
    let phase = Arc::new(Phase::default());
    let worker = {
        let (channel, phase) = (Arc::clone(&channel), Arc::clone(&phase));
        Worker::spawn(&info.symbol, move || run(source, &ctx, &channel, &phase))?
    };
    Ok(Box::new(RunningSource {
        info,
        channel,
        phase,
        worker,
    }))
}

/// The body of the instance's thread.
fn run(mut source: Box<dyn Source>, ctx: &SourceContext, channel: &Channel, phase: &Phase) {
    let info = &*ctx.info;
    let outcome = panics::outcome(|| source.open(ctx));
    let stopped = ctx.stopped();
    let intact = match outcome {
        Ok(Ok(())) => {
            // After a stop, the answer to the order says so.
            if !stopped {
                info!("source {info} has ended");
            }
            true
        }
        Ok(Err(cause)) if stopped => {
            debug!("source {info} was stopped, and `open` returned: {cause}");
            true
        }
        Ok(Err(cause)) => {
            error!("source {info} failed: {cause}");
            true
        }
        Err(panic) => {
            error!("source {info} ended: {panic}");
            false
        }
    };
    // The source ends when `open` returns: other threads that hold its context
    // can no longer emit.
    ctx.stop();
    if intact && phase.begin_close() {
        if let Err(cause) = panics::attempt(|| source.close(ctx)) {
            error!("source {info}: close failed: {cause}");
        }
    }
    panics::discard(format_args!("source {info}"), source);
    if !stopped {
        channel.finish_alone();
    }
}

struct RunningSource {
    info: Arc<InstanceInfo>,
    channel: Arc<Channel>,
    phase: Arc<Phase>,
    worker: Worker,
}

impl Instance for RunningSource {
    fn is_running(&self) -> bool {
        !self.info.stop.is_set() && !self.worker.is_finished()
    }

    fn begin_stop(&self) {
        self.info.stop.set();
    }

    fn release(&self, limits: &StopLimits) {
        self.channel.finish(limits.flush);
        // Ends an `emit` that waits for a host that no longer reads.
        self.channel.close();
    }

    fn finish_stop(self: Box<Self>, limits: &StopLimits) {
        let info = &self.info;
        match self.worker.join_until(limits.end) {
            Ok(()) => debug!("source {info} has stopped"),
            Err(_) if self.phase.abandon() => warn!(
                "source {info} did not stop in time: abandoned on its thread without calling close"
            ),
            Err(_) => {
                warn!("source {info} did not return from close in time: abandoned on its thread");
            }
        }
    }
}

#[cfg(test)]
mod tests;
