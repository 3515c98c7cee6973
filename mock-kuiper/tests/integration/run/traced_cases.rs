//! `mock-kuiper test --from`: cases of a trace.

use std::fs;
use std::path::Path;

use super::common::Plugin;
use super::replays::recorded_all;

/// Runs `mock-kuiper test` in the test's directory.
fn test(plugin: &Plugin, args: &[&str]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_mock-kuiper"))
        .arg("test")
        .args(args)
        .current_dir(plugin.place())
        .output()
        .unwrap()
}

/// Writes the cases of `trace.jsonl` to `new.test.yaml`.
fn write_cases(plugin: &Plugin) -> std::process::Output {
    let from = ["--from", "trace.jsonl", &plugin.id];
    test(
        plugin,
        &[&from[..], &["--output", "new.test.yaml"]].concat(),
    )
}

#[test]
fn the_cases_of_a_trace_pass_on_its_plugin() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    recorded_all(&plugin);

    let shown = test(&plugin, &["--from", "trace.jsonl", &plugin.id]);
    let made = write_cases(&plugin);
    let passed = test(&plugin, &["new.test.yaml"]);

    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(
        text,
        fs::read_to_string(plugin.place().join("new.test.yaml")).unwrap()
    );
    for part in [
        format!("plugin: {}\nreleases: [\"2.4\"]\n", plugin.id),
        format!(
            "  - {{call: {}, args: [1, a], result: 1}}\n",
            plugin.function("echo")
        ),
        "expect: {$len: 5, $each: {message: {number: {$type: number}}, meta: {from: probe}}}"
            .into(),
        "    acks: [ok, ok, ok, ok, ok]\n".into(),
    ] {
        assert!(text.contains(&part), "{text}");
    }
    assert_eq!(
        String::from_utf8_lossy(&made.stderr),
        "note: added 2 cases to new.test.yaml\n"
    );
    assert_eq!(passed.status.code(), Some(0), "{passed:?}");
    assert!(
        String::from_utf8_lossy(&passed.stdout).contains("2 passed"),
        "{passed:?}"
    );
    plugin.assert_clean();
}

#[test]
fn a_source_whose_rows_have_too_many_levels_is_in_no_case() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let config = format!(r#"random={{"raw":["{{\"message\":{{\"a\":{deep}}}}}"]}}"#);
    let trace = plugin.place().join("trace.jsonl");
    let trace = trace.to_str().unwrap();
    plugin
        .run(&["--count", "1", "--config", &config, "--trace", trace])
        .assert_status(0);

    let nothing = test(&plugin, &["--from", "trace.jsonl", &plugin.id]);

    assert_eq!(
        String::from_utf8_lossy(&nothing.stderr),
        "note: source `random` sends what is not a row, or a row of more than 127 levels, and is \
         in no case\nerror: trace.jsonl: there is nothing in it that a case could test\n"
    );
}

#[test]
fn a_trace_without_anything_to_test_makes_no_cases() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let trace = plugin.place().join("trace.jsonl");
    fs::write(&trace, "{\"host\":\"h\",\"plugin\":\"p\"}\n").unwrap();

    let nothing = test(&plugin, &["--from", "trace.jsonl", &plugin.id]);
    let nowhere = test(&plugin, &["--from", "trace.jsonl", "other"]);
    fs::write(&trace, "no trace\n").unwrap();
    let broken = test(&plugin, &["--from", "trace.jsonl", &plugin.id]);

    for (output, text) in [
        (
            nothing,
            "error: trace.jsonl: there is nothing in it that a case could test",
        ),
        (nowhere, "error: other: there is no such plugin"),
        (broken, "error: trace.jsonl: line 1: this is not a trace"),
    ] {
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(shown.starts_with(text), "{shown}");
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn the_symbols_that_the_plugin_lacks_and_an_incomplete_line_are_reported() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let trace = plugin.place().join("trace.jsonl");
    let vector =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/ekuiper-2.4.0-go.jsonl");
    let mut text = fs::read_to_string(vector).unwrap();
    text.push_str("{\"t\":99");
    fs::write(&trace, text).unwrap();

    let refused = write_cases(&plugin);
    let is_written = plugin.place().join("new.test.yaml").exists();
    plugin.write_json(serde_json::json!({
        "version": "1.0.0", "language": "go", "executable": plugin.id,
        "sources": ["gosrc"], "sinks": ["gosink"], "functions": ["goecho", "gofail", "gosum"],
    }));
    let made = write_cases(&plugin);

    let note = "note: trace.jsonl: the last line is incomplete and is left out\n";
    let lacking = [
        "source `gosrc`",
        "sink `gosink`",
        "function `goecho`",
        "function `gofail`",
        "function `gosum`",
    ];
    let errors = lacking.map(|symbol| {
        let id = &plugin.id;
        format!("error: trace.jsonl: the trace starts the {symbol}, which `{id}` does not have\n")
    });
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        format!("{note}{}", errors.concat())
    );
    assert_eq!(refused.status.code(), Some(2));
    assert!(!is_written);
    let shown = String::from_utf8_lossy(&made.stderr);
    assert!(shown.starts_with(note), "{shown}");
    assert_eq!(made.status.code(), Some(0), "{shown}");
}
