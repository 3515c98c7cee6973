//! How long a process lives, and cases that run at once.

use std::fmt::Write as _;

use super::common::{Place, results};

#[test]
fn cases_share_a_process_and_what_one_started_is_stopped_before_the_next() {
    let outcome = results(
        "plugin: plugin
process: file
cases:
- name: a
  steps:
  - start: {source: random, config: {interval: 1}}
  - {rows: random, expect: [{$any: true}]}
  - {log: {$regex: ^arguments}, times: 1}
- name: b
  steps:
  - {log: {$regex: ^arguments}, times: 0, within: 50ms}
  - start: {source: random, config: {interval: 1}}
  - {rows: random, expect: [{message: {number: 1}, meta: {$any: true}}]}
  - {log: {$regex: ^start}, times: 1}
",
    );

    outcome.assert_passed();
    assert_eq!(outcome.verdicts(), ["a 2.4: passed", "b 2.4: passed"]);
}

#[test]
fn after_a_failure_the_next_case_gets_another_process() {
    for failing in [
        "{call: echo, args: [{answer: die}]}",
        "{call: echo, args: [{answer: silent}]}",
        "{call: echo, args: [hi], result: ho}",
        "kill",
    ] {
        let place = Place::with(&format!(
            "plugin: plugin
process: file
cases:
- name: a
  steps:
  - {failing}
- name: b
  steps:
  - {{log: {{$regex: ^arguments}}, times: 1}}
  - {{call: echo, args: [hi], result: hi}}
"
        ));

        let outcome = place.results(&["--timeout-scale", "0.3"]);

        let a = if failing == "kill" {
            "passed"
        } else {
            "failed"
        };
        assert_eq!(
            outcome.verdicts(),
            [format!("a 2.4: {a}"), "b 2.4: passed".to_owned()],
            "{failing}"
        );
    }
}

#[test]
fn each_case_runs_on_the_releases_of_its_file_or_its_own() {
    let yaml = "plugin: plugin
releases: ['2.4', '1.13']
cases:
- {name: a, function: echo, calls: [{args: [hi], result: hi}]}
- {name: b, releases: ['2.1'], function: echo, calls: [{args: [hi], result: hi}]}
";
    assert_eq!(
        results(yaml).assert_passed().verdicts(),
        ["a 2.4: passed", "a 1.13: passed", "b 2.1: passed"]
    );
    let all = yaml.replace("['2.1']", "all");
    let outcome = results(&all);
    outcome.assert_passed();
    assert!(outcome.verdicts().len() > 10, "{:?}", outcome.verdicts());
}

/// Makes forty cases that pass or fail in many ways.
fn forty() -> String {
    let mut yaml = "plugin: plugin\ncases:\n".to_owned();
    for number in 0..40 {
        let steps = match number % 8 {
            0 => "[{call: echo, args: [hi], result: ho}]",
            1 => "[{call: echo, args: [{answer: die}]}]",
            2 => {
                "[{start: {source: random, config: {interval: 1}}}, {rows: random, expect: [{$any: true}]}]"
            }
            3 => {
                "[{start: {sink: append}}, {send: append, rows: [a], acks: [ok]}, {log: append got a}]"
            }
            4 => "[{start: {source: random, config: {refuse: no}}}]",
            5 => {
                "[{file: '${tmp}/x', exists: false}, {call: echo, args: ['${port}'], result: {$type: number}}]"
            }
            6 => {
                "[{start: {sink: append}}, fault: kill=1ms, {send: append, rows: [a], acks: [ok]}]"
            }
            _ => {
                "[{start: {source: random, config: {raw: [junk]}}}, {rows: random, expect: [{$any: true}]}]"
            }
        };
        let steps = steps.replace("fault: kill=1ms", "{fault: kill=1ms}");
        writeln!(yaml, "- {{name: c{number}, steps: {steps}}}").unwrap();
    }
    yaml
}

#[test]
fn many_jobs_have_the_verdicts_and_the_order_of_one() {
    let place = Place::with(&forty());

    let one = place.results(&["--jobs", "1"]);
    let eight = place.results(&["--jobs", "8"]);

    assert_eq!(one.verdicts(), eight.verdicts());
    let failed = one.json["counts"]["failed"].as_u64();
    assert_eq!((one.done.status, failed), (1, Some(20)), "{}", one.done);
    assert_eq!(eight.done.status, 1);
}

#[test]
fn shards_are_disjoint_and_complete() {
    let place = Place::with(&forty());
    let list = |args: &[&str]| {
        let done = place.run(&[&["a.test.yaml", "--list"], args].concat());
        let lines = done.assert_status(0).stdout.lines();
        lines.map(str::to_owned).collect::<Vec<_>>()
    };

    let all = list(&[]);
    let mut parts: Vec<_> = ["1/3", "2/3", "3/3"]
        .iter()
        .flat_map(|part| list(&["--shard", part]))
        .collect();

    assert_eq!(all.len(), 40);
    parts.sort();
    let mut sorted = all;
    sorted.sort();
    assert_eq!(parts, sorted);
}
