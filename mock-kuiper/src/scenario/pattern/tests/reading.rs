//! Mistakes, variables and templates.

use super::*;

fn mistakes(yaml: &str) -> Vec<String> {
    parsed(yaml, Pattern::parse).1
}

fn variables() -> Variables {
    [
        ("n".to_owned(), json!(9007199254740993_u64)),
        ("name".to_owned(), json!("a.b")),
        ("row".to_owned(), json!({"$gte": 1, "$absent": true})),
        ("list".to_owned(), json!([1, 2])),
    ]
    .into()
}

#[test]
fn every_matcher_of_the_table_is_read_and_its_shape_is_json() {
    for form in MATCHERS {
        let (_, mistakes) = parsed(form.example, Pattern::parse);
        let is_expected = |mistake: &String| mistake.contains("cannot read `");
        assert!(
            mistakes.iter().all(is_expected),
            "{}: {mistakes:?}",
            form.name
        );
        assert!(form.example.contains(form.name));
        serde_json::from_str::<Value>(form.value).expect(form.name);
    }
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let of_yaml = [
        (
            "{a: {$gtee: 1}}",
            "1:6: there is no matcher `$gtee`; did you mean `$gte`? Write `$$gtee` for a key that begins with `$`",
        ),
        (
            "$type: text",
            "1:8: there is no type `text`; JSON has `null`, `boolean`, `number`, `integer`, `string`, `array`, `object`",
        ),
        (
            "$type: bool",
            "1:8: there is no type `bool`; did you mean `boolean`? JSON has `null`, `boolean`, `number`, `integer`, `string`, `array`, `object`",
        ),
        (
            "$type: 1",
            "1:8: `$type` takes one of `null`, `boolean`, `number`, `integer`, `string`, `array`, `object`",
        ),
        ("$any: false", "1:7: `$any` takes only `true`"),
        (
            "{meta: $any}",
            "1:8: `$any` alone is a text and no matcher; write `{$any: true}`, or `$$any` for the text",
        ),
        (
            "$regex: 'a('",
            "1:9: `$regex` is not a regular expression: unclosed group",
        ),
        (
            "$regex: '${n'",
            "1:9: `${` begins a variable, `${name}`, whose name has letters, digits and `_`; write `$${` for the text `${`",
        ),
        ("$regex: 1", "1:9: `$regex` takes a text"),
        (
            "$contains: 1",
            "1:12: `$contains` takes a text, a list of patterns, or a mapping of fields",
        ),
        (
            "$contains: {$gt: 1}",
            "1:12: `$contains` takes a text, a list of patterns, or a mapping of fields",
        ),
        ("$gt: a", "1:6: `$gt` takes a number"),
        (
            "$near: 1",
            "1:8: `$near` takes `{value: NUMBER, within: NUMBER}`",
        ),
        (
            "$near: {value: 1}",
            "1:8: `$near` takes `{value: NUMBER, within: NUMBER}`",
        ),
        (
            "$near: {value: 1, off: 2}",
            "1:19: there is no `off` here; `$near` takes `{value: NUMBER, within: NUMBER}`",
        ),
        (
            "$near: {value: 1, within: x}",
            "1:27: `within` takes a number",
        ),
        (
            "$len: x",
            "1:7: `$len` takes a number or matchers of a number",
        ),
        (
            "$unordered: {a: 1}",
            "1:13: `$unordered` takes a list of patterns",
        ),
        ("$or: []", "1:6: `$or` takes a list of at least one pattern"),
        (
            "[{$absent: true}]",
            "1:3: only the value of a key can be `$absent`; give the list or the value that remains",
        ),
        ("a: {$absent: 1}", "1:14: `$absent` takes only `true`"),
        (
            "$file: none.txt",
            "1:8: cannot read `none.txt`: No such file or directory (os error 2)",
        ),
        ("$base64: 1", "1:10: `$base64` takes the path of a file"),
        (
            "{$gte: 1, b: 2}",
            "1:11: the field `b` stands beside a matcher, and a mapping has only one of both; `{$contains: {b: …}}` allows further fields",
        ),
    ];

    for (yaml, mistake) in of_yaml {
        assert_eq!(mistakes(yaml), [mistake]);
    }
}

#[test]
fn a_mistake_does_not_end_the_reading() {
    let found = mistakes("- {$gtx: 1}\n- {$type: x}\n- {a: {$any: 1}, b: {$foo: 1}}\n");

    let places: Vec<_> = found.iter().map(|text| &text[..4]).collect();
    assert_eq!(places, ["1:4:", "2:11", "3:14", "3:22"]);
}

#[test]
fn a_value_of_a_variable_is_no_matcher() {
    let resolved = pattern("a: ${row}").resolve(&variables()).expect("values");

    assert!(resolved.matches(&json!({"a": {"$gte": 1, "$absent": true}})));
    assert!(!resolved.matches(&json!({"a": 5})));
    assert_eq!(
        resolved.expected_text(),
        r#"{"a":{"$$absent":true,"$$gte":1}}"#
    );
}

