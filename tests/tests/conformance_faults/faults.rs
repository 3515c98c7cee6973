//! All faults of the reference plugin, and the requirements that find each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::fault::Fault;

pub(crate) const FAULTS: &[Fault] = &[
    Fault::new("CTL-01", "never-greets", ALL_BUT_FILES),
    Fault::new(
        "CTL-03",
        "stop-refused",
        &[
            "CTL-09", "CTL-10", "CTL-11", "CTL-15", "CTL-18", "CTL-19", "CTL-20", "CTL-26",
            "LIF-04", "LIF-12", "SNK-02", "SNK-06", "SNK-07", "SNK-08", "SNK-17", "SRC-03",
            "SRC-04", "SRC-05", "SRC-06", "SRC-11", "SRC-12",
        ],
    ),
    Fault::new("CTL-04", "unknown-symbol-ok", &[]),
    Fault::new("CTL-05", "unknown-type-ok", &[]),
    Fault::new("CTL-06", "unknown-command-ok", &["CTL-08"]),
    Fault::new("CTL-07", "dies-of-bytes", &["CTL-21", "CTL-22"]),
    Fault::new("CTL-08", "gaps-ok", &[]),
    Fault::new("CTL-09", "fields-refused", &[]),
    Fault::new("CTL-10", "escapes-refused", &[]),
    Fault::new("CTL-11", "deaf-control", &[]).unscaled(),
    Fault::new("CTL-11", "idle-greeting", &[])
        .under("1.13")
        .unscaled(),
    Fault::new("CTL-12", "careless-ids", &["CTL-11"]),
    Fault::new("CTL-13", "start-again-refused", &["LIF-05"]),
    Fault::new("CTL-13", "start-again-doubles", &["LIF-05"]),
    Fault::new("CTL-14", "start-anew-refused", &[]),
    Fault::new("CTL-15", "busy", &[]),
    Fault::new("CTL-16", "stop-unknown-dies", &[]),
    Fault::new("CTL-17", "leaves-with-host", &["LIF-05"]),
    Fault::new("CTL-18", "config-taken", &[]),
    Fault::new("CTL-18", "config-left", &["CTL-26"]),
    Fault::new("CTL-19", "answers-unknown-twice", &["CTL-04", "LIF-09"]),
    Fault::new("CTL-19", "answers-again", &[]),
    Fault::new("CTL-20", "config-needed", &["SNK-04"]),
    Fault::new(
        "CTL-21",
        "answers-with-h",
        &[
            "CTL-04", "CTL-05", "CTL-06", "CTL-07", "CTL-08", "CTL-18", "CTL-19", "CTL-22",
            "CTL-26", "LIF-09",
        ],
    ),
    Fault::new("CTL-22", "refuses-without-words", &[]),
    Fault::new("CTL-23", "names-not-decoded", &[]),
    Fault::new("CTL-26", "start-anew-ignored", &[]),
    Fault::new("CTL-27", "answers-after-a-minute", &[]),
    Fault::new("SRC-01", "no-rows", WITHOUT_ROWS),
    Fault::new("SRC-01", "source-never-dials", WITHOUT_ROWS),
    Fault::new(
        "SRC-02",
        "list-rows",
        &[
            "CTL-13", "CTL-14", "SRC-03", "SRC-05", "SRC-07", "SRC-08", "SRC-09", "SRC-11",
            "SRC-04", "SRC-13", "SRC-14",
        ],
    ),
    Fault::new("SRC-02", "late-row-a-list", &["SRC-04", "SRC-14"]).unscaled(),
    Fault::new("SRC-03", "rows-after-stop", &[]),
    Fault::new("SRC-04", "blocked-stop", &[]).ticks(r#"{"interval":5,"size":20000}"#),
    Fault::new("SRC-04", "blocked-row-broken", &[])
        .unscaled()
        .ticks(r#"{"interval":5,"size":20000}"#),
    // Its buffer is full only after about 3 s.
    Fault::new("SRC-04", "blocked-row-broken", &[]).unscaled(),
    Fault::new("SRC-05", "stops-all-sources", &["CTL-16", "SRC-11"]),
    Fault::new("SRC-06", "third-start-refused", &["LIF-04"]),
    Fault::new("SRC-07", "source-dials-once", &["LIF-05"]),
    Fault::new("SRC-08", "rows-mixed", &[]),
    Fault::new("SRC-09", "no-meta", &[]),
    Fault::new("SRC-09", "names-in-capitals", &[]),
    Fault::new("SRC-11", "sources-keyed-by-rule", &[]),
    Fault::new("SRC-12", "instance-ignored", &[]),
    Fault::new("SRC-13", "rows-not-utf8", &[]),
    Fault::new("SRC-14", "row-lost", &[]),
    Fault::new(
        "SNK-01",
        "late-listener",
        &[
            "CTL-02", "CTL-03", "CTL-13", "CTL-15", "CTL-20", "LIF-09", "LIF-12", "SNK",
        ],
    ),
    Fault::new(
        "SNK-02",
        "ends-at-bad-rows",
        &["SNK-11", "SNK-16", "SNK-18", "SNK-19"],
    ),
    Fault::new("SNK-03", "acks-twice", &["CTL-13", "SNK-11"]),
    Fault::new("SNK-03", "no-acks", &[]),
    Fault::new(
        "SNK-03",
        "acks-in-text",
        &[
            "CTL-13", "SNK-02", "SNK-05", "SNK-06", "SNK-07", "SNK-08", "SNK-09", "SNK-10",
            "SNK-11", "SNK-16", "SNK-17", "SNK-18", "SNK-19",
        ],
    ),
    Fault::new("SNK-04", "acks-block", &[]),
    Fault::new("SNK-05", "ends-with-sender", &["LIF-05", "SNK-10"]),
    Fault::new(
        "SNK-06",
        "address-kept",
        &["CTL-14", "LIF-04", "SNK-07", "SNK-08", "SNK-17"],
    ),
    Fault::new("SNK-07", "stale-file-refused", &["LIF-02", "LIF-03"]),
    Fault::new("SNK-08", "stops-all-sinks", &["CTL-16", "SNK-17"]),
    Fault::new("SNK-09", "ends-at-no-bytes", &[]),
    Fault::new("SNK-10", "acks-dialed-once", &["LIF-05"]),
    Fault::new("SNK-11", "rows-swapped", &[]),
    Fault::new("SNK-11", "acks-unordered", &[]),
    Fault::new("SNK-12", "acks-block", &["SNK-04", "LIF-09", "LIF-13"]).under("1.13"),
    Fault::new("SNK-13", "acks-flushed", &[]).under("1.14"),
    Fault::new("SNK-19", "ack-misspelled", &["SNK-16"]),
    Fault::new("SNK-16", "acks-null", &[]),
    Fault::new("SNK-17", "sinks-keyed-by-rule", &[]),
    Fault::new("SNK-18", "acks-not-utf8", &[]),
    Fault::new(
        "FUN-01",
        "aggregate-text",
        &[
            "FUN-02", "FUN-03", "FUN-04", "FUN-05", "FUN-06", "FUN-07", "FUN-08", "FUN-09",
            "FUN-10", "FUN-11", "FUN-12", "FUN-14", "FUN-18", "FUN-19", "LIF-08",
        ],
    ),
    Fault::new("FUN-02", "validate-dies", &["FUN-03"]),
    Fault::new("FUN-03", "exec-dies-of-null", &["FUN-21"]),
    Fault::new("FUN-03", "largest-dies-of-objects", &[]),
    Fault::new("FUN-04", "func-ok", &[]),
    Fault::new("FUN-05", "dies-of-requests", &[]),
    Fault::new("FUN-06", "context-ignored", &[]),
    Fault::new("FUN-07", "deaf-function", &[]).unscaled(),
    Fault::new(
        "FUN-08",
        "function-again-refused",
        &["CTL-13", "CTL-17", "FUN-11", "LIF-05"],
    ),
    Fault::new(
        "FUN-09",
        "functions-in-turn",
        &[
            "CTL-13", "CTL-14", "CTL-16", "CTL-17", "FUN-0", "FUN-1", "LIF-03", "LIF-04", "LIF-05",
            "LIF-08", "LIF-09", "LIF-13",
        ],
    ),
    Fault::new("FUN-10", "window-dies", &["FUN-03"]),
    Fault::new("FUN-11", "second-channel", &[]),
    Fault::new("FUN-12", "dials-once", &["LIF-05"]),
    Fault::new("FUN-13", "careless-calls", &["FUN-07", "FUN-19"]),
    Fault::new(
        "FUN-14",
        "validates-twice",
        &["FUN-02", "FUN-03", "FUN-07", "FUN-10"],
    ),
    Fault::new("FUN-14", "results-again", &["FUN-07"]),
    Fault::new("FUN-18", "replies-in-capitals", &[]),
    Fault::new("FUN-18", "replies-without-text", &[]),
    Fault::new("FUN-18", "replies-not-utf8", &[]),
    Fault::new("FUN-19", "function-greets", &[]).unscaled(),
    Fault::new("FUN-21", "mirror-rounds", &[]),
    Fault::new("FUN-20", "results-after-a-minute", &[]),
    Fault::new("LIF-01", "sigterm-ignored", &[]),
    Fault::new("LIF-02", "lock-file", &["LIF-03", "LIF-08"]),
    Fault::new("LIF-03", "sinks-first", &["CTL-14", "LIF-04"]),
    Fault::new("LIF-04", "files-kept", &[]),
    Fault::new("LIF-05", "looks-once", &[]),
    Fault::new("LIF-06", "directory-needed", &[]),
    Fault::new("LIF-07", "argument-needed", &[]),
    Fault::new(
        "LIF-08",
        "functions-in-order",
        &[
            "CTL-02", "FUN-01", "FUN-02", "FUN-03", "FUN-04", "FUN-05", "FUN-06", "FUN-07",
            "FUN-08", "FUN-10", "FUN-11", "FUN-12", "FUN-13", "FUN-14", "FUN-18", "FUN-19",
            "FUN-21", "LIF-02", "LIF-03",
        ],
    ),
    Fault::new("LIF-09", "log-blocks", &["SNK-04"]),
    Fault::new("LIF-12", "works-on", &[]),
    Fault::new("LIF-13", "calls-leak", &[]),
    Fault::new("LIF-13", "rows-leak-files", &[]),
    Fault::new("LIF-13", "emitting-leaks-files", &[]),
    Fault::new("PKG-01", "unknown-language", ALL_BUT_FILES)
        .of_files(|plugin| rewrite(plugin, |manifest| manifest["language"] = "rust".into())),
    Fault::new("PKG-02", "no-yaml", &[]).of_files(|plugin| without(plugin, "sources/ticks.yaml")),
    Fault::new("PKG-03", "broken-metadata", &[]).of_files(break_metadata),
    Fault::new("PKG-04", "no-executable", ALL_BUT_FILES)
        .of_files(|plugin| without(plugin, "reference")),
    // It is not launched.
    Fault::new("PKG-05", "zip-in-part", WITHOUT_YAML).of_files(zip_in_part),
    Fault::new("CTL-02", "symbol-of-the-json-alone", &["CTL-03", "SRC"]).of_files(declare_missing),
];

/// The requirements that cannot be tested without a process.
const ALL_BUT_FILES: &[&str] = &["CTL", "SRC", "SNK", "FUN", "LIF"];
const WITHOUT_YAML: &[&str] = &["PKG-02", "CTL", "SRC", "SNK", "FUN", "LIF"];

/// The requirements that cannot be tested if a source sends no rows.
const WITHOUT_ROWS: &[&str] = &["CTL-13", "CTL-14", "CTL-23", "SRC"];

fn without(plugin: &Path, file: &str) -> PathBuf {
    fs::remove_file(plugin.join(file)).unwrap();
    plugin.to_owned()
}

fn rewrite(plugin: &Path, change: impl FnOnce(&mut Value)) -> PathBuf {
    let path = plugin.join("reference.json");
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
    plugin.to_owned()
}

/// Declares a source that the process does not have.
fn declare_missing(plugin: &Path) -> PathBuf {
    for kind in ["json", "yaml"] {
        let of = |name| plugin.join(format!("sources/{name}.{kind}"));
        fs::copy(of("ticks"), of("missing")).unwrap();
    }
    rewrite(plugin, |manifest| {
        manifest["sources"] = json!(["ticks", "missing"]);
    })
}

fn break_metadata(plugin: &Path) -> PathBuf {
    fs::write(plugin.join("sinks/lines.json"), "{").unwrap();
    plugin.to_owned()
}

/// Makes a zip without the YAML file of the source.
fn zip_in_part(plugin: &Path) -> PathBuf {
    without(plugin, "sources/ticks.yaml");
    let zip = plugin.with_extension("zip");
    let files = fs::read_dir(plugin).unwrap();
    let zipped = Command::new("python3")
        .args(["-m", "zipfile", "-c"])
        .arg(&zip)
        .args(files.map(|entry| entry.unwrap().path()))
        .status();
    assert!(zipped.unwrap().success());
    zip
}
