//! Waiting for the acks of sinks.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::*;
use crate::Data;

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(3600);

/// Keeps rows until a flush. The text of a row says what the flush does.
struct Batch {
    linger: Duration,
    rows: Vec<String>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Batch {
    fn lingering(linger: Duration) -> (Self, Arc<Mutex<Vec<String>>>) {
        let log = Arc::new(Mutex::new(Vec::new()));
        let batch = Batch {
            linger,
            rows: Vec::new(),
            log: Arc::clone(&log),
        };
        (batch, log)
    }
}

impl Sink for Batch {
    fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> crate::Result {
        self.rows.push(data.to_string());
        Ok(())
    }

    fn linger(&self) -> Option<Duration> {
        Some(self.linger)
    }

    fn flush(&mut self, _ctx: &SinkContext) -> crate::Result {
        let rows = std::mem::take(&mut self.rows);
        match rows[0].as_str() {
            "fail" => Err("disk full".into()),
            "panic" => panic!("no disk"),
            _ => {
                self.log.lock().unwrap().push(rows.join(","));
                Ok(())
            }
        }
    }

    fn close(&mut self, _ctx: &SinkContext) -> crate::Result {
        self.log.lock().unwrap().push("close".to_owned());
        Ok(())
    }
}

#[test]
fn a_batching_sink_is_flushed_when_its_linger_time_has_passed() {
    let (batch, log) = Batch::lingering(SHORT);
    let mut batch = sink(batch).open().unwrap();
    let begin = Instant::now();

    assert_eq!(batch.feed("a"), []);
    assert_eq!(batch.wait_for_acks(1), [Ack::Ok]);
    assert!(begin.elapsed() >= SHORT);
    assert_eq!(batch.feed("fail"), []);
    assert_eq!(batch.wait_for_acks(1), [Ack::Error("disk full".to_owned())]);

    assert_eq!(*log.lock().unwrap(), ["a"]);
}

#[test]
fn feed_flushes_first_if_the_linger_time_has_passed() {
    let (batch, log) = Batch::lingering(Duration::ZERO);
    let mut batch = sink(batch).open().unwrap();

    assert_eq!(batch.feed("a"), []);
    assert_eq!(batch.feed("b"), [Ack::Ok]);

    assert_eq!(*log.lock().unwrap(), ["a"]);
}

#[test]
fn fewer_acks_are_returned_when_the_limit_has_passed() {
    let (batch, log) = Batch::lingering(LONG);
    let mut batch = sink(batch).limit(SHORT).open().unwrap();
    batch.feed("a");
    batch.feed("b");
    let begin = Instant::now();

    assert_eq!(batch.wait_for_acks(1), []);
    assert!(begin.elapsed() >= SHORT);
    assert_eq!(batch.flush(), [Ack::Ok, Ack::Ok]);
    assert_eq!(batch.flush(), []);

    assert_eq!(*log.lock().unwrap(), ["a,b"]);
}

#[test]
fn close_flushes_first() {
    let (batch, log) = Batch::lingering(LONG);
    let mut batch = sink(batch).open().unwrap();
    batch.feed("a");

    batch.close().unwrap();

    assert_eq!(*log.lock().unwrap(), ["a", "close"]);
}

#[test]
fn a_panic_in_flush_ends_the_sink_and_is_the_failure_of_close() {
    let (batch, log) = Batch::lingering(SHORT);
    let mut batch = sink(batch).open().unwrap();
    batch.feed("panic");

    let acks = batch.wait_for_acks(2);

    assert!(
        matches!(&acks[..], [Ack::Error(text)] if text.ends_with(": no disk")),
        "{acks:?}"
    );
    let failure = batch.close().unwrap_err().to_string();
    assert!(failure.starts_with("flush: panicked at "), "{failure}");
    assert!(log.lock().unwrap().is_empty());
}

#[test]
fn acks_of_other_threads_are_waited_for() {
    struct Threads;
    impl Sink for Threads {
        fn collect(&mut self, ctx: &SinkContext, _data: Data<'_>) -> crate::Result {
            let ctx = ctx.clone();
            thread::spawn(move || {
                thread::sleep(SHORT);
                ctx.ack_ok();
            });
            Ok(())
        }

        fn acks_by_hand(&self) -> bool {
            true
        }
    }
    let mut threads = sink(Threads).open().unwrap();

    threads.feed("a");
    threads.feed("b");

    assert_eq!(threads.wait_for_acks(2), [Ack::Ok, Ack::Ok]);
}

/// Has a thread that waits for the stop, and waits for it in its drop.
struct Joins {
    thread: Option<JoinHandle<bool>>,
    dropped: mpsc::Sender<()>,
}

impl Sink for Joins {
    fn open(&mut self, ctx: &SinkContext) -> crate::Result {
        let ctx = ctx.clone();
        self.thread = Some(thread::spawn(move || ctx.sleep(Duration::MAX)));
        Ok(())
    }

    fn collect(&mut self, _ctx: &SinkContext, _data: Data<'_>) -> crate::Result {
        Ok(())
    }
}

impl Drop for Joins {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        let _ = self.dropped.send(());
    }
}

#[test]
fn a_sink_that_was_not_closed_is_stopped_before_its_drop() {
    let (dropped, is_dropped) = mpsc::channel();
    let joins = Joins {
        thread: None,
        dropped,
    };
    let joins = sink(joins).open().unwrap();

    thread::spawn(move || drop(joins));

    let ended = is_dropped.recv_timeout(Duration::from_secs(30));
    assert_eq!(ended, Ok(()));
}

/// Waits in `close` and in its drop until the channel is broken.
struct Stuck(mpsc::Receiver<()>);

impl Sink for Stuck {
    fn collect(&mut self, _ctx: &SinkContext, _data: Data<'_>) -> crate::Result {
        Ok(())
    }

    fn close(&mut self, _ctx: &SinkContext) -> crate::Result {
        let _ = self.0.recv();
        Ok(())
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        let _ = self.0.recv();
    }
}

#[test]
fn a_sink_that_does_not_end_fails_the_test_instead_of_blocking_it() {
    let (_keep, wait) = mpsc::channel();
    let not_closed = sink(Stuck(wait)).limit(SHORT).open().unwrap();
    let (_keep_too, wait) = mpsc::channel();
    let closed = sink(Stuck(wait)).limit(SHORT).open().unwrap();

    drop(not_closed);
    let failure = closed.close().unwrap_err().to_string();

    assert_eq!(failure, "close: did not return within 30ms after the stop");
}

#[test]
fn a_last_flush_that_does_not_return_is_the_failure_of_the_close() {
    struct Stuck(mpsc::Receiver<()>);
    impl Sink for Stuck {
        fn collect(&mut self, _ctx: &SinkContext, _data: Data<'_>) -> crate::Result {
            Ok(())
        }

        fn linger(&self) -> Option<Duration> {
            Some(LONG)
        }

        fn flush(&mut self, _ctx: &SinkContext) -> crate::Result {
            self.0.recv()?;
            Ok(())
        }
    }
    let (end, wait) = mpsc::channel();
    let mut stuck = sink(Stuck(wait)).limit(SHORT).open().unwrap();
    assert_eq!(stuck.feed("{}"), []);
    // Ends the flush of a test that would otherwise hang.
    let hung = thread::spawn(move || {
        thread::park_timeout(Duration::from_secs(20));
        drop(end);
    });

    let closed = stuck.close();

    hung.thread().unpark();
    hung.join().unwrap();
    assert_eq!(
        closed.unwrap_err().to_string(),
        "flush: did not return within 30ms after the stop"
    );
}
