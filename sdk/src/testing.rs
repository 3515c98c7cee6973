//! Drives one source, sink or function in memory, for an author's unit tests.
//!
//! No socket, no host, no process: the symbol meets the same contexts, acks and
//! answers as under a host. A panic of its code becomes a [`Failure`].
//!
//! ```
//! # use ekuiper::{Args, Config, Data, Function, FunctionContext, Sink, SinkContext, Source, SourceContext, Value};
//! use ekuiper::{serde_json::json, testing};
//! # struct Count;
//! # impl Source for Count {
//! #     fn configure(&mut self, _: &str, _: &Config) -> ekuiper::Result { Ok(()) }
//! #     fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
//! #         for n in 0.. { ctx.emit(json!({"n": n}), ())?; }
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
//! let rows = testing::source(Count).config(json!({"interval": 10})).rows(2)?;
//! assert_eq!(rows[1].message, json!({"n": 1}));
//!
//! let mut sink = testing::sink(Print).open()?;
//! assert_eq!(sink.feed(r#"[{"n":1}]"#), [testing::Ack::Ok]);
//!
//! let mut double = testing::function(Double);
//! assert_eq!(double.exec([json!(21)])?, json!(42));
//! # Ok::<(), testing::Failure>(())
//! ```

use std::error::Error;
use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::context::{self, Identity};
use crate::function::Calls;
use crate::instance::{Worker, left};
use crate::sink::{AckOutlet, Collector};
use crate::source::Outlet;
use crate::{Config, Expr, Function, Sink, SinkContext, Source, SourceContext, panics};

/// Which step of a symbol failed, and how: `configure: config.path: expected a
/// string, found null`.
pub struct Failure {
    step: &'static str,
    text: String,
}

impl Failure {
    fn new(step: &'static str, text: impl Into<String>) -> Self {
        Failure {
            step,
            text: text.into(),
        }
    }

    fn at(step: &'static str) -> impl FnOnce(String) -> Self {
        move |text| Failure::new(step, text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.text)
    }
}

/// As `Display`, so that an `unwrap` in a test is readable.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Failure {}

/// The instance that a test plays: rule `test`, operator `test`, number 0.
fn instance() -> Arc<context::Instance> {
    context::Instance::new("test", identity())
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
    /// The row: an object.
    pub message: Value,
    /// What is about the row: an object, or null.
    pub meta: Value,
}

/// Drives a source.
pub fn source(source: impl Source + 'static) -> SourceTest {
    SourceTest {
        source: Box::new(source),
        datasource: String::new(),
        config: Value::Null,
        limit: Duration::from_secs(10),
    }
}

/// A source to be driven; see [`source`].
#[must_use = "call `rows` or `configure`"]
pub struct SourceTest {
    source: Box<dyn Source>,
    datasource: String,
    config: Value,
    limit: Duration,
}

impl SourceTest {
    /// Sets the stream's datasource; else it is empty.
    pub fn datasource(mut self, datasource: impl Into<String>) -> Self {
        self.datasource = datasource.into();
        self
    }

    /// Sets the configuration, an object; else it is empty.
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Sets how long [`rows`](Self::rows) waits, 10 s else: once for the rows,
    /// and once more for the source to stop.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Configures the source, no more.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of its `configure`.
    pub fn configure(mut self) -> Result<(), Failure> {
        self.configure_source()
    }

    fn configure_source(&mut self) -> Result<(), Failure> {
        let config = config(std::mem::take(&mut self.config))?;
        panics::attempt(|| self.source.configure(&self.datasource, &config))
            .map_err(Failure::at("configure"))
    }

    /// Configures and opens the source, stops it after `count` rows and closes
    /// it. Returns the rows: fewer than `count` where it ended by itself.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of a step; also where the rows do not come, or the
    /// source does not stop, within the limit.
    pub fn rows(mut self, count: usize) -> Result<Vec<Row>, Failure> {
        self.configure_source()?;
        let SourceTest {
            mut source, limit, ..
        } = self;
        let instance = instance();
        let (send, rows) = mpsc::sync_channel(0);
        let (done, outcome) = mpsc::channel();
        let ctx = SourceContext::new(Arc::clone(&instance), Arc::new(Handover(send)));
        let worker = Worker::spawn("source", move || {
            let opened = panics::catch(|| source.open(&ctx));
            let result = match opened {
                Ok(Err(error)) if !ctx.stopped() => {
                    Err(Failure::new("open", crate::error::chain(&*error)))
                }
                Ok(_) => panics::attempt(|| source.close(&ctx)).map_err(Failure::at("close")),
                Err(panic) => Err(Failure::new("open", panic)),
            };
            // A test that has given up waits no more.
            let _ = done.send(result);
        })
        .map_err(|error| Failure::new("test", error.to_string()))?;
        let taken = take(&rows, count, Instant::now() + limit);
        instance.stop.set();
        drop(rows);
        if worker.join_until(Instant::now() + limit).is_err() {
            return Err(Failure::new(
                "open",
                format!("has not returned {limit:?} after its stop"),
            ));
        }
        outcome
            .recv()
            .unwrap_or_else(|_| Err(Failure::new("source", "a panic while it was dropped")))?;
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

/// Takes up to `count` rows; gives back what came as an error at `end`.
fn take(rows: &Receiver<Vec<u8>>, count: usize, end: Instant) -> Result<Vec<Row>, Vec<Row>> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match rows.recv_timeout(left(end)) {
            Ok(row) => taken.push(serde_json::from_slice(&row).expect("emit writes JSON")),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => return Err(taken),
        }
    }
    Ok(taken)
}

