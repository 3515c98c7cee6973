use std::fs;

use super::*;

/// A directory with the file `a.test.yaml`.
fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.test.yaml");
    fs::write(&path, text).unwrap();
    (directory, path)
}

fn parsed(text: &str) -> TestFile {
    let (_directory, path) = written(text);
    load(&path).unwrap_or_else(|mistakes| {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    })
}

/// The mistakes of a file, without its path.
fn mistakes(text: &str) -> Vec<String> {
    let (_directory, path) = written(text);
    let mistakes = load(&path).map(|_| ()).unwrap_err();
    let lines = mistakes.iter().map(|mistake| {
        assert_eq!(mistake.file, path);
        match mistake.place {
            Some(place) => format!("{place} {}", mistake.text),
            None => mistake.text.clone(),
        }
    });
    lines.collect()
}

/// The mistakes of a case with these steps, the first of which is in line 5.
fn of_steps(steps: &str) -> Vec<String> {
    mistakes(&format!("plugin: .\ncases:\n- name: a\n  steps:\n{steps}"))
}

const ISSUE: &str = r#"plugin: .                       # directory, zip or Cargo package
releases: ["2.4", "1.13"]       # each case on each release; `all`
cases:
- name: echo returns its argument
  function: echo                # table form: no steps needed
  calls:
  - {args: [hi], result: hi}
  - {args: [], refused: {$regex: one argument}}
  - {args: [{k: 1}], result: {$type: object}, within: 2s}
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
fn the_example_of_every_kind_of_case_is_read() {
    let file = parsed(ISSUE);

    let names: Vec<_> = file.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "echo returns its argument",
            "random emits, and stops",
            "append survives a crash"
        ]
    );
}
