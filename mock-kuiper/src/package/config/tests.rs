//! What a start order has of a source's yaml, release by release.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;

const V1: YamlKeys = YamlKeys::AsWritten;
const V2: YamlKeys = YamlKeys::LowerCase;

/// Reads a yaml, with a json beside it unless that is empty.
fn read_beside(
    yaml: &str,
    json: Option<&str>,
    key: Option<&str>,
    keys: YamlKeys,
) -> Result<(Value, Vec<String>), String> {
    let place = TempDir::new().unwrap();
    let file = place.path().join("s.yaml");
    fs::write(&file, yaml).unwrap();
    if let Some(json) = json {
        fs::write(place.path().join("s.json"), json).unwrap();
    }
    let prefix = format!("{}/", place.path().display());
    let plain = |text: String| text.replace(&prefix, "");
    match read(&file, key, keys) {
        Ok(config) => {
            let ignored = config
                .ignored
                .iter()
                .map(|mistake| plain(mistake.to_string()));
            Ok((Value::Object(config.properties), ignored.collect()))
        }
        Err(error) => Err(plain(error.to_string())),
    }
}

/// Returns the properties; nothing may be ignored.
fn properties(yaml: &str, json: Option<&str>, key: Option<&str>, keys: YamlKeys) -> Value {
    let (properties, ignored) = read_beside(yaml, json, key, keys).unwrap();
    assert_eq!(ignored, [] as [&str; 0]);
    properties
}

const YAML: &str = "\
default:
  hatId: 322
  headers: {Content-Type: json}
  list: [{InList: 1}]
TestConf:
  hatId: 5
";

const JSON: &str = r#"{"properties":{"default":[{"name":"hatId","default":1}]}}"#;

#[test]
fn releases_1_send_keys_as_they_are_written() {
    let expected = json!({
        "hatId": 322, "headers": {"Content-Type": "json"}, "list": [{"InList": 1}],
    });

    for json in [
        None,
        Some(JSON),
        Some("{"),
        Some(""),
        Some("[]"),
        Some("{}"),
    ] {
        assert_eq!(properties(YAML, json, None, V1), expected, "{json:?}");
    }
    assert_eq!(properties(YAML, None, Some("TestConf"), V1)["hatId"], 5);
}

#[test]
fn releases_2_send_keys_in_lower_case_unless_the_json_lists_them() {
    assert_eq!(
        properties(YAML, None, None, V2),
        json!({"hatid": 322, "headers": {"content-type": "json"}, "list": [{"InList": 1}]})
    );
    assert_eq!(
        properties(YAML, Some(JSON), None, V2),
        json!({"hatId": 322, "headers": {"content-type": "json"}, "list": [{"InList": 1}]})
    );
    assert_eq!(
        properties(YAML, Some(JSON), Some("testCONF"), V2)["hatId"],
        5
    );
}

#[test]
fn an_element_with_a_nested_default_gives_back_the_names_in_it_and_not_its_own() {
    let json = r#"{"properties":{"default":[
        {"name":"Outer","default":[{"name":"InnerOne"},{"name":"InnerTwo","default":""}]},
        {"name":"Object","default":{"a":{"name":"InnerThree"}}},
        {"name":"EmptyList","default":[]},
        {"name":"EmptyObject","default":{}},
        7
    ],"fast":[{"name":"Unseen"}]}}"#;
    let yaml = "default: {Outer: {InnerOne: 1, deep: {InnerTwo: 2}}, Object: {InnerThree: 3}, \
                EmptyList: [], EmptyObject: {}, Unseen: 4}";

    assert_eq!(
        properties(yaml, Some(json), None, V2),
        json!({
            "outer": {"InnerOne": 1, "deep": {"InnerTwo": 2}}, "object": {"InnerThree": 3},
            "EmptyList": [], "EmptyObject": {}, "unseen": 4,
        })
    );
}

