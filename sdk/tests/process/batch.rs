//! Sinks that work in batches: their acks follow the commit.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Push};
use serde_json::{Value, json};

use crate::host::{Host, Instance, SOON, text, wait_for};

fn batch(host: &Host, linger: &str, rows: Option<usize>) -> Instance {
    host.sink_named(
        "batch",
        json!({"path": host.plugin.file("rows"), "linger": linger, "rows": rows}),
    )
}

fn send(rows: &Push, messages: &[&str]) {
    for message in messages {
        rows.send(message.as_bytes(), Some(SOON)).unwrap();
    }
}

#[test]
fn acks_follow_the_commit_in_the_order_of_the_rows() {
    let mut host = Host::launch();
    let sink = batch(&host, "50ms", None);
    let mut acks = sink.listen_acks();
    host.start(&sink);
    let rows = sink.dial_once();

    send(&rows, &["a", "fail", "b"]);

    assert_eq!(text(&mut acks), "{}");
    assert!(host.plugin.text("rows").starts_with("a"));
    assert_eq!(text(&mut acks), r#"{"error":"host asked the row to fail"}"#);
    assert_eq!(text(&mut acks), "{}");
    // A busy machine may have needed two batches.
    let committed = host.plugin.text("rows").replace('\n', " ");
    assert_eq!(committed, "a b ");
}

#[test]
fn a_complete_batch_is_committed_before_the_linger_time_and_not_earlier() {
    let mut host = Host::launch();
    let sink = batch(&host, "1h", Some(3));
    let mut acks = sink.listen_acks();
    host.start(&sink);
    let rows = sink.dial_once();

    send(&rows, &["a", "b"]);
    let early = acks.recv(Some(Duration::from_millis(50)));
    assert!(matches!(early, Err(Error::TimedOut)));
    send(&rows, &["c", "d"]);

    for _ in 0..3 {
        assert_eq!(text(&mut acks), "{}");
    }
    assert_eq!(host.plugin.text("rows"), "a b c\n");
}

#[test]
fn a_stop_commits_the_rest_and_its_acks_follow() {
    let mut host = Host::launch();
    let sink = batch(&host, "1h", None);
    let mut acks = sink.listen_acks();
    host.start(&sink);
    let rows = sink.dial_once();
    send(&rows, &["a", "fail", "b"]);
    rows.flush(SOON).unwrap();

    host.stop(&sink);

    assert_eq!(host.plugin.text("rows"), "a b\nclose\n");
    let sent: Vec<String> = (0..3).map(|_| text(&mut acks)).collect();
    assert_eq!(
        sent,
        ["{}", r#"{"error":"host asked the row to fail"}"#, "{}"]
    );
}

#[test]
fn a_flush_that_does_not_return_is_named_when_its_sink_is_abandoned() {
    let mut host = Host::launch();
    let sink = batch(&host, "1h", None);
    host.start(&sink);
    let rows = sink.dial_once();
    send(&rows, &["hang"]);
    rows.flush(SOON).unwrap();

    host.stop(&sink);

    host.plugin
        .wait_log("did not return from its last flush or from close in time");
}

#[test]
fn the_last_acks_wait_for_the_greeting_of_a_host_that_is_busy() {
    // They wait for less than a second, in which this process may get no processor.
    let expected = b"\0SP\0\0\x50\0\0\x01\0\0\0\0\0\0\0\x02{}";

    assert!((0..5).any(|_| last_ack_after_a_late_greeting().is_ok_and(|sent| sent == *expected)));
}

/// Stops a sink that owes an ack, greets after that, and returns what it has sent.
fn last_ack_after_a_late_greeting() -> io::Result<[u8; 8 + 9 + 2]> {
    let mut host = Host::launch();
    let sink = batch(&host, "1h", None);
    let busy = UnixListener::bind(sink.ack_path()).unwrap();
    host.start(&sink);
    let rows = sink.dial_once();
    send(&rows, &["a"]);
    rows.flush(SOON).unwrap();

    host.send_order("stop", &sink.argument);
    // By then the sink has nothing left to do but to send its ack.
    wait_for("the sink is closed", || {
        host.plugin.text("rows").ends_with("close\n").then_some(())
    });
    let mut peer = busy.accept().unwrap().0;
    peer.set_read_timeout(Some(SOON)).unwrap();
    let greeted = peer.write_all(b"\0SP\0\0\x51\0\0");
    let mut sent = [0; 8 + 9 + 2];
    let read = greeted.and_then(|()| peer.read_exact(&mut sent));
    fs::remove_file(sink.ack_path()).unwrap();
    assert_eq!(host.read_answer(), "ok");
    read.map(|()| sent)
}

#[test]
fn a_failed_commit_fails_its_rows_and_the_next_one_works() {
    let mut host = Host::launch();
    let sink = batch(&host, "1h", Some(2));
    let mut acks = sink.listen_acks();
    host.start(&sink);
    let rows = sink.dial_once();

    send(&rows, &["a", "full", "b", "c"]);

    let sent: Vec<String> = (0..4).map(|_| text(&mut acks)).collect();
    let failed = r#"{"error":"disk full"}"#;
    assert_eq!(sent, [failed, failed, "{}", "{}"]);
    assert_eq!(host.plugin.text("rows"), "b c\n");
    host.plugin.wait_log("a flush failed: disk full");
}

#[test]
fn a_panic_in_flush_fails_its_rows_and_ends_the_instance() {
    let mut host = Host::launch();
    let sink = batch(&host, "1h", Some(2));
    let mut acks = sink.listen_acks();
    host.start(&sink);

    send(&sink.dial_once(), &["a", "panic"]);

    for _ in 0..2 {
        let ack: Value = serde_json::from_str(&text(&mut acks)).unwrap();
        let error = ack["error"].as_str().unwrap();
        assert!(error.starts_with("panicked at "), "{error}");
        assert!(error.ends_with(": asked to panic in flush"), "{error}");
    }
    host.plugin.wait_log("asked to panic in flush");
    wait_for("the address is free", || {
        (!sink.data_path().exists()).then_some(())
    });
    assert_eq!(host.plugin.text("rows"), "");
}

#[test]
fn rows_without_a_pause_and_without_a_reader_of_acks_are_committed_in_time() {
    let mut host = Host::launch();
    let sink = batch(&host, "20ms", None);
    host.start(&sink);
    let rows = sink.dial_once();
    let begin = Instant::now();

    let mut sent = 0;
    while host.plugin.text("rows").lines().count() < 3 {
        assert!(begin.elapsed() < SOON, "no commit while rows keep coming");
        send(&rows, &["x"; 100]);
        sent += 100;
    }

    wait_for("all rows are committed", || {
        (host.plugin.text("rows").matches('x').count() == sent).then_some(())
    });
}
