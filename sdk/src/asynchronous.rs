//! Async sources and sinks, on a tokio runtime. Needs the feature `tokio`, and
//! tokio itself with what the plugin uses of it:
//!
//! ```toml
//! ekuiper = { version = "0.1", features = ["tokio"] }
//! tokio = { version = "1", features = ["net", "time"] }
//! ```
//!
//! An async symbol is registered like any other one: [`source()`] and [`sink()`]
//! take what [`PluginConfig::source`](crate::PluginConfig::source) takes, a
//! constructor or a closure. A plugin can have async symbols beside others.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! use ekuiper::asynchronous::{self, AsyncSource, AsyncSourceContext};
//! use ekuiper::{PluginConfig, plugin, serde_json::json};
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     period: u64,
//! }
//!
//! struct Ticks {
//!     period: Duration,
//! }
//!
//! impl Ticks {
//!     fn new(settings: Settings) -> Self {
//!         Ticks { period: Duration::from_millis(settings.period) }
//!     }
//! }
//!
//! impl AsyncSource for Ticks {
//!     async fn open(&mut self, ctx: &AsyncSourceContext) -> ekuiper::Result {
//!         for n in 0.. {
//!             tokio::time::sleep(self.period).await;
//!             ctx.emit(json!({"n": n})).await?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     plugin::start(PluginConfig::new("ticks").source("ticks", asynchronous::source(Ticks::new)))
//! }
//! ```
//!
//! # The runtime
//!
//! The SDK starts one runtime for all async symbols of the process, when the
//! first of them is started: two workers, with all drivers that tokio was built
//! with. [`source_on`] and [`sink_on`] take a [`Handle`](::tokio::runtime::Handle)
//! to a runtime of the plugin's own instead.
//!
//! Each instance keeps a thread, as all instances do. On it the futures of the
//! instance itself are polled, so a panic ends only that instance; tasks that
//! these spawn run on the runtime's workers. Constructors, `configure` and the
//! drop of the value run in the context of the runtime, so they may spawn, too.
//!
//! # Stops
//!
//! At a stop, the future of a source's `open` is dropped where it awaits, and
//! `close` is called. A task that was spawned is not: let it end at
//! [`until_stopped`](AsyncSourceContext::until_stopped), or abort it in `close`.
//!
//! # Tests
//!
//! The tools of [`testing`](crate::testing) take async symbols, also within an
//! async test such as `#[tokio::test]`. They block its thread. So a symbol on the
//! runtime of the test itself, with [`source_on`] or [`sink_on`], needs the test
//! to have more workers: `#[tokio::test(flavor = "multi_thread")]`.

mod context;
mod runtime;
mod sink;
mod source;
mod symbol;

pub use context::{AsyncSourceContext, Emit};
pub use sink::AsyncSink;
pub use source::AsyncSource;
pub use symbol::{
    AsyncSinkSymbol, AsyncSourceSymbol, ConstructedAsyncSink, ConstructedAsyncSource, sink,
    sink_on, source, source_on,
};

#[cfg(test)]
mod tests;
