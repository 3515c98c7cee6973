use serde_json::{Value, json};

use super::*;

mod any;
mod layout;

/// Updates the value that `part` is, at its first occurrence.
fn update_of(file: &str, part: &str, seen: Value) -> Update {
    let start = file.find(part).expect("the part");
    Update {
        span: start..start + part.len(),
        seen,
        variables: [("tmp".to_owned(), json!("/tmp/x1"))].into(),
        is_rows: false,
    }
}

fn updated(file: &str, part: &str, seen: Value) -> String {
    let rewritten = rewrite(file, Path::new("/nowhere"), &[update_of(file, part, seen)]);
    assert_eq!(rewritten.left_out, []);
    assert_eq!(rewritten.written, 1);
    rewritten.text
}

#[test]
fn only_leaves_that_differ_are_replaced() {
    let file = "\
# A file.
expect: # rows
- {message: {count: {$gte: 50},  id: 'a' }, meta: null} # first
-   message: # second
      count: 7   # seven
      name: \"b\"
    meta: {$any: true}
after:   [1,  2]
";
    let part = &file[file.find("- {message").unwrap()..file.find("\nafter").unwrap()];
    let seen = json!([
        {"message": {"count": 51, "id": "it's"}, "meta": null},
        {"message": {"count": 8, "name": "c\n"}, "meta": {"x": 1}},
    ]);

    assert_eq!(
        updated(file, part, seen),
        "\
# A file.
expect: # rows
- {message: {count: {$gte: 50},  id: 'it''s' }, meta: null} # first
-   message: # second
      count: 8   # seven
      name: \"c\\n\"
    meta: {$any: true}
after:   [1,  2]
"
    );
}

#[test]
fn another_shape_replaces_the_smallest_node_and_keeps_matchers_that_match() {
    let file = "a: {args: [1], result: {x: {$gt: 1}, y: [1, {b: 2}], z: 3}} # end\n";

    let text = updated(
        file,
        "{x: {$gt: 1}, y: [1, {b: 2}], z: 3}",
        json!({"x": 5, "y": [1, {"c": 2}], "z": 3}),
    );

    assert_eq!(
        text,
        "a: {args: [1], result: {x: {$gt: 1}, y: [1, {c: 2}], z: 3}} # end\n"
    );
    let text = updated(
        file,
        "{x: {$gt: 1}, y: [1, {b: 2}], z: 3}",
        json!({"x": 5, "y": [1, {"b": 2}], "new": true}),
    );
    assert_eq!(
        text,
        "a: {args: [1], result: {x: {$gt: 1}, y: [1, {b: 2}], new: true}} # end\n"
    );
}

#[test]
fn what_has_a_meaning_is_escaped() {
    assert_eq!(
        updated("a: 1\n", "1", json!({"$gte": "${x}", "b": "/tmp/x1/rows"})),
        "a: {$$gte: \"$${x}\", b: \"${tmp}/rows\"}\n"
    );
    assert_eq!(
        updated("a: 1\n", "1", json!(["$any", "$$absent", "$any/tmp/x1"])),
        "a: [$$any, $$$absent, \"$any${tmp}\"]\n"
    );
    assert_eq!(
        updated("a: {$$b: 1}\n", "{$$b: 1}", json!({"$b": 2})),
        "a: {$$b: 2}\n"
    );
}

#[test]
fn variables_that_match_stay() {
    assert_eq!(
        updated(
            "a: [\"${tmp}/a\", 1]\n",
            "[\"${tmp}/a\", 1]",
            json!(["/tmp/x1/a", 2])
        ),
        "a: [\"${tmp}/a\", 2]\n"
    );
}

#[test]
fn a_meta_of_a_row_is_written_only_where_it_says_something() {
    let file = "\
expect:
- {message: {a: 1}}
- {message: {a: 1}, meta: null}
- {message: 1, meta: {t: {$any: true}}}
next: 1
";
    let part = &file["expect:\n".len()..file.find("\nnext").unwrap()];
    let row = |a, meta| json!({"message": {"a": a}, "meta": meta});
    let same = [
        row(2, json!({"t": 1})),
        row(3, json!(null)),
        row(4, json!({"t": 2})),
    ];
    let more = [&same[..], &[row(5, json!(null)), row(6, json!({"t": 3}))]].concat();
    let updated = |seen: &[Value]| {
        let mut update = update_of(file, part, json!(seen));
        update.is_rows = true;
        let rewritten = rewrite(file, Path::new("/"), &[update]);
        assert_eq!(rewritten.left_out, []);
        rewritten.text
    };

    assert_eq!(
        updated(&same),
        "\
expect:
- {message: {a: 2}}
- {message: {a: 3}, meta: null}
- {message: {a: 4}, meta: {t: {$any: true}}}
next: 1
"
    );
    assert_eq!(
        updated(&more),
        "\
expect:
- {message: {a: 2}}
- {message: {a: 3}, meta: null}
- {message: {a: 4}, meta: {t: {$any: true}}}
- {message: {a: 5}}
- {message: {a: 6}, meta: {t: 3}}
next: 1
"
    );
}

