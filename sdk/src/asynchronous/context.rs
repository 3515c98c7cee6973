//! The context of an async source, and the future that emits a row.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use serde::Serialize;
use tokio::task::coop;

use crate::context::{InstanceInfo, instance_methods};
use crate::wakers::Place;
use crate::{EmitError, SourceContext, StopGuard, UntilStopped};

/// What an async source knows about its instance, and how it emits rows.
///
/// A context is a handle: clones refer to the same instance, and any task or
/// thread may use them. No method blocks.
#[derive(Clone)]
pub struct AsyncSourceContext {
    inner: SourceContext,
}

impl AsyncSourceContext {
    pub(super) fn new(inner: SourceContext) -> Self {
        AsyncSourceContext { inner }
    }

    fn info(&self) -> &InstanceInfo {
        self.inner.info()
    }

    instance_methods!();

    /// Sends one row to the host.
    ///
    /// `row` is any value or reference that serializes to a JSON object. It is
    /// serialized in this call, so the future does not borrow it.
    ///
    /// The future waits while the host reads more slowly than rows are emitted,
    /// and while the host is away. It needs no thread meanwhile. A stop ends the
    /// wait. Rows that a task emits one after the other stay in that order.
    ///
    /// # Cancel safety
    ///
    /// The future sends the row and is ready in the same poll. If it is dropped
    /// before that, for example by `select!`, the row is not sent.
    ///
    /// # Errors
    ///
    /// The same as those of [`SourceContext::emit`]. Never [`EmitError::Full`].
    pub fn emit(&self, row: impl Serialize) -> Emit<'_> {
        self.emit_with(row, ())
    }

    /// Sends one row to the host like [`emit`](Self::emit), with metadata: a JSON
    /// object, or `()` for none.
    ///
    /// # Errors
    ///
    /// The same as those of [`emit`](Self::emit), also for `meta`.
    pub fn emit_with(&self, row: impl Serialize, meta: impl Serialize) -> Emit<'_> {
        Emit {
            row: Some(self.inner.encode(&row, &meta)),
            room: Place::default(),
            stopped: None,
            ctx: &self.inner,
        }
    }

    /// Sends one row to the host if the channel has room. See
    /// [`SourceContext::try_emit`].
    ///
    /// # Errors
    ///
    /// The same as those of [`emit`](Self::emit), and [`EmitError::Full`] if the
    /// channel has no room. The row is then not sent.
    pub fn try_emit(&self, row: impl Serialize) -> Result<(), EmitError> {
        self.inner.try_emit(row)
    }

    /// Sends one row with metadata to the host if the channel has room. See
    /// [`SourceContext::try_emit_with`].
    ///
    /// # Errors
    ///
    /// The same as those of [`try_emit`](Self::try_emit), also for `meta`.
    pub fn try_emit_with(
        &self,
        row: impl Serialize,
        meta: impl Serialize,
    ) -> Result<(), EmitError> {
        self.inner.try_emit_with(row, meta)
    }

    /// Logs an error of the source. See [`SourceContext::emit_error`].
    pub fn emit_error(&self, error: impl fmt::Display) {
        self.inner.emit_error(error);
    }

    /// Returns whether the instance was stopped.
    pub fn stopped(&self) -> bool {
        self.inner.stopped()
    }

    /// Returns a future that is ready once the instance was stopped or has ended
    /// by itself. For tasks: `open` itself is dropped at a stop.
    pub fn until_stopped(&self) -> UntilStopped {
        self.inner.until_stopped()
    }

    /// Calls `callback` once when the instance is stopped. See
    /// [`SourceContext::on_stop`].
    pub fn on_stop(&self, callback: impl FnOnce() + Send + 'static) -> StopGuard {
        self.inner.on_stop(callback)
    }

    /// Returns the context whose methods block, for `spawn_blocking` and other
    /// threads.
    pub fn blocking(&self) -> &SourceContext {
        &self.inner
    }
}

impl fmt::Debug for AsyncSourceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info().show(f, "AsyncSourceContext")
    }
}

/// The future of [`AsyncSourceContext::emit`].
#[must_use = "a row is sent when the future is awaited"]
pub struct Emit<'a> {
    ctx: &'a SourceContext,
    /// `None` once the future was ready.
    row: Option<Result<Vec<u8>, EmitError>>,
    room: Place,
    stopped: Option<UntilStopped>,
}

impl Emit<'_> {
    /// Sends the row if there is room, and otherwise keeps it.
    fn attempt(&mut self) -> Poll<Result<(), EmitError>> {
        let row = self.row.take().expect("polled after it was ready")?;
        match self.ctx.outlet().try_send(&row) {
            Err(EmitError::Full) => {
                self.row = Some(Ok(row));
                Poll::Pending
            }
            outcome => {
                SourceContext::recycle(row);
                Poll::Ready(outcome)
            }
        }
    }
}

impl Future for Emit<'_> {
    type Output = Result<(), EmitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A task that only emits lets others of its worker run, too.
        let budget = ready!(coop::poll_proceed(cx));
        let emit = &mut *self;
        let mut outcome = emit.attempt();
        if outcome.is_pending() {
            emit.ctx.outlet().room().put(&mut emit.room, cx.waker());
            let stopped = emit.stopped.get_or_insert_with(|| emit.ctx.until_stopped());
            outcome = match Pin::new(stopped).poll(cx) {
                Poll::Ready(()) => Poll::Ready(Err(EmitError::Stopped)),
                // Room that came before `put` has woken nobody.
                Poll::Pending => emit.attempt(),
            };
        }
        if outcome.is_ready() {
            budget.made_progress();
        }
        outcome
    }
}

impl Drop for Emit<'_> {
    fn drop(&mut self) {
        self.ctx.outlet().room().take(&mut self.room);
    }
}

impl fmt::Debug for Emit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emit").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