#[test]
fn releases_2_ignore_the_whole_yaml_if_the_json_cannot_be_read_for_its_names() {
    for (json, why) in [
        (
            "{",
            "is not valid JSON: EOF while parsing an object at line 1 column 1",
        ),
        ("", "is empty"),
        ("[]", "is not a JSON object"),
        ("null", "is not a JSON object"),
        (
            "\u{feff}{\"properties\":{}}",
            "begins with a byte order mark, which is not JSON",
        ),
        (r#"{"about":{}}"#, "has no `properties`"),
        (r#"{"Properties":{}}"#, "has no `properties`"),
        (
            r#"{"properties":null}"#,
            "has `properties` that are not an object",
        ),
        (
            r#"{"properties":[]}"#,
            "has `properties` that are not an object",
        ),
    ] {
        assert_eq!(
            read_beside(YAML, Some(json), Some("testconf"), V2),
            Ok((
                json!({}),
                vec![format!(
                    "s.json: {why}; eKuiper 2.x then ignores s.yaml as a whole: correct the json, \
                     or delete it"
                )]
            )),
            "{json}"
        );
    }
    assert_eq!(
        properties("default: {a: 1}", Some(r#"{"properties":{}}"#), None, V2),
        json!({"a": 1})
    );
}

#[test]
fn default_is_found_in_any_case_by_releases_2_alone() {
    let yaml = "Default: {a: 1}\n";

    assert_eq!(properties(yaml, None, None, V2), json!({"a": 1}));
    assert_eq!(properties(yaml, None, None, V1), json!({}));
}

#[test]
fn keys_that_differ_in_case_alone_become_one_on_releases_2() {
    let yaml = "default: {Url: a, other: 1}\nfast: {url: b}\n";

    assert_eq!(
        properties(yaml, None, Some("fast"), V2),
        json!({"url": "b", "other": 1})
    );
    assert_eq!(
        properties(yaml, None, Some("fast"), V1),
        json!({"Url": "a", "url": "b", "other": 1})
    );
}

#[test]
fn a_section_with_a_key_that_is_not_a_string_is_ignored_by_releases_2_and_read_by_1() {
    let yaml = "default: {a: 1}\nodd: {1: x, true: y, ~: z, b: 2}\n";

    assert_eq!(
        read_beside(yaml, None, Some("odd"), V2),
        Ok((
            json!({"a": 1}),
            vec![
                "s.yaml: `odd`: the key `1` is not a string; eKuiper ignores the section"
                    .to_owned()
            ]
        ))
    );
    assert_eq!(
        properties(yaml, None, Some("odd"), V1),
        json!({"a": 1, "1": "x", "true": "y", "b": 2})
    );
}

#[test]
fn what_json_does_not_have_prevents_the_start() {
    for keys in [V1, V2] {
        for (value, why) in [
            ("{1: x}", "the key `1` in it is not a string"),
            ("[{true: x}]", "the key `true` in it is not a string"),
            (".nan", "JSON has no `.nan`"),
            ("[-.Inf]", "JSON has no `-.Inf`"),
        ] {
            assert_eq!(
                read_beside(&format!("default: {{a: {value}}}"), None, None, keys),
                Err(format!(
                    "s.yaml: `a`: {why}, so eKuiper cannot start the source; change the value"
                ))
            );
            let overlaid = format!("default: {{a: {value}}}\nfast: {{a: 1}}");
            assert_eq!(
                properties(&overlaid, None, Some("fast"), keys),
                json!({"a": 1})
            );
        }
    }
}

#[test]
fn a_section_that_is_not_a_mapping_is_ignored_alone() {
    for keys in [V1, V2] {
        assert_eq!(
            read_beside(
                "default: 1\nfast: {a: 1}\nnone:\n",
                None,
                Some("fast"),
                keys
            ),
            Ok((
                json!({"a": 1}),
                vec![
                    "s.yaml: `default`: expected a section of `name: value` lines; eKuiper \
                     ignores the section"
                        .to_owned()
                ]
            ))
        );
    }
}

#[test]
fn a_broken_yaml_is_ignored_as_a_whole() {
    for keys in [V1, V2] {
        for yaml in ["default: [", "- a\n", "text", "default: *x"] {
            let (properties, ignored) = read_beside(yaml, None, Some("fast"), keys).unwrap();

            assert_eq!(properties, json!({}), "{yaml}");
            assert_eq!(ignored.len(), 1, "{yaml}");
        }
    }
}

#[test]
fn of_a_mapping_with_the_same_key_twice_releases_1_ignore_that_mapping_alone() {
    let yaml = "default: {a: 1, b: {c: 1, c: 2}}\n";

    assert_eq!(properties(yaml, None, None, V1), json!({"a": 1}));
    assert_eq!(
        read_beside(yaml, None, None, V2),
        Ok((
            json!({}),
            vec!["s.yaml: is not valid YAML: the key `c` occurs again at line 1".to_owned()]
        ))
    );
}

#[test]
fn of_several_documents_the_first_counts() {
    for keys in [V1, V2] {
        let yaml = "---\ndefault: {a: 1}\n---\ndefault: {a: 2}\n--- [broken";

        assert_eq!(properties(yaml, None, None, keys), json!({"a": 1}));
        assert_eq!(
            properties("\u{feff}# nothing\n", None, None, keys),
            json!({})
        );
    }
}

#[test]
fn a_missing_section_is_an_error_with_those_that_the_release_has() {
    let yaml = "default: {a: 1}\nFast: {a: 2}\n";

    assert_eq!(
        read_beside(yaml, None, Some("slow"), V2),
        Err("s.yaml: `slow`: no such section; the file has `default`, `fast`".to_owned())
    );
    assert_eq!(
        read_beside(yaml, None, Some("fast"), V1),
        Err("s.yaml: `fast`: no such section; the file has `Fast`, `default`".to_owned())
    );
}

#[test]
fn scalars_have_the_types_that_ekuipers_parser_gives_them() {
    let yaml = "default:\n  a: 9007199254740993\n  b: 1.0\n  c: yes\n  d: 'x'\n  e: ~\n  f: true\n  \
                g: [1, {h: -2}]\n  i: 017\n  j: 0x1F\n  l: &x {m: 1}\n  n: *x\n  \
                18446744073709551615x: big\n  o: 18446744073709551615\n  p: 1e3\n  q: 1_000\n  \
                r: '017'\n  s: !!str 5\n  t: !!float 1\n  u: 08\n  v: |\n    1\n  w:\n  \
                x: {<<: *x, k: 2}\n  y: 0o17\n  z: -0b11\n";

    assert_eq!(
        properties(yaml, None, None, V1),
        json!({
            "a": 9_007_199_254_740_993_u64, "b": 1.0, "c": "yes", "d": "x", "e": null,
            "f": true, "g": [1, {"h": -2}], "i": 15, "j": 31, "l": {"m": 1}, "n": {"m": 1},
            "18446744073709551615x": "big", "o": 18_446_744_073_709_551_615_u64, "p": 1000.0,
            "q": 1000, "r": "017", "s": "5", "t": 1.0, "u": 8.0, "v": "1\n", "w": null,
            "x": {"k": 2, "m": 1}, "y": 15, "z": -3,
        })
    );
}

#[test]
fn tags_change_the_type_of_a_value_and_of_a_key() {
    let yaml = "default: {a: ! 5, b: !!binary aGk=, c: !own 5, d: !!int '5'}\nodd: {!own k: 1}\n";

    let (found, ignored) = read_beside(yaml, None, Some("odd"), V2).unwrap();

    assert_eq!(found, json!({"a": 5, "b": "hi", "c": "5", "d": 5}));
    assert_eq!(
        ignored,
        ["s.yaml: `odd`: the key `k` is not a string; eKuiper ignores the section"]
    );
    for broken in ["!!int x", "!!binary a", "!!bool yes"] {
        let yaml = format!("default: {{a: {broken}}}");
        let (_, ignored) = read_beside(&yaml, None, None, V2).unwrap();

        assert!(
            ignored[0].starts_with("s.yaml: is not valid YAML: "),
            "{ignored:?}"
        );
    }
}

#[test]
fn a_directive_for_yaml_1_2_makes_the_file_unreadable() {
    let of = |version: &str| {
        let yaml = format!("%YAML {version}\n---\ndefault: {{a: 1}}\n");
        read_beside(&yaml, None, None, V2).unwrap().0
    };

    assert_eq!(of("1.1"), json!({"a": 1}));
    assert_eq!(of("1.2"), json!({}));
}

#[test]
fn an_unquoted_date_arrives_as_rfc_3339_text() {
    for (written, arrives) in [
        ("2023-01-01", "2023-01-01T00:00:00Z"),
        ("2024-2-29", "2024-02-29T00:00:00Z"),
        ("2023-01-01 1:02:03.450", "2023-01-01T01:02:03.45Z"),
        ("2023-01-01T10:20:30Z", "2023-01-01T10:20:30Z"),
        ("2023-01-01t10:20:30+02:00", "2023-01-01T10:20:30+02:00"),
        ("2023-02-29", "2023-02-29"),
        ("2023-01-01T10:20:30", "2023-01-01T10:20:30"),
        ("'2023-01-01'", "2023-01-01"),
        ("23-01-01", "23-01-01"),
    ] {
        let yaml = format!("default:\n  a: {written}\n");

        assert_eq!(
            properties(&yaml, None, None, V2),
            json!({"a": arrives}),
            "{written}"
        );
    }
}

#[test]
fn a_yaml_cannot_exhaust_the_memory_or_the_stack() {
    let mut bomb = "default:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb += &format!("  a{n}: &a{n} [{aliases}]\n");
    }
    let deep = format!("default: {}", "[".repeat(100_000));

    for yaml in [bomb, deep] {
        let (properties, ignored) = read_beside(&yaml, None, None, V2).unwrap();

        assert_eq!(properties, json!({}));
        assert!(
            ignored[0].starts_with("s.yaml: is not valid YAML: "),
            "{ignored:?}"
        );
    }
}
