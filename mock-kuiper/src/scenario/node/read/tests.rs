use serde_json::json;

use super::*;

fn node(text: &str) -> Node {
    let mut mistakes = Vec::new();
    let node = read(text, &mut mistakes);
    assert_eq!(mistakes, []);
    node.unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    read(text, &mut mistakes);
    let lines = mistakes
        .iter()
        .map(|(place, text)| format!("{place}: {text}"));
    lines.collect()
}

/// The places and the bytes of all values, from the outside to the inside.
fn spans(text: &str) -> Vec<(String, &str)> {
    fn collect<'a>(text: &'a str, node: &Node, found: &mut Vec<(String, &'a str)>) {
        found.push((node.place.to_string(), &text[node.span.clone()]));
        for (_, node) in node.entries() {
            collect(text, node, found);
        }
        for node in node.items() {
            collect(text, node, found);
        }
    }
    let mut found = Vec::new();
    collect(text, &node(text), &mut found);
    found
}

fn owned<'a>(expected: &[(&str, &'a str)]) -> Vec<(String, &'a str)> {
    let expected = expected.iter();
    expected
        .map(|(place, text)| ((*place).to_owned(), *text))
        .collect()
}

#[test]
fn a_span_ends_with_its_value_and_not_with_a_comment_or_a_line_end() {
    let text = "a: 1   # one\nb: # list\n  - x # first\n  - [1, {y: 2}] # second\n# end\n";

    let expected = [
        (
            "1:1",
            "a: 1   # one\nb: # list\n  - x # first\n  - [1, {y: 2}]",
        ),
        ("1:4", "1"),
        ("3:3", "- x # first\n  - [1, {y: 2}]"),
        ("3:5", "x"),
        ("4:5", "[1, {y: 2}]"),
        ("4:6", "1"),
        ("4:9", "{y: 2}"),
        ("4:13", "2"),
    ];
    assert_eq!(spans(text), owned(&expected));
}

#[test]
fn a_list_that_is_not_indented_begins_with_its_first_dash() {
    let text = "k: # a - b\n- - x\n- y\nl: &anchor-a\n-\n- z\n";

    let expected = [
        ("1:1", &text[..text.len() - 1]),
        ("2:1", "- - x\n- y"),
        ("2:3", "- x"),
        ("2:5", "x"),
        ("3:3", "y"),
        ("5:1", "-\n- z"),
        ("5:2", ""),
        ("6:3", "z"),
    ];
    assert_eq!(spans(text), owned(&expected));
}

#[test]
fn a_block_scalar_begins_with_its_header() {
    let text = "k: |+ # c > d\n  x\n\n\nl:\n- &a >-\n  y\n  z\n# end\nm: |\nn: 1\n";

    let found = spans(text);

    assert_eq!(found[1], ("1:4".to_owned(), "|+ # c > d\n  x"));
    assert_eq!(found[3], ("6:6".to_owned(), ">-\n  y\n  z"));
    assert_eq!(found[4], ("10:4".to_owned(), "|"));
    assert_eq!(
        node(text).to_json(),
        json!({"k": "x\n\n\n", "l": ["y z"], "m": "", "n": 1})
    );
}

#[test]
fn a_column_counts_characters_and_a_span_counts_bytes() {
    let text = "\u{feff}ü: [é, \"ß\"] # ü\n";

    let expected = [
        ("1:1", "ü: [é, \"ß\"]"),
        ("1:4", "[é, \"ß\"]"),
        ("1:5", "é"),
        ("1:8", "\"ß\""),
    ];
    assert_eq!(spans(text), owned(&expected));
}

#[test]
fn an_alias_has_its_own_place_and_the_value_of_its_anchor() {
    let text = "a: &x {b: 1}\nc: *x # again\n";

    let expected = [
        ("1:1", "a: &x {b: 1}\nc: *x"),
        ("1:7", "{b: 1}"),
        ("1:11", "1"),
        ("2:4", "*x"),
        ("1:11", "1"),
    ];
    let node = node(text);
    assert_eq!(node.to_json(), json!({"a": {"b": 1}, "c": {"b": 1}}));
    let mut found = spans(text);
    // The value of the alias has the bytes of the anchor's.
    assert_eq!(found.pop(), Some(("1:11".to_owned(), "1")));
    assert_eq!(found, owned(&expected[..4]));
}

#[test]
fn a_tag_of_the_core_schema_gives_the_type() {
    let text = "a: !!str 1\nb: !!int 2\nc: !!float 3\nd: !!map {}\ne: !!seq []\nf: ! 4\n";

    let expected = json!({"a": "1", "b": 2, "c": 3, "d": {}, "e": [], "f": "4"});
    assert_eq!(node(text).to_json(), expected);
    assert_eq!(spans(text)[1], ("1:10".to_owned(), "!!str 1"));
}

#[test]
fn mistakes_that_do_not_end_the_reading_are_found_together() {
    let text = "a: 1\na: 2\nb: !point [1]\nc: 99999999999999999999\nd: !!int x\n";

    assert_eq!(
        mistakes(text),
        [
            "2:1: the key `a` occurs twice; remove one",
            "3:11: unknown tag `!point`; remove it",
            "4:4: the number `99999999999999999999` is too large; for the text, write \
             `\"99999999999999999999\"`",
            "5:10: `x` is not of the type `!!int`; remove the tag",
        ]
    );
}

#[test]
fn what_is_not_one_document_of_yaml_is_a_mistake() {
    for (text, mistake) in [
        ("a: [1\n", "1:4: unclosed bracket '['; correct the YAML"),
        (
            "a: *x\n",
            "1:4: while parsing node, found unknown anchor; correct the YAML",
        ),
        (
            "a: &x [*x]\n",
            "1:8: the alias is part of its own anchor; write the value out",
        ),
        (
            "[1]: 2\n",
            "1:1: a key must be a text; put quotation marks around it",
        ),
        (
            "a: 1\n---\nb: 2\n",
            "2:1: a second document begins here; put each into a file of its own",
        ),
    ] {
        assert_eq!(mistakes(text), [mistake]);
    }
}

#[test]
fn aliases_that_repeat_each_other_are_refused() {
    let mut text = "a0: &a0 [1,2,3,4,5,6,7,8,9,10]\n".to_owned();
    for n in 1..20 {
        let before = n - 1;
        let list = vec![format!("*a{before}"); 10].join(",");
        text += &format!("a{n}: &a{n} [{list}]\n");
    }

    let found = mistakes(&text);

    assert_eq!(found.len(), 1);
    assert!(found[0].contains("more than 200000 values"), "{found:?}");
}

#[test]
fn nesting_has_a_limit() {
    let deep = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));

    assert_eq!(mistakes(&deep(100)), Vec::<String>::new());
    assert_eq!(
        mistakes(&deep(101)),
        ["1:101: lists and mappings are nested more than 100 deep; make the value simpler"]
    );
}
