//! `setup` and `teardown`.

use std::fs;
use std::time::Duration;

use super::common::{Place, results};

/// Makes a file with a case that has this `setup` in line 5, and one call.
fn with_setup(setup: &str) -> String {
    format!(
        "plugin: plugin
cases:
- name: one
  setup:
  - {setup}
  function: echo
  calls: [{{args: [hi], result: hi}}]
"
    )
}

#[test]
fn commands_run_in_order_around_the_cases_in_the_directory_of_the_file() {
    let place = Place::with(
        "plugin: plugin
process: file
setup: ['echo file >> plugin/../order', {run: 'echo ${port} > port'}]
teardown: ['echo end >> order']
cases:
- name: a
  setup: ['echo a >> order', 'test -d ${tmp}']
  teardown: ['echo after a >> order']
  function: echo
  calls: [{args: [hi], result: ho}]
- name: b
  setup: ['echo b >> order']
  teardown: ['echo after b >> order']
  function: echo
  calls: [{args: [hi], result: hi}]
",
    );

    let outcome = place.results(&[]);

    outcome.done.assert_status(1);
    assert_eq!(outcome.verdicts(), ["a 2.4: failed", "b 2.4: passed"]);
    let order = fs::read_to_string(place.path("order")).unwrap();
    assert_eq!(order, "file\na\nafter a\nb\nafter b\nend\n");
}

#[test]
fn a_file_is_set_up_once_for_cases_that_run_at_once() {
    let cases: String = (0..8)
        .map(|n| {
            format!("- {{name: c{n}, function: echo, calls: [{{args: [{n}], result: {n}}}]}}\n")
        })
        .collect();
    let place = Place::with(&format!(
        "plugin: plugin
setup: ['echo up >> order']
teardown: ['echo down >> order']
cases:
{cases}"
    ));

    place.results(&["--jobs", "8"]).assert_passed();

    let order = fs::read_to_string(place.path("order")).unwrap();
    assert_eq!(order, "up\ndown\n");
}

#[test]
fn a_setup_that_fails_fails_its_case_and_shows_what_it_wrote() {
    let place = Place::with(&with_setup("'echo no broker >&2; exit 3'"));

    let outcome = place.results(&[]);

    outcome
        .assert_failed(
            5,
            "-",
            "`echo no broker >&2; exit 3` ended with exit status 3",
        )
        .assert_shows("\n    no broker\n");
    // The plugin was not even launched.
    assert_eq!(outcome.of("one")["log"], serde_json::json!([]));
}

#[test]
fn a_setup_of_the_file_that_fails_fails_every_case() {
    let yaml = "plugin: plugin
setup: ['exit 3']
cases:
- {name: one, function: echo, calls: [{args: [hi]}]}
- {name: two, function: echo, calls: [{args: [hi]}]}
";

    results(yaml)
        .assert_failed(2, "-", "`exit 3` ended with exit status 3")
        .assert_failure("two", 2, "-", "`exit 3` ended with exit status 3");
}

#[test]
fn a_teardown_that_fails_fails_a_case_that_has_passed() {
    let yaml = "plugin: plugin
teardown: ['echo at last; exit 4']
cases:
- name: one
  teardown: ['exit 3', 'touch still']
  function: echo
  calls: [{args: [hi]}]
- {name: two, function: echo, calls: [{args: [hi]}]}
";
    let place = Place::with(yaml);

    let outcome = place.results(&["--jobs", "1"]);

    outcome
        .assert_failed(5, "-", "`exit 3` ended with exit status 3")
        .assert_failure(
            "two",
            2,
            "-",
            "`echo at last; exit 4` ended with exit status 4",
        )
        .assert_shows("\n    at last\n");
    assert!(place.path("still").exists());
}

#[test]
fn a_command_that_takes_too_long_is_ended() {
    results(&with_setup("{run: 'sleep 600', within: 200ms}")).assert_failed(
        5,
        "-",
        "`sleep 600` has not ended within 200ms",
    );
}

#[test]
fn a_background_command_is_awaited_by_each_condition() {
    let server = "python3 -c 'import socket,time; s=socket.socket(); time.sleep(0.2); \
                  s.bind((\"127.0.0.1\",${port})); s.listen(); time.sleep(600)'";
    let server = server.replace('\'', "''");
    for setup in [
        format!("{{run: '{server}', background: true, ready: {{port: '${{port}}'}}, within: 30s}}"),
        "{run: 'sleep 0.2; touch ${tmp}/up; sleep 600', background: true, ready: {file: '${tmp}/up'}}"
            .to_owned(),
        "{run: 'sleep 0.2; echo it is up; sleep 600', background: true, ready: {log: {$contains: is up}}}"
            .to_owned(),
        "{run: 'sleep 0.2; touch ${tmp}/up; sleep 600', background: true, ready: {run: 'test -e ${tmp}/up'}}"
            .to_owned(),
    ] {
        results(&with_setup(&setup)).assert_passed();
    }
}

