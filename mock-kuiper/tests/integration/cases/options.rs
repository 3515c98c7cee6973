//! The options that select cases and change how they run, and exit statuses.

use super::common::Place;

const TWO: &str = "plugin: plugin
releases: ['2.4', '1.13']
cases:
- {name: echo answers, function: echo, calls: [{args: [hi], result: hi}]}
- {name: echo lies, function: echo, calls: [{args: [hi], result: ho}]}
";

#[test]
fn a_filter_selects_by_a_part_of_the_name_or_by_the_name() {
    let place = Place::with(TWO);

    let outcome = place.results(&["--filter", "answers"]);
    assert_eq!(
        outcome.assert_passed().verdicts(),
        ["echo answers 2.4: passed", "echo answers 1.13: passed"]
    );
    let outcome = place.results(&["--filter", "=echo lies", "--release", "1.13"]);
    assert_eq!(outcome.verdicts(), ["echo lies 1.13: failed"]);
    let both = place.results(&["--filter", "=echo lies", "--filter", "answers"]);
    assert_eq!(both.verdicts().len(), 4);
}

#[test]
fn nothing_to_run_is_invalid_input() {
    let place = Place::with(TWO);

    let none = place.run(&["a.test.yaml", "--filter", "=echo"]);
    none.assert_status(2).assert_says("no case matches");
}

#[test]
fn a_part_without_cases_passes() {
    let place = Place::with(TWO);

    let part = place.run(&["a.test.yaml", "--filter", "=echo answers", "--shard", "9/9"]);

    part.assert_status(0);
    assert!(part.stdout.contains("0 passed"), "{part}");
}

#[test]
fn mistakes_are_invalid_input_and_nothing_runs() {
    let place = Place::with(
        "plugin: plugin
setup: ['touch ran']
cases:
- {name: one, function: echo, calls: [{argz: [hi]}]}
- {name: one, steps: [{send: out, rows: [a]}]}
",
    );

    let done = place.run(&["a.test.yaml"]);

    done.assert_status(2)
        .assert_says("a.test.yaml:4:40")
        .assert_says("nothing was started as `out`");
    assert!(!place.path("ran").exists());
}

#[test]
fn a_plugin_that_ekuiper_would_refuse_is_invalid_input() {
    let place = Place::with(TWO);
    place.write("plugin/probe.json", "{}");

    place
        .run(&["a.test.yaml"])
        .assert_status(2)
        .assert_says("a.test.yaml: the plugin cannot be run:");
}

#[test]
fn a_plugin_that_a_setup_makes_is_opened_after_it() {
    let place = Place::with(
        "plugin: made
setup: ['test -d made || cp -rl plugin made']
cases:
- {name: one, function: echo, calls: [{args: [hi], result: hi}]}
",
    );
    place.results(&[]).assert_passed();

    let place = Place::with(
        "plugin: made
setup: ['true']
cases:
- {name: one, function: echo, calls: [{args: [hi], result: hi}]}
",
    );
    let outcome = place.results(&[]);
    outcome.done.assert_status(2);
    assert_eq!(outcome.verdicts(), ["one 2.4: invalid"]);
}

#[test]
fn fail_fast_begins_no_case_after_a_failure() {
    let place = Place::with(
        "plugin: plugin
cases:
- {name: a, function: echo, calls: [{args: [hi], result: hi}]}
- {name: b, function: echo, calls: [{args: [hi], result: ho}]}
- {name: c, function: echo, calls: [{args: [hi], result: hi}]}
",
    );

    let outcome = place.results(&["--fail-fast", "--jobs", "1"]);

    outcome.done.assert_status(1);
    assert_eq!(
        outcome.verdicts(),
        ["a 2.4: passed", "b 2.4: failed", "c 2.4: skipped"]
    );
}

#[test]
fn cases_are_listed_with_their_places_for_people_and_programs() {
    let place = Place::with(TWO);

    let text = place.run(&["a.test.yaml", "--list", "--release", "2.4"]);
    assert_eq!(
        text.assert_status(0).stdout,
        "a.test.yaml:4: echo answers (eKuiper 2.4)\na.test.yaml:5: echo lies (eKuiper 2.4)\n"
    );
    let json = place.run(&["a.test.yaml", "--list", "--json", "-", "--filter", "lies"]);
    let json: serde_json::Value = serde_json::from_str(&json.assert_status(0).stdout).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"cases": [
            {"file": "a.test.yaml", "line": 5, "column": 3, "name": "echo lies", "release": "2.4"},
            {"file": "a.test.yaml", "line": 5, "column": 3, "name": "echo lies", "release": "1.13"},
        ]})
    );
}

#[test]
fn limits_are_scaled() {
    let place = Place::with(
        "plugin: plugin
cases:
- name: one
  setup: [{run: 'sleep 0.3', within: 100ms}]
  steps:
  - start: {source: random, config: {interval: 1, limit: 1}}
  - {rows: random, within: 10s, expect: [{$any: true}, {$any: true}]}
",
    );

    place
        .results(&[])
        .assert_failed(4, "-", "has not ended within 100ms");
    let place = Place::with(
        "plugin: plugin
cases:
- name: one
  steps:
  - start: {source: random, config: {interval: 1, limit: 1}}
  - {rows: random, within: 10s, expect: [{$any: true}, {$any: true}]}
",
    );
    let outcome = place.results(&["--timeout-scale", "0.5"]);
    outcome.assert_failed(6, "row.missing", "within 5s");
}

#[test]
fn a_run_that_passes_says_so_in_one_line() {
    let place = Place::with(TWO);

    let done = place.run(&["a.test.yaml", "--filter", "answers"]);

    done.assert_status(0);
    assert!(done.stdout.starts_with("2 passed in "), "{done}");
    assert_eq!((done.stdout.lines().count(), &*done.stderr), (1, ""));
}
