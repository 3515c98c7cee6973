//! The steps `start`, `rows` and `stop` of sources.

use std::time::Duration;

use super::common::{Place, play, steps};

#[test]
fn rows_are_taken_in_order_from_the_start_and_stop_ends_them() {
    play(
        "  - start: {source: random, as: src, datasource: topic/1, config: {interval: 1, limit: 9}}
  - {rows: src, expect: [{message: {number: 1}, meta: {from: probe}}]}
  - rows: src
    expect: [{message: {number: 2}, meta: {$any: true}}, {message: {number: 3}, meta: {$type: object}}]
  - stop: src
  - {rows: src, within: 100ms, expect: []}
  - log: {$regex: 'start .*topic/1'}
",
    )
    .assert_passed();
}

#[test]
fn the_rows_of_two_instances_do_not_mix() {
    play(
        "  - start: {source: random, as: a, config: {raw: ['{\"message\":{\"a\":1}}']}}
  - start: {source: random, as: b, config: {raw: ['{\"message\":{\"b\":1}}']}}
  - {rows: b, expect: [{message: {b: 1}, meta: null}]}
  - {rows: a, expect: [{message: {a: 1}, meta: null}]}
  - stop: a
  - start: {source: random, as: a, config: {raw: ['{\"message\":{\"a\":2}}']}}
  - {rows: a, expect: [{message: {a: 2}, meta: null}]}
  - {rows: b, within: 100ms, expect: []}
",
    )
    .assert_passed();
}

#[test]
fn another_row_than_expected_is_shown_with_its_place() {
    let outcome = play(
        "  - start: {source: random, config: {interval: 1}}
  - rows: random
    expect: [{message: {number: 1}, meta: {$any: true}}, {message: {number: 3, unit: K}, meta: {$any: true}}]
",
    );

    outcome.assert_failed(6, "-", "the rows of source `random` are not as expected");
    assert_eq!(
        outcome.differences(),
        [
            ["/1/message/number", "3", "2"],
            ["/1/message/unit", "\"K\"", "null"]
        ]
    );
    outcome
        .assert_shows("FAIL a.test.yaml:3 one (eKuiper 2.4)\n  line 6, rows random: the rows of")
        .assert_shows("\n    at       /1/message/number\n    expected 3\n    seen     2\n")
        .assert_shows("run it alone: mock-kuiper test a.test.yaml --filter =one --release 2.4\n");
}

#[test]
fn a_start_that_is_refused_is_a_finding() {
    play("  - start: {source: random, config: {refuse: no period}}\n")
        .assert_failed(5, "order.refused", "no period")
        .assert_shows("\n    code     order.refused\n");
}

#[test]
fn an_expected_refusal_passes_and_its_text_is_compared() {
    play(
        "  - {start: {source: random, config: {refuse: no period}}, refused: {$contains: period}}
  - {start: {sink: append, config: {refuse: no path}}, refused: no path}
",
    )
    .assert_passed();

    let outcome =
        play("  - {start: {source: random, config: {refuse: no period}}, refused: no path}\n");
    outcome.assert_failed(5, "-", "the refusal of `random` is not as expected");
    assert_eq!(
        outcome.differences(),
        [["", "\"no path\"", "\"no period\""]]
    );
}

#[test]
fn a_start_that_succeeds_though_a_refusal_was_expected_fails() {
    play("  - {start: {source: random}, refused: {$any: true}}\n").assert_failed(
        5,
        "-",
        "`random` was started, and not refused",
    );
    play("  - {start: {sink: append}, refused: {$any: true}}\n").assert_failed(
        5,
        "-",
        "`append` was started, and not refused",
    );
}

#[test]
fn a_death_is_not_a_refusal() {
    let yaml = "plugin: plugin
env: {PROBE: dies=start}
cases:
- name: one
  steps:
  - {start: {source: random}, refused: {$any: true}}
";

    super::common::results(yaml).assert_failed(6, "plugin.exited", "");
}

#[test]
fn a_source_that_never_dials_fails_its_rows() {
    play(
        "  - start: {source: random, config: {undialed: true}}
  - {rows: random, within: 200ms, expect: [{message: {$any: true}, meta: {$any: true}}]}
",
    )
    .assert_failed(6, "channel.not-dialed", "sent 0 of 1 rows within 200ms");
}

#[test]
fn a_source_that_ends_early_is_not_awaited_to_the_limit() {
    let outcome = play(
        "  - start: {source: random, config: {interval: 1, leave_after: 1}}
  - {rows: random, within: 1h, expect: [{message: {$any: true}, meta: {$any: true}}, {message: {$any: true}, meta: {$any: true}}]}
",
    );

    outcome.assert_failed(6, "source.ended", "sent 1 of 2 rows");
    assert!(outcome.done.took < Duration::from_secs(30));
}

#[test]
fn a_quiet_source_fails_its_rows_at_the_limit() {
    play(
        "  - start: {source: random, config: {interval: 1, limit: 1}}
  - {rows: random, within: 5s, expect: [{message: {$any: true}, meta: {$any: true}}, {message: {$any: true}, meta: {$any: true}}]}
",
    )
    .assert_failed(6, "row.missing", "sent 1 of 2 rows within 5s");
}

