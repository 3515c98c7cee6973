//! `mock-kuiper bench`: its table, its file, its comparison. No test depends on how
//! fast anything is.

use std::fs;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use super::common::{Done, Live, Plugin};

/// The options for two short rounds.
const SHORT: [&str; 4] = ["--rounds", "2", "--time", "60ms"];

/// Runs a short bench in which `random` sends without a pause.
fn bench(plugin: &Plugin, args: &[&str]) -> Done {
    plugin.write("sources/random.yaml", "default: {interval: 0}");
    bench_as_is(plugin, &[&SHORT, args].concat())
}

fn bench_as_is(plugin: &Plugin, args: &[&str]) -> Done {
    start(plugin, args).finish()
}

pub(crate) fn start(plugin: &Plugin, args: &[&str]) -> Live {
    let command = plugin.subcommand("bench", &plugin.directory(), args);
    Live::spawn(command, &plugin.id)
}

fn call(plugin: &Plugin, args: &str) -> String {
    format!("{}({args})", plugin.function("echo"))
}

/// Returns the names in the first column of the table.
fn names(done: &Done) -> Vec<&str> {
    let lines = done.stdout.lines().skip(3);
    let table = lines.take_while(|line| !line.is_empty());
    table
        .map(|line| line.split("  ").next().unwrap_or_default())
        .collect()
}

pub(crate) fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_table_has_a_line_for_each_source_sink_and_call() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let call = call(&plugin, "1");

    let done = bench(&plugin, &["--call", &call]);

    done.assert_status(0);
    assert_eq!(done.stderr, "", "{done}");
    let mut lines = done.stdout.lines();
    let first = format!(
        "{} 1.0.0 under eKuiper 2.4: medians of 2 rounds, 60ms per measurement",
        plugin.id
    );
    assert_eq!(lines.next(), Some(first.as_str()));
    let heading: Vec<_> = lines.nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        heading,
        ["per", "second", "(min–max)", "p50", "p99", "max", "CPU"]
    );
    let shown = names(&done);
    assert_eq!(
        shown[..3],
        ["source random", "sink append", "sink append, acked"]
    );
    let start: String = format!("call {call}").chars().take(29).collect();
    assert!(shown[3].starts_with(&start), "{done}");
    for name in ["time to greeting", "memory at rest", "peak memory"] {
        assert!(done.stdout.contains(&format!("\n{name} ")), "{done}");
    }
}

#[test]
fn a_sink_is_only_measured_without_acks_if_the_release_reads_none() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = bench(&plugin, &["--host", "1.13"]);

    done.assert_status(0);
    assert_eq!(names(&done), ["sink append"]);
}

#[test]
fn the_json_has_every_round_and_the_environment() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let (call, file) = (call(&plugin, "\"a\""), plugin.place().join("new.json"));

    let done = bench(
        &plugin,
        &["--call", &call, "--json", file.to_str().unwrap()],
    );

    done.assert_status(0);
    let record = read(&file);
    assert_eq!(record["format"], "mock-kuiper bench 1");
    assert_eq!(
        record["plugin"],
        json!({"name": plugin.id, "version": "1.0.0"})
    );
    let environment = &record["environment"];
    let mut keys: Vec<_> = environment.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    let expected = [
        "isolated",
        "mock_kuiper",
        "mock_kuiper_debug",
        "plugin_debug",
        "processors",
        "release",
        "rounds",
        "time_ms",
        "transport",
    ];
    assert_eq!(keys, expected);
    assert_eq!(environment["release"], "2.4");
    assert_eq!(environment["isolated"], false);
    assert_eq!(environment["rounds"], 2);
    assert_eq!(environment["time_ms"], 60);
    let measurements = record["measurements"].as_array().unwrap();
    let costs = ["host_percent", "processor_percent"];
    let latencies = [
        "latency_us_max",
        "latency_us_p50",
        "latency_us_p90",
        "latency_us_p99",
    ];
    let rows = ["processor_us_per_row", "rows_per_second"];
    let calls = ["calls_per_second", "processor_us_per_call"];
    let memory = ["memory_at_rest_bytes", "memory_peak_bytes"];
    let function = plugin.function("echo");
    let expected = [
        (
            json!({"kind": "plugin"}),
            [&memory[..], &["time_to_greeting_us"]].concat(),
        ),
        (
            json!({"kind": "source", "symbol": "random"}),
            [&costs[..], &rows].concat(),
        ),
        (
            json!({"kind": "sink", "symbol": "append", "require_ack": false}),
            [&costs[..], &rows].concat(),
        ),
        (
            json!({"kind": "sink", "symbol": "append", "require_ack": true}),
            [&costs[..], &latencies, &rows].concat(),
        ),
        (
            json!({"kind": "function", "symbol": function, "call": call}),
            [&costs[..], &latencies, &calls].concat(),
        ),
    ];
    assert_eq!(measurements.len(), expected.len(), "{record:#}");
    for (measurement, (subject, mut metrics)) in measurements.iter().zip(expected) {
        let mut measured = measurement.as_object().unwrap().clone();
        let series = measured.remove("metrics").unwrap();
        assert_eq!(Value::Object(measured), subject);
        metrics.sort_unstable();
        let series = series.as_object().unwrap();
        let mut names: Vec<_> = series.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, metrics, "{subject}");
        for (name, series) in series {
            let number = |of: &Value| of.as_f64().unwrap();
            let rounds: Vec<_> = series["rounds"]
                .as_array()
                .unwrap()
                .iter()
                .map(number)
                .collect();
            let (min, max) = (number(&series["min"]), number(&series["max"]));
            let median = number(&series["median"]);
            assert_eq!(rounds.len(), 2, "{name} of {subject}");
            assert!(rounds.contains(&min) && rounds.contains(&max), "{series}");
            assert!(min >= 0.0 && min <= median && median <= max, "{series}");
        }
    }
}

