//! Many instances in one process: what one of them costs the others, and where the
//! process has its limit.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use crate::host::{Host, Instance, SOON, number, probe, wait_for};

/// Returns how many rows a source has emitted until its channel was full.
fn wait_full(host: &Host, source: &Instance) -> u64 {
    wait_for("the channel is full", || {
        let log = host.plugin.log();
        let mut lines = log.lines().filter(|line| line.contains(&source.rule));
        let (_, rest) = lines.find_map(|line| line.split_once("full after "))?;
        rest.split(' ').next()?.parse().ok()
    })
}

#[test]
fn a_stop_among_many_sources_that_pile_up_loses_no_row() {
    let mut host = Host::launch();
    // The first ones take more of the memory that all sources share.
    let mut running: Vec<_> = (0..24)
        .map(|_| {
            let (source, rows) = host.source(json!({"fill": true}));
            host.start(&source);
            let emitted = wait_full(&host, &source);
            (source, rows, emitted)
        })
        .collect();
    let (source, mut rows, emitted) = running.pop().unwrap();

    // The host reads nothing meanwhile.
    host.stop(&source);

    for n in 0..emitted {
        assert_eq!(number(&mut rows), n);
    }
    for (_, mut rows, emitted) in running {
        for n in 0..emitted {
            assert_eq!(number(&mut rows), n);
        }
    }
}

#[test]
fn a_slow_sink_delays_no_other() {
    let mut host = Host::launch();
    let path = host.plugin.file("rows");
    let hangs = host.sink(json!({}));
    let works: Vec<_> = (0..8).map(|_| host.sink(json!({"path": path}))).collect();
    host.start(&hangs);
    let hung = hangs.dial_once();
    hung.send(b"hang", Some(SOON)).unwrap();
    let mut dialed = Vec::new();
    for sink in &works {
        host.start(sink);
        dialed.push(sink.dial_once());
    }

    for rows in &dialed {
        rows.send(br#"[{"n":1}]"#, Some(SOON)).unwrap();
    }

    wait_for("each other sink has its row", || {
        (host.plugin.text("rows").lines().count() == works.len()).then_some(())
    });
}

#[test]
fn a_start_past_the_limit_of_open_files_is_refused_with_what_to_do() {
    const LIMIT: u64 = 60;
    let mut host = Host::launch();
    let pid = Pid::from_child(&host.plugin.child);
    let limit = Rlimit {
        current: Some(LIMIT),
        maximum: Some(LIMIT),
    };
    prlimit(Some(pid), Resource::Nofile, limit).unwrap();
    let path = host.plugin.file("rows");
    let mut running = Vec::new();

    let refused = loop {
        let sink = host.sink(json!({"path": path}));
        match host.order("start", &sink.argument) {
            answer if answer == "ok" => running.push((sink.dial_once(), sink)),
            answer => break answer,
        }
    };

    assert_eq!(
        refused,
        format!(
            "cannot start sink `keep`: the plugin's process has as many open files as it may have, {LIMIT} (a source or a function needs 3, a sink 9): raise the hard limit of open files of the host (`ulimit -Hn`, systemd's LimitNOFILE, Docker's --ulimit nofile) and restart it, or run fewer instances"
        )
    );
    host.plugin.wait_log(&refused);
    // The others work, and one that is stopped makes room.
    let (rows, sink) = running.pop().unwrap();
    rows.send(b"row", Some(SOON)).unwrap();
    wait_for("the sink keeps the row", || {
        (host.plugin.text("rows") == "row\n").then_some(())
    });
    drop(rows);
    host.stop(&sink);
    host.start(&host.sink(json!({"path": path})));
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_limit() {
    let mut plugin = Command::new("sh")
        .args(["-c", "ulimit -Sn 64; ulimit -Hn 512; exec \"$0\""])
        .arg(probe())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    wait_for("the limit is raised", || {
        let limits = fs::read_to_string(format!("/proc/{}/limits", plugin.id())).ok()?;
        let mut lines = limits.lines();
        let line = lines.find(|line| line.starts_with("Max open files"))?;
        let numbers = line.split_whitespace().skip(3).take(2);
        numbers.eq(["512", "512"]).then_some(())
    });

    plugin.kill().unwrap();
    plugin.wait().unwrap();
}
