//! What is a mistake, and how it is worded.

use super::*;

/// The mistakes of a file, without its path.
fn mistakes(text: &str) -> Vec<String> {
    of_bytes(text.as_bytes())
}

fn of_bytes(bytes: &[u8]) -> Vec<String> {
    let (directory, path) = written(bytes);
    let mistakes = load(&path).map(|_| ()).unwrap_err();
    let lines = mistakes.iter().map(|mistake| {
        assert_eq!(mistake.file, path);
        let shown = directory.path().display().to_string();
        let text = mistake.text.replace(&shown, "DIRECTORY");
        mistake
            .place
            .map_or(text.clone(), |place| format!("{place} {text}"))
    });
    lines.collect()
}

/// The mistakes of a case with these steps, the first of which is in line 5.
fn of_steps(steps: &str) -> Vec<String> {
    mistakes(&format!("plugin: .\ncases:\n- name: a\n  steps:\n{steps}"))
}

#[test]
fn a_file_that_is_not_a_mapping_or_not_yaml_has_one_mistake() {
    for (text, mistake) in [
        (
            "",
            "1:1 the file: expected a mapping with `plugin`, `cases`, found nothing",
        ),
        (
            "- a\n",
            "1:1 the file: expected a mapping with `plugin`, `cases`, found a list",
        ),
        (
            "plugin: .\ncases: [\n",
            "2:8 unclosed bracket '['; correct the YAML",
        ),
    ] {
        assert_eq!(mistakes(text), [mistake]);
    }
    assert_eq!(
        of_bytes(b"plugin: .\n# \xff\n"),
        ["is not UTF-8 at line 2; save it as UTF-8"]
    );
}

