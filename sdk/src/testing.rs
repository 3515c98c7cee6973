//! Unit tests for one source, sink or function, in memory.
//!
//! There is no socket, host or other process. Contexts, acks and answers work as
//! they do under a host. An error or a panic of the symbol becomes a
//! [`Failure`].
//!
//! # The log
//!
//! A failing test shows what was logged: `debug` and above of the crate that
//! defines the symbol, `info` and above of others, or what `RUST_LOG` selects. The
//! test framework captures these lines, also those of threads that the symbol
//! starts. A [`Failure`] repeats the last 10 warnings and errors of its instance.
//!
//! For this the first test installs a logger, unless the process has one. A test
//! that installs another one must accept that it may be too late, such as
//! `env_logger` with `try_init`.
//!
//! # Example
//!
//! ```
//! # use ekuiper::{Args, Config, Data, Function, FunctionContext, Sink, SinkContext, Source, SourceContext, Value};
//! use ekuiper::{serde_json::json, testing};
//! # struct Count;
//! # impl Source for Count {
//! #     fn configure(&mut self, _: &str, _: &Config) -> ekuiper::Result { Ok(()) }
//! #     fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
//! #         for n in 0.. { ctx.emit(json!({"n": n}))?; }
//! #         Ok(())
//! #     }
//! # }
//! # struct Print;
//! # impl Sink for Print {
//! #     fn configure(&mut self, _: &Config) -> ekuiper::Result { Ok(()) }
//! #     fn collect(&mut self, _: &SinkContext, data: Data<'_>) -> ekuiper::Result {
//! #         data.rows::<Value>()?;
//! #         Ok(())
//! #     }
//! # }
//! # struct Double;
//! # impl Function for Double {
//! #     fn exec(&mut self, args: Args, _: &FunctionContext) -> ekuiper::Result<Value> {
//! #         Ok((args.parse::<i64>(0)? * 2).into())
//! #     }
//! # }
//!
//! let rows = testing::source(Count).config(json!({"period": 10})).rows(2)?;
//! assert_eq!(rows[1].message, json!({"n": 1}));
//!
//! let mut sink = testing::sink(Print).open()?;
//! assert_eq!(sink.feed(r#"[{"n":1}]"#), [testing::Ack::Ok]);
//!
//! let mut double = testing::function(Double);
//! assert_eq!(double.exec([json!(21)])?, json!(42));
//! # Ok::<(), testing::Failure>(())
//! ```

mod function;
mod handover;
mod logs;
mod sink;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::context::{Identity, InstanceInfo};
use crate::instance::Worker;
use crate::journal::{self, Journal};
use crate::span::Span;
use crate::wire::Kind;
use crate::{Config, IntoSource, Source, SourceContext, SourceSymbol, Stream, panics};

pub use self::function::{FunctionTest, FunctionUnderTest, aggregate, function};
pub use self::sink::{Ack, OpenSink, SinkTest, SinkUnderTest, sink};

use self::handover::Handover;

/// The failure of a step, such as `configure: config.path: expected a string,
/// found null`.
///
/// Warnings and errors that were logged before are shown after it, one on each
/// line.
pub struct Failure {
    step: &'static str,
    text: String,
    /// The lines that were logged before, each after a line break.
    log: String,
}

impl Failure {
    fn new(step: &'static str, text: impl Into<String>) -> Self {
        Failure {
            step,
            text: text.into(),
            log: String::new(),
        }
    }

    fn at(step: &'static str) -> impl FnOnce(String) -> Self {
        move |text| Failure::new(step, text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.text)?;
        if !self.log.is_empty() {
            write!(f, "; logged before:{}", self.log)?;
        }
        Ok(())
    }
}

/// Writes the same text as `Display`, so that a failed `unwrap` is readable.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Failure {}

/// What surrounds the code of an instance under test: its journal and its span.
#[derive(Clone)]
struct Surroundings {
    journal: Journal,
    span: Span,
}

impl Surroundings {
    fn new(kind: Kind) -> Self {
        let identity = (kind != Kind::Function).then(identity);
        Surroundings {
            journal: Journal::default(),
            span: Span::instance(kind, "test", identity.as_ref()),
        }
    }

    /// Forgets what was logged: the next failure does not repeat it.
    fn again(&self) -> &Self {
        self.journal.clear();
        self
    }

    fn within<T>(&self, code: impl FnOnce() -> T) -> T {
        journal::within(Some(self.journal.clone()), || self.span.within(code))
    }

    /// Runs a step of a test. Its failure repeats what was logged.
    fn watch<T>(&self, step: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.within(step).map_err(|failure| {
            let log = self.journal.take(&failure.text);
            Failure { log, ..failure }
        })
    }
}

/// Returns the instance of a test: rule `test`, operator `test`, number 0.
fn instance_info() -> Arc<InstanceInfo> {
    InstanceInfo::new("test", identity())
}

fn identity() -> Identity {
    Identity {
        rule_id: "test".to_owned(),
        op_id: "test".to_owned(),
        instance_id: 0,
    }
}

fn config(value: Value) -> Result<Config, Failure> {
    Config::from_json(value).map_err(|error| Failure::new("test", error.to_string()))
}

