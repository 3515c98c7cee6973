//! `--save`: a run becomes a case that `mock-kuiper test` passes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::common::{Done, Plugin};

const COMMENT: &str =
    "# As it was seen: replace what changes from run to run, such as times, by matchers.";

/// Returns the path of a test file beside the plugin's directory.
fn file(plugin: &Plugin) -> PathBuf {
    plugin.place().join("saved.test.yaml")
}

/// Runs the plugin, and saves it.
fn save(plugin: &Plugin, args: &[&str]) -> Done {
    let file = file(plugin);
    plugin.run(&[args, &["--save", file.to_str().unwrap()]].concat())
}

/// Runs `mock-kuiper test`, and returns its status and its output.
fn test(file: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"))
        .arg("test")
        .arg(file)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[track_caller]
fn assert_passes(plugin: &Plugin) {
    let (status, output) = test(&file(plugin));
    let text = fs::read_to_string(file(plugin)).unwrap();
    assert_eq!(status, Some(0), "{output}\n{text}");
}

/// Returns the text of the file after the key `cases`.
fn cases(plugin: &Plugin) -> String {
    let text = fs::read_to_string(file(plugin)).unwrap();
    let head = format!("plugin: {}\nreleases: [\"2.4\"]\ncases:\n", plugin.id);
    text.strip_prefix(&head)
        .unwrap_or_else(|| panic!("{text}"))
        .replace(&plugin.id, "ID")
}

#[test]
fn calls_are_saved_with_their_results_and_refusals() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let echo = plugin.function("echo");
    let hostile = r#"{"$a":"${x}","b":"true","c":"a: b #c\n"}"#;

    let done = save(
        &plugin,
        &[
            "--call",
            &format!("{echo}()"),
            "--call",
            &format!("{echo}({hostile})"),
        ],
    );

    done.assert_status(0);
    done.assert_says("added the case `");
    assert_eq!(
        cases(&plugin),
        format!(
            r#"{COMMENT}
- name: "echo_ID() and 1 more call"
  steps:
  - {{validate: echo_ID, args: [], refused: expected an argument}}
  - call: echo_ID
    args: [{{$$a: "$${{x}}", b: "true", c: "a: b #c\n"}}]
    result: {{$$a: "$${{x}}", b: "true", c: "a: b #c\n"}}
"#
        )
    );
    assert_passes(&plugin);
}

#[test]
fn a_source_is_saved_with_what_it_was_given_and_its_first_rows() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    plugin.write("sources/random.yaml", "default: {}\nfast: {interval: 1}\n");

    let done = save(
        &plugin,
        &[
            "--count",
            "30",
            "--conf-key",
            "fast",
            "--datasource",
            "topic/1",
            "--stream",
            r#"{"key":"id"}"#,
        ],
    );

    done.assert_status(0);
    let rows = (1..=10).map(|number| {
        format!("      - {{message: {{number: {number}}}, meta: {{from: probe}}}}\n")
    });
    assert_eq!(
        cases(&plugin),
        format!(
            "{COMMENT}\n- name: random emits rows\n  steps:\n  - start: {{source: random, \
             datasource: topic/1, confKey: fast, options: {{key: id}}}}\n  - rows: random\n    \
             expect:\n{}  - stop: random\n",
            rows.collect::<String>()
        )
    );
    assert_passes(&plugin);
}

#[test]
fn a_sink_is_saved_with_its_rows_and_acks() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = plugin.run_with_input(
        &[
            "--rows",
            "-",
            "--require-ack",
            "--send-single",
            "--config",
            r#"append={"path":"x"}"#,
            "--save",
            file(&plugin).to_str().unwrap(),
        ],
        "{\"a\":1}\n\"text\"\n[{\"a\":2},{\"a\":3}]\n",
    );

    done.assert_status(0);
    assert_eq!(
        cases(&plugin),
        format!(
            r#"{COMMENT}
- name: append takes rows
  steps:
  - start: {{sink: append, config: {{path: x}}, requireAck: true, sendSingle: true}}
  - {{send: append, rows: [{{a: 1}}, '"text"', {{a: 2}}, {{a: 3}}], acks: [ok, ok, ok, ok]}}
  - stop: append
"#
        )
    );
    assert_passes(&plugin);
}

