//! Write plugins for [eKuiper](https://ekuiper.org) in Rust: sources, sinks and
//! functions that run as a process of their own beside the stream engine, on
//! every eKuiper from 1.8 to 2.4.
//!
//! A complete plugin:
//!
//! ```no_run
//! use std::{process::ExitCode, time::Duration};
//! use ekuiper::{
//!     Args, Config, Data, Function, FunctionContext, PluginConfig, Sink, SinkContext, Source,
//!     SourceContext, Value, log::info, plugin, serde_json::json,
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
//!             ctx.emit(json!({"name": "pyjson", "value": 2021}), ())?;
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
//! /// Turns a text round.
//! struct Revert;
//!
//! impl Function for Revert {
//!     fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
//!         let text: String = args.parse(0)?;
//!         Ok(text.chars().rev().collect::<String>().into())
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     plugin::start(
//!         PluginConfig::new("pysam")
//!             .source("pyjson", PyJson::default)
//!             .sink("print", Print::default)
//!             .function("revert", || Revert),
//!     )
//! }
//! ```
//!
//! Beside the executable lies `pysam.json`, which names it and its symbols. A
//! native executable says `"language": "go"`, in whatever language it was
//! written: that means "run it directly".
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
//! # Threads
//!
//! Each source and each sink has a thread, each function has one, and the
//! caller of [`plugin::start`] serves the host's orders. A value of the
//! author's is used by one thread at a time. There is no async runtime; a plugin
//! that needs one starts it itself, and emits and acks from there: contexts are
//! handles that can be cloned and sent to any thread.
//!
//! # Errors and panics
//!
//! An error of a `configure` refuses the start, one of a `collect` fails the
//! row, one of an `exec` fails the call; each reaches the host as text. A panic
//! does the same and ends the instance; the process and the other symbols go on.
//! (A plugin is built with `panic = "unwind"`, the default.)
//!
//! # Unit tests
//!
//! [`testing`] drives one symbol in memory.

#![forbid(unsafe_code)]

mod ack;
mod args;
mod channel;
mod config;
mod context;
mod control;
mod data;
mod error;
mod function;
mod instance;
mod logger;
mod panics;
pub mod plugin;
mod sink;
mod source;
pub mod testing;
#[cfg(test)]
mod vectors;
mod wire;

pub use log;
pub use serde_json::{self, Value};

pub use args::{Args, Expr};
pub use config::{Config, ConfigError};
pub use context::Logger;
pub use data::Data;
pub use error::{BoxError, EmitError, Result};
pub use function::{Function, FunctionContext};
pub use plugin::PluginConfig;
pub use sink::{Sink, SinkContext};
pub use source::{Source, SourceContext};
