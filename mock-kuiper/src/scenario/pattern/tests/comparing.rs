//! What matches, and how differences are reported.

use super::*;

#[test]
fn each_matcher_matches_what_it_says() {
    for (yaml, matching, others) in [
        ("null", json!([null]), json!([0, false, ""])),
        ("1", json!([1, 1.0]), json!([2, "1", true])),
        (
            "9007199254740993",
            json!([9007199254740993_u64]),
            json!([9007199254740992_u64, 9007199254740992.0]),
        ),
        ("hi", json!(["hi"]), json!(["hi ", null])),
        (
            "[1, 2]",
            json!([[1, 2]]),
            json!([[2, 1], [1], [1, 2, 3], {}]),
        ),
        (
            "{a: 1}",
            json!([{"a": 1}]),
            json!([{}, {"a": 1, "b": null}, {"a": 2}, []]),
        ),
        ("{$any: true}", json!([null, 1, "", {}]), json!([])),
        ("{$type: 'null'}", json!([null]), json!([0])),
        ("{$type: null}", json!([null]), json!([0])),
        ("{$type: boolean}", json!([true]), json!([1])),
        ("{$type: number}", json!([1, 1.5]), json!(["1"])),
        ("{$type: integer}", json!([1, 1.0, -3]), json!([1.5, "1"])),
        ("{$type: string}", json!([""]), json!([null])),
        ("{$type: array}", json!([[]]), json!([{}])),
        ("{$type: object}", json!([{}]), json!([[]])),
        ("{$regex: 'b+'}", json!(["abbc"]), json!(["ac", 1])),
        ("{$regex: '^\\d+$'}", json!(["12"]), json!(["a12"])),
        ("{$regex: '(?i)É'}", json!(["é"]), json!(["e"])),
        (
            "{$contains: b}",
            json!(["abc", "b"]),
            json!(["ac", ["b"], null]),
        ),
        (
            "{$contains: {a: {$gt: 1}}}",
            json!([{"a": 2}, {"a": 2, "b": 1}]),
            json!([{"a": 1}, {}, []]),
        ),
        (
            "{$contains: {a: {b: 1}}}",
            json!([{"a": {"b": 1}, "c": 1}]),
            json!([{"a": {"b": 1, "c": 1}}]),
        ),
        (
            "{$contains: [1, {a: 1}]}",
            json!([[{"a": 1}, 2, 1]]),
            json!([[1], [{"a": 1, "b": 1}, 1]]),
        ),
        ("{$gt: 1}", json!([2, 1.5]), json!([1, "2"])),
        ("{$gte: 1, $lt: 5}", json!([1, 4.9]), json!([0, 5])),
        (
            "{$lte: 9007199254740992}",
            json!([9007199254740992_u64]),
            json!([9007199254740993_u64]),
        ),
        (
            "{$near: {value: 1.5, within: 0.1}}",
            json!([1.4, 1.6]),
            json!([1.7, "1.5"]),
        ),
        (
            "{$len: 2}",
            json!(["é!", [1, 2], {"a": 1, "b": 2}]),
            json!(["é", [1], 2]),
        ),
        ("{$len: {$gte: 1}}", json!(["a"]), json!([""])),
        (
            "{$each: {$gt: 1}}",
            json!([[], [2, 3]]),
            json!([[2, 1], {}]),
        ),
        (
            "{$unordered: [{$gt: 0}, 1]}",
            json!([[1, 2], [2, 1]]),
            json!([[1], [1, 2, 3], [2, 3], {}]),
        ),
        (
            "{$unordered: [{$gt: 0}, {$gt: 0, $lt: 3}, 1]}",
            json!([[1, 2, 3]]),
            json!([[1, 3, 3]]),
        ),
        ("{a: {$absent: true}}", json!([{}]), json!([{"a": null}])),
        (
            "{a: {$or: [{$absent: true}, null]}}",
            json!([{}, {"a": null}]),
            json!([{"a": 1}]),
        ),
        (
            "{a: {$not: {$absent: true}}}",
            json!([{"a": null}]),
            json!([{}]),
        ),
        ("{a: {$not: 1}}", json!([{"a": 2}]), json!([{}, {"a": 1}])),
        ("{a: {$any: true}}", json!([{"a": null}]), json!([{}])),
        ("{$or: [1, {$type: string}]}", json!([1, "x"]), json!([2])),
        ("{$not: {$or: [1, 2]}}", json!([3]), json!([1, 2])),
        ("{$$gte: 1}", json!([{"$gte": 1}]), json!([1, {"$$gte": 1}])),
    ] {
        for value in matching.as_array().expect("values") {
            assert_eq!(differences(yaml, value), [""; 0], "{yaml} {value}");
            assert!(pattern(yaml).matches(value));
        }
        for value in others.as_array().expect("values") {
            assert_ne!(differences(yaml, value), [""; 0], "{yaml} {value}");
            assert!(!pattern(yaml).matches(value));
        }
    }
}