/// Hands rows to the test, one at a time, as a host that reads slowly.
struct Handover(SyncSender<Vec<u8>>);

impl Outlet for Handover {
    fn send(&self, row: &[u8]) -> bool {
        self.0.send(row.to_vec()).is_ok()
    }
}

/// What a host is told about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Done.
    Ok,
    /// Failed, with the error's text.
    Error(String),
}

/// Drives a sink.
pub fn sink(sink: impl Sink + 'static) -> SinkTest {
    SinkTest {
        sink: Box::new(sink),
        config: Value::Null,
    }
}

/// A sink to be opened; see [`sink`].
#[must_use = "call `open`"]
pub struct SinkTest {
    sink: Box<dyn Sink>,
    config: Value,
}

impl SinkTest {
    /// Sets the configuration, an object; else it is empty.
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Configures and opens the sink.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of its `configure` or `open`.
    pub fn open(mut self) -> Result<OpenSink, Failure> {
        let config = config(self.config)?;
        panics::attempt(|| self.sink.configure(&config)).map_err(Failure::at("configure"))?;
        let acks = Arc::new(TakenAcks::default());
        let ctx = SinkContext::new(instance(), Arc::clone(&acks) as _);
        let collector = Collector::open(self.sink, &ctx).map_err(Failure::at("open"))?;
        Ok(OpenSink {
            collector,
            ctx,
            acks,
            ended: None,
        })
    }
}

impl fmt::Debug for SinkTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkTest").finish_non_exhaustive()
    }
}

/// An opened sink: feed it rows, look at its acks.
pub struct OpenSink {
    collector: Collector,
    ctx: SinkContext,
    acks: Arc<TakenAcks>,
    ended: Option<String>,
}

impl OpenSink {
    /// Hands the sink one message, as a host sends it, and returns the acks
    /// that were sent since the last call.
    ///
    /// # Panics
    ///
    /// Where an earlier message made the sink panic: under a host the instance
    /// has ended.
    pub fn feed(&mut self, message: impl AsRef<[u8]>) -> Vec<Ack> {
        if let Some(panic) = &self.ended {
            panic!("the sink has ended before: {panic}");
        }
        self.ended = self.collector.collect(&self.ctx, message.as_ref()).err();
        self.acks()
    }

    /// Returns the acks that were sent since the last call, for a sink that
    /// acks later.
    pub fn acks(&mut self) -> Vec<Ack> {
        let mut acks = self.acks.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *acks)
    }

    /// Closes the sink.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of its `close`, or of the row that made it panic.
    pub fn close(self) -> Result<(), Failure> {
        self.ctx.stop();
        match self.ended {
            Some(panic) => Err(Failure::new("collect", panic)),
            None => self
                .collector
                .close(&self.ctx)
                .map_err(Failure::at("close")),
        }
    }
}

impl fmt::Debug for OpenSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSink").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct TakenAcks(Mutex<Vec<Ack>>);

impl AckOutlet for TakenAcks {
    fn offer(&self, ack: &[u8]) -> bool {
        let ack: Value = serde_json::from_slice(ack).expect("acks are JSON");
        let ack = match ack["error"].as_str() {
            Some(text) => Ack::Error(text.to_owned()),
            None => Ack::Ok,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ack);
        true
    }
}

/// Drives a function.
pub fn function(function: impl Function + 'static) -> FunctionTest {
    FunctionTest {
        calls: Calls::new("test", Box::new(function)),
        rule_id: "test".to_owned(),
        function_id: 0,
    }
}

/// A function to be called; see [`function`].
pub struct FunctionTest {
    calls: Calls,
    rule_id: String,
    function_id: i64,
}

impl FunctionTest {
    /// Makes the calls that follow those of another rule, or another call in
    /// its statement: what the function's context tells apart.
    pub fn call_of(&mut self, rule_id: impl Into<String>, function_id: i64) -> &mut Self {
        self.rule_id = rule_id.into();
        self.function_id = function_id;
        self
    }

    /// Validates a call with these arguments.
    ///
    /// # Errors
    ///
    /// The [`Failure`] that a rule would be refused with.
    pub fn validate(&mut self, args: impl IntoIterator<Item = Expr>) -> Result<(), Failure> {
        let args: Vec<Expr> = args.into_iter().collect();
        self.calls.validate(&args).map_err(Failure::at("validate"))
    }

    /// Calls the function with these argument values. For an aggregate, `null`
    /// is an empty column, as a host sends it.
    ///
    /// # Errors
    ///
    /// The [`Failure`] that the host would get for the row.
    pub fn exec(&mut self, args: impl IntoIterator<Item = Value>) -> Result<Value, Failure> {
        let call = json!({
            "ruleId": self.rule_id, "opId": "test", "instanceId": 0, "funcId": self.function_id
        });
        let mut values: Vec<Value> = args.into_iter().collect();
        values.push(Value::from(call.to_string()));
        self.calls.exec(values).map_err(Failure::at("exec"))
    }

    /// Returns whether the function is an aggregate.
    pub fn is_aggregate(&mut self) -> bool {
        self.calls
            .is_aggregate()
            .unwrap_or_else(|panic| panic!("is_aggregate: {panic}"))
    }
}

impl fmt::Debug for FunctionTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionTest").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