#[test]
fn variables_stand_in_matchers_too() {
    let yaml = "{a: {$regex: '^${name}$'}, b: {$gt: '${n}'}, c: {$unordered: '${list}'}, \
                d: {$near: {value: '${n}', within: 0}}, e: {$len: '${n}'}, \
                f: {$or: ['x ${name}']}, g: {$contains: '${name}'}}";
    let unresolved = pattern(yaml);

    let resolved = unresolved.resolve(&variables()).expect("values");

    assert_eq!(unresolved.variables(), ["name", "n", "list"]);
    let seen = json!({
        "a": "a.b", "b": 9007199254740994_u64, "c": [2, 1], "d": 9007199254740993_u64,
        "e": "", "f": "x a.b", "g": "_a.b_",
    });
    let lines: Vec<_> = resolved
        .compare(&seen)
        .into_iter()
        .map(|found| found.pointer)
        .collect();
    assert_eq!(lines, ["/e"]);
    let a = pattern("a: {$regex: '^${name}$'}")
        .resolve(&variables())
        .expect("values");
    assert!(a.matches(&json!({"a": "a.b"})));
    assert!(!a.matches(&json!({"a": "axb"})));
    assert_eq!(a.expected_text(), r#"{"a":{"$regex":"^a\\.b$"}}"#);
}

#[test]
fn a_variable_of_the_wrong_type_is_an_error() {
    let error = |yaml: &str| pattern(yaml).resolve(&variables()).expect_err("an error");

    assert_eq!(
        error("$gt: ${name}"),
        r#"a number is needed for `${name}`, which is "a.b""#
    );
    assert_eq!(
        error("$contains: ${n}"),
        "`$contains` takes a text, a list or a mapping, and its variable is 9007199254740993"
    );
    assert_eq!(
        error("$unordered: ${row}"),
        r#"`$unordered` takes a list, and its variable is {"$$absent":true,"$$gte":1}"#
    );
    assert_eq!(
        error("a: ${m}"),
        "the variable `m` has no value here; those with one are `list`, `n`, `name`, `row`"
    );
}

#[test]
fn a_pattern_is_shown_in_the_words_of_the_file() {
    let yaml = "{a: {$gte: 1, $lt: '${n}'}, $$b: [{$or: [1, {$not: {$len: 2}}]}], c: '$${x} ${n}', \
                d: {$near: {value: 1.5, within: 0.1}}, e: {$absent: true}, f: {$type: integer}, \
                g: {$each: {$any: true}}, h: {$contains: [x]}, i: {$unordered: []}}";

    assert_eq!(
        pattern(yaml).expected_text(),
        r#"{"$$b":[{"$or":[1,{"$not":{"$len":2}}]}],"a":{"$gte":1,"$lt":"${n}"},"c":"${x} ${n}","d":{"$near":{"value":1.5,"within":0.1}},"e":{"$absent":true},"f":{"$type":"integer"},"g":{"$each":{"$any":true}},"h":{"$contains":["x"]},"i":{"$unordered":[]}}"#
    );
}

#[test]
fn a_template_becomes_a_value() {
    let yaml = "{a: '${n}', b: 'x ${name} $${n}', c: [1.5, null, true, '${row}'], $$d: {}}";
    let (template, mistakes) = parsed(yaml, Template::parse);

    let value = template.resolve(&variables());

    assert_eq!(mistakes, [""; 0]);
    assert_eq!(template.variables(), ["n", "name", "row"]);
    let expected = json!({
        "a": 9007199254740993_u64, "b": "x a.b ${n}",
        "c": [1.5, null, true, {"$gte": 1, "$absent": true}], "$d": {},
    });
    assert_eq!(value, Ok(expected));
}

#[test]
fn a_template_has_no_matchers() {
    let (_, mistakes) = parsed(
        "{a: {$gte: 1}, b: {$file: x, c: 1}, d: {$file: none}, e: '${'}",
        Template::parse,
    );

    assert_eq!(
        mistakes,
        [
            "1:6: a value that is sent has no `$gte`, only `$file` and `$base64`; write `$$gte` \
             for a key that begins with `$`",
            "1:20: `$file` stands alone in its mapping; remove the other keys",
            "1:48: cannot read `none`: No such file or directory (os error 2)",
            "1:58: `${` begins a variable, `${name}`, whose name has letters, digits and `_`; \
             write `$${` for the text `${`",
        ]
    );
}

#[test]
fn files_are_read_relative_to_the_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("row.json"), r#"{"$gte": 1}"#).expect("a file");
    std::fs::write(directory.path().join("photo"), b"\xff\xd8").expect("a file");
    let yaml = "[{$file: row.json}, {$base64: photo}]";
    let mut mistakes = Vec::new();
    let node = read(yaml, &mut mistakes).expect("YAML");

    let template = Template::parse(&node, directory.path(), &mut mistakes);
    let pattern = Pattern::parse(&node, directory.path(), &mut mistakes);

    let value = json!([{"$gte": 1}, "/9g="]);
    assert_eq!(mistakes, []);
    assert_eq!(template.resolve(&Variables::new()), Ok(value.clone()));
    assert_eq!(pattern.compare(&value), []);
    let seen = pattern.compare(&json!([{"$gte": 2}, "/9g="]));
    assert_eq!(seen[0].pointer, "/0/$gte");
    assert_eq!(
        pattern.expected_text(),
        r#"[{"$file":"row.json"},{"$base64":"photo"}]"#
    );
}

#[test]
fn a_value_without_a_place_has_no_variables() {
    let template = Template::of(json!("${n}"));

    assert_eq!(template.variables(), [""; 0]);
    assert_eq!(template.resolve(&Variables::new()), Ok(json!("${n}")));
}