#[test]
fn a_background_command_that_does_not_become_ready_fails_with_the_condition() {
    for (ready, text) in [
        ("port: 1", "port 1 is open"),
        ("file: /never", "the file `/never` exists"),
        ("log: never", "a line of its output matches \"never\""),
        ("run: sleep 600", "`sleep 600` succeeds"),
    ] {
        let outcome = results(&with_setup(&format!(
            "{{run: 'sleep 500', background: true, ready: {{{ready}}}, within: 200ms}}"
        )));
        outcome.assert_failed(5, "-", "`sleep 500` was not ready in time: once ");
        outcome.assert_failed(5, "-", text);
        assert!(outcome.done.took < Duration::from_secs(60));
    }
}

#[test]
fn a_background_command_that_ends_before_it_is_ready_is_not_awaited() {
    for ready in ["port: 1", "file: /never", "log: never", "run: sleep 600"] {
        let outcome = results(&with_setup(&format!(
            "{{run: 'echo no; exit 3', background: true, ready: {{{ready}}}, within: 1h}}"
        )));
        outcome
            .assert_failed(5, "-", "ended with exit status 3 before ")
            .assert_shows("\n    no\n");
    }
}

#[test]
fn background_commands_and_their_children_are_ended_with_their_case() {
    // `Place::run` checks that no process is left.
    let children = "{run: 'sleep 601 & setsid sleep 602 & sleep 603', background: true}";

    results(&with_setup(children)).assert_passed();
    results(&with_setup(children).replace("result: hi", "result: ho"))
        .done
        .assert_status(1);
    // Those of a command in the foreground, too.
    results(&with_setup("'sleep 604 & setsid sleep 605 &'")).assert_passed();
}

#[test]
fn endless_output_of_a_command_is_not_kept() {
    let outcome = results(&with_setup(
        "'yes | head -c 30000000; head -c 30000000 /dev/zero; echo; exit 1'",
    ));

    outcome.done.assert_status(1);
    let output = outcome.of("one")["output"].to_string();
    assert!(output.len() < 25_000_000, "{} bytes", output.len());
    assert!(outcome.done.stdout.len() < 100_000);
}

#[test]
fn a_background_command_can_clean_up_and_one_that_will_not_end_is_killed() {
    let place = Place::with(
        "plugin: plugin
cases:
- name: one
  setup:
  - run: 'trap \"echo cleaned up >> order; exit\" TERM; echo 1; while :; do sleep 0.01; done'
    background: true
    ready: {log: '1'}
  - run: 'trap \"echo asked >> order\" TERM; echo 2; while :; do sleep 0.01; done'
    background: true
    ready: {log: '2'}
  function: echo
  calls: [{args: [hi], result: hi}]
",
    );

    place.results(&[]).assert_passed();

    let order = fs::read_to_string(place.path("order")).unwrap();
    assert_eq!(order, "asked\ncleaned up\n");
}

#[test]
fn a_command_in_the_background_that_fails_meanwhile_fails_its_case() {
    let outcome = results(
        "plugin: plugin
cases:
- name: one
  setup: [{run: 'touch ${tmp}/up; exit 3', background: true, ready: {file: '${tmp}/up'}}]
  steps: [{idle: 2s}]
",
    );

    // Its end may be seen before or after its file.
    outcome.done.assert_status(1);
    let text = &outcome.of("one")["failures"][0]["text"];
    assert!(
        text.as_str().unwrap().contains("ended with exit status 3"),
        "{text}"
    );
}

#[test]
fn a_variable_that_the_file_uses_is_shared_and_the_other_one_is_not() {
    let place = Place::with(
        "plugin: plugin
setup: ['echo ${port} > port']
cases:
- name: a
  setup: ['test ! -e ${tmp}/x && touch ${tmp}/x && test ${port} = $(cat port)']
  function: echo
  calls: [{args: [hi], result: hi}]
- name: b
  setup: ['test ! -e ${tmp}/x && touch ${tmp}/x && test ${port} = $(cat port)']
  function: echo
  calls: [{args: [hi], result: hi}]
",
    );

    place.results(&[]).assert_passed();
}

#[test]
fn the_setups_of_a_file_on_several_releases_run_one_after_another() {
    let place = Place::with(
        "plugin: plugin
releases: ['2.4', '2.0', '1.13']
setup: ['mkdir turn', 'sleep 0.1', 'rmdir turn']
cases:
- {name: one, function: echo, calls: [{args: [hi], result: hi}]}
",
    );

    place.results(&["--jobs", "3"]).assert_passed();
}