#[test]
fn matchers_of_collections_stay_around_what_changes() {
    assert_eq!(
        updated(
            "a: {$contains: {b: 1, c: {$gt: 0}}}\n",
            "{$contains: {b: 1, c: {$gt: 0}}}",
            json!({"b": 2, "c": 1, "d": 4})
        ),
        "a: {$contains: {b: 2, c: {$gt: 0}}}\n"
    );
    assert_eq!(
        updated(
            "a: {$contains: {b: 1, c: {$gt: 0}}}\n",
            "{$contains: {b: 1, c: {$gt: 0}}}",
            json!({"c": 1, "d": 4})
        ),
        "a: {$contains: {c: {$gt: 0}}}\n"
    );
    assert_eq!(
        updated(
            "a: {$unordered: [1, {$gt: 5}]}\n",
            "{$unordered: [1, {$gt: 5}]}",
            json!([7, 2, 3])
        ),
        "a: {$unordered: [2, {$gt: 5}, 3]}\n"
    );
    let near = "{$near: {within: 0.1, value: 1.5}}";
    assert_eq!(
        updated(&format!("a: {near}\n"), near, json!(2.25)),
        "a: {$near: {within: 0.1, value: 2.25}}\n"
    );
    assert_eq!(
        updated("a: {$gte: 1, $lt: 5}\n", "{$gte: 1, $lt: 5}", json!(7)),
        "a: 7\n"
    );
    assert_eq!(
        updated(
            "a: {b: 1, c: {$absent: true}}\n",
            "{b: 1, c: {$absent: true}}",
            json!({"b": 2})
        ),
        "a: {b: 2, c: {$absent: true}}\n"
    );
}

#[test]
fn several_updates_are_written_together() {
    let file = "a: 1\nb: [2]\nc: 3\n";
    let updates = [
        update_of(file, "3", json!({"x": 1})),
        update_of(file, "1", json!("a long text")),
        update_of(file, "[2]", json!([])),
    ];

    let rewritten = rewrite(file, Path::new("/"), &updates);

    assert_eq!(rewritten.text, "a: a long text\nb: []\nc: {x: 1}\n");
    assert_eq!((rewritten.written, rewritten.left_out), (3, vec![]));
}

#[test]
fn releases_that_saw_different_values_are_a_conflict() {
    let file = "a: 1\nb: {c: {$gt: 1}, d: 1}\n";
    let updates = [
        update_of(file, "1", json!(2)),
        update_of(file, "1", json!(3)),
        update_of(file, "{c: {$gt: 1}, d: 1}", json!({"c": 2, "d": 2})),
        update_of(file, "{c: {$gt: 1}, d: 1}", json!({"c": 3, "d": 2})),
    ];

    let rewritten = rewrite(file, Path::new("/"), &updates);

    assert_eq!(rewritten.text, "a: 1\nb: {c: {$gt: 1}, d: 2}\n");
    let reason = "releases saw different values; write an expectation that matches all of them: \
                  2, 3";
    assert_eq!(
        rewritten.left_out,
        [(Place { line: 1, column: 4 }, reason.to_owned())]
    );
}

#[test]
fn an_update_that_would_change_something_else_is_left_out() {
    let file = "a: &x {b: 1}\nc: *x\n";
    let overlapping = "a: [1]\n";

    let rewritten = rewrite(
        file,
        Path::new("/"),
        &[update_of(file, "{b: 1}", json!({"b": 2}))],
    );
    let both = rewrite(
        overlapping,
        Path::new("/"),
        &[
            update_of(overlapping, "[1]", json!(2)),
            update_of(overlapping, "1", json!(2)),
        ],
    );
    let stale = rewrite(
        file,
        Path::new("/"),
        &[update_of(file, "b: 1}\n", json!(1))],
    );

    assert_eq!(rewritten.text, file);
    assert_eq!(
        rewritten.left_out[0].1,
        "it cannot be written here without a change to something else; update it by hand"
    );
    assert_eq!(both.text, overlapping);
    assert_eq!(both.left_out.len(), 2);
    assert_eq!(
        both.left_out[0].1,
        "another expectation that failed is a part of it, or it of that one; update it by hand"
    );
    assert_eq!(
        stale.left_out,
        [(
            Place { line: 1, column: 8 },
            "the file has changed since the test; run it again".to_owned()
        )]
    );
}

#[test]
fn what_is_in_another_file_or_too_large_is_left_out() {
    let file = "a: {b: {$file: rows.json}}\n";

    let other = rewrite(
        file,
        Path::new("/nowhere"),
        &[update_of(file, "{b: {$file: rows.json}}", json!({"b": 1}))],
    );
    let large = rewrite(
        "a: 1\n",
        Path::new("/"),
        &[update_of("a: 1\n", "1", json!("x".repeat(300_000)))],
    );

    assert_eq!(other.text, file);
    assert_eq!(
        other.left_out,
        [(
            Place { line: 1, column: 4 },
            "it is in the file `rows.json`; update that by hand".to_owned()
        )]
    );
    assert_eq!(
        large.left_out[0].1,
        "the value that was seen has 300002 bytes, too many for a test file; write matchers by hand"
    );
}

#[test]
fn an_alias_is_replaced_and_its_anchor_stays() {
    assert_eq!(
        updated("a: &x {b: 1}\nc: *x\n", "*x", json!({"b": 2})),
        "a: &x {b: 1}\nc: {b: 2}\n"
    );
}

#[test]
fn a_file_keeps_its_permissions_and_its_link() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.test.yaml");
    let link = directory.path().join("link.test.yaml");
    fs::write(&file, "a: 1\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();

    let rewritten = update(&link, &[update_of("a: 1\n", "1", json!(2))]).unwrap();

    assert_eq!(rewritten.written, 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), "a: 2\n");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(link.is_symlink());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
}