#[test]
fn a_difference_names_the_smallest_part() {
    let yaml = "[{message: {count: {$gte: 50, $lt: 90}, a/b: x}, meta: null}]";
    let seen = json!([{"message": {"count": 49, "a/b": "y"}, "meta": null}]);

    assert_eq!(
        differences(yaml, &seen),
        [
            r#"/0/message/a~1b: expected "x", seen "y""#,
            r#"/0/message/count: expected {"$gte":50}, seen 49"#,
        ]
    );
    assert_eq!(
        differences(
            yaml,
            &json!([{"message": {"count": "a", "a/b": "x"}, "meta": null}])
        ),
        [r#"/0/message/count: expected {"$gte":50,"$lt":90}, seen "a""#]
    );
    assert_eq!(differences("a", &json!(1)), [r#": expected "a", seen 1"#]);
}

#[test]
fn fields_and_elements_that_are_missing_or_extra_are_named() {
    assert_eq!(
        differences("{a: 1, b: {$type: string}}", &json!({"a": 1, "c": [2]})),
        [
            r#"/b: expected {"$type":"string"}, seen nothing"#,
            "/c: expected nothing, seen [2]",
        ]
    );
    assert_eq!(
        differences("[1, {a: 2}]", &json!([1])),
        [r#"/1: expected {"a":2}, seen nothing"#]
    );
    let many: Vec<_> = (0..12).collect();
    assert_eq!(
        differences("[0, 1, 9, 3, 4, 5, 6, 7, 8, 9]", &json!(many)),
        [
            "/2: expected 9, seen 2",
            "/10: expected nothing, seen 10",
            "/11: expected nothing, seen 11",
        ]
    );
    assert_eq!(
        differences("{$contains: {a: {$absent: true}, b: 1}}", &json!({"a": 1})),
        [
            r#"/a: expected {"$absent":true}, seen 1"#,
            "/b: expected 1, seen nothing",
        ]
    );
}

#[test]
fn only_what_is_missing_of_a_list_is_named() {
    assert_eq!(
        differences("{$contains: [1, {$gt: 5}, 2]}", &json!([2, 3])),
        [r#": expected {"$contains":[1,{"$gt":5}]}, seen [2,3]"#]
    );
}

#[test]
fn elements_in_any_order_are_compared_with_the_closest_one() {
    let yaml = "{$unordered: [{id: 1, v: a}, {id: 2, v: b}, {id: 3, v: c}]}";

    assert_eq!(
        differences(
            yaml,
            &json!([{"id": 3, "v": "c"}, {"id": 7, "v": "z"}, {"id": 2, "v": "x"}])
        ),
        [
            "/1/id: expected 1, seen 7",
            r#"/1/v: expected "a", seen "z""#,
            r#"/2/v: expected "b", seen "x""#,
        ]
    );
    assert_eq!(
        differences("{$unordered: [1, 2]}", &json!([2])),
        ["/1: expected 1, seen nothing"]
    );
    assert_eq!(
        differences("{$unordered: [1]}", &json!([2, 1])),
        ["/0: expected nothing, seen 2"]
    );
}

#[test]
fn a_wrong_length_is_shown() {
    assert_eq!(
        differences(
            "{a: {$len: 3, $each: {$type: number}}}",
            &json!({"a": [1, "x"]})
        ),
        [
            r#"/a: expected {"$len":3}, seen [1,"x"] (length 2)"#,
            r#"/a/1: expected {"$type":"number"}, seen "x""#,
        ]
    );
    assert_eq!(
        differences("{$len: 3}", &json!(5)),
        [r#": expected {"$len":3}, seen 5"#]
    );
}

#[test]
fn long_values_are_shortened() {
    let seen = json!(vec![7; 1000]);

    let found = differences("{a: 1}", &seen);

    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("… (2001 bytes)"), "{found:?}");
    assert!(found[0].len() < 700);
}

#[test]
fn long_texts_are_shown_from_shortly_before_their_difference() {
    let text = "x".repeat(1000);

    assert_eq!(
        differences(&format!("{text}ab"), &json!(format!("{text}\u{1b}"))),
        [
            r#": expected "…xxxxxxxxxxxxxxxxxxxxab" (from character 981), seen "…xxxxxxxxxxxxxxxxxxxx\u001b" (from character 981)"#
        ]
    );
}

#[test]
fn differences_are_limited() {
    let differences = pattern("[]").compare(&json!(vec![1; 5000]));

    assert_eq!(differences.len(), 1000);
}

proptest! {
    #[test]
    fn a_value_as_a_pattern_matches_itself_alone(value in any_json(), other in any_json()) {
        let pattern = Pattern::literal(&value);

        prop_assert_eq!(pattern.compare(&value), []);
        prop_assert!(pattern.matches(&value));
        prop_assert_eq!(pattern.matches(&other), pattern.compare(&other).is_empty());
    }

    #[test]
    fn a_shuffled_list_matches_its_patterns(items in prop::collection::vec(any_json(), 0..8)) {
        let patterns = Pattern::literal(&json!(items));
        let mut shuffled = items;
        shuffled.reverse();

        let unordered = super::super::tree::Matcher::Unordered(patterns.into());

        prop_assert!(Pattern::Matchers(vec![unordered]).matches(&json!(shuffled)));
    }
}
