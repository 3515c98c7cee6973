use proptest::prelude::*;
use serde_json::{Map, json};
use tempfile::TempDir;

use super::*;
use crate::any_json::any_json;
use crate::scenario::pattern::{Pattern, Template};

/// A directory with the directories of two plugins.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for plugin in ["probe", "other"] {
        fs::create_dir(place.path().join(plugin)).unwrap();
    }
    place
}

fn run_in(place: &TempDir) -> SavedRun {
    SavedRun {
        plugin: place.path().join("probe"),
        python: None,
        env: Vec::new(),
        init_timeout: None,
        release: Release::find("2.4").unwrap(),
    }
}

fn call(argument: Value) -> SavedStep {
    SavedStep::Call {
        function: "echo".to_owned(),
        args: vec![argument.clone()],
        outcome: Ok(argument),
    }
}

/// Adds a case to a file with this text, and returns the text of the file.
fn added_to(text: &str, steps: &[SavedStep]) -> Result<String, SaveError> {
    let place = place();
    let path = place.path().join("a.test.yaml");
    fs::write(&path, text).unwrap();
    SaveFile::open(&path, run_in(&place))?.add(steps)?;
    Ok(fs::read_to_string(&path).unwrap())
}

fn refusal(text: &str) -> String {
    added_to(text, &[call(json!(1))]).unwrap_err().to_string()
}

const COMMENT_LINE: &str =
    "# As it was seen: replace what changes from run to run, such as times, by matchers.";

#[test]
fn a_new_file_has_the_plugin_its_environment_and_the_release() {
    let place = place();
    let tests = place.path().join("tests");
    fs::create_dir(&tests).unwrap();
    fs::create_dir(place.path().join("venv")).unwrap();
    let path = tests.join("a.test.yaml");
    let run = SavedRun {
        python: Some(place.path().join("venv/python")),
        env: vec![
            ("PORT".to_owned(), "80".to_owned()),
            ("A".to_owned(), "${b}: #".to_owned()),
        ],
        init_timeout: Some(Duration::from_millis(1500)),
        ..run_in(&place)
    };

    let name = SaveFile::open(&path, run)
        .unwrap()
        .add(&[call(json!("hi"))]);

    assert_eq!(name.unwrap(), r#"echo("hi")"#);
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        r##"plugin: ../probe
python: ../venv/python
env: {PORT: "80", A: "$${b}: #"}
init_timeout: 1s 500ms
releases: ["2.4"]
cases:
# As it was seen: replace what changes from run to run, such as times, by matchers.
- name: 'echo("hi")'
  steps:
  - {call: echo, args: [hi], result: hi}
"##
    );
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_ne!(mode & 0o044, 0, "others can read the file: {mode:o}");
}

#[test]
fn a_case_with_a_hidden_value_says_that_it_must_be_filled_in() {
    let place = place();
    let file = SaveFile::open(&place.path().join("a.test.yaml"), run_in(&place)).unwrap();

    let text = file.with_cases(&[vec![call(json!("[redacted]"))]]).unwrap();

    let comment = "# Replace each `[redacted]`, which hides a value, by one that the plugin takes.";
    assert!(
        text.contains(&format!("{COMMENT_LINE}\n{comment}\n- name: ")),
        "{text}"
    );
}

#[test]
fn every_kind_of_step_is_written_as_a_person_would() {
    let source = SavedStart {
        symbol: "random".to_owned(),
        alias: None,
        config: json!({"period": 10}).as_object().unwrap().clone(),
        kind: SavedKind::Source {
            datasource: "topic/1".to_owned(),
            conf_key: Some("fast".to_owned()),
            options: json!({"FORMAT": "json"}).as_object().unwrap().clone(),
        },
    };
    let sink = SavedStart {
        symbol: "random".to_owned(),
        alias: Some("out".to_owned()),
        config: Map::new(),
        kind: SavedKind::Sink {
            require_ack: true,
            send_single: true,
        },
    };
    let steps = [
        SavedStep::Start(sink.clone()),
        SavedStep::Call {
            function: "echo".to_owned(),
            args: Vec::new(),
            outcome: Err("expected one".to_owned()),
        },
        SavedStep::Refusal {
            function: "echo".to_owned(),
            args: vec![json!({"$any": true})],
            text: "no: ${x}".to_owned(),
        },
        SavedStep::Start(source.clone()),
        SavedStep::Rows {
            alias: "random".to_owned(),
            rows: vec![json!({"message": {"a": "true"}, "meta": null})],
            within: Some(Duration::from_secs(9)),
        },
        SavedStep::Fault {
            fault: "kill=2s".parse().unwrap(),
            row: Some(json!({"mock": 1})),
        },
        SavedStep::Send {
            alias: "out".to_owned(),
            rows: vec![json!({"a": 1}), json!("c=1")],
            left_out: 5,
            acks: vec![None, Some("no \"c\"".to_owned())],
        },
        SavedStep::Idle(Duration::from_secs(2)),
        SavedStep::Stop {
            alias: "out".to_owned(),
        },
        SavedStep::Rule {
            source,
            sinks: vec![sink],
            rows: 1,
            within: None,
        },
    ];

    // The source of the rule would have the name of one that runs.
    let text = case("all", Some("1.13"), &steps, 2, "\n");

    assert_eq!(
        text,
        format!(
            r#"  {COMMENT_LINE}
  - name: all
    releases: ["1.13"]
    steps:
    - start: {{sink: random, as: out, requireAck: true, sendSingle: true}}
    - {{call: echo, args: [], error: expected one}}
    - {{validate: echo, args: [{{$$any: true}}], refused: "no: $${{x}}"}}
    - start:
        source: random
        datasource: topic/1
        confKey: fast
        options: {{FORMAT: json}}
        config: {{period: 10}}
    - {{rows: random, within: 9s, expect: [{{message: {{a: "true"}}, meta: null}}]}}
    - {{fault: kill=2s, row: {{mock: 1}}}}
    # The first 2 of 7 rows.
    - {{send: out, rows: [{{a: 1}}, c=1], acks: [ok, {{error: 'no "c"'}}]}}
    - idle: 2s
    - stop: out
    - rule:
        source:
          source: random
          datasource: topic/1
          confKey: fast
          options: {{FORMAT: json}}
          config: {{period: 10}}
        sinks: [{{sink: random, requireAck: true, sendSingle: true}}]
        rows: 1
"#
        )
    );
}

