//! An opened sink: the calls of the plugin's code, and which acks follow.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use log::warn;

use super::{Sink, SinkContext};
use crate::span::Span;
use crate::{Data, panics};

/// An opened sink. It passes messages to the plugin's code and sends the acks.
pub(crate) struct Collector {
    sink: Box<dyn Sink>,
    by_hand: bool,
    /// The linger time of a sink that works in batches.
    linger: Option<Duration>,
    /// When the first message was accepted after the last flush.
    since: Option<Instant>,
}

impl Collector {
    /// Opens the sink. The error is the text of the failure.
    pub(crate) fn open(mut sink: Box<dyn Sink>, ctx: &SinkContext) -> Result<Self, String> {
        let opened = panics::attempt(|| {
            sink.open(ctx)?;
            Ok((sink.acks_by_hand(), sink.linger()))
        });
        match opened {
            Ok((by_hand, linger)) => Ok(Collector {
                sink,
                by_hand,
                linger,
                since: None,
            }),
            Err(text) => {
                panics::discard(format_args!("sink {}", ctx.info()), sink);
                Err(text)
            }
        }
    }

    /// Passes a message to the sink, and acks it or holds its ack. The error is
    /// the text of a panic, which ends the instance.
    pub(crate) fn collect(&mut self, ctx: &SinkContext, message: &[u8]) -> Result<(), String> {
        ctx.shared.acked.store(false, Ordering::SeqCst);
        let info = ctx.info();
        Span::collect(&info.symbol, &info.identity).within(|| self.collect_here(ctx, message))?;
        if self.linger.is_some() && ctx.take_flush_request() {
            return self.flush(ctx);
        }
        Ok(())
    }

    fn collect_here(&mut self, ctx: &SinkContext, message: &[u8]) -> Result<(), String> {
        let outcome = panics::outcome(|| self.sink.collect(ctx, Data::new(message)));
        let acked = self.by_hand || ctx.shared.acked.load(Ordering::SeqCst);
        match outcome {
            Ok(Ok(())) => {
                if self.linger.is_some() {
                    self.since.get_or_insert_with(Instant::now);
                    if !acked {
                        ctx.hold();
                    }
                } else if !acked {
                    ctx.collected();
                }
            }
            Ok(Err(text)) => {
                warn!("sink {}: a row failed: {text}", ctx.info());
                if !acked {
                    ctx.failed(&text);
                }
            }
            Err(panic) => {
                if !acked {
                    ctx.failed(&panic);
                }
                ctx.release(Err(&panic));
                return Err(panic);
            }
        }
        Ok(())
    }

    /// Returns when the next flush is due. `None` if nothing waits for one.
    pub(crate) fn flush_due(&self) -> Option<Instant> {
        // A linger time that never ends has no due time.
        self.since?.checked_add(self.linger?)
    }

    /// Flushes the sink and sends the acks that were held. The error is the text
    /// of a panic, which ends the instance.
    pub(crate) fn flush(&mut self, ctx: &SinkContext) -> Result<(), String> {
        self.since = None;
        let info = ctx.info();
        Span::flush(&info.symbol, &info.identity).within(|| self.flush_here(ctx))
    }

    fn flush_here(&mut self, ctx: &SinkContext) -> Result<(), String> {
        match panics::outcome(|| self.sink.flush(ctx)) {
            Ok(Ok(())) => ctx.release(Ok(())),
            Ok(Err(text)) => {
                warn!("sink {}: a flush failed: {text}", ctx.info());
                ctx.release(Err(&text));
            }
            Err(panic) => {
                ctx.release(Err(&panic));
                return Err(panic);
            }
        }
        Ok(())
    }

    /// Flushes the sink if a message was accepted after the last flush. The error
    /// is the text of a panic.
    pub(crate) fn flush_rest(&mut self, ctx: &SinkContext) -> Result<(), String> {
        match self.since {
            Some(_) => self.flush(ctx),
            None => Ok(()),
        }
    }

    /// Closes the sink. The error is the text of the failure.
    pub(crate) fn close(mut self, ctx: &SinkContext) -> Result<(), String> {
        let closed = panics::attempt(|| self.sink.close(ctx));
        self.discard(ctx);
        closed
    }

    /// Drops the sink without calling `close`.
    pub(crate) fn discard(self, ctx: &SinkContext) {
        panics::discard(format_args!("sink {}", ctx.info()), self);
    }
}

#[cfg(test)]
mod tests;
