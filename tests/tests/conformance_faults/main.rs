//! The proof of the conformance suite: the reference plugin passes, and each
//! requirement finds a fault that only the requirements listed here find.

#![cfg(feature = "nng")]

mod fault;
mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, thread};

use ekuiper_conformance::run::{self, Trial};
use ekuiper_conformance::verdict::Verdict;
use ekuiper_conformance::{Plan, section};
use ekuiper_tests::Staged;
use mock_kuiper::{Package, PackageError, Release};
use serde_json::{Map, Value};

use fault::{Fault, LONG, SCALE};
use faults::FAULTS;

/// How long the plugin is idle before a fault of an idle plugin begins, in
/// milliseconds. The checks wait 6 s for it, and no other check leaves a channel
/// idle for as long, on any machine.
const IDLE: &str = "5000";

/// The requirements that make many rows, calls or rounds.
const LOADED: [&str; 4] = ["LIF-04", "LIF-09", "LIF-13", "SNK-04"];

/// They make a tenth if the fault fails none of them: all of it was more than half of what
/// the proof used of the processors. With the variable `WHOLE_LOAD` they make all.
const FEW: u32 = 10;

fn stage() -> Staged {
    let binary = Path::new(env!("CARGO_BIN_EXE_reference"));
    ekuiper_tests::stage("reference", Some(binary)).unwrap()
}

fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap()
}

/// Tries all requirements, and returns those that failed, each with what was
/// observed.
fn failing(plan: &Plan) -> BTreeMap<&'static str, String> {
    let trials = run::run(plan, &section::all(), &|_| {});
    let failed = trials.into_iter().filter_map(|trial| {
        let seen = match trial.verdict {
            Verdict::Failed(evidence) | Verdict::NotTestable(evidence) => evidence.seen,
            Verdict::Error { text } => panic!("{}: {text}", trial.requirement.id),
            Verdict::Passed | Verdict::NotApplicable { .. } => return None,
        };
        Some((trial.requirement.id, seen))
    });
    failed.collect()
}

fn plan(plugin: &Path, release: &str) -> Plan {
    let release = Release::find(release).unwrap();
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
    plan.counter = Some("n".to_owned());
    plan.calls = vec!["largest([1,3,2])=3".parse().unwrap()];
    plan.timeout_scale = SCALE;
    plan.jobs = 16;
    plan
}

