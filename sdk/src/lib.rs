//! The Rust SDK for the portable plugins of [eKuiper](https://ekuiper.org):
//! sources, sinks and functions that run in a separate process next to the
//! stream engine. It works with every release from 1.8 to 2.4.
//!
//! - [The example](reference::example) is a complete plugin with unit tests, to be
//!   copied.
//! - [`mock-kuiper`](https://crates.io/crates/mock-kuiper) (`cargo install
//!   mock-kuiper`) runs and tests a plugin as eKuiper does, without eKuiper: run
//!   `mock-kuiper run .` in the plugin's directory. `mock-kuiper pack .` makes the zip
//!   that eKuiper installs.
//! - [The log](#logs) says why a plugin does not work. In eKuiper it is in
//!   `log/stream.log`.
//! - [The protocol](reference::protocol) tells what goes over the wire.
//!
//! A complete plugin:
//!
//! ```no_run
//! use std::{process::ExitCode, time::Duration};
//! use ekuiper::{
//!     Config, Data, PluginConfig, Sink, SinkContext, Source, SourceContext, log::info, plugin,
//!     serde_json::json,
//! };
//!
//! /// Emits `{"name":"pyjson","value":2021}` five times a second.
//! #[derive(Default)]
//! struct PyJson;
//!
//! impl Source for PyJson {
//!     fn configure(&mut self, datasource: &str, config: &Config) -> ekuiper::Result {
//!         info!("configured with datasource {datasource} and {config}");
//!         Ok(())
//!     }
//!
//!     fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
//!         while ctx.sleep(Duration::from_millis(200)) {
//!             ctx.emit(json!({"name": "pyjson", "value": 2021}))?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! /// Logs what it receives.
//! #[derive(Default)]
//! struct Print;
//!
//! impl Sink for Print {
//!     fn configure(&mut self, _config: &Config) -> ekuiper::Result {
//!         Ok(())
//!     }
//!
//!     fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
//!         info!(logger: ctx.logger(), "received {data}");
//!         Ok(())
//!     }
//! }
//!
//! /// Reverses a string.
//! fn revert(text: String) -> String {
//!     text.chars().rev().collect()
//! }
//!
//! fn main() -> ExitCode {
//!     plugin::start(
//!         PluginConfig::new("pysam")
//!             .source("pyjson", PyJson::default)
//!             .sink("print", Print::default)
//!             .function("revert", revert),
//!     )
//! }
//! ```
//!
//! The file `pysam.json` next to the executable names the executable and its
//! symbols. The language of every native executable is `"go"`, which means "run
//! it directly".
//!
//! ```json
//! {
//!   "version": "v1.0.0",
//!   "language": "go",
//!   "executable": "pysam",
//!   "sources": ["pyjson"],
//!   "sinks": ["print"],
//!   "functions": ["revert"]
//! }
//! ```
//!
//! `mock-kuiper check` writes this file from the code, and names what differs in one
//! that exists. With the feature `metadata` it also writes the files for eKuiper's user
//! interface: see `ekuiper::metadata`.
//!
//! # Threads
//!
//! Each instance of a source or sink has a thread, and so has each function. The
//! thread that calls [`plugin::start`] serves the host's orders. Only one thread
//! at a time uses a value that implements [`Source`], [`Sink`] or [`Function`].
//!
//! Contexts are handles that can be cloned and sent to any thread or task. What
//! blocks ends at a stop with `on_stop`, a callback, or `until_stopped`, a future.
//! Async sources and sinks need the feature `tokio`: see the module
//! `asynchronous`.
//!
//! # Errors and panics
//!
//! An error from `configure` refuses the start, an error from `collect` fails
//! the row, and an error from `exec` fails the call. Each reaches the host as
//! text. A panic counts as an error, and also ends the instance of a source or
//! sink; the process and the other symbols go on. This requires
//! `panic = "unwind"`, the default.
//!
//! The text of a panic has its location: `panicked at src/weather.rs:12:5: no
//! such city`. It goes to the host, like the text of an error, and to the log.
//! For this the SDK installs a panic hook, which then calls the hook before it.
//! Rust's own hook prints the panic to stderr once more, with a backtrace if
//! `RUST_BACKTRACE=1` is set; a plugin that wants the one line only sets an empty
//! hook before [`plugin::start`].
//!
//! # Logs
//!
//! The SDK logs through the crate [`log`], and so does a plugin. [`plugin::start`]
//! installs a logger that writes to stderr, unless the process has one; hosts put
//! a plugin's stderr into their own log. The variable `RUST_LOG` selects what is
//! shown: `RUST_LOG=info,weather=debug`. `ctx.logger()` names the rule, the operator
//! and the instance in each line.
//!
//! With the feature `tracing`, the plugin's code runs in spans of the crate
//! `tracing`, so that its events need not repeat these ids:
//!
//! - `instance`, with the fields `kind`, `symbol`, `rule`, `op` and `instance`, for
//!   a source or sink from its construction to its `close`; for a function, which
//!   all rules share, with `kind` and `symbol` alone
//! - in it, for each call, `collect` and `flush` with `symbol`, `rule`, `op` and
//!   `instance`, and `exec` with `function_id` as well
//!
//! Threads that the plugin starts enter the span themselves, with
//! `tracing::Span::current()`. Without a subscriber there are no spans, and events
//! go to the logger. A subscriber is installed before the start:
//!
//! ```no_run
//! # fn plugin_config() -> ekuiper::PluginConfig { ekuiper::PluginConfig::new("weather") }
//! fn main() -> std::process::ExitCode {
//!     tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
//!     ekuiper::plugin::start(plugin_config())
//! }
//! ```
//!
//! `tracing::info!("connected")` in `open` then becomes
//!
//! ```text
//! 2026-01-31T23:59:59.123456Z  INFO instance{kind=source symbol="weather" rule="rule1" op="demo" instance=0}: weather: connected
//! ```
//!
//! The SDK's own lines go through [`log`]; `tracing-subscriber` shows them, too
//! (its feature `tracing-log`, on by default). The spans have the level `info` and
//! the target `ekuiper::span`: a filter such as `weather=debug` also needs
//! `ekuiper::span=info`.
//!
//! # Unit tests
//!
//! The module [`testing`] runs one symbol in memory.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `metadata`: files for eKuiper's user interface from the plugin's types, with
//!   the crate `schemars`
//! - `tokio`: async sources and sinks
//! - `tracing`: spans around the plugin's code

