//! Retries, and cases that are flaky.

use super::common::Place;

/// A case that passes at its second attempt.
const SECOND: &str = "plugin: plugin
cases:
- name: one
  retries: RETRIES
  teardown: ['touch again']
  steps:
  - {call: echo, args: [hi], result: hi}
  - {file: again, exists: true, within: 20ms}
";

#[test]
fn a_pass_after_a_retry_is_flaky_and_shows_why_it_failed_before() {
    let place = Place::with(&SECOND.replace("RETRIES", "1"));

    let outcome = place.results(&[]);

    outcome.done.assert_status(0);
    assert_eq!(outcome.verdicts(), ["one 2.4: flaky"]);
    assert_eq!(outcome.of("one")["attempts"], 2);
    outcome
        .assert_failure("one", 8, "-", "there is no file")
        .assert_shows("FLAKY a.test.yaml:3 one (eKuiper 2.4)\n  passed at attempt 2;")
        .assert_shows("1 flaky");
}

#[test]
fn a_flaky_case_may_fail_the_run() {
    let place = Place::with(&SECOND.replace("RETRIES", "0"));

    let outcome = place.results(&["--retries", "1", "--fail-on-flaky"]);

    outcome.done.assert_status(1);
    assert_eq!(outcome.verdicts(), ["one 2.4: flaky"]);
}

#[test]
fn a_case_is_tried_as_often_as_allowed_and_no_more() {
    let place = Place::with(
        "plugin: plugin
cases:
- name: one
  setup: ['echo attempt >> attempts']
  function: echo
  calls: [{args: [hi], result: ho}]
",
    );

    let outcome = place.results(&["--retries", "3"]);

    outcome.assert_failed(6, "-", "is not as expected");
    assert_eq!(outcome.of("one")["attempts"], 4);
    let attempts = std::fs::read_to_string(place.path("attempts")).unwrap();
    assert_eq!(attempts.lines().count(), 4);
}

#[test]
fn a_case_that_passes_is_not_tried_again() {
    let place = Place::with(
        "plugin: plugin
cases:
- {name: one, function: echo, calls: [{args: [hi], result: hi}]}
",
    );

    let outcome = place.results(&["--retries", "3"]);

    assert_eq!(outcome.of("one")["attempts"], 1);
}
