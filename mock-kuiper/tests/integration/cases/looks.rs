//! The steps `log`, `file` and `idle`, and the variables `tmp` and `port`.

use std::time::Duration;

use super::common::{play, results};

#[test]
fn a_line_is_awaited_and_counted() {
    play(
        "  - {log: {$regex: ^arguments}}
  - {call: echo, args: [hi]}
  - {log: {$regex: '^start .*echo'}, times: 1}
  - {log: nothing like it, times: 0, within: 50ms}
",
    )
    .assert_passed();
}

#[test]
fn a_line_that_never_comes_fails_at_the_limit() {
    play("  - {log: {$regex: WARN}, within: 100ms}\n").assert_failed(
        5,
        "-",
        "no line of the plugin's output matched {\"$regex\":\"WARN\"} within 100ms",
    );
    let begin = "  - {log: {$regex: ^arguments}}\n";
    play(&format!(
        "{begin}  - {{log: {{$regex: ^arguments}}, times: 0}}\n"
    ))
    .assert_failed(
        6,
        "-",
        "1 lines of the plugin's output matched {\"$regex\":\"^arguments\"}, and 0 were expected",
    );
    play("  - {log: {$regex: ^arguments}, times: 2, within: 100ms}\n").assert_failed(
        5,
        "-",
        "and 2 were expected",
    );
}

#[test]
fn a_file_is_awaited_and_compared() {
    let yaml = "plugin: plugin
cases:
- name: one
  setup:
  - {run: 'sleep 0.2; printf \"{\\\"a\\\":1}\\n2\\n\" > ${tmp}/rows', background: true}
  - \"echo '{\\\"k\\\":[1]}' > ${tmp}/json\"
  steps:
  - {file: '${tmp}/rows', lines: ['{\"a\":1}', '2']}
  - {file: '${tmp}/rows', text: \"{\\\"a\\\":1}\\n2\\n\"}
  - {file: '${tmp}/json', json: {k: [1]}}
  - {file: '${tmp}/json', exists: true}
  - {file: '${tmp}/other', exists: false}
  - {file: a.test.yaml, exists: true}
";

    results(yaml).assert_passed();
}

#[test]
fn a_file_that_is_not_as_expected_fails_at_the_limit() {
    let with = |step: &str| {
        results(&format!(
            "plugin: plugin
cases:
- name: one
  setup: [\"echo '[1]' > ${{tmp}}/rows\"]
  steps:
  - {{{step}, within: 50ms}}
"
        ))
    };

    let outcome = with("file: '${tmp}/rows', lines: ['[2]']");
    outcome.assert_failed(6, "-", "is not as expected");
    assert_eq!(outcome.differences(), [["/0", "\"[2]\"", "\"[1]\""]]);
    with("file: '${tmp}/rows', json: [2]").assert_failed(6, "-", "is not as expected");
    with("file: '${tmp}/rows', exists: false").assert_failed(6, "-", "exists, and must not");
    with("file: '${tmp}/other', exists: true").assert_failed(6, "-", "there is no file");
    with("file: '${tmp}/other', text: x").assert_failed(6, "-", "cannot read the file");
    with("file: a.test.yaml, json: 1").assert_failed(6, "-", "is not JSON");
    with("file: plugin, text: x").assert_failed(6, "-", "it is not a regular file");
}

#[test]
fn idle_asks_for_nothing_for_its_time() {
    let outcome = play("  - idle: 300ms\n  - {call: echo, args: [hi], result: hi}\n");

    outcome.assert_passed();
    assert!(outcome.done.took >= Duration::from_millis(300));
}

#[test]
fn a_plugin_that_dies_meanwhile_ends_each_wait() {
    // It dies long after its start was answered.
    for wait in [
        "log: never",
        "file: never, exists: true",
        "rows: random, expect: {$len: 9}",
    ] {
        play(&format!(
            "  - start: {{source: random, config: {{interval: 1000, die_after: 4}}}}
  - {{rows: random, expect: [{{$any: true}}]}}
  - {{{wait}, within: 1h}}
"
        ))
        .assert_failed(7, "plugin.exited", "SIGKILL");
    }
    play(
        "  - start: {source: random, config: {interval: 1000, exit_after: 4}}
  - idle: 1h
",
    )
    .assert_failed(6, "plugin.exited", "status 0");
}

#[test]
fn every_case_has_a_directory_and_a_port_of_its_own_that_the_plugin_has_too() {
    let yaml = "plugin: plugin
env: {PROBE: 'listens=${tmp}/socket'}
cases:
- name: a
  setup: ['test ! -e ${tmp}/x && touch ${tmp}/x && echo ${port} > a']
  steps: [{file: '${tmp}/socket', exists: true}]
- name: b
  setup: ['test ! -e ${tmp}/x && touch ${tmp}/x && echo ${port} > b']
  steps: [{file: '${tmp}/socket', exists: true}]
";
    let place = super::common::Place::with(yaml);

    place.results(&[]).assert_passed();

    let port = |name: &str| -> u16 {
        let text = std::fs::read_to_string(place.path(name)).unwrap();
        text.trim().parse().unwrap()
    };
    assert_ne!(port("a"), port("b"));
}
