//! The proof of the conformance suite: the reference plugin passes, and each
//! requirement finds a fault that only the requirements listed here find.

#![cfg(feature = "nng")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs, thread};

use ekuiper_conformance::run::{self, Trial};
use ekuiper_conformance::verdict::Verdict;
use ekuiper_conformance::{Plan, section};
use ekuiper_tests::Staged;
use mock_kuiper::{Package, PackageError, Release};
use serde_json::{Map, Value, json};

/// A factor for all limits of the checks.
const SCALE: f64 = 0.5;

/// How long the plugin is idle before a fault of an idle plugin begins, in
/// milliseconds. The checks wait 6 s for it, and no other check leaves a channel
/// idle for as long, on any machine.
const IDLE: &str = "5000";

/// The requirements that take more than a minute; they are examined only for the
/// faults that prove them.
const LONG: [&str; 2] = ["CTL-27", "FUN-20"];

/// A fault of the reference plugin, and the requirements that it fails.
struct Fault {
    name: &'static str,
    /// The requirement whose check it proves.
    proves: &'static str,
    /// The other requirements that cannot pass either.
    with: &'static [&'static str],
    /// The release under which it is observed.
    release: &'static str,
    /// The properties of `ticks`.
    ticks: &'static str,
    /// The plan's `timeout_scale`: [`SCALE`], or 1 if the fault begins after a wait.
    scale: f64,
    /// Changes the plugin's files, and returns the path that is tried instead.
    change: Option<fn(&Path) -> PathBuf>,
}

impl Fault {
    const fn new(proves: &'static str, name: &'static str, with: &'static [&'static str]) -> Self {
        Self {
            name,
            proves,
            with,
            release: "2.4",
            ticks: "{}",
            scale: SCALE,
            change: None,
        }
    }

    /// A fault of the plugin's files, not of its process.
    const fn of_files(self, change: fn(&Path) -> PathBuf) -> Self {
        Self {
            change: Some(change),
            ..self
        }
    }

    const fn under(self, release: &'static str) -> Self {
        Self { release, ..self }
    }

    /// A fault that begins after a wait, for example for [`IDLE`].
    const fn unscaled(self) -> Self {
        Self { scale: 1.0, ..self }
    }

    const fn ticks(self, ticks: &'static str) -> Self {
        Self { ticks, ..self }
    }

    /// Returns whether only a check of more than a minute finds it.
    fn takes_a_minute(&self) -> bool {
        LONG.contains(&self.proves)
    }

    /// Returns the path of a plugin with the fault, and the folder that holds it.
    fn staged(&self) -> (PathBuf, Staged) {
        let staged = stage();
        let plugin = staged.path();
        let plugin = self
            .change
            .map_or(plugin.to_owned(), |change| change(plugin));
        (plugin, staged)
    }

    /// Returns the requirements that must fail: exactly those whose numbers begin
    /// with an entry of the list, if the release has them.
    fn fails(&self) -> BTreeSet<&'static str> {
        let release = Release::find(self.release).unwrap();
        let begins = |id: &str| self.with.iter().any(|with| id.starts_with(with));
        let all = section::all().into_iter();
        all.filter(|requirement| requirement.releases.has(release))
            .map(|requirement| requirement.id)
            .filter(|id| self.takes_a_minute() || !LONG.contains(id))
            .filter(|id| *id == self.proves || begins(id))
            .collect()
    }
}

const FAULTS: &[Fault] = &[
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

#[test]
fn every_requirement_is_proven_by_a_fault() {
    let proven: BTreeSet<_> = FAULTS.iter().map(|fault| fault.proves).collect();
    let all = section::all();
    let all: BTreeSet<_> = all.iter().map(|requirement| requirement.id).collect();

    assert_eq!(proven, all);
}