#[test]
fn half_a_frame_and_an_invalid_row_are_findings() {
    play(
        "  - start: {source: random, config: {wire: torn, undialed: true}}
  - {rows: random, within: 5s, expect: [{message: {$any: true}, meta: {$any: true}}]}
",
    )
    .assert_failed(6, "channel.half-frame", "sent 0 of 1 rows");
    play(
        "  - start: {source: random, config: {raw: [junk]}}
  - {rows: random, expect: [{message: {$any: true}, meta: {$any: true}}]}
",
    )
    .assert_failed(6, "row.not-json", "");
}

#[test]
fn a_row_of_more_levels_than_are_compared_is_no_finding() {
    let deep = format!("{}{}", "[".repeat(900), "]".repeat(900));
    let start = format!(
        "  - start: {{source: random, config: {{raw: ['{{\"message\":{{\"a\":{deep}}}}}']}}}}\n"
    );
    let compared = format!("{start}  - {{rows: random, expect: [{{$any: true}}]}}\n");

    let left = play(&start);
    let compared = play(&compared);

    left.assert_passed();
    assert_eq!(compared.verdicts(), ["one 2.4: error"]);
    compared.assert_failure(
        "one",
        6,
        "-",
        "a row of source `random` is nested more than 127 levels deep, which mock-kuiper cannot \
         decode; eKuiper decodes up to 10000",
    );
}

#[test]
fn a_row_where_none_is_expected_is_shown() {
    let outcome = play(
        "  - start: {source: random, config: {interval: 1, limit: 1}}
  - {rows: random, within: 10s, expect: []}
",
    );

    outcome.assert_failed(6, "-", "source `random` sent a row, and none was expected");
    assert_eq!(
        outcome.differences(),
        [[
            "/0",
            "nothing",
            "{\"message\":{\"number\":1},\"meta\":{\"from\":\"probe\"}}"
        ]]
    );
}

#[test]
fn a_source_that_goes_on_after_its_stop_is_caught() {
    let yaml = "plugin: plugin
env: {PROBE: doubles}
cases:
- name: one
  steps:
  - start: {source: random, config: {interval: 20}}
  - stop: random
  - {rows: random, within: 10s, expect: []}
";

    super::common::results(yaml).assert_failed(8, "-", "sent a row, and none was expected");
}

#[test]
fn a_stop_that_is_refused_is_a_finding_whether_rows_are_taken_later_or_not() {
    for later in ["", "  - {rows: random, within: 10ms, expect: []}\n"] {
        let yaml = format!(
            "plugin: plugin
env: {{PROBE: refuses=stop}}
cases:
- name: one
  steps:
  - start: {{source: random}}
  - stop: random
{later}"
        );
        super::common::results(&yaml).assert_failed(7, "order.refused", "no stop today");
    }
}

#[test]
fn what_still_runs_is_stopped_at_the_end_and_a_refusal_fails_the_case() {
    let yaml = "plugin: plugin
env: {PROBE: refuses=stop}
cases:
- name: one
  steps:
  - start: {source: random}
  - {rows: random, expect: [{message: {$any: true}, meta: {$any: true}}]}
";

    super::common::results(yaml)
        .assert_failed(7, "order.refused", "no stop today")
        .assert_shows("line 7, stop what runs:");
}

#[test]
fn a_capture_is_used_by_later_steps_and_must_find_something() {
    play(
        "  - start: {source: random, config: {interval: 1}}
  - rows: random
    expect: [{message: {$any: true}, meta: {$any: true}}]
    capture: {n: /0/message/number, who: /0/meta/from}
  - {call: echo, args: [{n: '${n}', text: 'by ${who}'}], result: {n: 1, text: by probe}}
",
    )
    .assert_passed();
    play(
        "  - start: {source: random, config: {interval: 1}}
  - rows: random
    expect: [{message: {$any: true}, meta: {$any: true}}]
    capture: {n: /0/message/unit}
",
    )
    .assert_failed(
        6,
        "-",
        "nothing is at `/0/message/unit`, which `capture` names `n`",
    );
}

#[test]
fn what_a_source_sends_and_no_step_takes_must_be_rows() {
    let valid = r#"'{"message":{"n":1},"meta":null}'"#;

    play(&format!(
        "  - start: {{source: random, config: {{raw: [{valid}, junk], interval: 1}}}}
  - {{rows: random, expect: [{{message: {{n: 1}}}}]}}
  - idle: 5s
"
    ))
    .assert_failed(7, "row.not-json", "");
}

#[test]
fn a_source_that_ends_without_a_row_fails_its_stop() {
    play(
        "  - start: {source: random, config: {leave_after: 0}}
  - idle: 5s
  - stop: random
",
    )
    .assert_failed(7, "source.ended", "");
}

#[test]
fn a_source_may_end_without_a_row_if_none_is_expected() {
    play(
        "  - start: {source: random, config: {leave_after: 0}}
  - {rows: random, within: 2s, expect: []}
  - stop: random
",
    )
    .assert_passed();
}

#[test]
fn rows_that_are_missing_are_no_update() {
    let place = Place::with(&steps(
        "  - start: {source: random, config: {interval: 1, limit: 1}}
  - {rows: random, within: 200ms, expect: [{message: {number: 1}}, {message: {number: 2}}]}
",
    ));
    let before = std::fs::read_to_string(place.path("a.test.yaml")).unwrap();

    place.run(&["a.test.yaml", "--update"]).assert_status(1);

    let after = std::fs::read_to_string(place.path("a.test.yaml")).unwrap();
    assert_eq!(after, before);
}