/// One row that a source emitted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Row {
    /// The row itself, a JSON object.
    pub message: Value,
    /// The description of the row: a JSON object or `null`.
    pub meta: Value,
}

/// Marks a symbol that is tested as a value, not as a constructor.
#[derive(Debug)]
pub enum ByValue {}

/// What can be tested as a source: a value that implements [`Source`], or anything
/// that makes one, see [`IntoSource`].
pub trait SourceUnderTest<M> {
    /// Converts it to a symbol that makes one source.
    fn source_symbol(self) -> SourceSymbol;
}

impl<S: Source + 'static> SourceUnderTest<ByValue> for S {
    fn source_symbol(self) -> SourceSymbol {
        let mut value = Some(self);
        SourceSymbol {
            about: None,
            make: Box::new(move |_, _| match value.take() {
                Some(source) => Ok(Box::new(source)),
                None => Err("a test makes one source".into()),
            }),
        }
    }
}

impl<M, F: IntoSource<M>> SourceUnderTest<(M,)> for F {
    fn source_symbol(self) -> SourceSymbol {
        self.into_source()
    }
}

/// Begins a test of a source: of a value, or of a constructor.
pub fn source<M>(source: impl SourceUnderTest<M>) -> SourceTest {
    logs::show(&source);
    SourceTest {
        source: source.source_symbol(),
        datasource: String::new(),
        config: Value::Null,
        limit: Duration::from_secs(10),
    }
}

/// A source under test; see [`source`].
#[must_use = "call `rows` or `configure`"]
pub struct SourceTest {
    source: SourceSymbol,
    datasource: String,
    config: Value,
    limit: Duration,
}

impl SourceTest {
    /// Sets the stream's datasource. Default: empty.
    pub fn datasource(mut self, datasource: impl Into<String>) -> Self {
        self.datasource = datasource.into();
        self
    }

    /// Sets the configuration, a JSON object. Default: empty.
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Sets the time limit of [`rows`](Self::rows). It applies to the rows and
    /// then again to the stop. Default: 10 s.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Configures the source without opening it.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of `configure`.
    pub fn configure(mut self) -> Result<(), Failure> {
        Surroundings::new(Kind::Source).watch(|| self.make(&instance_info()).map(drop))
    }

    /// Makes the source and configures it.
    fn make(&mut self, info: &Arc<InstanceInfo>) -> Result<Box<dyn Source>, Failure> {
        let config = config(std::mem::take(&mut self.config))?;
        let stream = Stream::new(&self.datasource, Arc::clone(info));
        panics::attempt(|| self.source.configured(&config, &stream))
            .map_err(Failure::at("configure"))
    }

    /// Configures and opens the source, stops it after `count` rows, and closes
    /// it. Returns the rows. They are fewer than `count` if the source ended
    /// earlier by itself.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of a step, also if the rows or the stop take longer than
    /// the time limit.
    pub fn rows(self, count: usize) -> Result<Vec<Row>, Failure> {
        Surroundings::new(Kind::Source).watch(|| self.run(count))
    }

    fn run(mut self, count: usize) -> Result<Vec<Row>, Failure> {
        let info = instance_info();
        let mut source = self.make(&info)?;
        let limit = self.limit;
        let handover = Arc::new(Handover::default());
        let rows = Arc::clone(&handover);
        let (done, outcome) = mpsc::channel();
        let ctx = SourceContext::new(Arc::clone(&info), Arc::clone(&handover) as _);
        let worker = Worker::spawn("source", move || {
            let opened = panics::outcome(|| source.open(&ctx));
            let stopped = ctx.stopped();
            // The source ends when `open` returns, as it does under a host.
            ctx.stop();
            handover.end();
            let result = match opened {
                Ok(Err(error)) if !stopped => Err(Failure::new("open", error)),
                Ok(_) => panics::attempt(|| source.close(&ctx)).map_err(Failure::at("close")),
                Err(panic) => Err(Failure::new("open", panic)),
            };
            let dropped = panics::catch(move || drop(source)).map_err(Failure::at("drop"));
            // Fails if the test has given up waiting.
            let _ = done.send(result.and(dropped));
        })
        .map_err(|error| Failure::new("test", error.to_string()))?;
        let taken = take(&rows, count, Instant::now() + limit);
        info.stop.set();
        rows.end();
        if worker.join_until(Instant::now() + limit).is_err() {
            return Err(Failure::new(
                "open",
                format!("did not return within {limit:?} after the stop"),
            ));
        }
        outcome
            .recv()
            .expect("the thread sends its outcome before it ends")?;
        taken.map_err(|rows| {
            Failure::new(
                "open",
                format!("emitted {} of {count} rows in {limit:?}", rows.len()),
            )
        })
    }
}

impl fmt::Debug for SourceTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceTest").finish_non_exhaustive()
    }
}

/// Takes up to `count` rows. Returns the rows taken so far as an error if `end`
/// passes first.
fn take(rows: &Handover, count: usize, end: Instant) -> Result<Vec<Row>, Vec<Row>> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match rows.take(end) {
            Ok(Some(row)) => {
                taken.push(serde_json::from_slice(&row).expect("emit writes JSON"));
            }
            Ok(None) => break,
            Err(_) => return Err(taken),
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests;