#[test]
fn a_file_that_exists_keeps_every_byte() {
    let head = "# A comment\nplugin:   ./probe # odd  spaces\nreleases: [ \"2.4\" ]\n";
    let added = format!(
        "{COMMENT_LINE}\n- name: \"echo(1)\"\n  steps:\n  - {{call: echo, args: [1], result: 1}}\n"
    );
    for (before, after, expected) in [
        ("cases:\n- {name: a, steps: [kill]}\n", "", added.clone()),
        (
            "cases:\n- name: a\n  steps: [kill]",
            "",
            format!("\n{added}"),
        ),
        (
            "cases:\n- {name: a, steps: [kill]}\n# The end\n",
            "",
            added.clone(),
        ),
        (
            "cases:\n- {name: a, steps: [kill]}\n",
            "process: file # last\n",
            added.clone(),
        ),
        (
            "cases:\n   - name: a\n     steps:\n     - kill\n",
            "...\n",
            added
                .lines()
                .map(|line| format!("   {line}\n"))
                .collect::<String>(),
        ),
    ] {
        let written = added_to(&format!("{head}{before}{after}"), &[call(json!(1))]).unwrap();

        assert_eq!(written, format!("{head}{before}{expected}{after}"));
    }
}

#[test]
fn line_ends_of_windows_stay() {
    let text = "plugin: probe\r\nreleases: [\"2.4\"]\r\ncases:\r\n- {name: a, steps: [kill]}\r\n";

    let written = added_to(text, &[call(json!("a\nb"))]).unwrap();

    let added = written.strip_prefix(text).unwrap();
    assert_eq!(
        added,
        format!(
            "{COMMENT_LINE}\r\n- name: 'echo(\"a\\nb\")'\r\n  steps:\r\n  \
             - {{call: echo, args: [\"a\\nb\"], result: \"a\\nb\"}}\r\n"
        )
    );
}

#[test]
fn a_name_that_is_taken_gets_a_number_and_another_release_is_named() {
    let text = "plugin: probe\nreleases: all\ncases:\n- {name: echo(1), steps: [kill]}\n\
                - {name: echo(1) (2), steps: [kill]}\n";

    let written = added_to(text, &[call(json!(1))]).unwrap();

    assert!(
        written.ends_with(
            "- name: \"echo(1) (3)\"\n  releases: [\"2.4\"]\n  steps:\n  \
             - {call: echo, args: [1], result: 1}\n"
        ),
        "{written}"
    );
}

#[test]
fn a_file_that_does_not_fit_is_refused() {
    let cases = "cases:\n- {name: a, steps: [kill]}\n";

    let refused = refusal(&format!("plugin: other\n{cases}"));
    assert!(refused.starts_with("it is for the plugin "), "{refused}");
    assert!(refused.ends_with("/other; name another file"), "{refused}");
    let refused = refusal(&format!("plugin: probe\npulgin: probe\n{cases}"));
    assert!(
        refused.ends_with(":2:1: unknown key `pulgin` in the file; did you mean `plugin`?"),
        "{refused}"
    );
    assert_eq!(
        refusal("plugin: probe\ncases: [{name: a, steps: [kill]}]\n"),
        "a case cannot be added to `cases`; write it as a list whose items begin with `- `"
    );
}

