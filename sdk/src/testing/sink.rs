//! Tests of one sink.

mod thread;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::warn;
use serde_json::Value;

use self::thread::SinkThread;
use super::{ByValue, Failure, Surroundings, config, instance_info, logs};
use crate::instance::left;
use crate::sink::AckOutlet;
use crate::sink::collector::Collector;
use crate::wire::Kind;
use crate::{Action, IntoSink, Sink, SinkContext, SinkSymbol, panics};

/// What can be tested as a sink: a value that implements [`Sink`], or anything
/// that makes one, see [`IntoSink`].
pub trait SinkUnderTest<M> {
    /// Converts it to a symbol that makes one sink.
    fn sink_symbol(self) -> SinkSymbol;
}

impl<S: Sink + 'static> SinkUnderTest<ByValue> for S {
    fn sink_symbol(self) -> SinkSymbol {
        let mut value = Some(self);
        SinkSymbol {
            about: None,
            make: Box::new(move |_, _| match value.take() {
                Some(sink) => Ok(Box::new(sink)),
                None => Err("a test makes one sink".into()),
            }),
        }
    }
}

impl<M, F: IntoSink<M>> SinkUnderTest<(M,)> for F {
    fn sink_symbol(self) -> SinkSymbol {
        self.into_sink()
    }
}

/// The ack of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// The sink has processed the message.
    Ok,
    /// The sink failed to process the message, with the text of the error.
    Error(String),
}

/// Begins a test of a sink: of a value, or of a constructor.
pub fn sink<M>(sink: impl SinkUnderTest<M>) -> SinkTest {
    logs::show(&sink);
    SinkTest {
        sink: sink.sink_symbol(),
        config: Value::Null,
        limit: Duration::from_secs(10),
    }
}

/// A sink under test; see [`sink`].
#[must_use = "call `open`"]
pub struct SinkTest {
    sink: SinkSymbol,
    config: Value,
    limit: Duration,
}

impl SinkTest {
    /// Sets the configuration, a JSON object. Default: empty.
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Sets the time limit of [`OpenSink::wait_for_acks`], of
    /// [`OpenSink::close`] and of the drop. Default: 10 s.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Configures and opens the sink.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of `configure` or `open`.
    pub fn open(self) -> Result<OpenSink, Failure> {
        let surroundings = Surroundings::new(Kind::Sink);
        surroundings.watch(|| self.run(surroundings.clone()))
    }

    fn run(mut self, surroundings: Surroundings) -> Result<OpenSink, Failure> {
        let config = config(self.config)?;
        let info = instance_info();
        let action = Action::new(Arc::clone(&info));
        let sink = panics::attempt(|| self.sink.configured(&config, &action))
            .map_err(Failure::at("configure"))?;
        let acks = Arc::new(TakenAcks::default());
        let ctx = SinkContext::new(info, Arc::clone(&acks) as _);
        let thread = SinkThread::open(sink, &ctx).map_err(Failure::at("open"))?;
        Ok(OpenSink {
            thread: Some(thread),
            ctx,
            acks,
            limit: self.limit,
            ended: None,
            surroundings,
        })
    }
}

impl fmt::Debug for SinkTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkTest").finish_non_exhaustive()
    }
}

/// An opened sink under test. It takes messages and returns their acks.
///
/// The sink has a thread of its own, as under a host. Its drop stops a sink that
/// was not closed.
pub struct OpenSink {
    /// `None` after the close.
    thread: Option<SinkThread>,
    ctx: SinkContext,
    acks: Arc<TakenAcks>,
    limit: Duration,
    /// The step that panicked, and the text of the panic.
    ended: Option<(&'static str, String)>,
    surroundings: Surroundings,
}

impl OpenSink {
    /// Passes one message to the sink, as a host sends it. Returns the acks that
    /// were sent since the last call.
    ///
    /// A sink that works in batches sends them later: see
    /// [`wait_for_acks`](Self::wait_for_acks).
    ///
    /// # Panics
    ///
    /// If the sink has panicked before, which ends the instance.
    pub fn feed(&mut self, message: impl AsRef<[u8]>) -> Vec<Ack> {
        if self.flush_due().is_some_and(|due| left(due).is_zero()) {
            self.step("flush", Collector::flush);
        }
        if let Some((_, panic)) = &self.ended {
            panic!("the sink has already ended: {panic}");
        }
        let message = message.as_ref().to_vec();
        self.step("collect", move |collector, ctx| {
            collector.collect(ctx, &message)
        });
        self.acks()
    }

