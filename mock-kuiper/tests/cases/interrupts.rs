//! Signals, at every moment of a run.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::common::Place;
use crate::processes::{kill, wait_until};

/// A run that waits in one of its moments, and has begun to when `began` exists.
fn files() -> Vec<(&'static str, String)> {
    let with = |setup: &str, steps: &str| {
        format!(
            "plugin: plugin
env: {{PROBE: 'child stray ENV'}}
cases:
- name: one
  setup: {setup}
  steps: {steps}
- name: two
  setup: ['touch began']
  steps: [{{idle: 1h}}]
"
        )
    };
    let began = "['touch began', {run: 'sleep 601 & setsid sleep 602', background: true}]";
    let plain = |steps: &str| with(began, steps).replace(" ENV", "");
    let quiet = "{start: {source: random, config: {interval: 1, limit: 0}}}";
    vec![
        ("rows", plain(&format!("[{quiet}, {{rows: random, expect: [{{$any: true}}], within: 1h}}]"))),
        ("no rows", plain(&format!("[{quiet}, {{rows: random, expect: [], within: 1h}}]"))),
        ("idle", plain("[{idle: 1h}]")),
        ("log", plain("[{log: never, within: 1h}]")),
        ("file", plain("[{file: never, exists: true, within: 1h}]")),
        ("call", plain("[{call: echo, args: [{answer: silent}], within: 1h}]")),
        ("ack", plain("[{start: {sink: append, config: {ack: never}}}, {send: append, rows: [a], acks: [ok], within: 1h}]")),
        ("unread", plain("[{start: {sink: append, config: {idle: true}}}, {send: append, rows: [a], within: 1h}]")),
        ("rule", plain("[{rule: {source: {source: random, config: {limit: 0}}, sinks: [{sink: append}], rows: 1}, within: 1h}]")),
        ("start", with(began, &format!("[{quiet}]")).replace("ENV", "mute=start")),
        ("stop", with(began, &format!("[{quiet}, {{stop: random}}]")).replace("ENV", "mute=stop")),
        ("greeting", with(began, "[{idle: 1h}]").replace("ENV", "silent")),
        ("fault", plain("[{call: echo, args: [hi]}, {fault: idle=1h}]")),
        ("setup", with("['touch began; setsid sleep 600', 'true']", "[{idle: 1h}]").replace(" ENV", "")),
        ("readiness", with("[{run: 'touch began; sleep 600', background: true, ready: {file: never}, within: 1h}]", "[{idle: 1h}]").replace(" ENV", "")),
        ("check", with("[{run: 'touch began; sleep 600', background: true, ready: {run: 'sleep 601'}, within: 1h}]", "[{idle: 1h}]").replace(" ENV", "")),
    ]
}

/// Runs a file until it waits, and sends a signal.
fn interrupt(yaml: &str, signal: Signal, moment: &str) {
    let place = Place::with(yaml);
    let live = place.start(&["a.test.yaml", "--jobs", "1", "--timeout-scale", "100"]);
    wait_until("the wait of the case", || place.path("began").exists());
    // Whether the step has begun does not matter: no moment may be worse.
    std::thread::yield_now();

    let sent = Instant::now();
    live.signal(signal);
    let done = place.finish(live);

    done.assert_status(3)
        .assert_says("interrupted: 2 cases have no verdict");
    assert!(done.stdout.contains("2 skipped"), "{moment}: {done}");
    assert!(!done.stdout.contains("FAIL"), "{moment}: {done}");
    assert!(sent.elapsed() < Duration::from_secs(10), "{moment}: {done}");
}

#[test]
fn an_interrupt_ends_every_wait_without_a_verdict() {
    for (moment, yaml) in files() {
        interrupt(&yaml, Signal::INT, moment);
    }
}

#[test]
fn sigterm_and_sighup_are_interrupts() {
    interrupt(&files()[0].1, Signal::TERM, "rows");
    interrupt(&files()[0].1, Signal::HUP, "rows");
}

#[test]
fn nothing_is_left_after_the_death_of_mock_kuiper() {
    for (_, yaml) in files() {
        let place = Place::with(&yaml);
        let live = place.start(&["a.test.yaml", "--jobs", "2"]);
        wait_until("the wait of the case", || place.path("began").exists());

        kill(live.pid(), Signal::KILL);
        live.end();

        place.assert_clean();
    }
}

#[test]
fn a_teardown_runs_after_an_interrupt_and_has_a_moment() {
    let place = Place::with(
        "plugin: plugin
teardown: ['touch file-down']
cases:
- name: one
  setup: ['touch began']
  teardown: ['touch down', 'sleep 600']
  steps: [{idle: 1h}]
",
    );
    let live = place.start(&["a.test.yaml"]);
    wait_until("the case", || place.path("began").exists());

    live.signal(Signal::INT);
    let done = place.finish(live);

    done.assert_status(3)
        .assert_says("interrupted: 1 case has no verdict");
    assert!(place.path("down").exists() && place.path("file-down").exists());
}

#[test]
fn reports_are_written_after_an_interrupt_and_have_what_was_decided() {
    let place = Place::with(
        "plugin: plugin
cases:
- {name: one, function: echo, calls: [{args: [hi], result: ho}]}
- {name: two, setup: ['touch began'], steps: [{idle: 1h}]}
- {name: three, steps: [{idle: 1h}]}
",
    );
    let live = place.start(&["a.test.yaml", "--jobs", "1", "--json", "report.json"]);
    wait_until("the second case", || place.path("began").exists());

    live.signal(Signal::INT);
    let done = place.finish(live);

    done.assert_status(3)
        .assert_says("interrupted: 2 cases have no verdict");
    let report = fs::read_to_string(place.path("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["counts"]["failed"], 1);
    assert_eq!(report["counts"]["skipped"], 2);
}