/// Runs a bench, changes its file with `change`, and compares another bench with it.
fn compare(change: impl Fn(&mut Value), args: &[&str]) -> Done {
    let plugin = Plugin::new(&["random"], &["append"], &[]);
    let file = plugin.place().join("old.json");
    let path = file.to_str().unwrap();
    bench(&plugin, &[args, &["--json", path]].concat()).assert_status(0);
    let mut record = read(&file);
    change(&mut record);
    fs::write(&file, record.to_string()).unwrap();
    // --json may name the same file.
    bench(
        &plugin,
        &[args, &["--compare", path, "--json", path]].concat(),
    )
}

/// Multiplies the rates and the costs of a record.
fn times(record: &mut Value, rates: f64, costs: f64) {
    for measurement in record["measurements"].as_array_mut().unwrap() {
        let metrics = measurement["metrics"].as_object_mut().unwrap();
        for (name, series) in metrics {
            let factor = match name.ends_with("_per_second") {
                true => rates,
                false => costs,
            };
            for value in ["min", "median", "max"] {
                series[value] = (series[value].as_f64().unwrap() * factor).into();
            }
        }
    }
}

#[test]
fn a_number_that_got_worse_is_listed_and_gives_status_1() {
    let done = compare(|record| times(record, 1e6, 1e-6), &["--source", "random"]);

    done.assert_status(1);
    for line in [
        "slower   time to greeting ",
        "heavier  memory at rest ",
        "heavier  peak memory ",
        "slower   source random: rows per second ",
    ] {
        assert!(done.stdout.contains(&format!("\n{line}")), "{line} {done}");
    }
    assert!(!done.stdout.contains("\nfaster "), "{done}");
    let mut lines = done.stdout.lines();
    let result = lines.find(|line| line.starts_with("Compared with "));
    let result = result.unwrap();
    assert!(result.ends_with(" worse, 0 better, beyond the spread of the rounds"));
}

#[test]
fn a_number_that_got_better_is_listed_and_gives_status_0() {
    let done = compare(|record| times(record, 1e-6, 1e6), &["--source", "random"]);

    done.assert_status(0);
    for line in [
        "faster   time to greeting ",
        "lighter  memory at rest ",
        "faster   source random: rows per second ",
    ] {
        assert!(done.stdout.contains(&format!("\n{line}")), "{line} {done}");
    }
    assert!(!done.stdout.contains("\nslower "), "{done}");
    assert!(done.stdout.contains(": 0 worse, "), "{done}");
}

#[test]
fn differences_from_the_older_file_are_listed() {
    let other = |record: &mut Value| {
        times(record, 1e-6, 1e6);
        record["environment"]["release"] = "1.13".into();
        record["measurements"][1]["symbol"] = "gone".into();
    };

    let done = compare(other, &["--source", "random"]);

    done.assert_status(0);
    for line in [
        "note: release differs: 1.13 then, 2.4 now\n",
        "old.json: source gone\n",
        "only in this run: source random\n",
    ] {
        assert!(done.stdout.contains(line), "{line} {done}");
    }
}

#[test]
fn a_function_without_a_call_is_not_measured_and_a_note_tells_how() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let function = plugin.function("echo");

    let done = bench(&plugin, &[]);

    done.assert_status(0);
    let line =
        format!("function {function}: not measured, no call is given; add --call '{function}(…)'");
    assert!(done.stdout.contains(&line), "{done}");
}

#[test]
fn a_source_with_a_pace_of_its_own_gets_a_note() {
    let plugin = Plugin::new(&["random"], &[], &[]);
    let slow = [
        "--time",
        "20ms",
        "--rounds",
        "1",
        "--config",
        r#"random={"interval":200}"#,
    ];

    let done = bench_as_is(&plugin, &slow);

    done.assert_status(0);
    let line = "\nsource random: sends at its own pace, not at full speed; the plugin uses ";
    assert!(done.stdout.contains(line), "{done}");
}

