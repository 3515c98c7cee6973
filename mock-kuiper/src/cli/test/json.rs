//! `--json`: the results for programs.

use mock_kuiper::Frame;
use mock_kuiper::scenario::{CaseResult, Difference, Failure, Results, Verdict};
use serde_json::{Map, Value, json};

use super::phrase;

/// Returns one document with all that is known.
///
/// Its keys are stable, see "Reports" in docs/testing-a-plugin.md.
pub(super) fn json(results: &Results) -> String {
    let counts =
        Verdict::ALL.map(|verdict| (verdict.name().to_owned(), results.count(verdict).into()));
    let files: Vec<_> = results.by_file().map(file).collect();
    let document = json!({
        "format": 1,
        "plugins": results.plugins,
        "seconds": results.took.as_secs_f64(),
        "seed": results.seed,
        "counts": Map::from_iter(counts),
        "files": files,
    });
    format!("{document:#}\n")
}

fn file(results: &[CaseResult]) -> Value {
    let cases = results.chunk_by(|a, b| a.place == b.place && a.name == b.name);
    let cases = cases.map(|results| {
        json!({
            "name": results[0].name,
            "line": results[0].place.line,
            "column": results[0].place.column,
            "results": results.iter().map(result).collect::<Vec<_>>(),
        })
    });
    json!({
        "path": results[0].file.to_string_lossy(),
        "cases": cases.collect::<Vec<_>>(),
    })
}

fn result(case: &CaseResult) -> Value {
    let steps = case.steps.iter().map(|step| {
        json!({
            "step": step.step,
            "line": step.place.line,
            "column": step.place.column,
            "began": step.began.as_secs_f64(),
            "ended": step.ended.as_secs_f64(),
        })
    });
    let log = case.log.iter();
    let log = log.map(|line| json!({"t": line.at.as_secs_f64(), "text": line.text}));
    json!({
        "release": case.release,
        "verdict": case.verdict.name(),
        "attempts": case.attempts,
        "seconds": case.took.as_secs_f64(),
        "failures": case.failures.iter().map(failure).collect::<Vec<_>>(),
        "notes": case.notes,
        "steps": steps.collect::<Vec<_>>(),
        "output": case.output,
        "log": log.collect::<Vec<_>>(),
        "messages": case.frames.iter().map(message).collect::<Vec<_>>(),
        "command": case.command,
    })
}

fn failure(failure: &Failure) -> Value {
    let difference = |difference: &Difference| {
        json!({
            "at": difference.pointer,
            "expected": difference.expected,
            "seen": difference.seen,
        })
    };
    let mut value = json!({
        "step": failure.step,
        "line": failure.place.line,
        "column": failure.place.column,
        "text": failure.text,
        "differences": failure.differences.iter().map(difference).collect::<Vec<_>>(),
    });
    if let Some(finding) = &failure.finding {
        value["code"] = phrase::kind(failure).into();
        value["finding"] = finding.to_json().into();
    }
    value
}

fn message(frame: &Frame) -> Value {
    let mut value = json!({
        "t": frame.at.as_secs_f64(),
        "event": frame.meaning,
        "channel": frame.channel,
        "from": frame.from.name(),
        "text": frame.text(),
    });
    if let Some(id) = frame.id {
        value["id"] = id.into();
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::super::samples;
    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_document_has_all_of_a_case() {
        let mut results = Results::default();
        results.plugins = vec!["mirror".to_owned()];
        let mut case = samples::failed();
        case.log.truncate(1);
        case.frames.truncate(1);
        case.frames[0].id = Some(3);
        case.steps.truncate(1);
        case.command = "mock-kuiper test".to_owned();
        results.cases = vec![case];

        assert_eq!(
            read(&json(&results)),
            json!({
                "format": 1,
                "plugins": ["mirror"],
                "seconds": 0.0,
                "seed": null,
                "counts": {
                    "passed": 0, "failed": 1, "flaky": 0, "invalid": 0, "error": 0, "skipped": 0
                },
                "files": [{
                    "path": "tests/echo.test.yaml",
                    "cases": [{
                        "name": "echo returns its argument",
                        "line": 12,
                        "column": 3,
                        "results": [{
                            "release": "2.4",
                            "verdict": "failed",
                            "attempts": 1,
                            "seconds": 2.014,
                            "failures": [{
                                "step": "rows src",
                                "line": 14,
                                "column": 3,
                                "text": "1 row is not as expected",
                                "differences": [
                                    {"at": "/0/message/count", "expected": "{\"$gte\":50}", "seen": "12"},
                                    {"at": "/0/message/unit", "expected": "nothing", "seen": "\"K\""},
                                    {"at": "/0/meta", "expected": "null", "seen": null},
                                ],
                            }],
                            "notes": ["`acks` is ignored: eKuiper 1.13 has no acks"],
                            "steps": [{
                                "step": "start source random",
                                "line": 13, "column": 3, "began": 0.001, "ended": 0.004
                            }],
                            "output": [],
                            "log": [{"t": 0.0, "text": "INFO line 0"}],
                            "messages": [{
                                "t": 0.001, "event": "greeted", "channel": "plugin_mirror",
                                "from": "plugin", "text": "handshake", "id": 3
                            }],
                            "command": "mock-kuiper test",
                        }],
                    }],
                }],
            })
        );
    }

    /// Collects the keys of all objects, other than those of a finding.
    fn keys(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
            Value::Object(object) => {
                for (key, value) in object {
                    found.insert(key.clone());
                    if key != "finding" {
                        keys(value, found);
                    }
                }
            }
            _ => {}
        }
    }

    #[test]
    fn each_key_is_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/testing-a-plugin.md");
        let page = fs::read_to_string(path).unwrap();
        let (_, page) = page
            .split_once("### Reports of `mock-kuiper test`")
            .unwrap();
        let (page, _) = page.split_once("\n## ").unwrap();
        let mut results = samples::all();
        results.cases[0].frames[0].id = Some(1);

        let mut found = BTreeSet::new();
        keys(&read(&json(&results)), &mut found);

        let undocumented = found
            .iter()
            .filter(|key| !page.contains(&format!("`{key}`")));
        assert_eq!(undocumented.collect::<Vec<_>>(), [] as [&str; 0]);
        assert!(found.len() > 30, "{found:?}");
    }

    #[test]
    fn results_of_one_case_are_together_by_release() {
        let mut results = Results::default();
        let mut older = samples::passed();
        older.release = "1.13";
        results.cases = vec![
            samples::passed(),
            older,
            samples::failed(),
            samples::flaky(),
        ];

        let document = read(&json(&results));

        let releases = |file: usize, case: usize| {
            let results = &document["files"][file]["cases"][case]["results"];
            let results = results.as_array().unwrap().iter();
            results
                .map(|result| result["release"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(releases(0, 0), ["2.4", "1.13"]);
        assert_eq!(releases(0, 1), ["2.4"]);
        assert_eq!(releases(1, 0), ["2.4"]);
    }

    #[test]
    fn a_finding_has_its_code_and_its_details() {
        let value = failure(&samples::finding().failures[0]);

        assert_eq!(value["code"], "order.refused");
        assert_eq!(value["finding"]["symbol"], "random");
        assert_eq!(value["finding"]["details"]["text"], "missing field `url`");
    }
}
