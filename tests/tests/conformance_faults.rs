//! The proof of the conformance suite: the reference plugin passes, and for each
//! requirement there is a fault that it finds, and nothing else does.

#![cfg(feature = "nng")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
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
            release: "2.4",
            ticks: "{}",
        }
    }

    const fn under(self, release: &'static str) -> Self {
        Self { release, ..self }
    }

    const fn ticks(self, ticks: &'static str) -> Self {
        Self { ticks, ..self }
    }
}

const FAULTS: &[Fault] = &[
    Fault::new("never-greets", &[]),
    Fault::new("argument-needed", &[]),
    Fault::new("directory-needed", &[]),
    Fault::new("lock-file", &[]),
    Fault::new("sigterm-ignored", &[]),
    Fault::new("leaves-with-host", &[]),
    Fault::new("careless-ids", &[]),
    Fault::new("idle-greeting", &[]).under("1.13"),
    Fault::new("deaf-control", &[]),
    Fault::new("deaf-function", &[]),
    Fault::new("unknown-symbol-ok", &[]),
    Fault::new("unknown-type-ok", &[]),
    Fault::new("unknown-command-ok", &[]),
    Fault::new("dies-of-bytes", &[]),
    Fault::new("gaps-ok", &[]),
    Fault::new("fields-refused", &[]),
    Fault::new("escapes-refused", &[]),
    Fault::new("stop-refused", &[]),
    Fault::new("stop-unknown-dies", &[]),
    Fault::new("start-again-refused", &[]),
    Fault::new("start-again-doubles", &[]),
    Fault::new("start-anew-refused", &[]),
    Fault::new("busy", &[]),
    Fault::new("config-taken", &[]),
    Fault::new("config-left", &[]),
    Fault::new("stops-all-sources", &[]),
    Fault::new("stops-all-sinks", &[]),
    Fault::new("third-start-refused", &[]),
    Fault::new("sinks-first", &[]),
    Fault::new("files-kept", &[]),
    Fault::new("no-rows", &[]),
    Fault::new("list-rows", &[]),
    Fault::new("rows-after-stop", &[]),
    Fault::new("blocked-stop", &[]).ticks(r#"{"interval":0,"size":10000}"#),
    Fault::new("late-listener", &[]),
    Fault::new("ends-at-bad-rows", &[]),
    Fault::new("ends-at-no-bytes", &[]),
    Fault::new("acks-twice", &[]),
    Fault::new("acks-in-text", &[]),
    Fault::new("no-acks", &[]),
    Fault::new("acks-block", &[]),
    Fault::new("ends-with-sender", &[]),
    Fault::new("address-kept", &[]),
    Fault::new("stale-file-refused", &[]),
    Fault::new("aggregate-text", &[]),
    Fault::new("validate-dies", &[]),
    Fault::new("exec-dies-of-null", &[]),
    Fault::new("func-ok", &[]),
    Fault::new("dies-of-requests", &[]),
    Fault::new("context-ignored", &[]),
    Fault::new("second-channel", &[]),
    Fault::new("functions-in-turn", &[]),
    Fault::new("window-dies", &[]),
    Fault::new("dials-once", &[]),
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

/// Tries all requirements on the plugin with a fault.
fn failing_for(plugin: &Path, fault: &Fault) -> BTreeSet<&'static str> {
    let mut plan = plan(plugin, fault.release);
    plan.configs.insert("ticks".to_owned(), object(fault.ticks));
    plan.environment = [("REFERENCE_FAULT", fault.name), ("REFERENCE_IDLE", IDLE)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    failing(&plan)
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
                    let failed = failing_for(staged.path(), fault);
                    let expected: BTreeSet<_> = fault.fails.iter().copied().collect();
                    if failed != expected {
                        let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                        eprintln!("{}: {failed:?}", fault.name);
                        let _ = writeln!(wrong, "{}: {failed:?}, not {expected:?}", fault.name);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

/// Changes the plugin's files, and tries it.
fn failing_with(change: impl FnOnce(&Path)) -> BTreeSet<&'static str> {
    let staged = stage();
    change(staged.path());
    failing(&plan(staged.path(), "2.4"))
}

fn rewrite(plugin: &Path, change: impl FnOnce(&mut Value)) {
    let path = plugin.join("reference.json");
    let mut manifest = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn a_plugin_that_cannot_be_installed_fails_in_all() {
    let failed = failing_with(|plugin| fs::remove_file(plugin.join("reference")).unwrap());

    assert!(failed.contains("PKG-01"));
    // The files of its symbols are judged nevertheless.
    assert_eq!(failed.len(), requirement::all().len() - 1, "{failed:?}");
    assert!(!failed.contains("PKG-02"));
}

#[test]
fn a_missing_yaml_is_found() {
    let failed = failing_with(|plugin| fs::remove_file(plugin.join("sources/ticks.yaml")).unwrap());

    assert_eq!(failed, BTreeSet::from(["PKG-02"]));
}

#[test]
fn a_symbol_of_the_json_alone_is_found() {
    let failed = failing_with(|plugin| {
        rewrite(plugin, |manifest| {
            manifest["sources"] = json!(["ticks", "missing"])
        });
        for kind in ["json", "yaml"] {
            let of = |name| plugin.join(format!("sources/{name}.{kind}"));
            fs::copy(of("ticks"), of("missing")).unwrap();
        }
    });

    assert_eq!(failed, BTreeSet::from(["CTL-02", "CTL-03"]));
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
