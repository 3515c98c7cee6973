//! Signals, at every moment of a run.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::common::Place;
use crate::support::processes::{Live, kill, wait_until};

/// Files with a case that waits for an hour, by what it waits for. The file `began`
/// exists when it does, or is about to.
fn files() -> Vec<(&'static str, String)> {
    let source = "{start: {source: random, config: {interval: 1, limit: 0}}}";
    let sink = |config: &str| format!("{{start: {{sink: append, config: {config}}}}}");
    let background = "{run: 'sleep 601 & setsid sleep 602', background: true}";
    let with = |probe: &str, setup: &str, steps: &str| {
        format!(
            "plugin: plugin
env: {{PROBE: 'child stray {probe}'}}
cases:
- {{name: one, setup: [{setup}], steps: [{steps}]}}
- {{name: two, steps: [{{idle: 1h}}]}}
"
        )
    };
    // The call before the last step tells that this step comes next.
    let waits = |first: &str, last: &str| {
        let now = "{call: echo, args: [{touch: ../began}]}";
        with("", background, &format!("{first}{now}, {last}"))
    };
    let sends = |config: &str, last: &str| {
        let last = format!("{{send: append, rows: [a], within: 1h{last}}}");
        waits(&format!("{}, ", sink(config)), &last)
    };
    let any = "[{$any: true}]";
    let starts = format!("{source}, ");
    vec![
        (
            "rows",
            waits(
                &starts,
                &format!("{{rows: random, expect: {any}, within: 1h}}"),
            ),
        ),
        (
            "no rows",
            waits(&starts, "{rows: random, expect: [], within: 1h}"),
        ),
        ("idle", waits("", "{idle: 1h}")),
        ("log", waits("", "{log: never, within: 1h}")),
        ("file", waits("", "{file: never, exists: true, within: 1h}")),
        ("call", waits("", "{call: echo, args: [{answer: silent}]}")),
        ("ack", sends("{ack: never}", ", acks: [ok]")),
        ("unread", sends("{idle: true}", "")),
        (
            "rule",
            waits(
                "",
                "{rule: {source: {source: random, config: {limit: 0}}, sinks: [{sink: append}], rows: 1}, within: 1h}",
            ),
        ),
        ("fault", waits("", "{fault: idle=1h}")),
        (
            "start",
            with("mute=start reached=../began", background, source),
        ),
        (
            "stop",
            with(
                "mute=stop reached=../began",
                background,
                &format!("{source}, {{stop: random}}"),
            ),
        ),
        (
            "greeting",
            with("silent listens=../began", background, "{idle: 1h}"),
        ),
        (
            "setup",
            with("", "'touch began; setsid sleep 600'", "{idle: 1h}"),
        ),
        (
            "readiness",
            with(
                "",
                "{run: 'touch began; sleep 600', background: true, ready: {file: never}, within: 1h}",
                "{idle: 1h}",
            ),
        ),
        (
            "check",
            with(
                "",
                "{run: 'sleep 600', background: true, ready: {run: 'touch began; sleep 601'}, within: 1h}",
                "{idle: 1h}",
            ),
        ),
    ]
}

/// Runs a file until it waits, and sends a signal.
fn interrupt(yaml: &str, signal: Signal, moment: &str) {
    println!("{moment}");
    let place = Place::with(yaml);
    let live = place.start(&["a.test.yaml", "--jobs", "1", "--timeout-scale", "100"]);
    wait_until(moment, || place.path("began").exists());

    let sent = Instant::now();
    live.signal(signal);
    let done = live.end();
    let took = sent.elapsed();
    place.assert_clean();

    done.assert_status(3)
        .assert_says("interrupted: 2 cases have no verdict");
    assert!(done.stdout.contains("2 skipped"), "{moment}: {done}");
    assert!(!done.stdout.contains("FAIL"), "{moment}: {done}");
    // Usually less than 0.3 s. All waits are for ten minutes or longer.
    assert!(took < Duration::from_secs(60), "{moment} took {took:?}");
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
fn the_end_of_stdin_is_an_interrupt_if_it_is_asked_for() {
    let place = Place::with(&files()[0].1);
    let command = place.command(&["a.test.yaml", "--end-with-stdin"]);
    let (live, stdin) = Live::spawn_with_stdin(command, &place.id);
    wait_until("rows", || place.path("began").exists());

    drop(stdin);
    let done = place.finish(live);

    done.assert_status(3).assert_says("interrupted");
}

#[test]
fn nothing_is_left_after_the_death_of_mock_kuiper() {
    for (moment, yaml) in files() {
        let place = Place::with(&yaml);
        let live = place.start(&["a.test.yaml", "--jobs", "2"]);
        wait_until(moment, || place.path("began").exists());

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