#[test]
fn a_finding_gives_status_1_and_everything_else_is_measured() {
    let (silent, invalid) = (r#"random={"limit":0}"#, r#"random={"raw":["bad"]}"#);
    let no_row = "error: source `random` sent no row within 3.012s; give it more time with --time";
    let cases = [
        (silent, no_row, "source random"),
        (
            invalid,
            "error: source `random` sent an invalid row: ",
            "source random",
        ),
        (
            r#"random={"refuse":"not today"}"#,
            "error: source `random` refused to start: not today",
            "source random",
        ),
        (
            r#"append={"ack":"{\"error\":\"disk full\"}"}"#,
            "error: sink `append` failed a row: disk full",
            "sink append, acked",
        ),
        (
            r#"append={"deaf":true}"#,
            "error: sink `append` answered its start before it listened",
            "sink append",
        ),
    ];
    let check = |(config, error, missing): (&str, &str, &str)| {
        let plugin = Plugin::new(&["random"], &["append"], &[]);

        let done = bench(&plugin, &["--config", config]);

        done.assert_status(1).assert_says(error);
        assert_eq!(done.said().matches("error: ").count(), 1, "once: {done}");
        assert!(!names(&done).contains(&missing), "{done}");
        assert!(!names(&done).is_empty(), "{done}");
        let line = format!("\n{missing}: not measured, see the error\n");
        assert!(done.stdout.contains(&line), "{done}");
    };
    // Each waits for seconds.
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || check(case));
        }
    });
}

#[test]
fn a_sink_that_sends_no_acks_is_only_measured_without_require_ack() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    let done = bench(&plugin, &["--config", r#"append={"ack":"never"}"#]);

    done.assert_status(0);
    assert_eq!(names(&done), ["sink append"]);
    let line = "\nsink append, acked: not measured, no ack for a row within 3.06s;";
    assert!(done.stdout.contains(line), "{done}");
}

#[test]
fn rows_that_only_fill_buffers_do_not_count() {
    let plugin = Plugin::new(&[], &["append"], &[]);

    // The buffers take some hundred rows.
    let slow = [
        "--host",
        "1.13",
        "--config",
        r#"append={"ack":200}"#,
        "--rounds",
        "1",
        "--time",
        "400ms",
    ];
    let done = bench_as_is(&plugin, &slow);

    done.assert_status(0);
    assert!(!done.stdout.contains("per second"), "no table: {done}");
    let line = "\nsink append: not measured, it took too few rows within 3.4s;";
    assert!(done.stdout.contains(line), "{done}");
}

#[test]
fn a_call_that_is_answered_with_an_error_is_not_measured() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let call = call(&plugin, "");

    let done = bench(&plugin, &["--call", &call]);

    done.assert_status(1).assert_says(
        "with an error: expected an argument; only calls that succeed are measured: change the \
         --call, or fix the function",
    );
}

#[test]
fn an_error_of_several_lines_stays_on_one_line() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let answer = r#"{"state":false,"result":"no\n::error::forged\r\u001b[2J"}"#;
    let call = call(&plugin, &json!({ "answer": answer }).to_string());

    let done = bench(&plugin, &["--call", &call]);

    done.assert_status(1)
        .assert_says(r"with an error: no\n::error::forged\r\u{1b}[2J; only calls");
}

#[test]
fn a_result_of_more_levels_than_are_decoded_is_not_measured_and_is_no_finding() {
    let plugin = Plugin::new(&[], &[], &["echo"]);
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let answer = format!(r#"{{"state":true,"result":{deep}}}"#);
    let deep = call(&plugin, &json!({ "answer": answer }).to_string());
    let plain = call(&plugin, "1");

    let done = bench(&plugin, &["--call", &deep, "--call", &plain]);

    done.assert_status(0);
    assert!(
        done.stdout.contains(" is nested more than 127 levels deep"),
        "{done}"
    );
    assert_eq!(names(&done), [format!("call {plain}")]);
}

#[test]
fn the_exit_of_the_plugin_ends_the_bench() {
    let plugin = Plugin::new(&["random"], &["append"], &[]);

    let done = bench(&plugin, &["--config", r#"random={"die_after":100}"#]);

    done.assert_status(1)
        .assert_says("error: the plugin exited unexpectedly: signal 9 (SIGKILL)");
    assert_eq!(done.stdout, "", "no round was whole");
}

#[test]
fn wrong_input_gives_status_2_and_nothing_is_launched() {
    let plugin = Plugin::new(&["random"], &["append"], &["echo"]);
    let foreign = plugin.place().join("foreign.json");
    fs::write(&foreign, r#"{"measurements":[]}"#).unwrap();
    let foreign = foreign.to_str().unwrap();
    // A launch would show in the output.
    plugin.wrap("echo it was launched >&2; exit 7");
    for (args, error) in [
        (
            ["--compare", foreign],
            "foreign.json: expected a file written by `mock-kuiper bench --json` of this \
             version: ",
        ),
        (
            ["--compare", "/no/such/file"],
            "--compare /no/such/file: No such file",
        ),
        (
            ["--json", "/no/such/file"],
            "--json /no/such/file: No such file",
        ),
        (
            ["--call", "other(1)"],
            "--call other(1): the plugin has no such function; it has echo",
        ),
        (["--rounds", "0"], "expected a number from 1 to 1000"),
        (["--time", "1ms"], "expected at least 10ms"),
    ] {
        let done = bench_as_is(&plugin, &args);

        done.assert_status(2).assert_says(error);
        assert_eq!(done.stdout, "");
    }
}
