//! Any expectation, updated to any value.

use proptest::prelude::*;

use super::*;
use crate::any_json::any_json;
use crate::scenario::words::Words;

/// A file with an expectation in each kind of place, and the expectation.
fn any_file(expectation: impl Strategy<Value = Words>) -> impl Strategy<Value = (String, String)> {
    let expectation = expectation.prop_map(|words| (words.flow(), words.block(4, "\n")));
    (expectation, 0..6).prop_map(|((flow, block), place)| match place {
        0 => (
            format!("a: 1 # one\nx:\n  expect: {flow} # two\n  b: 2\n"),
            flow,
        ),
        1 => (format!("- [a, {flow}, b]\n- c\n"), flow),
        2 => (format!("- a\n- {flow}\n# end"), flow),
        3 => (format!("x:\n  expect:\n    {block}\n  b: 2\n"), block),
        4 => (format!("x:\n  - {flow} # one\n  - {{b: {flow}}}\n"), flow),
        _ => (format!("- - {block}\n  - 2\n"), block),
    })
}

/// Values with few keys and few numbers, so that parts of two are often equal.
fn few_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0..4).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        Just(json!("/tmp/x1/a")),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Expectations with matchers.
fn any_pattern() -> impl Strategy<Value = Words> {
    const MATCHERS: &[&str] = &[
        "{$any: true}",
        "{$type: integer}",
        "{$gte: 1, $lt: 3}",
        "{$regex: '^a'}",
        "{$contains: {a: 1, b: {$gt: 0}}}",
        "{$contains: {a: {c: 2}, b: {$absent: true}}}",
        "{$contains: [1, 2]}",
        "{$unordered: [{$gt: 0}, 1, a]}",
        "{$each: {$type: string}}",
        "{$near: {value: 1, within: 1}}",
        "{$or: [a, {$len: 2}]}",
        "{$not: 1}",
        "\"${tmp}/a\"",
        "{a: {$absent: true}, b: 1}",
    ];
    let of_text = |text: &str| {
        let document = Document::parse(text.to_owned()).expect("a pattern");
        Words::of_node(&document.root, text)
    };
    let leaf = prop_oneof![
        prop::sample::select(MATCHERS).prop_map(of_text),
        few_json().prop_map(|value| Words::of_seen(&value, &BTreeMap::new())),
    ];
    let key = prop::sample::select(&["a", "b", "c"][..]).prop_map(str::to_owned);
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Words::List),
            prop::collection::btree_map(key.clone(), inner, 0..4)
                .prop_map(|entries| Words::Map(entries.into_iter().collect())),
        ]
    })
}

/// Updates `part` of a file, and checks what was written.
fn check(file: &str, part: &str, seen: Value) -> Result<(), TestCaseError> {
    let update = update_of(file, part, seen);
    let document = Document::parse(file.to_owned());
    let found = document
        .as_ref()
        .and_then(|document| find(&document.root, &update.span));
    let Some((path, _)) = found else {
        return Err(TestCaseError::reject("another value has the same text"));
    };

    let rewritten = rewrite(file, Path::new("/"), std::slice::from_ref(&update));

    prop_assert_eq!(&rewritten.left_out, &[]);
    let document = Document::parse(rewritten.text).expect("a document");
    prop_assert!(
        document.matches(Path::new("/"), &path, &update),
        "{}",
        document.text
    );
    Ok(())
}

fn literal() -> impl Strategy<Value = Words> {
    any_json().prop_map(|value| Words::of_seen(&value, &BTreeMap::new()))
}

proptest! {
    #[test]
    fn any_value_is_replaced_by_any_other((file, part) in any_file(literal()), seen in any_json()) {
        check(&file, &part, seen)?;
    }

    #[test]
    fn any_pattern_is_updated_to_any_value(
        (file, part) in any_file(any_pattern()),
        seen in few_json(),
    ) {
        check(&file, &part, seen)?;
    }
}
