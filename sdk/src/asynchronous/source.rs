//! Async sources: the trait, and how one is run as a [`Source`].

use std::future::{Future, ready};

use tokio::runtime::Handle;

use super::context::AsyncSourceContext;
use super::runtime::{Inside, unless_stopped};
use crate::{Config, Result, Source, SourceContext};

/// A source whose methods are async. Registered with
/// [`asynchronous::source`](super::source()).
///
/// `configure`, `open` and `close` are called once each, in this order. In an
/// implementation the methods are written as `async fn`; see [the
/// module](super).
pub trait AsyncSource: Send {
    /// Configures the instance; see [`Source::configure`]. It is not async,
    /// because the host waits until it returns. It may spawn tasks.
    ///
    /// # Errors
    ///
    /// An error refuses the start, and its text is the answer to the host.
    fn configure(&mut self, datasource: &str, config: &Config) -> Result {
        let _ = (datasource, config);
        Ok(())
    }

    /// Emits rows until the instance is stopped.
    ///
    /// At a stop the future is dropped where it awaits. What must still be done
    /// then belongs into [`close`](Self::close).
    ///
    /// # Errors
    ///
    /// An error ends the instance and is logged at once.
    fn open(&mut self, ctx: &AsyncSourceContext) -> impl Future<Output = Result> + Send;

    /// Cleans up after `open` has returned or was dropped.
    ///
    /// It is not called if `open` panicked. If it is not ready 0.8 s after the
    /// stop, the instance is abandoned.
    ///
    /// # Errors
    ///
    /// An error is logged.
    fn close(&mut self, ctx: &AsyncSourceContext) -> impl Future<Output = Result> + Send {
        let _ = ctx;
        ready(Ok(()))
    }
}

/// An async source as a source with a thread.
pub(super) struct Threaded<S>(Inside<S>);

impl<S: AsyncSource> Threaded<S> {
    pub(super) fn new(source: S, handle: Handle) -> Self {
        Threaded(Inside::new(source, handle))
    }
}

impl<S: AsyncSource> Source for Threaded<S> {
    fn configure(&mut self, datasource: &str, config: &Config) -> Result {
        self.0.enter(|source| source.configure(datasource, config))
    }

    fn open(&mut self, ctx: &SourceContext) -> Result {
        let ctx = AsyncSourceContext::new(ctx.clone());
        self.0.block_on(async |source| {
            let opened = unless_stopped(ctx.until_stopped(), source.open(&ctx)).await;
            opened.unwrap_or(Ok(()))
        })
    }

    fn close(&mut self, ctx: &SourceContext) -> Result {
        let ctx = AsyncSourceContext::new(ctx.clone());
        self.0.block_on(async |source| source.close(&ctx).await)
    }
}
