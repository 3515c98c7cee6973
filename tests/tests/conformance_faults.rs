//! The proof of the conformance suite: the reference plugin passes, and for each
//! requirement there is a fault that it finds, and nothing else does.

#![cfg(feature = "nng")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::{fs, thread};

use ekuiper_conformance::run::{self, Outcome, Verdict};
use ekuiper_conformance::{Plan, requirement};
use ekuiper_tests::Staged;
use mock_kuiper::package::{Package, PackageError};
use mock_kuiper::profile::Profile;
use serde_json::{Map, Value, json};

/// All waits of the suite are so many times as long: an idle check waits 2.4 s.
const SCALE: f64 = 0.4;

/// How long the plugin is idle until a fault of the idle begins, in milliseconds.
const IDLE: &str = "2000";

/// A fault that the plugin is told to have, and what has to fail for it.
struct Fault {
    name: &'static str,
    fails: &'static [&'static str],
    /// What fails as well where the one thread is sooner than the other.
    may_fail: &'static [&'static str],
    /// The release under which it is seen.
    release: &'static str,
    /// The properties of `ticks`.
    ticks: &'static str,
}

impl Fault {
    const fn new(name: &'static str, fails: &'static [&'static str]) -> Self {
        Self {
            name,
            fails,
            may_fail: &[],
            release: "2.4",
            ticks: "{}",
        }
    }

    const fn or(self, may_fail: &'static [&'static str]) -> Self {
        Self { may_fail, ..self }
    }

    /// Whether these are what has to fail.
    fn is_found_by(&self, failed: &BTreeSet<&'static str>) -> bool {
        let may = |id: &&str| self.fails.contains(id) || self.may_fail.contains(id);
        self.fails.iter().all(|id| failed.contains(id)) && failed.iter().all(may)
    }

    const fn under(self, release: &'static str) -> Self {
        Self { release, ..self }
    }

    const fn ticks(self, ticks: &'static str) -> Self {
        Self { ticks, ..self }
    }
}