#[test]
fn only_a_regular_file_of_a_sensible_size_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let large = directory.path().join("large.test.yaml");
    fs::write(&large, vec![b'#'; 4 * 1024 * 1024 + 1]).unwrap();
    let text = |path: &Path| {
        let mistakes = load(path).map(|_| ()).unwrap_err();
        assert_eq!((mistakes.len(), mistakes[0].place), (1, None));
        mistakes[0].text.clone()
    };

    assert_eq!(
        text(directory.path()),
        "is a directory, not a regular file; replace it"
    );
    assert_eq!(
        text(&large),
        "is larger than 4 MiB, the limit for such a file; make it smaller"
    );
    assert_eq!(
        text(Path::new("/nowhere/a.test.yaml")),
        "cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_the_order_of_their_places() {
    assert_eq!(
        mistakes(
            "plugin: 3
caess: []
releases: [2.4, \"9.9\", \"2.3\", \"2.3.1\"]
process: cas
env: {\"A=\": x, B: [1], C: \"${n}\"}
setup: [{run: x, ready: {port: 1}}, {run: x, background: false, ready: {file: a}}, 3]
teardown: [{run: x, background: true, ready: {file: a, port: 1}}]
init_timeout: 5
plugin: again
"
        ),
        [
            "1:1 the file has no `cases`; add a list",
            "1:9 `plugin`: expected a path, found the number 3; put quotation marks around it",
            "2:1 unknown key `caess` in the file; did you mean `cases`?",
            "3:12 `releases`: expected a release, for example `\"2.4\"`, found the number 2.4; put \
             quotation marks around it",
            "3:17 `releases`: unknown eKuiper release `9.9`; use one of 1.4, 1.5, 1.6, 1.7, 1.8, \
             1.9, 1.10, 1.11, 1.12, 1.13, 1.14, 2.0, 2.1.2, 2.1, 2.2, 2.3, 2.4",
            "3:31 the release 2.3 is in the list already; remove it",
            "4:10 `process`: expected `case` or `file`, found `cas`; did you mean `case`?",
            "5:7 `A=` cannot name a variable of the environment",
            "5:19 `B`: expected a text, a number or a boolean, found a list",
            "5:27 unknown variable `${n}`; known here are `${port}`, `${tmp}`",
            "6:18 `ready` needs `background` beside it; add it",
            "6:72 `ready` needs `background: true`: another command is ready when it ends",
            "6:84 `setup`: expected a text or a mapping, found the number 3",
            "7:46 a condition has only one of `port` and `file`; remove one",
            "8:15 `init_timeout`: expected a time, for example `500ms` or `2s`, found the number 5",
            "9:1 the key `plugin` occurs twice; remove one",
        ]
    );
}

#[test]
fn a_plugin_that_does_not_exist_is_a_mistake_unless_a_setup_may_make_it() {
    let rest = "cases: [{name: a, steps: [kill]}]\n";

    assert_eq!(
        mistakes(&format!("plugin: made\n{rest}")),
        ["1:9 there is no plugin at DIRECTORY/made; give its directory or its zip"]
    );
    parsed(&format!("plugin: made\nsetup: [make]\n{rest}"));
}

#[test]
fn a_case_has_a_name_of_its_own_and_steps_or_calls() {
    assert_eq!(
        mistakes(
            "plugin: .
cases:
- nam: x
- {name: y, function: f, steps: [], retries: -1}
- {name: y, calls: [{}], steps: [kill]}
- {name: \"\", function: f, calls: []}
- 3
"
        ),
        [
            "3:3 a case has no `name`; add a text",
            "3:3 a case needs `calls` or `steps`; add one",
            "3:3 unknown key `nam` in a case; did you mean `name`?",
            "4:13 `function` needs `calls` beside it; add it",
            "4:33 `steps`: the list is empty; add an item",
            "4:46 `retries`: expected an integer, found the number -1",
            "5:10 the case at 4:3 has the name `y` already; choose another",
            "5:13 `calls` needs `function` beside it; add it",
            "5:26 `steps` and `calls` exclude each other; remove one",
            "6:10 `name`: is empty; write a text",
            "6:34 `calls`: the list is empty; add an item",
            "7:3 `cases`: expected a mapping, found the number 3",
        ]
    );
    assert_eq!(
        mistakes("plugin: .\ncases: []\n"),
        ["2:8 `cases`: the list is empty; add an item"]
    );
}

#[test]
fn a_row_of_a_table_expects_one_thing() {
    assert_eq!(
        mistakes(
            "plugin: .
cases:
- name: a
  function: f
  calls:
  - {args: 1}
  - {args: [], result: 1, error: x}
  - {args: [], refused: x, capture: {a: /b}}
  - {arg: []}
"
        ),
        [
            "6:12 `args`: expected a list, found the number 1",
            "7:27 `error` and `result` exclude each other; remove one",
            "8:28 `capture` and `refused` exclude each other; remove one",
            "9:6 unknown key `arg` in a row of `calls`; did you mean `args`?",
        ]
    );
}

const STEPS: &str = "`start`, `stop`, `rows`, `send`, `call`, `validate`, `log`, `file`, `fault`, \
                     `kill`, `reload`, `idle` or `rule`";

#[test]
fn a_step_has_the_key_of_one_step() {
    assert_eq!(
        of_steps(
            "  - kil
  - {strat: {}}
  - {within: 3s}
  - {log: a, file: b}
  - start
  - 3
  - {kill: 1}
  - {start: {sorce: x}}
  - {start: {source: a, requireAck: true}}
  - {start: {source: c, sink: b}}
"
        ),
        [
            format!("5:5 expected a step, with {STEPS}; found `kil`; did you mean `kill`?"),
            "6:6 unknown key `strat`; did you mean `start`?".to_owned(),
            format!("7:5 expected a step, with {STEPS}"),
            "8:5 a step has only one of `log` and `file`; remove one".to_owned(),
            "9:5 `start` needs a value; write `start: …`".to_owned(),
            format!("10:5 `steps`: expected a step: a mapping with {STEPS}, found the number 3"),
            "11:12 `kill`: takes no value; remove the number 1".to_owned(),
            "12:14 unknown key `sorce`; did you mean `source`?".to_owned(),
            "13:25 unknown key `requireAck`; a source to start may have `source`, `as`, \
             `datasource`, `confKey`, `options`, `config`"
                .to_owned(),
            "14:13 what to start has only one of `source` and `sink`; remove one".to_owned(),
        ]
    );
}

#[test]
fn a_step_uses_what_an_earlier_one_has_started() {
    assert_eq!(
        of_steps(
            "  - start: {source: random, as: src}
  - {start: {sink: append, as: out}, refused: no}
  - {rows: scr, expect: []}
  - {send: out, rows: [1]}
  - {send: src, rows: [1]}
  - start: {source: random, as: src}
  - stop: src
  - stop: src
  - {rows: src, expect: []}
  - start: {sink: append, as: src}
  - {rows: src, expect: []}
"
        ),
        [
            "7:12 nothing was started as `scr`; did you mean `src`?",
            "8:12 nothing was started as `out`; start it in an earlier step",
            "9:12 `src` is a source; `send` gives rows to a sink",
            "10:33 `src` runs already; give this instance another name with `as`",
            "12:11 `src` was stopped; start it again before this step",
            "15:12 `src` is a sink; `rows` takes rows of a source",
        ]
    );
}

#[test]
fn a_step_that_cannot_be_read_makes_no_mistakes_of_those_after_it() {
    assert_eq!(
        of_steps(
            "  - strat: {source: random, as: src}
    capture: {n: \"\"}
  - {rows: src, expect: [\"${n}\"]}
  - stop: src
"
        ),
        ["5:5 unknown key `strat`; did you mean `start`?"]
    );
}

#[test]
fn what_a_step_expects_is_checked() {
    assert_eq!(
        of_steps(
            "  - start: {source: a}
  - start: {sink: b}
  - {rows: a, expect: {$each: 1}}
  - {rows: a}
  - {send: b, rows: [1], acks: [ok, ok]}
  - {file: a}
  - {file: a, text: b, json: c}
  - {log: x, times: 1.5}
  - {call: f, result: {$regexp: x}}
  - {fault: cut=3}
  - idle: soon
"
        ),
        [
            "7:23 `expect` does not say how many rows; write a list, `{$unordered: […]}`, or add \
             `$len: N`",
            "8:5 step `rows` has no `expect`; add an expected value",
            "9:32 `acks` has 2 items and `rows` has 1; give an ack for each row",
            "10:5 step `file` needs `lines`, `text`, `json` or `exists`; add one",
            "11:24 `json` and `text` exclude each other; remove one",
            "12:21 `times`: expected an integer, found the number 1.5",
            "13:24 there is no matcher `$regexp`; did you mean `$regex`? Write `$$regexp` for a \
             key that begins with `$`",
            "14:13 `fault`: `cut` takes no value; write `cut` alone",
            "15:11 `idle`: expected a time, for example `500ms` or `2s`, found `soon`",
        ]
    );
}

#[test]
fn variables_are_known_after_their_capture_and_in_their_case_alone() {
    assert_eq!(
        of_steps(
            "  - {call: f, args: [\"${count}\"], capture: {count: /a}}
  - {call: f, args: [\"${cuont}\", \"${count}\"]}
  - {call: f, capture: {tmp: \"\", 1x: \"\", n: a}}
- name: b
  steps:
  - {log: \"${count}\"}
"
        ),
        [
            "5:22 unknown variable `${count}`; known here are `${port}`, `${tmp}`",
            "6:22 unknown variable `${cuont}`; did you mean `count`?",
            "7:25 `${tmp}` has a value already; capture another name",
            "7:34 `1x` cannot be a variable; use letters, digits and `_`",
            "7:45 `n`: expected a JSON pointer, for example `/0/message/count`, found `a`",
            "10:11 unknown variable `${count}`; known here are `${port}`, `${tmp}`",
        ]
    );
}

#[test]
fn the_parts_of_a_rule_are_checked() {
    assert_eq!(
        of_steps("  - rule: {source: {source: x, as: b}, rows: 0, functions: [3]}\n"),
        [
            "5:11 a rule has no `sinks`; add a list",
            "5:32 unknown key `as`; the source of a rule may have `source`, `datasource`, \
             `confKey`, `options`, `config`",
            "5:46 `rows`: expected an integer, at least 1, found the number 0",
            "5:61 `functions`: expected a text, found the number 3; put quotation marks around it",
        ]
    );
}

#[test]
fn what_a_terminal_acts_on_is_escaped() {
    let found = mistakes("plugin: .\n\"\\e[31m\": 1\ncases: [{name: a, steps: [kill]}]\n");

    assert_eq!(found.len(), 1);
    assert!(!found[0].contains('\u{1b}'), "{found:?}");
}

#[test]
fn what_a_killed_plugin_and_a_stopped_source_cannot_do_is_a_mistake() {
    let steps = "  - start: {source: s}
  - kill
  - {rows: s, expect: []}
  - {call: f}
  - stop: s
  - reload
  - {call: f}
  - stop: s
  - {rows: s, expect: []}
  - {rows: s, expect: [{$any: true}]}
";

    assert_eq!(
        of_steps(steps),
        [
            "8:5 the process was killed; `reload` it before this step",
            "9:5 the process was killed; `reload` it before this step",
            "12:11 `s` was stopped; start it again before this step",
            "14:23 `s` was stopped: only `expect: []` can hold; start it again, or take its rows \
             before the stop",
        ]
    );
}

#[test]
fn a_call_cannot_have_more_time_than_ekuiper_gives() {
    assert_eq!(
        of_steps("  - {call: f, within: 5s}\n  - {call: f, within: 6s}\n"),
        ["6:23 eKuiper gives a function 5s; `within` can only be shorter"]
    );
}
