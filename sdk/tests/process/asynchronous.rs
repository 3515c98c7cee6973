//! Async sources and sinks on the runtime that the SDK starts.

use std::collections::HashMap;
use std::time::Duration;

use ekuiper_sp::{Error, Options, Pull};
use serde_json::{Value, json};

use crate::host::{Host, Instance, SOON, text};

const STOP: Duration = Duration::from_secs(15);

fn launch() -> Host {
    Host::launch_with(&[("PROBE_ASYNC", "1")])
}

fn source(config: Value) -> (Instance, Pull) {
    let source = Instance::new("source", "async_count", config);
    let rows = Pull::listen(&source.data_url(), Options::default()).unwrap();
    (source, rows)
}

/// Receives a row and returns its `task` and its `n`.
fn task_and_number(rows: &mut Pull) -> (u64, u64) {
    let row: Value = serde_json::from_str(&text(rows)).unwrap();
    let field = |name: &str| row["message"][name].as_u64().unwrap();
    (field("task"), field("n"))
}

#[test]
fn an_async_source_that_awaits_forever_is_stopped_and_closed() {
    let mut host = launch();
    let steps = host.plugin.file("steps");
    let (source, mut rows) = source(json!({"tasks": 1, "count": 2, "steps": steps}));
    host.start(&source);
    assert_eq!(task_and_number(&mut rows), (0, 0));
    assert_eq!(task_and_number(&mut rows), (0, 1));
    host.plugin.wait_log("emitted all rows");

    let took = host.stop(&source);

    assert!(took < STOP, "{took:?}");
    assert_eq!(host.plugin.text("steps"), "close, stopped: true\n");
}

#[test]
fn tasks_that_wait_for_a_slow_host_block_no_worker_and_lose_no_row() {
    let mut host = launch();
    // More tasks than the runtime has workers, and more rows than a channel holds.
    let (slow, mut slow_rows) = source(json!({"tasks": 8, "count": 200, "bytes": 1000}));
    let (other, mut other_rows) = source(json!({"tasks": 1, "count": 1}));
    host.start(&slow);
    let mut next = HashMap::new();
    let (task, n) = task_and_number(&mut slow_rows);
    next.insert(task, n + 1);
    host.plugin.wait_idle();

    host.start(&other);
    assert_eq!(task_and_number(&mut other_rows), (0, 0));

    for _ in 1..8 * 200 {
        let (task, n) = task_and_number(&mut slow_rows);
        let expected = next.entry(task).or_insert(0);
        assert_eq!(n, *expected, "task {task}");
        *expected += 1;
    }
    assert!(
        next.len() == 8 && next.values().all(|&n| n == 200),
        "{next:?}"
    );
}

#[test]
fn a_stop_ends_tasks_that_wait_for_a_host_that_does_not_read() {
    let mut host = launch();
    let steps = host.plugin.file("steps");
    let config = json!({"tasks": 8, "count": 1_000_000, "bytes": 1000, "steps": steps});
    let (source, mut rows) = source(config);
    host.start(&source);
    task_and_number(&mut rows);
    host.plugin.wait_idle();

    let took = host.stop(&source);

    assert!(took < STOP, "{took:?}");
    assert_eq!(host.plugin.text("steps"), "close, stopped: true\n");
    host.plugin.wait_idle();
}

#[test]
fn an_async_source_that_ends_or_fails_says_so_at_once_in_one_line() {
    let mut host = launch();
    let cases = [
        ("end", "INFO  ekuiper::source: ", "has ended"),
        (
            "fail",
            "ERROR ekuiper::source: ",
            "failed: asked open to fail",
        ),
        ("panic", "ERROR ekuiper::source: ", "ended: panic"),
    ];
    for (then, begin, end) in cases {
        let (source, mut rows) = source(json!({"tasks": 1, "count": 1, "then": then}));
        host.start(&source);

        let address = format!("`async_count` ({}_async_count_0)", source.rule);
        host.plugin
            .wait_log(&format!("{begin}source {address} {end}"));

        assert_eq!(task_and_number(&mut rows), (0, 0));
        let log = host.plugin.log();
        let lines = log.lines().filter(|line| line.contains(&address));
        let others = lines.filter(|line| !line.contains(": started source "));
        assert_eq!(others.count(), 1, "{log}");
    }
}

#[test]
fn acks_from_a_task_come_in_order_though_the_host_reads_them_later_and_sends_no_row() {
    const ROWS: usize = 5000;
    let mut host = launch();
    let sink = host.sink_named("async_keep", json!({}));
    host.start(&sink);
    let mut acks = sink.listen_acks();
    let rows = sink.dial_once();
    for n in 1..ROWS {
        let row = if n % 100 == 0 { "fail" } else { "row" };
        rows.send(row.as_bytes(), Some(SOON)).unwrap();
    }
    rows.send(b"ack", Some(SOON)).unwrap();
    host.plugin.wait_log("acked");
    host.plugin.wait_idle();

    for n in 1..=ROWS {
        let expected = match n {
            ROWS => "{}",
            n if n % 100 == 0 => r#"{"error":"asked to fail"}"#,
            _ => "{}",
        };
        assert_eq!(text(&mut acks), expected, "row {n}");
    }
    let more = acks.recv(Some(Duration::from_millis(100)));
    assert!(matches!(more, Err(Error::TimedOut)));
    host.stop(&sink);
}
