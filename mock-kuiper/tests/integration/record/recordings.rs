//! What is recorded, and that the plugin and its host do not notice it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use super::common::{Plugin, Recorded, WAYS, kill, one_recorder};

#[test]
fn a_trace_has_each_row_ack_and_call_and_each_order_before_its_answer() {
    for way in WAYS {
        let recorded = Recorded::probe(way);
        let call = format!("{}(1)", recorded.plugin.function("echo"));

        let done = recorded.run(&["--count", "3", "--require-ack", "--call", &call]);

        done.assert_status(0);
        let lines = recorded.lines();
        assert_eq!(lines[0]["host"], "eKuiper");
        assert_eq!(lines[0]["plugin"], recorded.plugin.id.as_str());
        assert_eq!(lines[1]["event"], "launch");
        assert_eq!(lines[1]["argument"], r#"{"sendTimeout":1000}"#);
        let times: Vec<_> = lines[1..]
            .iter()
            .map(|line| line["t"].as_f64().unwrap())
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        let control: Vec<_> = lines
            .iter()
            .filter(|line| line["channel"] == recorded.control().as_str())
            .collect();
        assert_eq!(control[0]["event"], "connected");
        assert_eq!(control[0]["dialer"], "plugin");
        let greetings = control[1..3]
            .iter()
            .map(|line| line["sp"].as_str().unwrap());
        let greetings: BTreeSet<_> = greetings.collect();
        assert_eq!(greetings, ["0053500000300000", "0053500000310000"].into());
        let messages: Vec<_> = control
            .iter()
            .filter(|line| line["text"].is_string())
            .collect();
        assert_eq!(messages[0]["text"], "handshake");
        for pair in messages[1..].chunks(2) {
            let [order, answer] = pair else { break };
            assert_eq!(
                (&order["from"], &answer["from"]),
                (&"host".into(), &"plugin".into())
            );
            assert_eq!(answer["text"], "ok");
        }
        let sink = format!("{}_append_0_0", recorded.plugin.id);
        let rows = recorded.texts(&recorded.rows(), "plugin");
        assert_eq!(
            rows[0],
            r#"{"message":{"number":1},"meta":{"from":"probe"}}"#
        );
        assert_eq!(
            recorded.texts(&sink, "host")[..3],
            [
                r#"[{"number":1}]"#,
                r#"[{"number":2}]"#,
                r#"[{"number":3}]"#
            ]
        );
        assert_eq!(
            recorded.texts(&format!("{sink}_ack"), "plugin")[..3],
            ["{}"; 3]
        );
        let function = format!("func_{}", recorded.plugin.function("echo"));
        let answers = recorded.texts(&function, "plugin");
        assert_eq!(answers.last().unwrap(), r#"{"result":1,"state":true}"#);
    }
}

#[test]
fn a_plugin_that_its_host_kills_ends_and_its_trace_goes_on() {
    for way in WAYS {
        let recorded = Recorded::probe(way);

        let done = recorded.run(&["--count", "2", "--fault", "kill", "--fault", "replay"]);

        done.assert_status(0);
        let lines = recorded.lines();
        let launches: Vec<_> = (0..lines.len())
            .filter(|index| lines[*index]["event"] == "launch")
            .collect();
        assert!(launches.len() >= 2, "{lines:?}");
        let times: Vec<_> = lines[1..]
            .iter()
            .map(|line| line["t"].as_f64().unwrap())
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        let after = &lines[*launches.last().unwrap()..];
        assert!(after.iter().any(|line| line["text"] == "handshake"));
    }
}

#[test]
fn a_killed_recorder_leaves_no_process_and_no_file() {
    for way in WAYS {
        let recorded = Recorded::probe(way);
        let live = recorded.start(&["--env", "PROBE=child stray"]);
        live.wait_for_stdout("\"number\":2}");
        let recorder = one_recorder(&recorded.plugin.id);

        kill(recorder, Signal::KILL);

        live.finish().assert_status(1).assert_says("SIGKILL");
    }
}

#[test]
fn what_a_host_has_received_is_in_the_trace_of_a_killed_recorder() {
    const ROWS: usize = 1000;
    let recorded = Recorded::probe(&[]);
    // A disk that takes nothing for now: the lines of these rows do not fit in the FIFO.
    let trace = make_fifo(&recorded);
    let limit = format!(r#"random={{"interval":0,"limit":{ROWS}}}"#);
    let live = recorded.start(&["--config", &limit, "--source", "random"]);
    live.wait_for_stdout(&format!("\"number\":{ROWS}}}"));
    let recorder = one_recorder(&recorded.plugin.id);

    kill(recorder, Signal::KILL);

    let mut reader = fs::File::open(recorded.trace()).unwrap();
    // The keeper is the last one to write.
    drop(trace);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.contains(r#"_demo_0","from":"plugin","text""#));
    assert_eq!(rows.count(), ROWS);
    live.finish().assert_status(1).assert_says("SIGKILL");
}

/// Makes the trace a FIFO, and opens it, so that the recorder can.
fn make_fifo(recorded: &Recorded) -> fs::File {
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, recorded.trace(), FileType::Fifo, mode, 0).unwrap();
    let mut options = fs::File::options();
    options
        .read(true)
        .write(true)
        .open(recorded.trace())
        .unwrap()
}

/// Returns the most memory that a process has used, in KiB.
fn most_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_flood_is_recorded_whole_in_bounded_memory_even_if_the_disk_is_slow() {
    const ROWS: usize = 30_000;
    let recorded = Recorded::probe(&[]);
    // Nobody reads at first: then a disk that takes nothing.
    let mut trace = make_fifo(&recorded);
    let limit = format!(r#"random={{"interval":0,"limit":{ROWS}}}"#);
    let live = recorded.start(&["--config", &limit, "--source", "random"]);
    live.wait_for_stdout("\"number\":1}");
    let recorder = one_recorder(&recorded.plugin.id);

    let mut text = Vec::new();
    let mut chunk = vec![0; 1 << 20];
    let last = format!(r#"\"number\":{ROWS}}}"#).into_bytes();
    let mut has_last = false;
    while !has_last {
        let read = trace.read(&mut chunk).unwrap();
        let begin = text.len().saturating_sub(last.len());
        text.extend_from_slice(&chunk[..read]);
        has_last = text[begin..].windows(last.len()).any(|part| part == last);
    }

    let memory = most_memory(recorder);
    let text = String::from_utf8_lossy(&text);
    let rows = text
        .lines()
        .filter(|line| line.contains(r#"_demo_0","from":"plugin","text""#));
    assert_eq!(rows.count(), ROWS);
    assert!(memory < 100 * 1024, "{memory} KiB");
    live.signal(Signal::INT);
    // The rest of the trace must be read for the recorder to end.
    drop(trace);
    live.finish().assert_status(0);
}

#[test]
fn secrets_are_hidden_in_the_trace_and_reach_the_plugin() {
    let recorded = Recorded::probe(&["--redact", "password"]);
    let row = r#"{\"message\":{\"a\":\"hunter2\"},\"meta\":null}"#;
    let config = format!(r#"random={{"raw":["{row}"],"password":"hunter2"}}"#);

    let done = recorded.run(&["--config", &config, "--count", "1"]);

    done.assert_status(0);
    assert!(done.stdout.contains("hunter2"), "{done}");
    let trace = fs::read_to_string(recorded.trace()).unwrap();
    assert!(!trace.contains("hunter2"), "{trace}");
    assert!(trace.contains("[redacted]"), "{trace}");
}

#[test]
fn a_property_of_rows_that_no_order_has_is_hidden_in_the_trace() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let recorded = Recorded::new(plugin, &["--redact", "s"]);

    let done = recorded.run(&["--send", r#"{"n":1,"s":"hunter2"}"#]);

    done.assert_status(0);
    let trace = fs::read_to_string(recorded.trace()).unwrap();
    assert!(!trace.contains("hunter2"), "{trace}");
    let row = r#""text":"[{\"n\":1,\"s\":\"[redacted]\"}]""#;
    assert!(trace.contains(row), "{trace}");
}

#[test]
fn what_a_hostile_plugin_sends_is_passed_on_and_named_if_it_is_no_message() {
    for (wire, status, said) in [
        ("frame", 1, "has sent bytes that are no message"),
        ("torn", 0, "of 99 bytes of a message"),
        ("length", 0, "of 9151314442816847872 bytes of a message"),
    ] {
        let recorded = Recorded::probe(&[]);
        let config = format!(r#"random={{"wire":"{wire}"}}"#);

        let done = recorded.run(&["--config", &config, "--duration", "5s"]);

        // The host judges what it would see without a recorder.
        done.assert_status(status);
        assert!(done.stderr.contains(said), "{done}");
    }
}

#[test]
fn a_long_message_is_passed_on_whole_and_recorded_shortened() {
    const LENGTH: usize = 3 * 1024 * 1024;
    let recorded = Recorded::new(Plugin::new(&[], &["append"], &[]), &[]);
    let rows = recorded.plugin.place().join("rows");
    fs::write(&rows, format!("{{\"a\":\"{}\"}}\n", "x".repeat(LENGTH))).unwrap();

    let done = recorded.run(&["--rows", rows.to_str().unwrap(), "--require-ack"]);

    done.assert_status(0);
    let sink = format!("{}_append_0_0", recorded.plugin.id);
    let lines = recorded.lines();
    let row = lines
        .iter()
        .find(|line| line["channel"] == sink.as_str() && line["text"].is_string())
        .unwrap();
    assert_eq!(row["length"], LENGTH + r#"[{"a":""}]"#.len());
    let text = row["text"].as_str().unwrap();
    assert_eq!(text.len(), 1024 * 1024 + "…".len());
    assert!(text.ends_with("x…"));
}

#[test]
fn a_second_run_appends_to_the_trace_after_a_line_that_was_cut() {
    let recorded = Recorded::probe(&[]);
    recorded.run(&["--count", "1"]).assert_status(0);
    let before = fs::read_to_string(recorded.trace()).unwrap();
    fs::write(recorded.trace(), format!("{before}{{\"t\":0.4,\"chan")).unwrap();

    recorded.run(&["--count", "1"]).assert_status(0);

    let after = fs::read_to_string(recorded.trace()).unwrap();
    let second = after.strip_prefix(&before).unwrap();
    assert!(
        second
            .lines()
            .next()
            .unwrap()
            .contains(r#""event":"launch""#)
    );
    assert_eq!(after.matches(r#"{"host":"#).count(), 1);
}
