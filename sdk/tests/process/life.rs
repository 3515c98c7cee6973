//! The process: launch, log, signals, restart, and use of resources.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host::{Host, Instance, Plugin, SOON, probe, unique_name, wait_for};

/// How long the process may take to exit after a signal: 1.8 s, and more on a busy
/// machine.
const LEAVE: Duration = Duration::from_secs(20);

#[test]
fn an_invalid_launch_argument_exits_with_status_2_and_one_line() {
    for arguments in [&["--help"][..], &["7"], &["[]"], &["{}", "{}"]] {
        let mut plugin = Plugin::spawn(&unique_name(), arguments, &[]);

        assert_eq!(plugin.wait_exit().code(), Some(2), "{arguments:?}");
        assert_eq!(plugin.log().lines().count(), 1);
        assert!(plugin.log().contains("JSON object"), "{}", plugin.log());
    }
}

#[test]
fn a_json_object_or_no_argument_launches_the_plugin() {
    for arguments in [&[][..], &["{}"], &[r#"{"sendTimeout":5000,"x":[1]}"#]] {
        let plugin = Plugin::spawn(&unique_name(), arguments, &[]);

        plugin.wait_log("dials ipc:///tmp/plugin_");
    }
}

#[test]
fn a_signal_stops_every_instance_and_the_process_exits_with_status_0() {
    for signal in ["TERM", "INT"] {
        let mut host = Host::launch();
        let steps = host.plugin.file("steps");
        let (source, rows) = host.source(json!({"count": 1_000_000, "steps": steps}));
        let (idle, _idle_rows) = host.source(json!({"steps": steps}));
        let sink = host.sink(json!({"steps": steps}));
        for instance in [&source, &idle, &sink] {
            host.start(instance);
        }
        drop(rows);

        host.plugin.signal(signal);
        let signalled = Instant::now();

        assert_eq!(host.plugin.wait_exit().code(), Some(0));
        let took = signalled.elapsed();
        assert!(took < LEAVE, "{took:?}");
        assert_eq!(host.plugin.text("steps").matches("close").count(), 3);
        assert!(!sink.data_path().exists(), "the sink's socket file remains");
    }
}

#[test]
fn instances_that_ignore_their_stop_do_not_delay_the_exit() {
    let mut host = Host::launch();
    let steps = host.plugin.file("steps");
    let mut channels = Vec::new();
    for _ in 0..3 {
        let (source, rows) = host.source(json!({"hang": "open"}));
        host.start(&source);
        channels.push(rows);
    }
    // Instances that can stop are closed, also a source that waits for a host
    // that does not read.
    let sink = host.sink(json!({"steps": steps}));
    host.start(&sink);
    let (blocked, _rows) = host.source(json!({
        "count": 1_000_000, "bytes": 1000, "steps": steps
    }));
    host.start(&blocked);
    host.plugin.wait_idle();

    host.plugin.signal("TERM");
    let signalled = Instant::now();

    assert_eq!(host.plugin.wait_exit().code(), Some(0));
    let took = signalled.elapsed();
    assert!(took < LEAVE, "{took:?}");
    assert_eq!(host.plugin.text("steps").matches("close").count(), 2);
}

#[test]
fn a_configure_that_hangs_does_not_delay_the_exit() {
    let mut host = Host::launch();
    let (source, _rows) = host.source(json!({
        "hang": "configure", "steps": host.plugin.file("steps")
    }));
    host.send_order("start", &source.argument);
    wait_for("configure is called", || {
        host.plugin
            .text("steps")
            .contains("configure")
            .then_some(())
    });

    host.plugin.signal("TERM");
    let signalled = Instant::now();

    assert_eq!(host.plugin.wait_exit().code(), Some(0));
    let took = signalled.elapsed();
    assert!(took < LEAVE, "{took:?}");
}

#[test]
fn each_log_line_is_written_with_one_write() {
    let (read, write) = UnixDatagram::pair().unwrap();
    read.set_read_timeout(Some(SOON)).unwrap();
    let mut child = Command::new(probe())
        .env("PROBE_NAME", unique_name())
        .env("RUST_LOG", "debug")
        .stdin(Stdio::null())
        .stderr(OwnedFd::from(write))
        .spawn()
        .unwrap();

    let mut line = [0; 4096];
    let length = read.recv(&mut line).unwrap();

    let line = std::str::from_utf8(&line[..length]).unwrap();
    assert!(line.ends_with('\n'), "{line:?}");
    assert_eq!(line.lines().count(), 1);
    assert!(
        line.contains("WARN  ekuiper::plugin: plugin `sdk"),
        "{line:?}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn rust_log_selects_which_lines_are_shown() {
    let mut quiet = Host::launch_with(&[("RUST_LOG", "warn")]);
    let mut loud = Host::launch_with(&[("RUST_LOG", "warn,ekuiper::source=debug")]);
    for host in [&mut quiet, &mut loud] {
        let (source, _rows) = host.source(json!({}));
        host.start(&source);
        host.stop(&source);
        host.order("pause", &source.argument);
        host.plugin.wait_log("unknown command");
    }

    assert!(!quiet.plugin.log().contains("INFO"));
    assert!(!quiet.plugin.log().contains("DEBUG"));
    assert!(
        loud.plugin
            .log()
            .contains("DEBUG ekuiper::source: source `count`")
    );
}

#[test]
fn a_logger_that_the_plugin_installed_is_kept() {
    let mut host = Host::launch_with(&[("PROBE_LOGGER", "1"), ("RUST_LOG", "trace")]);
    let (source, _rows) = host.source(json!({}));

    host.start(&source);

    host.plugin.wait_log("mine: started source `count`");
    assert!(
        host.plugin
            .log()
            .lines()
            .all(|line| line.starts_with("mine: "))
    );
}

#[test]
fn a_hundred_instances_run_at_the_same_time() {
    let mut host = Host::launch();
    let mut sources = Vec::new();
    let mut sinks = Vec::new();
    for _ in 0..50 {
        let (source, rows) = host.source(json!({"count": 3}));
        host.start(&source);
        sources.push((source, rows));
        let sink = host.sink(json!({}));
        let acks = sink.listen_acks();
        host.start(&sink);
        let rows = sink.dial_once();
        sinks.push((sink, rows, acks));
    }

    for (_, rows, _) in &sinks {
        rows.send(b"row", Some(SOON)).unwrap();
    }
    for (source, rows) in &mut sources {
        for n in 0..3 {
            assert_eq!(crate::host::number(rows), n);
        }
        host.stop(source);
    }
    for (sink, _, acks) in &mut sinks {
        assert_eq!(crate::host::text(acks), "{}");
        host.stop(sink);
    }
}

/// Returns the number of open files, of threads, and of KiB of memory in use.
fn footprint(plugin: &Plugin) -> (usize, u64, u64) {
    (
        plugin.open_files(),
        plugin.proc_status("Threads"),
        plugin.proc_status("VmRSS"),
    )
}

#[test]
fn starts_and_stops_leak_no_files_threads_or_memory() {
    let mut host = Host::launch();
    let cycle = |host: &mut Host| {
        let (source, mut rows) = host.source(json!({"count": 10}));
        let sink = host.sink(Value::Null);
        let mut acks = sink.listen_acks();
        host.start(&source);
        host.start(&sink);
        sink.dial_once().send(b"row", Some(SOON)).unwrap();
        assert_eq!(crate::host::number(&mut rows), 0);
        assert_eq!(crate::host::text(&mut acks), "{}");
        host.stop(&source);
        host.stop(&sink);
    };
    for _ in 0..20 {
        cycle(&mut host);
    }
    let (files, threads, memory) = footprint(&host.plugin);

    for _ in 0..100 {
        cycle(&mut host);
    }

    wait_for("files and threads are released", || {
        let now = footprint(&host.plugin);
        (now.0 <= files && now.1 <= threads).then_some(())
    });
    let grown = host.plugin.proc_status("VmRSS").saturating_sub(memory);
    assert!(grown < 1024, "{grown} KiB more");
}

#[test]
fn a_restarted_plugin_carries_out_the_replayed_orders() {
    let mut host = Host::launch();
    let (source, mut rows) = host.source(json!({"count": 1_000_000, "interval": 1}));
    let sink = host.sink(json!({}));
    let mut acks = sink.listen_acks();
    host.start(&source);
    host.start(&sink);
    let to_sink = sink.dial_once();
    crate::host::number(&mut rows);
    host.kill_and_launch();
    // First comes the stop of an instance that the new process never knew.
    host.stop(&Instance::new("source", "count", json!({})));
    host.start(&source);
    host.start(&sink);
    host.start(&source);

    wait_for("the rows begin again from 0", || {
        (crate::host::number(&mut rows) == 0).then_some(())
    });
    to_sink.send(b"row", Some(SOON)).unwrap();
    assert_eq!(crate::host::text(&mut acks), "{}");
}
