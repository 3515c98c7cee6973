//! Sinks that work in batches: when they are flushed, and which acks follow.

use std::sync::{Arc, Mutex};

use super::*;
use crate::panics::expected;
use crate::sink::tests::context;

/// What a batching sink does. It keeps a copy of each batch it has flushed.
#[derive(Default)]
struct Batch {
    by_hand: bool,
    linger: Option<Duration>,
    rows: Vec<String>,
    flushed: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Batch {
    fn lingering(linger: Duration) -> Self {
        Batch {
            linger: Some(linger),
            ..Batch::default()
        }
    }

    fn flushed(&self) -> impl Fn() -> Vec<Vec<String>> + use<> {
        let flushed = Arc::clone(&self.flushed);
        move || flushed.lock().unwrap().clone()
    }
}

impl Sink for Batch {
    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> crate::Result {
        match data.as_bytes() {
            b"not JSON" => return Err("not JSON".into()),
            b"hand" => ctx.ack_error("by hand"),
            b"enough" => ctx.request_flush(),
            b"panic" => panic!("no disk"),
            _ => {}
        }
        self.rows.push(data.to_string());
        Ok(())
    }

    fn acks_by_hand(&self) -> bool {
        self.by_hand
    }

    fn linger(&self) -> Option<Duration> {
        self.linger
    }