const FAULTS: &[Fault] = &[
    Fault::new(
        "never-greets",
        &[
            "CTL-01", "CTL-02", "CTL-03", "CTL-04", "CTL-05", "CTL-06", "CTL-07", "CTL-08",
            "CTL-09", "CTL-10", "CTL-11", "CTL-12", "CTL-13", "CTL-14", "CTL-15", "CTL-16",
            "CTL-17", "CTL-18", "FUN-01", "FUN-02", "FUN-03", "FUN-04", "FUN-05", "FUN-06",
            "FUN-07", "FUN-08", "FUN-09", "FUN-10", "FUN-11", "LIF-01", "LIF-02", "LIF-03",
            "LIF-04", "LIF-05", "LIF-06", "LIF-07", "SNK-01", "SNK-02", "SNK-03", "SNK-04",
            "SNK-05", "SNK-06", "SNK-07", "SNK-08", "SNK-09", "SRC-01", "SRC-02", "SRC-03",
            "SRC-04", "SRC-05", "SRC-06",
        ],
    ),
    Fault::new("argument-needed", &["LIF-07"]),
    Fault::new("directory-needed", &["LIF-06"]),
    Fault::new("lock-file", &["LIF-02", "LIF-03"]),
    Fault::new("sigterm-ignored", &["LIF-01"]),
    Fault::new("leaves-with-host", &["CTL-17", "LIF-05"]),
    Fault::new("careless-ids", &["CTL-12", "CTL-17", "LIF-05"]),
    Fault::new("idle-greeting", &["CTL-11"]).under("1.13"),
    Fault::new("deaf-control", &["CTL-11"]),
    Fault::new("deaf-function", &["FUN-07"]),
    Fault::new("unknown-symbol-ok", &["CTL-04"]),
    Fault::new("unknown-type-ok", &["CTL-05"]),
    Fault::new("unknown-command-ok", &["CTL-06", "CTL-08"]),
    Fault::new("dies-of-bytes", &["CTL-07"]),
    Fault::new("gaps-ok", &["CTL-08"]),
    Fault::new("fields-refused", &["CTL-09"]),
    Fault::new("escapes-refused", &["CTL-10"]),
    Fault::new(
        "stop-refused",
        &[
            "CTL-03", "CTL-09", "CTL-10", "CTL-11", "CTL-12", "LIF-04", "SNK-02", "SNK-06",
            "SNK-07", "SNK-08", "SRC-03", "SRC-04", "SRC-05", "SRC-06",
        ],
    ),
    Fault::new("stop-unknown-dies", &["CTL-16"]),
    Fault::new("start-again-refused", &["CTL-13", "LIF-05"]),
    Fault::new("start-again-doubles", &["CTL-13"]),
    Fault::new("start-anew-refused", &["CTL-14"]),
    Fault::new("busy", &["CTL-15"]),
    Fault::new("config-taken", &["CTL-18"]),
    Fault::new("config-left", &["CTL-18"]),
    Fault::new("stops-all-sources", &["CTL-16", "SRC-05"]),
    Fault::new("stops-all-sinks", &["SNK-08"]),
    Fault::new("third-start-refused", &["LIF-04", "SRC-06"]),
    Fault::new("sinks-first", &["CTL-14", "LIF-03", "LIF-04"]),
    Fault::new("files-kept", &["LIF-04"]),
    Fault::new(
        "no-rows",
        &[
            "CTL-13", "SRC-01", "SRC-02", "SRC-03", "SRC-04", "SRC-05", "SRC-06",
        ],
    ),
    Fault::new(
        "list-rows",
        &[
            "CTL-13", "CTL-14", "CTL-16", "CTL-17", "LIF-02", "LIF-03", "LIF-04", "LIF-05",
            "SRC-02", "SRC-05",
        ],
    ),
    Fault::new("rows-after-stop", &["SRC-03"]),
    Fault::new("blocked-stop", &["LIF-04", "SRC-04", "SRC-06"])
        .or(&["CTL-03", "SRC-05"])
        .ticks(r#"{"interval":0,"size":10000}"#),
    Fault::new(
        "late-listener",
        &[
            "CTL-02", "CTL-03", "CTL-13", "CTL-14", "CTL-15", "CTL-16", "CTL-17", "LIF-02",
            "LIF-03", "LIF-04", "LIF-05", "SNK-01", "SNK-02", "SNK-03", "SNK-04", "SNK-05",
            "SNK-06", "SNK-07", "SNK-08", "SNK-09",
        ],
    ),
    Fault::new("ends-at-bad-rows", &["SNK-02"]),
    Fault::new("ends-at-no-bytes", &["SNK-09"]),
    Fault::new("acks-twice", &["SNK-03"]).or(&["SNK-06"]),
    Fault::new(
        "acks-in-text",
        &[
            "CTL-13", "CTL-14", "CTL-16", "CTL-17", "LIF-02", "LIF-03", "LIF-04", "LIF-05",
            "SNK-02", "SNK-03", "SNK-04", "SNK-05", "SNK-06", "SNK-07", "SNK-08", "SNK-09",
        ],
    ),
    Fault::new(
        "no-acks",
        &["SNK-02", "SNK-03", "SNK-06", "SNK-08", "SNK-09"],
    ),
    Fault::new("acks-block", &["SNK-04"]),
    Fault::new("ends-with-sender", &["LIF-05", "SNK-05"]),
    Fault::new("address-kept", &["CTL-14", "LIF-04", "SNK-06", "SNK-07"]),
    Fault::new("stale-file-refused", &["LIF-02", "LIF-03", "SNK-07"]),
    Fault::new(
        "aggregate-text",
        &[
            "CTL-13", "CTL-14", "CTL-16", "CTL-17", "FUN-01", "FUN-02", "FUN-03", "FUN-04",
            "FUN-05", "FUN-06", "FUN-07", "FUN-08", "FUN-09", "FUN-10", "FUN-11", "LIF-02",
            "LIF-03", "LIF-04", "LIF-05",
        ],
    ),
    Fault::new("validate-dies", &["FUN-02"]),
    Fault::new("exec-dies-of-null", &["FUN-03"]),
    Fault::new("func-ok", &["FUN-04"]),
    Fault::new("dies-of-requests", &["FUN-05"]),
    Fault::new("context-ignored", &["FUN-06"]),
    Fault::new("second-channel", &["FUN-11"]),
    Fault::new(
        "functions-in-turn",
        &[
            "CTL-13", "CTL-14", "CTL-16", "CTL-17", "FUN-01", "FUN-02", "FUN-03", "FUN-04",
            "FUN-05", "FUN-06", "FUN-07", "FUN-08", "FUN-09", "FUN-10", "FUN-11", "LIF-02",
            "LIF-03", "LIF-04", "LIF-05",
        ],
    ),
    Fault::new("window-dies", &["FUN-10"]),
    Fault::new("dials-once", &["LIF-05"]),
];

fn stage() -> Staged {
    let binary = Path::new(env!("CARGO_BIN_EXE_reference"));
    ekuiper_tests::stage("reference", Some(binary)).unwrap()
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

/// Tries all requirements, and gives those that failed.
fn failing(plan: &Plan) -> BTreeSet<&'static str> {
    let outcomes = run::run(plan, &requirement::all(), &|_| {});
    let trouble = outcomes
        .iter()
        .find(|outcome| matches!(outcome.verdict, Verdict::Trouble { .. }));
    assert!(trouble.is_none(), "{trouble:?}");
    let failed = outcomes
        .iter()
        .filter(|outcome| outcome.verdict.is_failure());
    failed.map(|outcome| outcome.requirement.id).collect()
}

/// Tries all requirements until those that fail are right, or gives those that
/// did. The waits are short: on a busy machine a plugin is late for them, so it
/// is tried again with nothing beside it.
fn failing_as(
    plan: &Plan,
    is_right: impl Fn(&BTreeSet<&'static str>) -> bool,
) -> Result<(), BTreeSet<&'static str>> {
    static MACHINE: RwLock<()> = RwLock::new(());
    let shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let mut failed = failing(plan);
    drop(shared);
    for _ in 0..2 {
        if is_right(&failed) {
            return Ok(());
        }
        let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
        failed = failing(plan);
    }
    if is_right(&failed) {
        Ok(())
    } else {
        Err(failed)
    }
}

fn plan(plugin: &Path, release: &str) -> Plan {
    let release = Profile::find(release).unwrap();
    let mut plan = match Package::open(plugin) {
        Ok(package) => Plan::new(package, release),
        Err(PackageError::Mistakes(mistakes)) => {
            let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            Plan::broken(plugin, mistakes.join("; "), release)
        }
        Err(error) => panic!("{error}"),
    };
    plan.refused
        .insert("ticks".to_owned(), object(r#"{"interval":"soon"}"#));
    plan.timeout_scale = SCALE;
    plan
}

/// What is tried where the plugin has a fault.
fn plan_with(plugin: &Path, fault: &Fault) -> Plan {
    let mut plan = plan(plugin, fault.release);
    plan.configs.insert("ticks".to_owned(), object(fault.ticks));
    plan.environment = [("REFERENCE_FAULT", fault.name), ("REFERENCE_IDLE", IDLE)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    plan
}

#[test]
fn the_reference_plugin_does_all_that_is_required() {
    let staged = stage();
    let mut plan = plan(staged.path(), "2.4");
    plan.timeout_scale = 1.0;

    let outcomes = run::run(&plan, &requirement::all(), &|_| {});

    let passed = |outcome: &&Outcome| outcome.verdict != Verdict::Passed;
    let others: Vec<_> = outcomes.iter().filter(passed).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn each_fault_is_found_by_the_requirements_that_forbid_it() {
    let staged = stage();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(String::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(fault) = FAULTS.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let plan = plan_with(staged.path(), fault);
                    if let Err(failed) = failing_as(&plan, |failed| fault.is_found_by(failed)) {
                        let Fault { name, fails, .. } = fault;
                        let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                        let _ = writeln!(wrong, "{name}: {failed:?}, not {fails:?}");
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

/// Changes the plugin's files; then these have to fail, and no others.
fn fails_with(change: impl FnOnce(&Path), expected: &BTreeSet<&'static str>) {
    let staged = stage();
    change(staged.path());
    let plan = plan(staged.path(), "2.4");
    assert_eq!(failing_as(&plan, |failed| failed == expected), Ok(()));
}

fn rewrite(plugin: &Path, change: impl FnOnce(&mut Value)) {
    let path = plugin.join("reference.json");
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn a_plugin_that_cannot_be_installed_fails_in_all() {
    // The files of its symbols are judged nevertheless.
    let all = requirement::all();
    let ids = all.iter().map(|requirement| requirement.id);
    fails_with(
        |plugin| fs::remove_file(plugin.join("reference")).unwrap(),
        &ids.filter(|id| *id != "PKG-02").collect(),
    );
}

#[test]
fn a_missing_yaml_is_found() {
    fails_with(
        |plugin| fs::remove_file(plugin.join("sources/ticks.yaml")).unwrap(),
        &BTreeSet::from(["PKG-02"]),
    );
}

#[test]
fn a_symbol_of_the_json_alone_is_found() {
    let declare = |plugin: &Path| {
        rewrite(plugin, |manifest| {
            manifest["sources"] = json!(["ticks", "missing"]);
        });
        for kind in ["json", "yaml"] {
            let of = |name| plugin.join(format!("sources/{name}.{kind}"));
            fs::copy(of("ticks"), of("missing")).unwrap();
        }
    };

    fails_with(declare, &BTreeSet::from(["CTL-02", "CTL-03"]));
}

#[test]
fn every_requirement_has_a_fault() {
    let by_files = ["PKG-01", "PKG-02", "CTL-02"];
    let proven: BTreeSet<_> = FAULTS
        .iter()
        .flat_map(|fault| fault.fails)
        .copied()
        .chain(by_files)
        .collect();
    let all: BTreeSet<_> = requirement::all()
        .iter()
        .map(|requirement| requirement.id)
        .collect();

    assert_eq!(proven, all);
}