#![forbid(unsafe_code)]

mod ack;
mod args;
#[cfg(feature = "tokio")]
pub mod asynchronous;
mod bytes;
mod channel;
mod config;
mod context;
mod control;
mod data;
mod describe;
mod durations;
mod error;
mod function;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
mod given;
mod instance;
mod journal;
mod json;
mod logger;
#[cfg(feature = "metadata")]
pub mod metadata;
mod neighbours;
mod open_files;
mod panics;
pub mod plugin;
mod quantity;
#[cfg(all(doc, not(doctest)))]
pub mod reference;
mod secret;
mod short;
mod sink;
mod sizes;
mod source;
mod span;
mod stop;
mod symbol;
pub mod testing;
#[cfg(test)]
mod vectors;
mod wakers;
mod wire;

pub use log;
pub use serde_json::{self, Value};

pub use args::{Args, Expr};
pub use bytes::Bytes;
pub use config::{Config, ConfigError};
pub use context::Logger;
pub use data::Data;
pub use durations::duration;
pub use error::{BoxError, EmitError, Result};
pub use function::plain::IntoAggregate;
pub use function::returned::Returned;
pub use function::{Function, FunctionContext};
pub use plugin::PluginConfig;
pub use secret::Secret;
pub use sink::{Sink, SinkContext};
pub use sizes::size;
pub use source::{Source, SourceContext};
pub use stop::{StopGuard, UntilStopped};
pub use symbol::{
    Action, FunctionSymbol, IntoFunction, IntoSink, IntoSource, SinkSymbol, SourceSymbol, Stream,
    Untyped,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
