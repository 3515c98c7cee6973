//! `mock-kuiper bench` at a signal: what is stopped, and which rounds count.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use super::bench::{read, start};
use super::common::{Plugin, wait_until};

/// Redirects the plugin's output to this file.
fn log_to(plugin: &Plugin, log: &Path) {
    let (id, log) = (&plugin.id, log.display());
    plugin.wrap(&format!("exec ./bin/{id} >>'{log}' 2>&1"));
}

#[test]
fn a_signal_stops_the_source_and_discards_the_incomplete_round() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let log = plugin.place().join("log");
    log_to(&plugin, &log);
    let text = || fs::read_to_string(&log).unwrap_or_default();

    let live = start(&plugin, &["--time", "60s"]);
    wait_until("a start", || text().contains("start {"));
    live.signal(Signal::INT);
    let done = live.finish();

    done.assert_status(0)
        .assert_says("note: interrupted in the first round: nothing was measured");
    assert_eq!(done.stdout, "");
    assert!(done.took < Duration::from_secs(55), "{done}");
    assert_eq!(text().matches("stop {").count(), 1, "{}", text());
}

#[test]
fn a_signal_before_the_answer_to_a_start_still_stops_the_source() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let (log, answer) = (plugin.place().join("log"), plugin.place().join("answer"));
    log_to(&plugin, &log);
    let text = || fs::read_to_string(&log).unwrap_or_default();
    let late = format!("PROBE=late={}", answer.display());

    let live = start(&plugin, &["--time", "60s", "--env", &late]);
    wait_until("a start", || text().contains("start {"));
    live.signal_and_wait(Signal::INT);
    fs::write(&answer, "").unwrap();
    let done = live.finish();

    done.assert_status(0)
        .assert_says("note: interrupted in the first round: nothing was measured");
    assert_eq!(text().matches("start {").count(), 1, "{}", text());
    assert_eq!(text().matches("stop {").count(), 1, "{}", text());
}

#[test]
fn a_signal_keeps_the_complete_rounds() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let (log, file) = (plugin.place().join("log"), plugin.place().join("new.json"));
    log_to(&plugin, &log);
    let starts = || fs::read_to_string(&log).map_or(0, |text| text.matches("start {").count());

    let json = file.to_str().unwrap();
    let live = start(
        &plugin,
        &["--time", "20ms", "--rounds", "1000", "--json", json],
    );
    wait_until("a third round", || starts() >= 3);
    live.signal(Signal::TERM);
    let done = live.finish();

    done.assert_status(0)
        .assert_says("note: interrupted in round ");
    let rounds = read(&file)["environment"]["rounds"].as_u64().unwrap();
    assert!((2..1000).contains(&rounds), "{done}");
    let first = format!("medians of {rounds} rounds");
    assert!(done.stdout.contains(&first), "{done}");
}
