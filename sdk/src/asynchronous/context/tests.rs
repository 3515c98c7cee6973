//! `emit` on a channel of which the test decides whether it is full.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;
use crate::context::Identity;
use crate::source::Outlet;
use crate::wakers::Wakers;

const SOON: Duration = Duration::from_secs(30);

/// Many more rows than tokio lets a task emit until others run.
const MANY: usize = 100_000;

/// An outlet with room for as many rows as the test says.
#[derive(Default)]
struct Gate {
    room: AtomicUsize,
    rows: Mutex<Vec<String>>,
    waiting: Wakers,
}

impl Gate {
    fn open(&self, rows: usize) {
        self.room.fetch_add(rows, Ordering::SeqCst);
        self.waiting.wake_all();
    }

    fn rows(&self) -> Vec<String> {
        self.rows.lock().unwrap().clone()
    }
}

impl Outlet for Gate {
    fn send(&self, _row: &[u8]) -> bool {
        unreachable!("it would block")
    }

    fn try_send(&self, row: &[u8]) -> Result<(), EmitError> {
        let less = |room: usize| room.checked_sub(1);
        self.room
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .map_err(|_| EmitError::Full)?;
        let row = String::from_utf8(row.to_vec()).unwrap();
        self.rows.lock().unwrap().push(row);
        Ok(())
    }

    fn room(&self) -> &Wakers {
        &self.waiting
    }
}

fn gate() -> (AsyncSourceContext, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let info = InstanceInfo::new("s", Identity::default());
    let ctx = SourceContext::new(info, Arc::clone(&gate) as _);
    (AsyncSourceContext::new(ctx), gate)
}

/// Runs a test on one thread, which no `emit` may block.
fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(SOON, test).await.expect("it is not blocked") });
}

#[test]
fn rows_that_wait_for_room_block_no_worker_and_keep_their_order() {
    on_one_thread(async {
        let (ctx, gate) = gate();
        let task = tokio::spawn(async move {
            for n in 0..5 {
                ctx.emit(json!({"n": n})).await.unwrap();
            }
        });

        for rows in 1..=5 {
            // The task waits and this one runs, on the same thread.
            for _ in 0..10 {
                yield_now().await;
            }
            assert_eq!(gate.rows().len(), rows - 1);
            gate.open(1);
        }
        task.await.unwrap();

        let expected: Vec<String> = (0..5)
            .map(|n| format!(r#"{{"message":{{"n":{n}}},"meta":null}}"#))
            .collect();
        assert_eq!(gate.rows(), expected);
    });
}

#[test]
fn room_wakes_all_tasks_that_wait() {
    on_one_thread(async {
        let (ctx, gate) = gate();
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let ctx = ctx.clone();
                tokio::spawn(async move { ctx.emit(json!({"n": n})).await })
            })
            .collect();
        yield_now().await;

        gate.open(8);

        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(gate.rows().len(), 8);
    });
}

#[test]
fn an_emit_that_is_dropped_while_it_waits_sends_nothing_and_is_forgotten() {
    on_one_thread(async {
        let (ctx, gate) = gate();

        let outcome = timeout(Duration::from_millis(1), ctx.emit(json!({}))).await;

        assert!(outcome.is_err());
        assert_eq!(format!("{:?}", gate.waiting), "Wakers { waiting: 0 }");
        gate.open(1);
        assert!(gate.rows().is_empty());
    });
}

#[test]
fn a_stop_ends_an_emit_that_waits() {
    on_one_thread(async {
        let (ctx, gate) = gate();
        let task = {
            let ctx = ctx.clone();
            tokio::spawn(async move { ctx.emit(json!({})).await })
        };
        yield_now().await;

        ctx.blocking().stop();

        let outcome = task.await.unwrap();
        assert!(matches!(outcome, Err(EmitError::Stopped)));
        let later = ctx.emit(json!({})).await;
        assert!(matches!(later, Err(EmitError::Stopped)));
        assert!(gate.rows().is_empty());
    });
}

#[test]
fn an_emit_never_reports_a_full_channel_and_rejects_what_is_not_an_object() {
    on_one_thread(async {
        let (ctx, gate) = gate();
        assert!(matches!(ctx.try_emit(json!({})), Err(EmitError::Full)));

        let error = ctx.emit_with(json!({}), json!(1)).await.unwrap_err();

        assert!(matches!(error, EmitError::NotAnObject { part: "meta" }));
        gate.open(1);
        ctx.emit(json!({})).await.unwrap();
    });
}

#[test]
fn a_task_that_only_emits_lets_others_run() {
    on_one_thread(async {
        let (ctx, gate) = gate();
        gate.open(usize::MAX);
        let (done, mut is_done) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            yield_now().await;
            done.send(()).unwrap();
        });

        for _ in 0..MANY {
            if is_done.try_recv().is_ok() {
                return;
            }
            ctx.emit(json!({})).await.unwrap();
        }
        panic!("the other task did not run while {MANY} rows were emitted");
    });
}