#[test]
fn a_file_with_another_environment_is_refused() {
    let place = place();
    let path = place.path().join("a.test.yaml");
    let text = "plugin: probe\nenv: {A: 1, B: \"${tmp}/b\"}\ncases:\n- {name: a, steps: [kill]}\n";
    fs::write(&path, text).unwrap();
    let open = |name: &str, value: &str| {
        let run = SavedRun {
            env: vec![(name.to_owned(), value.to_owned())],
            ..run_in(&place)
        };
        SaveFile::open(&path, run)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };

    assert_eq!(open("A", "1"), Ok(()));
    assert_eq!(open("B", "anything"), Ok(()));
    for (name, value) in [("A", "2"), ("C", "1")] {
        let expected = format!("its `env` does not set `{name}` as this run does; set it there");
        assert_eq!(open(name, value), Err(expected));
    }
}

#[test]
fn a_directory_that_does_not_exist_is_an_error_before_the_run() {
    let place = place();

    let opened = SaveFile::open(&place.path().join("no/a.test.yaml"), run_in(&place));

    assert!(matches!(opened, Err(SaveError::Io(_))), "{opened:?}");
}

#[test]
fn a_value_that_a_file_cannot_have_is_an_error() {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));

    let error = added_to(
        "plugin: probe\ncases:\n- {name: a, steps: [kill]}\n",
        &[call(deep)],
    );

    let error = error.unwrap_err().to_string();
    assert!(error.contains("nested more than 100 deep"), "{error}");
}

#[test]
fn hostile_texts_survive() {
    let place = place();
    let long = "k".repeat(2000);
    for (number, text) in [
        &long[..],
        "",
        " ",
        "  leading",
        "trailing ",
        "a\nb",
        "\n",
        "\t",
        "it's",
        "\"",
        "\\",
        "a: b",
        "a #b",
        "#",
        "- a",
        "? a",
        "!x",
        "&a",
        "*a",
        "%",
        "@",
        "`",
        "|",
        ">",
        "{",
        "[a]",
        ",",
        "true",
        "Null",
        "~",
        "yes",
        "1",
        "1.5",
        "0x1",
        "1e3",
        ".inf",
        "2026-01-01",
        "<<",
        "---",
        "...",
        "${tmp}",
        "$${",
        "$regex",
        "é中\u{1f600}",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
        "\u{0}",
        "\u{7f}",
        "\r\n",
        "null\n",
        "=",
        "a:",
        ":a",
    ]
    .into_iter()
    .enumerate()
    {
        let value = json!({text: [text, {"k": text, text: 1}]});
        let path = place.path().join(format!("{number}.test.yaml"));
        let file = SaveFile::open(&path, run_in(&place)).unwrap();

        file.add(&[call(value.clone())]).unwrap();

        let text = fs::read_to_string(&path).unwrap();
        let root = read(&text).unwrap();
        let step = &root.get("cases").unwrap().items()[0]
            .get("steps")
            .unwrap()
            .items()[0];
        assert_means(&step.get("args").unwrap().items()[0], &value);
        assert_means(step.get("result").unwrap(), &value);
    }
}

/// Checks that a node means the value, where it is sent and where it is expected.
fn assert_means(node: &Node, value: &Value) {
    let mut mistakes = Vec::new();
    let template = Template::parse(node, Path::new("."), &mut mistakes);
    let pattern = Pattern::parse(node, Path::new("."), &mut mistakes);
    assert_eq!(mistakes, []);
    assert_eq!(template.resolve(&Variables::new()).unwrap(), *value);
    let pattern = pattern.resolve(&Variables::new()).unwrap();
    assert!(pattern.compare(value).is_empty(), "{pattern:?}");
}

proptest! {
    #[test]
    fn every_value_is_read_as_it_was(value in any_json(), indent in 0..8_usize) {
        let words = Words::of_seen(&value, &Variables::new());
        let spaces = " ".repeat(indent);
        let block = match words.has_parts() {
            true => format!("{spaces}{}", words.block(indent, "\n")),
            false => words.flow(),
        };

        for text in [words.flow(), block] {
            assert_means(&read(&text).unwrap(), &value);
        }
        let root = read(&format!("- a: [{}]", words.flow())).unwrap();
        assert_means(&root.items()[0].get("a").unwrap().items()[0], &value);
    }

    #[test]
    fn a_row_is_sent_as_the_same_bytes(row in any_json(), single: bool, is_array: bool) {
        let row = if is_array { json!([row]) } else { row };
        let mut bytes = Vec::new();
        crate::wire::write_sink_value(&mut bytes, &row, single);

        let sent = match saved_sink_row(&bytes, single) {
            Value::String(text) => text.into_bytes(),
            row => {
                let mut bytes = Vec::new();
                crate::wire::write_sink_value(&mut bytes, &row, single);
                bytes
            }
        };

        prop_assert_eq!(sent, bytes);
    }
}