/// Plans to try a plugin that has a fault.
fn plan_with(plugin: &Path, fault: &Fault) -> Plan {
    let mut plan = plan(plugin, fault.release);
    plan.timeout_scale = fault.scale;
    plan.long = fault.takes_a_minute();
    let fails = fault.fails();
    let has_loaded = LOADED.iter().any(|id| fails.contains(id));
    if !has_loaded && env::var_os("WHOLE_LOAD").is_none() {
        plan.load_divisor = FEW;
    }
    plan.configs.insert("ticks".to_owned(), object(fault.ticks));
    plan.environment = [("REFERENCE_FAULT", fault.name), ("REFERENCE_IDLE", IDLE)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    plan
}

/// Gives one test the machine to itself; otherwise each limit would have to allow
/// for the processes of all tests.
fn machine() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_reference_plugin_passes_every_requirement() {
    let _alone = machine();
    let staged = stage();
    let mut plan = plan(staged.path(), "2.4");
    plan.timeout_scale = 1.0;

    let trials = run::run(&plan, &section::all(), &|_| {});

    let is_other = |trial: &&Trial| match trial.verdict {
        Verdict::Passed => false,
        // The reference is not a zip, and the rules of other releases do not apply.
        Verdict::NotApplicable { .. } => {
            let id = trial.requirement.id;
            !["PKG-05", "SNK-12", "SNK-13"].contains(&id) && !LONG.contains(&id)
        }
        _ => true,
    };
    let others: Vec<_> = trials.iter().filter(is_other).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn a_source_that_sends_rows_only_for_a_while_does_not_fail() {
    let _alone = machine();
    let staged = stage();
    let mut plan = plan(staged.path(), "2.4");
    let few = object(r#"{"count":3,"interval":10}"#);
    plan.configs.insert("ticks".to_owned(), few);

    let failing = failing(&plan);

    assert!(failing.is_empty(), "{failing:#?}");
}

#[test]
fn a_source_that_dials_and_waits_is_untested_and_one_that_never_dials_fails() {
    let _alone = machine();
    let staged = stage();
    let verdict = |fault: &str| {
        let mut plan = plan(staged.path(), "2.4");
        let variable = ("REFERENCE_FAULT".to_owned(), fault.to_owned());
        plan.environment.push(variable);
        plan.timeout_scale = 0.1;
        let only = section::all();
        let only: Vec<_> = only.into_iter().filter(|one| one.id == "SRC-01").collect();
        run::run(&plan, &only, &|_| {}).remove(0).verdict
    };

    let Verdict::NotTestable(waits) = verdict("no-rows") else {
        panic!("a source that only waits must be untested");
    };
    let Verdict::Failed(silent) = verdict("source-never-dials") else {
        panic!("a source that never dials must fail");
    };

    assert!(waits.seen.contains("`--config`"), "{}", waits.seen);
    let expected = "and it has not dialed rule_stream_0";
    assert!(silent.seen.ends_with(expected), "{}", silent.seen);
}

#[test]
fn each_fault_fails_exactly_the_requirements_that_forbid_it() {
    let _alone = machine();
    if let Ok(index) = env::var(PROVEN) {
        return prove_here(&FAULTS[index.parse::<usize>().unwrap()]);
    }
    let only = selected();
    let chosen = |fault: &Fault| only.as_ref().is_none_or(|only| only.contains(fault.name));
    let next = AtomicUsize::new(0);
    let differ = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    let Some(fault) = FAULTS.get(index) else {
                        break;
                    };
                    if let Some(difference) = chosen(fault).then(|| difference(index)).flatten() {
                        eprintln!("at the same time as others: {difference}");
                        let mut differ = differ.lock().unwrap_or_else(PoisonError::into_inner);
                        differ.push(index);
                    }
                }
            });
        }
    });

    // Three faults at a time are about a hundred processes. If a limit was missed
    // because of that, the fault is proven alone.
    let differ = differ.into_inner().unwrap();
    let wrong: Vec<_> = differ.into_iter().filter_map(difference).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The variable with the index of the fault that a process proves.
const PROVEN: &str = "PROVEN_FAULT";

/// Proves a fault in a process of its own, and returns what the process prints if it
/// does not succeed.
///
/// A launch copies the mappings of the process that launches. With the threads of three
/// faults in one process, that was a fifth of all that the proof used of the processors.
fn difference(index: usize) -> Option<String> {
    const TEST: &str = "each_fault_fails_exactly_the_requirements_that_forbid_it";
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(PROVEN, index.to_string())
        .output()
        .unwrap();
    let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let stdout = printed(&output.stdout);
    let is_proven = output.status.success() && stdout.contains(&proof(&FAULTS[index]));
    (!is_proven).then(|| format!("{stdout}\n{}", printed(&output.stderr)))
}

/// What a process prints that has proven a fault: one in which no test ran succeeds, too.
fn proof(fault: &Fault) -> String {
    format!("`{}` is found", fault.name)
}

fn prove_here(fault: &Fault) {
    let (plugin, _staged) = fault.staged();
    let mut more = failing(&plan_with(&plugin, fault));
    let mut missed = fault.fails();
    missed.retain(|id| more.remove(id).is_none());
    let is_exact = missed.is_empty() && more.is_empty();
    let name = fault.name;
    assert!(
        is_exact,
        "{name}: did not fail {missed:?}, and also failed {more:?}"
    );
    println!("{}", proof(fault));
}

/// Returns the faults that the variable `ONLY_FAULTS` names, separated by commas:
/// while one works on a check, the others need not be proven.
fn selected() -> Option<BTreeSet<String>> {
    let names = env::var("ONLY_FAULTS").ok()?;
    Some(names.split(',').map(str::to_owned).collect())
}

#[test]
fn every_requirement_is_proven_by_a_fault() {
    let proven: BTreeSet<_> = FAULTS.iter().map(|fault| fault.proves).collect();
    let all = section::all();
    let all: BTreeSet<_> = all.iter().map(|requirement| requirement.id).collect();

    assert_eq!(proven, all);
}