    fn flush(&mut self, ctx: &SinkContext) -> crate::Result {
        let rows = std::mem::take(&mut self.rows);
        if rows.iter().any(|row| row == "disk full") {
            return Err("disk full".into());
        }
        if rows.iter().any(|row| row == "flush panic") {
            panic!("no disk");
        }
        if self.by_hand {
            rows.iter().for_each(|_| ctx.ack_ok());
        }
        self.flushed.lock().unwrap().push(rows);
        Ok(())
    }
}

const LONG: Duration = Duration::from_secs(3600);
const DISK_FULL: &str = r#"{"error":"disk full"}"#;
const NOT_JSON: &str = r#"{"error":"not JSON"}"#;

fn collect(collector: &mut Collector, ctx: &SinkContext, rows: &[&str]) {
    for row in rows {
        collector.collect(ctx, row.as_bytes()).unwrap();
    }
}

#[test]
fn acks_are_sent_after_the_flush_in_the_order_of_the_messages() {
    let (ctx, reader) = context(99);
    let batch = Batch::lingering(LONG);
    let flushed = batch.flushed();
    let mut collector = Collector::open(Box::new(batch), &ctx).unwrap();

    collect(&mut collector, &ctx, &["a", "not JSON", "hand", "b"]);
    assert_eq!(reader.take(), [""; 0]);
    collector.flush(&ctx).unwrap();

    assert_eq!(flushed(), [["a", "hand", "b"]]);
    assert_eq!(
        reader.take(),
        ["{}", NOT_JSON, r#"{"error":"by hand"}"#, "{}"]
    );
}

#[test]
fn a_failed_flush_fails_the_messages_that_wait_for_it_and_the_next_one_works() {
    let (ctx, reader) = context(99);
    let mut collector = Collector::open(Box::new(Batch::lingering(LONG)), &ctx).unwrap();

    collect(&mut collector, &ctx, &["a", "not JSON", "disk full"]);
    collector.flush(&ctx).unwrap();
    assert_eq!(reader.take(), [DISK_FULL, NOT_JSON, DISK_FULL]);

    collect(&mut collector, &ctx, &["b"]);
    collector.flush(&ctx).unwrap();
    assert_eq!(reader.take(), ["{}"]);
}

#[test]
fn a_requested_flush_follows_the_collect_that_requests_it() {
    let (ctx, reader) = context(99);
    let batch = Batch::lingering(LONG);
    let flushed = batch.flushed();
    let mut collector = Collector::open(Box::new(batch), &ctx).unwrap();

    collect(&mut collector, &ctx, &["a", "enough", "b"]);

    assert_eq!(flushed(), [["a", "enough"]]);
    assert_eq!(reader.take(), ["{}", "{}"]);
}

#[test]
fn a_flush_is_due_a_linger_time_after_the_first_message_that_waits_for_it() {
    let (ctx, _reader) = context(99);
    let mut collector = Collector::open(Box::new(Batch::lingering(LONG)), &ctx).unwrap();

    collect(&mut collector, &ctx, &["not JSON"]);
    assert_eq!(collector.flush_due(), None);
    let before = Instant::now();
    collect(&mut collector, &ctx, &["a"]);
    let due = collector.flush_due().unwrap();
    assert!(before + LONG <= due && due <= Instant::now() + LONG);
    collect(&mut collector, &ctx, &["b"]);
    assert_eq!(collector.flush_due(), Some(due));
    collector.flush(&ctx).unwrap();

    assert_eq!(collector.flush_due(), None);
}

#[test]
fn an_endless_linger_time_is_allowed() {
    let (ctx, reader) = context(99);
    let batch = Batch::lingering(Duration::MAX);
    let mut collector = Collector::open(Box::new(batch), &ctx).unwrap();

    collect(&mut collector, &ctx, &["a"]);
    assert_eq!(collector.flush_due(), None);
    collector.flush_rest(&ctx).unwrap();

    assert_eq!(reader.take(), ["{}"]);
}

#[test]
fn the_rest_is_flushed_only_if_a_message_waits_for_it() {
    let (ctx, _reader) = context(99);
    let batch = Batch::lingering(LONG);
    let flushed = batch.flushed();
    let mut collector = Collector::open(Box::new(batch), &ctx).unwrap();

    collector.flush_rest(&ctx).unwrap();
    collect(&mut collector, &ctx, &["not JSON"]);
    collector.flush_rest(&ctx).unwrap();
    assert!(flushed().is_empty());

    collect(&mut collector, &ctx, &["a"]);
    collector.flush_rest(&ctx).unwrap();
    collector.flush_rest(&ctx).unwrap();
    assert_eq!(flushed(), [["a"]]);
}

#[test]
fn a_panic_in_flush_or_collect_fails_all_that_wait() {
    let text = expected(
        "sdk/src/sink/collector/tests.rs",
        include_str!("tests.rs"),
        "panic!(\"no disk\");\n        }\n        if self.by_hand",
        "no disk",
    );
    let ack = format!(r#"{{"error":"{text}"}}"#);
    let (ctx, reader) = context(99);
    let mut collector = Collector::open(Box::new(Batch::lingering(LONG)), &ctx).unwrap();
    collect(&mut collector, &ctx, &["a", "not JSON", "flush panic"]);

    let panic = collector.flush(&ctx).unwrap_err();

    assert_eq!(panic, text);
    assert_eq!(reader.take(), [&ack, NOT_JSON, &ack]);

    let mut collector = Collector::open(Box::new(Batch::lingering(LONG)), &ctx).unwrap();
    collect(&mut collector, &ctx, &["a"]);
    let panic = collector.collect(&ctx, b"panic").unwrap_err();
    let ack = format!(r#"{{"error":"{panic}"}}"#);
    assert_eq!(reader.take(), [&*ack, &*ack]);
}

#[test]
fn a_sink_that_acks_by_hand_is_flushed_and_sends_all_acks_itself() {
    let (ctx, reader) = context(99);
    let batch = Batch {
        by_hand: true,
        ..Batch::lingering(LONG)
    };
    let mut collector = Collector::open(Box::new(batch), &ctx).unwrap();

    collect(&mut collector, &ctx, &["a", "not JSON", "b"]);
    assert!(collector.flush_due().is_some());
    assert_eq!(reader.take(), [""; 0]);
    collector.flush(&ctx).unwrap();

    assert_eq!(reader.take(), ["{}", "{}"]);
}

#[test]
fn a_sink_without_a_linger_time_is_never_flushed() {
    let (ctx, reader) = context(99);
    let batch = Batch::default();
    let flushed = batch.flushed();
    let mut collector = Collector::open(Box::new(batch), &ctx).unwrap();

    collect(&mut collector, &ctx, &["a", "enough"]);
    collector.flush_rest(&ctx).unwrap();

    assert_eq!(reader.take(), ["{}", "{}"]);
    assert!(flushed().is_empty());
}

#[test]
fn errors_between_the_rows_of_a_batch_cannot_fill_the_memory() {
    let (ctx, _reader) = context(0);
    let batch = Batch::lingering(LONG);
    let flushed = batch.flushed();
    let mut collector = Collector::open(Box::new(batch), &ctx).unwrap();

    for _ in 0..600 {
        collect(&mut collector, &ctx, &["a", "not JSON"]);
    }

    assert_eq!(flushed().len(), 1);
}
