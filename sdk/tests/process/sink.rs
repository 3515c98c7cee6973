//! Sinks: their rows, their acks, and how they are started and stopped.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use ekuiper_sp::{Error, Pull, Push};
use serde_json::json;

use crate::host::{Host, Plugin, SOON, text, wait_for};
use crate::panic::asked_to_panic;

/// How long a stop may take: eKuiper waits an hour, the SDK gives up after half a
/// second, and a busy machine needs the rest.
const STOP: Duration = Duration::from_secs(15);

fn send(rows: &Push, row: &str) {
    rows.send(row.as_bytes(), Some(SOON)).unwrap();
}

fn wait_lines(plugin: &Plugin, count: usize) -> Vec<String> {
    wait_for("the sink keeps its rows", || {
        let text = plugin.text("rows");
        (text.lines().count() >= count).then(|| text.lines().map(str::to_owned).collect())
    })
}

#[test]
fn a_sink_listens_before_it_answers() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"path": host.plugin.file("rows"), "slow": "open"}));

    host.start(&sink);

    // One attempt at once, as a 2.x host does.
    let rows = sink.dial_once();
    send(&rows, r#"[{"n":1}]"#);
    assert_eq!(wait_lines(&host.plugin, 1), [r#"[{"n":1}]"#]);
}

#[test]
fn a_sink_replaces_the_socket_file_of_a_killed_process() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"path": host.plugin.file("rows")}));
    drop(UnixListener::bind(sink.data_path()).unwrap());
    assert!(sink.data_path().exists());

    host.start(&sink);

    send(&sink.dial_once(), "row");
    wait_lines(&host.plugin, 1);
}

#[test]
fn a_sink_whose_address_is_in_use_is_refused() {
    let mut host = Host::launch();
    let sink = host.sink(json!({}));
    let _other = Pull::listen(&sink.data_url(), ekuiper_sp::Options::default()).unwrap();

    let answer = host.order("start", &sink.argument);

    assert!(answer.starts_with("cannot start sink `keep`: "), "{answer}");
    assert!(
        answer.contains(sink.data_path().to_str().unwrap()),
        "{answer}"
    );
}

#[test]
fn each_row_gets_one_ack_in_the_order_of_the_rows() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"requireAck": true}));
    let mut acks = sink.listen_acks();
    host.start(&sink);
    let rows = sink.dial_once();

    for (row, ack) in [
        ("row", "{}"),
        ("fail", r#"{"error":"host asked the row to fail"}"#),
        ("hand", r#"{"error":"by hand"}"#),
        ("row", "{}"),
    ] {
        send(&rows, row);
        assert_eq!(text(&mut acks), ack);
    }
    // Then without waiting for each ack.
    for number in 0..1000 {
        send(&rows, if number % 3 == 0 { "fail" } else { "row" });
    }
    for number in 0..1000 {
        assert_eq!(text(&mut acks) == "{}", number % 3 != 0, "row {number}");
    }
}

#[test]
fn a_sink_takes_rows_without_a_host_on_its_ack_address() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"path": host.plugin.file("rows")}));

    // No host before 1.14 listens for acks.
    host.start(&sink);
    let rows = sink.dial_once();
    for _ in 0..2000 {
        send(&rows, "row");
    }

    wait_lines(&host.plugin, 2000);
}

#[test]
fn a_host_that_reads_acks_late_gets_every_ack() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"path": host.plugin.file("rows")}));
    host.start(&sink);
    let rows = sink.dial_once();
    for number in 0..3000 {
        send(&rows, if number == 1 { "fail" } else { "row" });
    }
    wait_lines(&host.plugin, 2999);

    let mut acks = sink.listen_acks();

    for number in 0..3000 {
        assert_eq!(text(&mut acks) == "{}", number != 1, "row {number}");
    }
    let more = acks.recv(Some(Duration::from_millis(50)));
    assert!(matches!(more, Err(Error::TimedOut)));
}