#[test]
fn more_than_100_rows_for_a_sink_are_shortened_with_a_note() {
    let plugin = Plugin::new(&[], &["append"], &[]);
    let rows: String = (0..130)
        .map(|number| format!("{{\"a\":{number}}}\n"))
        .collect();

    let saved = file(&plugin);
    let done = plugin.run_with_input(&["--rows", "-", "--save", saved.to_str().unwrap()], &rows);

    done.assert_status(0);
    done.assert_says("sink `append`: the case has the first 100 rows; 30 rows are left out");
    assert!(cases(&plugin).contains("  # The first 100 of 130 rows.\n  - send: append\n"));
    assert_passes(&plugin);
}

#[test]
fn rows_that_are_passed_on_are_saved_as_a_rule() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);

    let done = save(
        &plugin,
        &["--count", "2", "--config", r#"random={"interval":1}"#],
    );

    done.assert_status(0);
    assert_eq!(
        cases(&plugin),
        format!(
            r#"{COMMENT}
- name: "random emits rows, append takes the rows of random"
  steps:
  - start: {{source: random, config: {{interval: 1}}}}
  - rows: random
    expect:
      - {{message: {{number: 1}}, meta: {{from: probe}}}}
      - {{message: {{number: 2}}, meta: {{from: probe}}}}
  - stop: random
  - rule: {{source: {{source: random, config: {{interval: 1}}}}, sinks: [{{sink: append}}], rows: 2}}
"#
        )
    );
    assert_passes(&plugin);
}

#[test]
fn faults_are_saved_as_steps() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);

    let done = save(
        &plugin,
        &[
            "--fault",
            "kill=0ms",
            "--fault",
            "start-again",
            "--send",
            r#"{"a":1}"#,
            "--config",
            r#"random={"interval":1}"#,
        ],
    );

    done.assert_status(0);
    let cases = cases(&plugin);
    let (before, rest) = cases.split_once("  - {fault: ").unwrap();
    assert!(
        before.starts_with(&format!(
            "{COMMENT}\n- name: \"random emits rows, append takes rows, survives 2 faults\"\n  \
             steps:\n  - start: {{sink: append}}\n  - start: {{source: random, config: \
             {{interval: 1}}}}\n  - rows: random\n"
        )),
        "{before}"
    );
    assert_eq!(
        rest,
        "kill=0s, row: {a: 1}}\n  - {fault: start-again, row: {a: 1}}\n  \
         - {send: append, rows: [{a: 1}]}\n  - stop: random\n  - stop: append\n"
    );
    assert_passes(&plugin);
}

#[test]
fn a_second_run_is_appended_under_another_name() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let call = format!("{}(1)", plugin.function("echo"));
    save(&plugin, &["--call", &call]).assert_status(0);
    let before = fs::read_to_string(file(&plugin)).unwrap();

    let done = save(&plugin, &["--call", &call, "--host", "1.13"]);

    done.assert_status(0);
    let after = fs::read_to_string(file(&plugin)).unwrap();
    let added = after.strip_prefix(&before).unwrap();
    assert!(
        added.contains(&format!("- name: \"{call} (2)\"\n  releases: [\"1.13\"]\n")),
        "{added}"
    );
    assert_passes(&plugin);
}

#[test]
fn a_run_that_fails_writes_nothing() {
    let plugin = Plugin::new(&["random"], &[], &[]);

    let done = save(
        &plugin,
        &[
            "--count",
            "1",
            "--config",
            r#"random={"raw":["no","{\"message\":{}}"]}"#,
        ],
    );

    done.assert_status(1);
    done.assert_says("saved.test.yaml: nothing was written, because the run failed");
    assert!(!file(&plugin).exists());
    let left = fs::read_dir(plugin.place()).unwrap().count();
    assert_eq!(left, 1, "the plugin's directory alone");
}

#[test]
fn a_file_for_another_plugin_and_a_run_of_nothing_are_refused_before_the_run() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let other = plugin.place().join("other");
    fs::create_dir(&other).unwrap();
    let text = "plugin: other\ncases:\n- {name: a, steps: [kill]}\n";
    fs::write(file(&plugin), text).unwrap();

    let call = format!("{}(1)", plugin.function("echo"));
    let wrong = save(&plugin, &["--call", &call]);
    let nothing = save(&plugin, &[]);

    wrong.assert_status(2);
    wrong.assert_says("/other; name another file");
    nothing.assert_status(2);
    nothing.assert_says("--save: there is nothing to save");
    for done in [&wrong, &nothing] {
        assert_eq!((done.stdout.as_str(), done.log().len()), ("", 0), "{done}");
    }
    assert_eq!(fs::read_to_string(file(&plugin)).unwrap(), text);
}
