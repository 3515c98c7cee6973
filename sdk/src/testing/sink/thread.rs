//! The thread of a sink under test.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::instance::Worker;
use crate::sink::collector::Collector;
use crate::{Sink, SinkContext};

/// What the thread does next with the sink.
enum Order {
    Run(Box<dyn FnOnce(&mut Collector) + Send>),
    /// Close the sink, and report how that ended.
    Close(Sender<Result<(), String>>),
}

/// An opened sink on a thread of its own, as it has one under a host. So the
/// sink may do there what the thread of the test cannot, such as to start a
/// runtime within an async test.
///
/// The thread drops the sink when there are no further orders.
pub(super) struct SinkThread {
    orders: Sender<Order>,
    worker: Worker,
}

impl SinkThread {
    /// Opens the sink on a new thread. The error is the text of the failure.
    pub(super) fn open(sink: Box<dyn Sink>, ctx: &SinkContext) -> Result<Self, String> {
        let (orders, next) = mpsc::channel();
        let (opened, outcome) = mpsc::channel();
        let ctx = ctx.clone();
        let worker = Worker::spawn("sink", move || {
            let (collector, outcome) = match Collector::open(sink, &ctx) {
                Ok(collector) => (Some(collector), Ok(())),
                Err(text) => (None, Err(text)),
            };
            // The test waits for it.
            let _ = opened.send(outcome);
            if let Some(collector) = collector {
                work(collector, &ctx, &next);
            }
        })
        .map_err(|error| format!("cannot start a thread: {error}"))?;
        outcome.recv().expect(PROMISE)?;
        Ok(SinkThread { orders, worker })
    }

    /// Runs code with the sink, and waits for its value.
    pub(super) fn run<T: Send + 'static>(
        &self,
        code: impl FnOnce(&mut Collector) -> T + Send + 'static,
    ) -> T {
        self.begin(code).recv().expect(PROMISE)
    }

    /// Runs code with the sink, and waits for its value. The error is the text of the
    /// failure to return in time.
    pub(super) fn run_within<T: Send + 'static>(
        &self,
        limit: Duration,
        code: impl FnOnce(&mut Collector) -> T + Send + 'static,
    ) -> Result<T, String> {
        self.begin(code)
            .recv_timeout(limit)
            .map_err(|_| late(limit))
    }

    /// Runs code with the sink. Returns where its value will arrive.
    fn begin<T: Send + 'static>(
        &self,
        code: impl FnOnce(&mut Collector) -> T + Send + 'static,
    ) -> Receiver<T> {
        let (done, value) = mpsc::channel();
        let order = Order::Run(Box::new(move |collector| {
            // The test may have given up waiting.
            let _ = done.send(code(collector));
        }));
        self.orders.send(order).expect(PROMISE);
        value
    }

    /// Closes the sink. The error is the text of the failure.
    pub(super) fn close(self, limit: Duration) -> Result<(), String> {
        let (done, outcome) = mpsc::channel();
        self.orders.send(Order::Close(done)).expect(PROMISE);
        self.end(limit)?;
        outcome.recv().expect(PROMISE)
    }

    /// Waits until the thread has dropped the sink.
    pub(super) fn end(self, limit: Duration) -> Result<(), String> {
        drop(self.orders);
        let ended = self.worker.join_until(Instant::now() + limit);
        ended.map_err(|_| late(limit))
    }
}

fn late(limit: Duration) -> String {
    format!("did not return within {limit:?} after the stop")
}

/// Why a channel to the thread is never broken: panics of the sink are caught.
const PROMISE: &str = "the thread of the sink runs until its last order";

/// Follows the orders.
fn work(mut collector: Collector, ctx: &SinkContext, orders: &Receiver<Order>) {
    for order in orders {
        match order {
            Order::Run(code) => code(&mut collector),
            Order::Close(done) => {
                let _ = done.send(collector.close(ctx));
                return;
            }
        }
    }
    collector.discard(ctx);
}
