//! The steps `call` and `validate`, and the table form.

use std::time::Instant;

use super::common::{Place, play, results};
use crate::support::processes::LIMIT;

/// Makes a file with one case in the table form; its first row is in line 6.
fn table(rows: &str) -> String {
    format!("plugin: plugin\ncases:\n- name: one\n  function: echo\n  calls:\n{rows}")
}

#[test]
fn a_table_calls_and_validates() {
    results(&table(
        "  - {args: [hi], result: hi}
  - {args: [9007199254740993], result: 9007199254740993}
  - {args: [{a: [1, null]}], result: {a: [1, null]}, capture: {one: /a/0}}
  - {args: ['${one}'], result: 1}
  - {args: [hi]}
  - {args: [], refused: {$regex: an argument}}
  - {args: [{answer: '{\"state\":false,\"result\":\"no idea\"}'}], error: no idea}
",
    ))
    .assert_passed();
}

#[test]
fn another_result_is_shown() {
    let outcome = results(&table(
        "  - {args: [hi], result: hi}\n  - {args: [hi], result: ho}\n",
    ));

    outcome.assert_failed(7, "-", "the result of `echo(\"hi\")` is not as expected");
    assert_eq!(outcome.differences(), [["", "\"ho\"", "\"hi\""]]);
}

#[test]
fn an_error_and_a_result_are_not_taken_for_each_other() {
    let failing = "{answer: '{\"state\":false,\"result\":\"no idea\"}'}";

    for expectation in ["", ", result: 1", ", result: no idea"] {
        results(&table(&format!("  - {{args: [{failing}]{expectation}}}\n"))).assert_failed(
            6,
            "function.error",
            "failed, and a result was expected",
        );
    }
    results(&table("  - {args: [hi], error: {$any: true}}\n")).assert_failed(
        6,
        "-",
        "`echo(\"hi\")` returned `\"hi\"`, and an error was expected",
    );
    let outcome = results(&table(&format!("  - {{args: [{failing}], error: idea}}\n")));
    outcome.assert_failed(6, "-", "the error of `echo(");
    assert_eq!(outcome.differences(), [["", "\"idea\"", "\"no idea\""]]);
}

#[test]
fn a_refusal_and_an_acceptance_are_not_taken_for_each_other() {
    play(
        "  - {validate: echo, args: [hi]}\n  - {validate: echo, args: [], refused: {$any: true}}\n",
    )
    .assert_passed();
    play("  - {validate: echo, args: []}\n").assert_failed(
        5,
        "-",
        "`echo()` was refused: expected an argument",
    );
    play("  - {validate: echo, args: [hi], refused: {$any: true}}\n").assert_failed(
        5,
        "-",
        "`echo(\"hi\")` was accepted, and not refused",
    );
    results(&table("  - {args: [], refused: other}\n")).assert_failed(
        6,
        "-",
        "the refusal of `echo()` is not as expected",
    );
}

#[test]
fn an_answer_that_comes_too_late_fails() {
    results(&table(
        "  - {args: [{wait: 50}], result: {$any: true}, within: 5s}\n",
    ))
    .assert_passed();
    results(&table(
        "  - {args: [{wait: 300}], result: {$any: true}, within: 20ms}\n",
    ))
    .assert_failed(6, "-", "and 20ms is allowed");
}

#[test]
fn no_answer_is_a_finding_at_the_scaled_limit() {
    let yaml = table("  - {args: [{answer: silent}], result: {$any: true}}\n");
    let outcome = Place::with(&yaml).results(&["--timeout-scale", "0.5"]);

    outcome.assert_failed(6, "function.unanswered", "2.5s");
}

#[test]
fn junk_and_a_death_are_findings() {
    results(&table(
        "  - {args: [{answer: junk}], result: {$any: true}}\n",
    ))
    .assert_failed(6, "function.invalid-answer", "");
    results(&table("  - {args: [hi]}\n  - {args: [{answer: die}]}\n")).assert_failed(
        7,
        "plugin.exited",
        "SIGKILL",
    );
}

#[test]
fn an_unknown_function_is_a_finding_of_the_start() {
    let yaml = "plugin: plugin
env: {PROBE: 'lacks=echo:go'}
cases:
- name: one
  function: echo
  calls:
  - {args: [hi]}
";

    results(yaml).assert_failed(7, "symbol.unknown", "");
}

#[test]
fn a_hundred_cases_in_one_process_take_less_than_a_second() {
    let cases: String = (0..100)
        .map(|n| {
            format!("- {{name: c{n}, function: echo, calls: [{{args: [{n}], result: {n}}}]}}\n")
        })
        .collect();
    let place = Place::with(&format!("plugin: plugin\nprocess: file\ncases:\n{cases}"));

    // Several times what it takes. A pause for each case would show in every try, and
    // what a busy machine takes does not, or not for long.
    let begin = Instant::now();
    loop {
        let outcome = place.results(&[]);
        outcome.assert_passed();
        assert_eq!(outcome.json["counts"]["passed"], 100);
        if outcome.json["seconds"].as_f64().unwrap() < 1.0 {
            break;
        }
        assert!(begin.elapsed() < LIMIT, "{}", outcome.done);
    }
}

#[test]
fn the_rows_of_a_table_after_one_that_fails_are_tried_too() {
    let outcome = results(&table(
        "  - {args: [hi], result: ho}
  - {args: [1], result: 1}
  - {args: [2], result: 3}
",
    ));

    outcome.done.assert_status(1);
    let failures = outcome.of("one")["failures"].as_array().unwrap();
    let lines: Vec<_> = failures.iter().map(|one| one["line"].as_u64()).collect();
    assert_eq!(lines, [Some(6), Some(8)]);
}

#[test]
fn symbols_that_the_json_does_not_name_are_mistakes_of_the_file() {
    let place = Place::with(
        "plugin: plugin
cases:
- name: one
  steps:
  - {start: {source: randem}, refused: {$any: true}}
  - {start: {sink: nothing}}
  - {call: ecco}
  - {rule: {source: {source: random}, functions: [ech], sinks: [{sink: append}], rows: 1}}
",
    );

    let done = place.run(&["a.test.yaml"]);

    done.assert_status(2)
        .assert_says(
            "a.test.yaml:5:5: the json of `probe` names no source `randem`; did you mean `random`?",
        )
        .assert_says(
            "a.test.yaml:6:5: the json of `probe` names no sink `nothing`; it has `append`",
        )
        .assert_says(
            "a.test.yaml:7:5: the json of `probe` names no function `ecco`; did you mean `echo`?",
        )
        .assert_says(
            "a.test.yaml:8:5: the json of `probe` names no function `ech`; did you mean `echo`?",
        );
}

#[test]
fn symbols_of_a_plugin_that_a_setup_may_make_are_checked_after_it() {
    let outcome = results(
        "plugin: plugin
setup: ['true']
cases:
- name: one
  steps: [{call: ecco}]
- name: two
  steps: [{call: echo, args: [hi]}]
",
    );

    outcome.done.assert_status(2);
    outcome
        .assert_failure("one", 4, "-", "names no function `ecco`")
        .assert_failure("two", 6, "-", "names no function `ecco`");
}