#[test]
fn unread_acks_lose_no_row_and_use_no_more_memory() {
    let mut host = Host::launch();
    let sink = host.sink(json!({}));
    // The ack channel is open and never read, as in 1.14 and in every rule
    // without `requireAck`.
    let _unread = UnixListener::bind(sink.ack_path()).unwrap();
    host.start(&sink);
    let rows = sink.dial_once();
    let send_many = |count: usize| {
        for _ in 0..count {
            send(&rows, r#"[{"n":1}]"#);
        }
        send(&rows, "size");
    };
    let kept = |times| {
        wait_for("all rows are collected", || {
            (host.plugin.log().matches("kept").count() == times).then_some(())
        });
    };
    send_many(20_000);
    kept(1);
    let before = host.plugin.proc_status("VmRSS");

    send_many(100_000);
    kept(2);

    let grown = host.plugin.proc_status("VmRSS").saturating_sub(before);
    assert!(grown < 2048, "{grown} KiB more after 100,000 unread acks");
    let _ = std::fs::remove_file(sink.ack_path());
}

#[test]
fn too_many_unread_failed_acks_are_dropped_with_a_warning() {
    let mut host = Host::launch();
    let sink = host.sink(json!({}));
    host.start(&sink);
    let rows = sink.dial_once();

    for _ in 0..5000 {
        send(&rows, "fail");
    }

    host.plugin
        .wait_log("no host reads its acks; acks of failed rows dropped so far: 1");
}

#[test]
fn an_error_from_configure_is_the_answer_and_nothing_listens() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"fail": "configure"}));

    let answer = host.order("start", &sink.argument);

    assert_eq!(
        answer,
        "cannot start sink `keep`: host asked configure to fail"
    );
    assert!(!sink.data_path().exists());
}

#[test]
fn a_panic_in_collect_fails_the_row_and_ends_only_its_instance() {
    let mut host = Host::launch();
    let (bad, good) = (
        host.sink(json!({})),
        host.sink(json!({"path": host.plugin.file("rows")})),
    );
    let mut acks = bad.listen_acks();
    host.start(&bad);
    host.start(&good);

    send(&bad.dial_once(), "panic");

    assert_eq!(
        text(&mut acks),
        format!(r#"{{"error":"{}"}}"#, asked_to_panic("collect"))
    );
    host.plugin
        .wait_log(&format!("ended: {}", asked_to_panic("collect")));
    send(&good.dial_once(), "row");
    wait_lines(&host.plugin, 1);
    host.stop(&bad);
    assert!(!bad.data_path().exists());
}

#[test]
fn a_sink_whose_open_fails_ends_and_can_be_started_again() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"panic": "open"}));

    host.start(&sink);
    host.plugin
        .wait_log(&format!("open failed: {}", asked_to_panic("open")));
    wait_for("the address is free", || {
        (!sink.data_path().exists()).then_some(())
    });

    host.start(&sink);
}

#[test]
fn rows_sent_before_the_stop_are_collected() {
    let mut host = Host::launch();
    let sink = host.sink(json!({
        "slow": "open", "path": host.plugin.file("rows"), "steps": host.plugin.file("steps")
    }));
    host.start(&sink);
    let rows = sink.dial_once();
    for _ in 0..100 {
        send(&rows, "row");
    }
    rows.flush(SOON).unwrap();
    drop(rows);

    let took = host.stop(&sink);

    assert!(took < STOP, "{took:?}");
    assert_eq!(host.plugin.text("rows").lines().count(), 100);
    assert!(host.plugin.text("steps").contains("close"));
}

#[test]
fn a_sink_that_ignores_its_stop_is_abandoned_and_its_address_is_free() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"steps": host.plugin.file("steps")}));
    host.start(&sink);
    let rows = sink.dial_once();
    send(&rows, "hang");
    host.plugin.wait_log("started");
    host.plugin.wait_idle();

    let took = host.stop(&sink);

    assert!(took < STOP, "{took:?}");
    host.plugin.wait_log("did not stop in time");
    assert!(!host.plugin.text("steps").contains("close"));
    assert!(!sink.data_path().exists());
    host.start(&sink.with_config(json!({"path": host.plugin.file("rows")})));
    send(&sink.dial_once(), "row");
    wait_lines(&host.plugin, 1);
}

#[test]
fn a_start_with_another_argument_replaces_the_sink() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"path": host.plugin.file("rows")}));
    host.start(&sink);
    host.start(&sink);
    let rows = sink.dial_once();
    send(&rows, "row");
    wait_lines(&host.plugin, 1);

    host.start(&sink.with_config(json!({"path": host.plugin.file("rows"), "new": true})));

    // The host's socket dials again by itself.
    send(&rows, "next");
    assert_eq!(wait_lines(&host.plugin, 2), ["row", "next"]);
}

#[test]
fn a_sink_takes_rows_of_16_mib() {
    let mut host = Host::launch();
    let sink = host.sink(json!({"path": host.plugin.file("rows")}));
    host.start(&sink);
    let rows = sink.dial_once();
    let row = "x".repeat(16 << 20);

    send(&rows, &row);
    send(&rows, "next");

    let lines = wait_lines(&host.plugin, 2);
    assert!(lines[0] == row, "the row was changed");
    assert_eq!(lines[1], "next");
}
