//! Async sinks: the trait, and how one is run as a [`Sink`].

use std::future::{Future, ready};
use std::time::Duration;

use log::debug;
use tokio::runtime::Handle;

use super::runtime::{Inside, unless_stopped};
use crate::{Config, Data, Result, Sink, SinkContext};

/// A sink whose methods are async. Registered with
/// [`asynchronous::sink`](super::sink()).
///
/// `configure`, `open`, any number of `collect`s and `close` are called in this
/// order. In an implementation the methods are written as `async fn`:
///
/// ```
/// use ekuiper::asynchronous::AsyncSink;
/// use ekuiper::{Data, SinkContext};
/// use tokio::sync::mpsc::Sender;
///
/// struct Forward {
///     to: Sender<String>,
/// }
///
/// impl AsyncSink for Forward {
///     async fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
///         Ok(self.to.send(data.to_string()).await?)
///     }
/// }
/// ```
///
/// The [`SinkContext`] is a handle that tasks may use: its
/// [`ack_ok`](SinkContext::ack_ok) and [`ack_error`](SinkContext::ack_error)
/// never wait. Do not call its [`sleep`](SinkContext::sleep), which blocks.
pub trait AsyncSink: Send {
    /// Configures the instance; see [`Sink::configure`]. It is not async, because
    /// the host waits until it returns. It may spawn tasks.
    ///
    /// # Errors
    ///
    /// An error refuses the start, and its text is the answer to the host.
    fn configure(&mut self, config: &Config) -> Result {
        let _ = config;
        Ok(())
    }

    /// Prepares for rows. At a stop the future is dropped where it awaits; the
    /// instance then ends without `close`, and a row that the host has already sent
    /// fails.
    ///
    /// # Errors
    ///
    /// An error ends the instance and is logged.
    fn open(&mut self, ctx: &SinkContext) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        ready(Ok(()))
    }

    /// Receives one message: a row, or a batch of rows. The next message waits
    /// until the future is ready. See [`Sink::collect`].
    ///
    /// A stop does not drop the future, because the row was accepted before it.
    /// If it can wait for long, let it end at
    /// [`until_stopped`](SinkContext::until_stopped): 0.8 s after the stop the
    /// instance is abandoned.
    ///
    /// # Errors
    ///
    /// An error is logged and sent as the ack.
    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>)
    -> impl Future<Output = Result> + Send;

    /// Returns whether the sink acks every message by hand, for example from
    /// tasks; see [`Sink::acks_by_hand`]. The acks must be sent in the order of
    /// the messages.
    fn acks_by_hand(&self) -> bool {
        false
    }

    /// Returns the linger time of a sink that works in batches; see
    /// [`Sink::linger`].
    fn linger(&self) -> Option<Duration> {
        None
    }

    /// Commits what was collected since the last `flush`. Called only for a sink
    /// with a [`linger`](Self::linger) time; see [`Sink::flush`]. A stop does not
    /// drop the future.
    ///
    /// # Errors
    ///
    /// An error is logged and sent as the ack of each message that waits for this
    /// flush.
    fn flush(&mut self, ctx: &SinkContext) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        ready(Ok(()))
    }

    /// Cleans up after the last `collect` or `flush`. It may wait for tasks that
    /// still have to ack, within 0.8 s after the stop.
    ///
    /// # Errors
    ///
    /// An error is logged.
    fn close(&mut self, ctx: &SinkContext) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        ready(Ok(()))
    }
}

/// An async sink as a sink with a thread.
pub(super) struct Threaded<S> {
    sink: Inside<S>,
    /// Whether the stop came before `open` was ready. Then no other method of the
    /// plugin is called.
    never_opened: bool,
}

impl<S: AsyncSink> Threaded<S> {
    pub(super) fn new(sink: S, handle: Handle) -> Self {
        Threaded {
            sink: Inside::new(sink, handle),
            never_opened: false,
        }
    }
}

impl<S: AsyncSink> Sink for Threaded<S> {
    fn configure(&mut self, config: &Config) -> Result {
        self.sink.enter(|sink| sink.configure(config))
    }

    fn open(&mut self, ctx: &SinkContext) -> Result {
        let opened = self
            .sink
            .block_on(async |sink| unless_stopped(ctx.until_stopped(), sink.open(ctx)).await);
        opened.unwrap_or_else(|| {
            debug!(logger: ctx.logger(), "stopped before `open` was ready");
            self.never_opened = true;
            Ok(())
        })
    }

    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> Result {
        if self.never_opened {
            return Err("the sink was stopped before `open` was ready".into());
        }
        self.sink
            .block_on(async |sink| sink.collect(ctx, data).await)
    }

    fn acks_by_hand(&self) -> bool {
        !self.never_opened && self.sink.get().acks_by_hand()
    }

    fn linger(&self) -> Option<Duration> {
        self.sink.get().linger().filter(|_| !self.never_opened)
    }

    fn flush(&mut self, ctx: &SinkContext) -> Result {
        self.sink.block_on(async |sink| sink.flush(ctx).await)
    }

    fn close(&mut self, ctx: &SinkContext) -> Result {
        if self.never_opened {
            return Ok(());
        }
        self.sink.block_on(async |sink| sink.close(ctx).await)
    }
}
