//! The step `send`, and the step `rule`.

use std::time::Duration;

use super::common::{play, results};

#[test]
fn rows_are_sent_as_bytes_or_as_json_and_acked() {
    play(
        "  - start: {sink: append, as: out, requireAck: true}
  - {send: out, rows: [{a: 1}, 'c=1', [{b: 1}, {b: 2}]], acks: [ok, ok, ok]}
  - {send: out, rows: [{a: 2}]}
  - {log: 'append got [{\"a\":1}]'}
  - {log: append got c=1}
  - {log: 'append got [{\"b\":1},{\"b\":2}]'}
  - {log: 'append got [{\"a\":2}]'}
  - stop: out
  - start: {sink: append, as: out, sendSingle: true}
  - {send: out, rows: [{a: 3}]}
  - {log: 'append got {\"a\":3}'}
",
    )
    .assert_passed();
}

#[test]
fn an_ack_with_an_error_is_compared_if_acks_are_expected_and_a_finding_if_not() {
    let failing = "{sink: append, config: {ack: '{\"error\":\"disk full\"}'}, requireAck: true}";

    play(&format!(
        "  - start: {failing}\n  - {{send: append, rows: [a], acks: [{{error: {{$regex: full}}}}]}}\n"
    ))
    .assert_passed();
    let outcome = play(&format!(
        "  - start: {failing}\n  - {{send: append, rows: [a], acks: [ok]}}\n"
    ));
    outcome.assert_failed(6, "-", "the acks of sink `append` are not as expected");
    assert_eq!(
        outcome.differences(),
        [["/0", "\"ok\"", "{\"error\":\"disk full\"}"]]
    );
    play(&format!(
        "  - start: {failing}\n  - {{send: append, rows: [a]}}\n"
    ))
    .assert_failed(6, "ack.error", "disk full");
}

#[test]
fn an_ack_that_is_missing_or_invalid_is_a_finding() {
    play(
        "  - start: {sink: append, config: {ack: never}}
  - {send: append, rows: [a], acks: [ok], within: 200ms}
",
    )
    .assert_failed(6, "ack.missing", "200");
    play(
        "  - start: {sink: append, config: {ack: junk}}
  - {send: append, rows: [a], acks: [ok]}
",
    )
    .assert_failed(6, "ack.invalid", "");
}

#[test]
fn acks_are_ignored_with_a_note_on_a_release_without_them() {
    let yaml = "plugin: plugin
releases: ['2.4', '1.13']
cases:
- name: one
  steps:
  - start: {sink: append, requireAck: true}
  - {send: append, rows: [a], acks: [ok]}
";
    let outcome = results(yaml);

    outcome.assert_passed();
    assert_eq!(outcome.verdicts(), ["one 2.4: passed", "one 1.13: passed"]);
    let notes: Vec<_> = outcome.all().iter().map(|(_, one)| &one["notes"]).collect();
    assert_eq!(notes[0], &serde_json::json!([]));
    assert_eq!(
        notes[1],
        &serde_json::json!(["`acks` of sink `append` was ignored: eKuiper 1.13 reads no acks"])
    );
}

#[test]
fn a_sink_that_does_not_listen_or_hangs_up_is_a_finding() {
    play("  - start: {sink: append, config: {deaf: true}}\n").assert_failed(
        5,
        "sink.not-listening",
        "",
    );
    play(
        "  - start: {sink: append, config: {leave_after: 1}}
  - {send: append, rows: [a], acks: [ok]}
",
    )
    .assert_failed(6, "sink.hung-up", "");
    play(
        "  - start: {sink: append, config: {leave_after: 1}}
  - {send: append, rows: [a]}
",
    )
    .assert_failed(6, "sink.hung-up", "");
}

#[test]
fn a_sink_that_reads_nothing_is_a_finding() {
    play(
        "  - start: {sink: append, config: {idle: true}}
  - {send: append, rows: [a], within: 300ms}
",
    )
    .assert_failed(6, "sink.unread", "300");
}

#[test]
fn a_rule_passes_rows_through_functions_to_sinks() {
    play(
        "  - rule:
      source: {source: random, config: {interval: 1}}
      functions: [echo]
      sinks: [{sink: append, requireAck: true}, {sink: append, sendSingle: true}]
      rows: 3
  - {log: 'append got [{\"echo\":{\"number\":3}}]', times: 1}
  - {log: 'append got {\"echo\":{\"number\":3}}', times: 1}
  - {log: {$regex: ^append got}, times: 6}
  - {log: {$regex: ^stop}, times: 3}
",
    )
    .assert_passed();
}

#[test]
fn each_part_of_a_rule_may_fail_it() {
    let rule = |source: &str, sink: &str| {
        play(&format!(
            "  - rule:
      source: {{source: random, config: {source}}}
      functions: [echo]
      sinks: [{{sink: append, config: {sink}, requireAck: true}}]
      rows: 3
    within: 2s
"
        ))
    };
    let good = "{interval: 1}";

    rule(good, "{}").assert_passed();
    rule("{undialed: true}", "{}").assert_failed(
        5,
        "channel.not-dialed",
        "0 of 3 rows passed within 2s",
    );
    rule("{interval: 1, limit: 2}", "{}").assert_failed(
        5,
        "row.missing",
        "2 of 3 rows passed within 2s",
    );
    rule("{refuse: no period}", "{}").assert_failed(5, "order.refused", "no period");
    rule(good, "{refuse: no path}").assert_failed(5, "order.refused", "no path");
    rule(good, "{ack: never}").assert_failed(5, "ack.missing", "");
    rule(good, "{ack: '{\"error\":\"full\"}'}").assert_failed(5, "ack.error", "full");
    rule("{interval: 1, die_after: 2}", "{}").assert_failed(5, "plugin.exited", "SIGKILL");
}

#[test]
fn many_rows_are_sent_and_read() {
    let rows: Vec<_> = (0..2_000).map(|row| format!("{{n: {row}}}")).collect();
    let rows = rows.join(", ");

    let outcome = play(&format!(
        "  - start: {{sink: append}}
  - {{send: append, rows: [{rows}]}}
  - {{log: 'append got [{{\"n\":1999}}]'}}
"
    ));

    outcome.assert_passed();
    assert!(outcome.done.took < Duration::from_secs(30));
}

#[test]
fn two_acks_for_a_row_are_one_too_many() {
    let outcome = play(
        "  - start: {sink: append, config: {ack: twice}}
  - {send: append, rows: [a], acks: [ok]}
  - idle: 2s
  - stop: append
",
    );

    outcome.done.assert_status(1);
    assert_eq!(
        outcome.of("one")["failures"][0]["text"],
        "sink `append` has sent more acks (2) than it got rows (1)"
    );
}