    /// Returns the acks that were sent since the last call, without waiting.
    pub fn acks(&mut self) -> Vec<Ack> {
        self.acks.take()
    }

    /// Waits until at least `count` acks were sent since the last call, and
    /// returns them. Returns fewer if the time limit of the test has passed, or
    /// if the sink has panicked.
    ///
    /// Meanwhile a sink that works in batches is flushed when its linger time has
    /// passed, and other threads may send acks by hand.
    pub fn wait_for_acks(&mut self, count: usize) -> Vec<Ack> {
        let begin = Instant::now();
        while self.ended.is_none() {
            let waited = begin.elapsed();
            if self.acks.count() >= count || waited >= self.limit {
                break;
            }
            let rest = self.limit - waited;
            match self.flush_due().map(left) {
                Some(Duration::ZERO) => self.step("flush", Collector::flush),
                until_flush => self.acks.wait(count, until_flush.unwrap_or(rest).min(rest)),
            }
        }
        self.acks()
    }

    /// Flushes a sink that works in batches now, as before its stop, if a message
    /// waits for that. Returns the acks that were sent since the last call.
    pub fn flush(&mut self) -> Vec<Ack> {
        if self.ended.is_none() {
            self.step("flush", Collector::flush_rest);
        }
        self.acks()
    }

    /// Closes the sink. A sink that works in batches is flushed first.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of `close`, also if it or the last `flush` takes longer than the
    /// time limit, or of the step that panicked.
    pub fn close(mut self) -> Result<(), Failure> {
        self.ctx.stop();
        let surroundings = self.surroundings.clone();
        surroundings.watch(|| {
            if let Some((step, panic)) = self.ended.take() {
                return Err(Failure::new(step, panic));
            }
            let ctx = self.ctx.clone();
            self.thread()
                .run_within(self.limit, move |collector| collector.flush_rest(&ctx))
                .and_then(|flushed| flushed)
                .map_err(Failure::at("flush"))?;
            let thread = self.thread.take().expect(OPEN);
            thread.close(self.limit).map_err(Failure::at("close"))
        })
    }

    fn flush_due(&self) -> Option<Instant> {
        self.thread().run(|collector| collector.flush_due())
    }

    fn thread(&self) -> &SinkThread {
        self.thread.as_ref().expect(OPEN)
    }

    /// Runs code of the sink. A panic ends it.
    fn step(
        &mut self,
        name: &'static str,
        code: impl FnOnce(&mut Collector, &SinkContext) -> Result<(), String> + Send + 'static,
    ) {
        let ctx = self.ctx.clone();
        let outcome = self.thread().run(move |collector| code(collector, &ctx));
        self.ended = outcome.err().map(|panic| (name, panic));
    }
}

/// Why there is a thread.
const OPEN: &str = "only `close` and the drop take it";

/// A test that fails before `close` must end, too: threads of the sink may wait
/// for the stop, and the sink for them.
impl Drop for OpenSink {
    fn drop(&mut self) {
        self.ctx.stop();
        if let Some(Err(text)) = self.thread.take().map(|thread| thread.end(self.limit)) {
            warn!("drop of the sink: {text}");
        }
    }
}

impl fmt::Debug for OpenSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSink").finish_non_exhaustive()
    }
}

/// The acks that the test has not taken yet.
#[derive(Default)]
struct TakenAcks {
    acks: Mutex<Vec<Ack>>,
    added: Condvar,
}

impl TakenAcks {
    fn take(&self) -> Vec<Ack> {
        std::mem::take(&mut *self.lock())
    }

    fn count(&self) -> usize {
        self.lock().len()
    }

    /// Waits until there are at least `count` acks or the limit has passed.
    fn wait(&self, count: usize, limit: Duration) {
        let few = |acks: &mut Vec<Ack>| acks.len() < count;
        drop(
            self.added
                .wait_timeout_while(self.lock(), limit, few)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ack>> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AckOutlet for TakenAcks {
    fn offer(&self, ack: &[u8]) -> bool {
        let ack: Value = serde_json::from_slice(ack).expect("acks are JSON");
        let ack = match ack["error"].as_str() {
            Some(text) => Ack::Error(text.to_owned()),
            None => Ack::Ok,
        };
        self.lock().push(ack);
        self.added.notify_all();
        true
    }
}

#[cfg(test)]
mod tests;
