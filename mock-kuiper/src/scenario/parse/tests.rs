use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::model::*;
use super::super::pattern::Variables;
use super::*;

mod arbitrary;
mod mistakes;
mod steps;

/// A directory with the file `a.test.yaml`, and the files `photo.jpg` and `x.json`.
fn written(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("photo.jpg"), b"\xff\xd8").unwrap();
    fs::write(directory.path().join("x.json"), r#"{"a":1}"#).unwrap();
    let path = directory.path().join("a.test.yaml");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn parsed(text: &str) -> TestFile {
    let (_directory, path) = written(text.as_bytes());
    load(&path).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

/// The value of a template, with variables.
fn value(template: &super::super::pattern::Template) -> Value {
    let variables = [("tmp", json!("/t")), ("port", json!(7)), ("n", json!([1]))];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    template.resolve(&Variables::from(variables)).unwrap()
}

/// Whether a pattern matches exactly one of two values.
fn accepts_only(expected: &Expected, accepted: Value, other: Value) -> bool {
    expected.pattern.compare(&accepted).is_empty() && !expected.pattern.compare(&other).is_empty()
}

/// The example of the issue that asked for these files.
const EXAMPLE: &str = r#"plugin: .                       # directory, zip or Cargo package; also python, env, init_timeout
releases: ["2.4", "1.13"]       # each case on each release; `all`
cases:
- name: echo returns its argument
  function: echo                # table form: no steps needed
  calls:
  - {args: [hi], result: hi}
  - {args: [], refused: {$regex: one argument}}
  - {args: [{$base64: photo.jpg}], result: {$type: string}, within: 2s}
- name: random emits, and stops
  steps:
  - start: {source: random, as: src, datasource: topic/1, config: {period: 10}}
  - rows: src
    within: 2s
    expect: [{message: {count: {$gte: 50}}, meta: null}]
    capture: {n: /0/message/count}
  - stop: src
  - {rows: src, within: 300ms, expect: []}
  - start: {source: random, config: {period: soon}}
    refused: {$contains: "config.period"}
- name: append survives a crash
  retries: 1
  steps:
  - start: {sink: append, as: out, config: {path: "${tmp}/rows"}, requireAck: true}
  - {send: out, rows: [{a: 1}, {a: 2}], acks: [ok, ok]}
  - fault: kill=200ms
  - {send: out, rows: ["c=1"], acks: [{error: {$regex: expected}}]}
  - {file: "${tmp}/rows", lines: ['{"a":1}', '{"a":2}']}
  - {log: {$regex: "WARN.*expected"}}
"#;

#[test]
fn the_keys_of_the_file_are_read() {
    let file = parsed(EXAMPLE);

    let releases: Vec<_> = file.releases.iter().map(|release| release.name).collect();
    assert_eq!(releases, ["2.4", "1.13"]);
    assert_eq!(file.plugin, file.path.parent().unwrap().join("."));
    assert_eq!(file.python, Path::new("python3"));
    assert_eq!(file.process, ProcessScope::Case);
    assert_eq!(file.init_timeout, None);
    assert!(file.env.is_empty() && file.setup.is_empty() && file.teardown.is_empty());
    let cases: Vec<_> = file
        .cases
        .iter()
        .map(|case| {
            (
                &case.name[..],
                case.place.line,
                case.retries,
                case.steps.len(),
            )
        })
        .collect();
    assert_eq!(
        cases,
        [
            ("echo returns its argument", 4, 0, 3),
            ("random emits, and stops", 10, 0, 5),
            ("append survives a crash", 21, 1, 6),
        ]
    );
}

#[test]
fn a_table_of_calls_is_a_list_of_steps() {
    let file = parsed(EXAMPLE);
    let [hi, none, photo] = &file.cases[0].steps[..] else {
        panic!("three rows");
    };

    let Action::Call {
        function,
        args,
        outcome: Outcome::Result(result),
        capture,
    } = &hi.action
    else {
        panic!("{hi:?}");
    };
    assert_eq!(
        (&function[..], value(&args[0]), args.len()),
        ("echo", json!("hi"), 1)
    );
    assert!(accepts_only(result, json!("hi"), json!("ho")));
    assert_eq!(&EXAMPLE[result.span.clone()], "hi");
    assert!(capture.is_empty());
    assert_eq!((hi.place.line, hi.place.column, hi.within), (7, 5, None));

    let Action::Validate {
        function,
        args,
        refused: Some(refused),
    } = &none.action
    else {
        panic!("{none:?}");
    };
    assert_eq!((&function[..], args.len()), ("echo", 0));
    assert!(accepts_only(
        refused,
        json!("takes one argument"),
        json!("no")
    ));
    assert_eq!(&EXAMPLE[refused.span.clone()], "{$regex: one argument}");

    let Action::Call {
        args,
        outcome: Outcome::Result(result),
        ..
    } = &photo.action
    else {
        panic!("{photo:?}");
    };
    assert_eq!(value(&args[0]), json!("/9g="));
    assert!(accepts_only(result, json!("x"), json!(1)));
    assert_eq!(photo.within, Some(Duration::from_secs(2)));
}

#[test]
fn the_steps_of_a_source_are_read() {
    let file = parsed(EXAMPLE);
    let [start, rows, stop, no_rows, refused] = &file.cases[1].steps[..] else {
        panic!("five steps");
    };

    let Action::Start(start) = &start.action else {
        panic!("{start:?}");
    };
    assert_eq!(start.alias, "src");
    assert_eq!(value(&start.config), json!({"period": 10}));
    let StartSymbol::Source {
        name,
        datasource,
        conf_key,
        options,
    } = &start.symbol
    else {
        panic!("{start:?}");
    };
    assert_eq!((&name[..], conf_key), ("random", &None));
    assert_eq!(datasource.as_ref().map(value), Some(json!("topic/1")));
    assert_eq!(value(options), json!({}));
    assert!(start.refused.is_none());

    let Action::Rows {
        alias,
        expect,
        count,
        capture,
    } = &rows.action
    else {
        panic!("{rows:?}");
    };
    assert_eq!(
        (&alias[..], *count, rows.within),
        ("src", 1, Some(Duration::from_secs(2)))
    );
    let row = |count| json!([{"message": {"count": count}, "meta": null}]);
    assert!(accepts_only(expect, row(50), row(49)));
    let capture: Vec<_> = capture
        .iter()
        .map(|c| (&c.name[..], &c.pointer[..]))
        .collect();
    assert_eq!(capture, [("n", "/0/message/count")]);

    assert!(matches!(&stop.action, Action::Stop { alias } if alias == "src"));
    assert!(matches!(&no_rows.action, Action::Rows { count: 0, .. }));
    assert_eq!(no_rows.within, Some(Duration::from_millis(300)));
    let Action::Start(Start {
        alias,
        refused: Some(refused),
        ..
    }) = &refused.action
    else {
        panic!("{refused:?}");
    };
    assert_eq!(alias, "random");
    assert!(accepts_only(
        refused,
        json!("bad config.period"),
        json!("bad")
    ));
}

#[test]
fn the_steps_of_a_sink_are_read() {
    let file = parsed(EXAMPLE);
    let [start, send, fault, bytes, rows, log] = &file.cases[2].steps[..] else {
        panic!("six steps");
    };

    let Action::Start(start) = &start.action else {
        panic!("{start:?}");
    };
    assert_eq!(value(&start.config), json!({"path": "/t/rows"}));
    assert!(matches!(
        &start.symbol,
        StartSymbol::Sink { name, require_ack: true, send_single: false } if name == "append"
    ));
    let Action::Send {
        alias,
        rows: sent,
        acks: Some(acks),
    } = &send.action
    else {
        panic!("{send:?}");
    };
    assert_eq!(alias, "out");
    assert_eq!(
        sent.iter().map(value).collect::<Value>(),
        json!([{"a": 1}, {"a": 2}])
    );
    assert!(accepts_only(acks, json!(["ok", "ok"]), json!(["ok"])));
    let Action::Fault { fault, row: None } = &fault.action else {
        panic!("{fault:?}");
    };
    assert_eq!(fault.to_string(), "kill=200ms");
    assert!(matches!(&bytes.action, Action::Send { rows, .. } if value(&rows[0]) == "c=1"));
    let Action::File {
        path,
        content: Content::Lines(lines),
    } = &rows.action
    else {
        panic!("{rows:?}");
    };
    assert_eq!(value(path), json!("/t/rows"));
    assert!(accepts_only(
        lines,
        json!(["{\"a\":1}", "{\"a\":2}"]),
        json!([])
    ));
    let Action::Log { line, times: None } = &log.action else {
        panic!("{log:?}");
    };
    assert!(line.compare(&json!("WARN x expected")).is_empty());
}

#[test]
fn all_other_keys_of_the_file_are_read() {
    let file = parsed(
        r#"
plugin: made
python: ../venv/bin/python
env: {A: "${tmp}/a", B: 1, C: true}
init_timeout: 90s
releases: all
process: file
setup:
- make
- {run: "serve ${port}", background: true, ready: {port: "${port}"}, within: 10s}
- {run: a, background: true, ready: {log: {$contains: up}}}
- {run: a, background: true, ready: {file: "${tmp}/up"}}
- {run: a, background: true, ready: {run: "true"}}
teardown: [rm x]
cases:
- name: a
  releases: ["1.4", "2.1.1"]
  setup: [b]
  teardown: [c, d]
  steps: [kill]
"#,
    );

    let directory = file.path.parent().unwrap();
    assert_eq!(file.plugin, directory.join("made"));
    assert_eq!(file.python, directory.join("../venv/bin/python"));
    let env: Vec<_> = file
        .env
        .iter()
        .map(|(name, of)| (&name[..], value(of)))
        .collect();
    assert_eq!(
        env,
        [("A", json!("/t/a")), ("B", json!(1)), ("C", json!(true))]
    );
    assert_eq!(file.init_timeout.map(|time| time.as_secs()), Some(90));
    assert_eq!(file.releases.len(), crate::Release::all().len());
    assert_eq!(file.process, ProcessScope::File);
    let [make, port, log, ready_file, run] = &file.setup[..] else {
        panic!("five commands");
    };
    assert_eq!(
        (value(&make.run), make.background, make.within),
        (json!("make"), false, WITHIN)
    );
    assert!(make.ready.is_none());
    assert_eq!(
        (value(&port.run), port.background),
        (json!("serve 7"), true)
    );
    assert_eq!(port.within.as_secs(), 10);
    assert!(matches!(&port.ready, Some(Ready::Port(port)) if value(port) == 7));
    assert!(
        matches!(&log.ready, Some(Ready::Log(line)) if line.compare(&json!("is up")).is_empty())
    );
    assert!(matches!(&ready_file.ready, Some(Ready::File(path)) if value(path) == "/t/up"));
    assert!(matches!(&run.ready, Some(Ready::Run(run)) if value(run) == "true"));
    let case = &file.cases[0];
    let releases = case.releases.iter().flatten().map(|release| release.name);
    assert_eq!(releases.collect::<Vec<_>>(), ["1.4", "2.1.2"]);
    assert_eq!(
        (file.teardown.len(), case.setup.len(), case.teardown.len()),
        (1, 1, 2)
    );
}

#[test]
fn without_releases_the_newest_is_played() {
    let file = parsed("plugin: .\ncases: [{name: a, steps: [kill]}]\n");

    let releases: Vec<_> = file.releases.iter().map(|release| release.name).collect();
    assert_eq!(releases, ["2.4"]);
    assert!(file.cases[0].releases.is_none());
}

#[test]
fn a_byte_order_mark_is_no_mistake_and_counts_in_spans() {
    let text = "\u{feff}plugin: .\ncases:\n- {name: a, function: f, calls: [{result: 17}]}\n";

    let file = parsed(text);

    let Action::Call {
        outcome: Outcome::Result(result),
        ..
    } = &file.cases[0].steps[0].action
    else {
        panic!("{file:?}");
    };
    assert_eq!(&text[result.span.clone()], "17");
}
