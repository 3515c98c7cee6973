//! The steps `fault`, `kill` and `reload`, and plugins that die.

use super::common::{Place, play, results, text};

#[test]
fn a_fault_is_played_on_all_that_runs_and_survived() {
    play(
        "  - start: {source: random, config: {interval: 5}}
  - start: {sink: append, requireAck: true}
  - {call: echo, args: [hi], result: hi}
  - {fault: kill=50ms, row: {a: 1}}
  - {rows: random, expect: [{$any: true}]}
  - {send: append, rows: [{b: 1}], acks: [ok]}
  - {call: echo, args: [hi], result: hi}
",
    )
    .assert_passed();
}

#[test]
fn a_fault_that_is_not_survived_is_a_finding() {
    play(
        "  - start: {sink: append, config: {frail: true}}
  - {fault: rows, row: {a: 1}}
",
    )
    .assert_failed(6, "sink.hung-up", "");
}

#[test]
fn a_fault_for_which_nothing_runs_fails_and_one_that_the_release_lacks_is_a_note() {
    play("  - {call: echo, args: [hi]}\n  - fault: redial\n").assert_failed(
        6,
        "-",
        "the fault `redial` was not played: no sink runs",
    );

    let outcome = results(
        "plugin: plugin
releases: ['1.7']
cases:
- name: one
  steps:
  - {call: echo, args: [hi]}
  - fault: kill
",
    );

    outcome.assert_passed();
    assert_eq!(
        text(&outcome.of("one")["notes"][0]),
        "the fault `kill=200ms` was not played: this release replays nothing"
    );
}

#[test]
fn a_killed_plugin_stays_dead_until_a_reload() {
    play(
        "  - start: {source: random, config: {interval: 1}}
  - start: {sink: append}
  - {call: echo, args: [hi]}
  - {rows: random, expect: [{$any: true}]}
  - kill
  - {log: {$regex: ^arguments}, times: 1}
  - {file: never, exists: false}
  - idle: 50ms
  - reload
  - {log: {$regex: ^arguments}, times: 2}
  - {rows: random, within: 10s, expect: [{$any: true}]}
  - {send: append, rows: [{a: 1}], acks: [ok]}
  - {call: echo, args: [hi], result: hi}
",
    )
    .assert_passed();
}

#[test]
fn a_case_may_end_with_a_dead_plugin() {
    play("  - start: {source: random}\n  - kill\n").assert_passed();
}

#[test]
fn a_source_that_was_stopped_is_not_started_again_by_a_reload() {
    play(
        "  - start: {source: random, config: {interval: 1}}
  - stop: random
  - reload
  - {rows: random, within: 300ms, expect: []}
  - {log: {$regex: ^start}, times: 1}
",
    )
    .assert_passed();
}

#[test]
fn a_plugin_that_dies_before_its_greeting_fails_each_of_its_cases() {
    let yaml = "plugin: plugin
env: {PROBE: 'lines=3 exit=7'}
cases:
- {name: one, function: echo, calls: [{args: [hi]}]}
- {name: two, function: echo, calls: [{args: [hi]}]}
";
    let outcome = results(yaml);

    outcome
        .assert_failed(4, "plugin.exited-early", "status 7")
        .assert_failure("two", 5, "plugin.exited-early", "status 7")
        .assert_shows("line 4, launch: ")
        .assert_shows(" line 3\n");
    let log = &outcome.of("one")["log"];
    assert!(
        log.as_array()
            .unwrap()
            .iter()
            .any(|line| line["text"] == "line 3"),
        "{log}"
    );
}

#[test]
fn a_plugin_that_does_not_greet_fails_at_its_limit() {
    let yaml = "plugin: plugin
env: {PROBE: silent}
init_timeout: 300ms
cases:
- {name: one, function: echo, calls: [{args: [hi]}]}
";

    results(yaml)
        .assert_failed(5, "plugin.no-greeting", "300")
        .assert_shows("dial this address and send a message within the limit");
}

#[test]
fn a_plugin_that_dies_at_a_stop_fails_its_case() {
    let yaml = "plugin: plugin
env: {PROBE: dies=stop}
cases:
- name: one
  steps:
  - start: {source: random, config: {interval: 1}}
  - {rows: random, expect: [{$any: true}]}
- name: two
  steps:
  - start: {sink: append}
  - stop: append
";

    results(yaml)
        .assert_failed(7, "plugin.exited", "SIGKILL")
        .assert_failure("two", 11, "plugin.exited", "SIGKILL");
}

#[test]
fn a_failed_case_shows_all_that_a_dead_plugin_wrote() {
    let outcome = play("  - {call: echo, args: [{answer: die}]}\n");

    outcome.assert_failed(5, "plugin.exited", "SIGKILL");
    outcome.assert_shows(" start {\"symbolName\":\"echo\"");
}

#[test]
fn a_mute_plugin_ends_at_the_limit() {
    let yaml = "plugin: plugin
env: {PROBE: mute=stop}
cases:
- name: one
  steps:
  - start: {source: random, as: a}
  - start: {source: random, as: b}
  - start: {source: random, as: c}
  - idle: 1ms
";
    let place = Place::with(yaml);

    let outcome = place.results(&["--timeout-scale", "0.5"]);

    outcome.assert_failed(9, "order.unanswered", "5s");
}

#[test]
fn processes_that_a_plugin_starts_are_ended_and_named() {
    let yaml = "plugin: plugin
env: {PROBE: 'child stray'}
cases:
- {name: one, function: echo, calls: [{args: [hi], result: hi}]}
- {name: two, function: echo, calls: [{args: [hi], result: ho}]}
";
    let outcome = results(yaml);

    outcome.done.assert_status(1);
    for case in ["one", "two"] {
        let note = text(&outcome.of(case)["notes"][0]);
        assert!(note.starts_with("the plugin left 2 processes ("), "{note}");
    }
}

#[test]
fn a_plugin_has_ended_before_the_teardown_of_its_case() {
    let place = Place::with(
        "plugin: plugin
cases:
- name: one
  teardown: ['cat /proc/[0-9]*/cmdline 2>/dev/null > processes; true']
  function: echo
  calls: [{args: [hi], result: hi}]
",
    );

    place.results(&[]).assert_passed();

    let processes = std::fs::read_to_string(place.path("processes")).unwrap();
    let plugin = place.path("plugin/probe").display().to_string();
    assert!(
        processes.contains("cat /proc") && !processes.contains(&plugin),
        "{processes}"
    );
}
