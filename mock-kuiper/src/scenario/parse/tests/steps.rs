//! Each kind of step.

use super::*;

/// The steps of a case.
fn steps(text: &str) -> Vec<Step> {
    let file = parsed(&format!("plugin: .\ncases:\n- name: a\n  steps:\n{text}"));
    file.cases.into_iter().next().unwrap().steps
}

fn action(text: &str) -> Action {
    steps(text).pop().unwrap().action
}

#[test]
fn steps_without_a_value_are_a_text_or_a_key() {
    for (text, is_kill) in [
        ("  - kill\n", true),
        ("  - kill:\n", true),
        ("  - {kill}\n", true),
        ("  - reload\n", false),
        ("  - reload: null\n", false),
    ] {
        let action = action(text);

        assert_eq!(matches!(action, Action::Kill), is_kill, "{text}");
        assert_eq!(matches!(action, Action::Reload), !is_kill, "{text}");
    }
}

#[test]
fn the_other_steps_are_read() {
    assert!(matches!(action("  - idle: 1m 2s\n"), Action::Idle(time) if time.as_secs() == 62));
    let log = action("  - {log: x, times: 0}\n");
    assert!(matches!(log, Action::Log { times: Some(0), .. }));
    let call = action("  - {call: f, args: [1, {$file: x.json}], error: no}\n");
    let Action::Call {
        function,
        args,
        outcome: Outcome::Error(error),
        ..
    } = call
    else {
        panic!("{call:?}");
    };
    assert_eq!(function, "f");
    assert_eq!(
        args.iter().map(value).collect::<Value>(),
        json!([1, {"a": 1}])
    );
    assert!(accepts_only(&error, json!("no"), json!("yes")));
    let call = action("  - call: f\n");
    assert!(
        matches!(call, Action::Call { outcome: Outcome::Answered, args, .. } if args.is_empty())
    );
    let validate = action("  - {validate: f, args: [1]}\n");
    assert!(matches!(validate, Action::Validate { refused: None, .. }));
    for (key, is_present) in [("true", true), ("false", false)] {
        let Action::File { content, .. } = action(&format!("  - {{file: a, exists: {key}}}\n"))
        else {
            panic!("a step `file`");
        };
        assert_eq!(matches!(content, Content::Present), is_present);
        assert_eq!(matches!(content, Content::Absent), !is_present);
    }
    for (key, is_text) in [("text", true), ("json", false)] {
        let Action::File { content, .. } = action(&format!("  - {{file: a, {key}: x}}\n")) else {
            panic!("a step `file`");
        };
        assert_eq!(matches!(content, Content::Text(_)), is_text);
        assert_eq!(matches!(content, Content::Json(_)), !is_text);
    }
}

#[test]
fn a_rule_has_a_source_functions_and_sinks() {
    let action = action(
        "  - rule:
      source: {source: random, confKey: fast, options: {FORMAT: json}}
      functions: [echo, mean]
      sinks: [{sink: append, sendSingle: true}, {sink: append}]
      rows: 3
",
    );

    let Action::Rule(rule) = action else {
        panic!("{action:?}");
    };
    let StartSymbol::Source {
        conf_key, options, ..
    } = &rule.source.symbol
    else {
        panic!("{rule:?}");
    };
    assert_eq!(conf_key.as_deref(), Some("fast"));
    assert_eq!(value(options), json!({"FORMAT": "json"}));
    assert_eq!(rule.functions, ["echo", "mean"]);
    assert_eq!((rule.sinks.len(), rule.rows), (2, 3));
    let single = |sink: &Start| {
        matches!(
            sink.symbol,
            StartSymbol::Sink {
                send_single: true,
                ..
            }
        )
    };
    assert_eq!(
        (single(&rule.sinks[0]), single(&rule.sinks[1])),
        (true, false)
    );
}

#[test]
fn the_number_of_rows_comes_from_what_is_expected() {
    for (expect, expected) in [
        ("[]", 0),
        ("[1, 2]", 2),
        ("{$unordered: [1, 2, 3]}", 3),
        ("{$len: 4, $each: {$any: true}}", 4),
    ] {
        let text = format!("  - start: {{source: a}}\n  - {{rows: a, expect: {expect}}}\n");

        let Action::Rows { count, .. } = action(&text) else {
            panic!("{text}");
        };

        assert_eq!(count, expected);
    }
}

#[test]
fn a_capture_is_known_in_the_steps_after_it() {
    let steps = steps(
        "  - {call: f, capture: {n: /a}}
  - {call: f, args: [\"${n}\"], result: {x: \"${n}\"}}
",
    );

    let Action::Call { args, .. } = &steps[1].action else {
        panic!("{steps:?}");
    };
    assert_eq!(value(&args[0]), json!([1]));
}
