//! How replacements are laid out.

use super::*;

#[test]
fn a_list_that_fits_stays_on_one_line_and_a_longer_one_gets_lines() {
    let file = "steps:\n  - rows: src\n    expect: [] # none yet\n    within: 2s\n";
    let row = json!({"message": {"text": "a text of some length", "count": 1}, "meta": null});

    assert_eq!(
        updated(file, "[]", json!([1, "a b", "true", null])),
        "steps:\n  - rows: src\n    expect: [1, a b, \"true\", null] # none yet\n    within: 2s\n"
    );
    assert_eq!(
        updated(file, "[]", json!([row, row])),
        "\
steps:
  - rows: src
    expect:
      - {message: {count: 1, text: a text of some length}, meta: null}
      - {message: {count: 1, text: a text of some length}, meta: null} # none yet
    within: 2s
"
    );
}

#[test]
fn a_block_keeps_its_indentation_or_becomes_one_line() {
    let file = "x:\n  expect:\n  - a: 1\n  - a: 2\n  next: 1\n";
    let part = "- a: 1\n  - a: 2";
    let long = "x".repeat(60);

    assert_eq!(
        updated(file, part, json!([{"a": 1}])),
        "x:\n  expect:\n  - a: 1\n  next: 1\n"
    );
    assert_eq!(
        updated(file, part, json!([])),
        "x:\n  expect: []\n  next: 1\n"
    );
    assert_eq!(
        updated(
            file,
            part,
            json!([{"a": 1, "b": long}, {"a": 2}, {"c": [long, long]}])
        ),
        format!(
            "x:\n  expect:\n  - a: 1\n    b: {long}\n  - a: 2\n  - c:\n      - {long}\n      - {long}\n  next: 1\n"
        )
    );
}

#[test]
fn a_comment_between_a_key_and_its_block_stays() {
    let file = "expect: # rows\n- 1\n- 2\nnext: 1\n";

    assert_eq!(
        updated(file, "- 1\n- 2", json!({"a": 3})),
        "expect: # rows\n  {a: 3}\nnext: 1\n"
    );
}

#[test]
fn the_style_of_a_text_is_kept_if_possible() {
    for (file, part, seen, expected) in [
        ("a: x\n", "x", "y z", "a: y z\n"),
        ("a: x\n", "x", "true", "a: \"true\"\n"),
        ("a: x\n", "x", "12", "a: \"12\"\n"),
        ("a: x\n", "x", "", "a: \"\"\n"),
        ("a: x\n", "x", "b: c", "a: \"b: c\"\n"),
        ("a: x\n", "x", r#"say "hi""#, "a: 'say \"hi\"'\n"),
        ("a: 'x'\n", "'x'", "y", "a: 'y'\n"),
        ("a: 'x'\n", "'x'", "y\u{1b}", "a: \"y\\x1b\"\n"),
        ("a: \"x\"\n", "\"x\"", "y", "a: \"y\"\n"),
        (
            "a: |\n  x\nb: 1\n",
            "|\n  x",
            "y\n\n  z\n",
            "a: |\n  y\n\n    z\nb: 1\n",
        ),
        ("a: |\n  x\nb: 1\n", "|\n  x", "y", "a: |-\n  y\nb: 1\n"),
        (
            "a: |\n  x\nb: 1\n",
            "|\n  x",
            " y\n",
            "a: \" y\\n\"\nb: 1\n",
        ),
        ("- |\n  x\n", "|\n  x", "y\n", "- |\n  y\n"),
    ] {
        assert_eq!(updated(file, part, json!(seen)), expected);
    }
}

#[test]
fn a_null_that_is_not_written_gets_its_value() {
    let long = ["x".repeat(60), "y".repeat(60)];
    let lines = format!("{}\n  - {}", long[0], long[1]);
    for (file, path, seen, expected) in [
        ("a:\nb: 1\n", [0], json!([1]), "a: [1]\nb: 1\n"),
        ("a: # none\nb: 1\n", [0], json!(1), "a: 1 # none\nb: 1\n"),
        ("{a: , b: 1}\n", [0], json!(1), "{a: 1 , b: 1}\n"),
        ("- 1\n-\n", [1], json!({"a": 1}), "- 1\n- {a: 1}\n"),
        (
            "a:\nb: 1\n",
            [0],
            json!(long),
            &format!("a:\n  - {lines}\nb: 1\n"),
        ),
        ("-\n- 1\n", [0], json!(long), &format!("- - {lines}\n- 1\n")),
    ] {
        let document = Document::parse(file.to_owned()).unwrap();
        let (node, _) = document.locate(&path).unwrap();
        let update = Update {
            span: node.span.clone(),
            seen,
            variables: BTreeMap::new(),
            is_rows: false,
        };

        let rewritten = rewrite(file, Path::new("/"), &[update]);

        assert_eq!(rewritten.left_out, []);
        assert_eq!(rewritten.text, expected);
    }
}

#[test]
fn other_line_ends_and_wide_characters_are_kept() {
    assert_eq!(
        updated(
            "\u{feff}é: ü\r\nexpect: [1]\r\nb: 2\r\n",
            "[1]",
            json!(["x".repeat(60), "y".repeat(60)])
        ),
        format!(
            "\u{feff}é: ü\r\nexpect:\r\n  - {}\r\n  - {}\r\nb: 2\r\n",
            "x".repeat(60),
            "y".repeat(60)
        )
    );
}

#[test]
fn a_list_on_lines_gets_and_loses_lines() {
    let file = "expect: # rows\n- {a: 1} # one\n# the second\n- b: [1]\n  c: x # two\nnext: 1\n";
    let part = "- {a: 1} # one\n# the second\n- b: [1]\n  c: x";

    assert_eq!(
        updated(
            file,
            part,
            json!([{"a": 2}, {"b": [1], "c": "x"}, 3, {"d": {}}])
        ),
        "expect: # rows\n- {a: 2} # one\n# the second\n- b: [1]\n  c: x # two\n- 3\n- {d: {}}\n\
         next: 1\n"
    );
    assert_eq!(
        updated(file, part, json!([{"a": 2}])),
        "expect: # rows\n- {a: 2} # one\nnext: 1\n"
    );
    assert_eq!(
        updated("- - 1\n  - 2\n- x", "- 1\n  - 2", json!([1, 2, 3])),
        "- - 1\n  - 2\n  - 3\n- x"
    );
}

#[test]
fn a_mapping_on_lines_stays_on_lines() {
    let file = "x:\n- a:\n    b: {$gt: 0} # b\n    c: 2\n  d: 1\n- b: 1\n";

    assert_eq!(
        updated(file, "b: {$gt: 0} # b\n    c: 2", json!({"b": 1, "e": 2})),
        "x:\n- a:\n    b: {$gt: 0}\n    e: 2\n  d: 1\n- b: 1\n"
    );
    assert_eq!(
        updated(
            file,
            "- a:\n    b: {$gt: 0} # b\n    c: 2\n  d: 1\n- b: 1",
            json!([1, {"b": 1, "c": 2}])
        ),
        "x:\n- 1\n- b: 1\n  c: 2\n"
    );
}
