//! The suite's verdict on plugins with any kinds of symbols: the reference
//! plugin declares each subset of them, with one and with two of each.

#![cfg(feature = "nng")]

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ekuiper_conformance::verdict::Verdict;
use ekuiper_conformance::{Plan, run, section};
use ekuiper_tests::Staged;
use mock_kuiper::{Package, Release};
use serde_json::json;

/// The symbols of each kind.
const SYMBOLS: [(&str, [&str; 2]); 3] = [
    ("sources", ["ticks", "tocks"]),
    ("sinks", ["lines", "pages"]),
    ("functions", ["mirror", "largest"]),
];

/// Stages the reference plugin with the kinds of `subset`, each a bit, and
/// `count` symbols of each.
fn stage(subset: usize, count: usize) -> Staged {
    let binary = Path::new(env!("CARGO_BIN_EXE_reference"));
    let staged = ekuiper_tests::stage("reference", Some(binary)).unwrap();
    let mut manifest = json!({"version": "1", "language": "go", "executable": "reference"});
    for (bit, (kind, symbols)) in SYMBOLS.iter().enumerate() {
        let declared = if subset & (1 << bit) == 0 { 0 } else { count };
        manifest[kind] = json!(symbols[..declared]);
    }
    let file = |name: &str| staged.path().join(name);
    fs::write(file("reference.json"), manifest.to_string()).unwrap();
    for (from, to) in [
        ("sources/ticks.json", "sources/tocks.json"),
        ("sources/ticks.yaml", "sources/tocks.yaml"),
        ("sinks/lines.json", "sinks/pages.json"),
    ] {
        fs::copy(file(from), file(to)).unwrap();
    }
    staged
}

/// Returns the requirements that did not pass, and are not merely inapplicable.
/// Left out are those about files, since the metadata of all symbols is there,
/// and most that take long.
fn wrong(plugin: &Path) -> Vec<String> {
    let release = Release::find("2.4").unwrap();
    let mut plan = Plan::new(Package::open(plugin).unwrap(), release);
    plan.timeout_scale = 0.5;
    plan.jobs = 8;
    let mut requirements = section::all();
    requirements.retain(|one| !one.id.starts_with("PKG") && (!one.slow || one.id == "LIF-09"));
    let trials = run::run(&plan, &requirements, &|_| {});
    let wrong = trials.iter().filter(|trial| {
        !matches!(
            trial.verdict,
            Verdict::Passed | Verdict::NotApplicable { .. }
        )
    });
    wrong
        .map(|trial| format!("{}: {:?}", trial.requirement.id, trial.verdict))
        .collect()
}

#[test]
fn a_plugin_with_any_kinds_of_symbols_passes_with_one_and_with_two_of_each() {
    let plugins: Vec<_> = [1, 2]
        .into_iter()
        .flat_map(|count| (1..8).map(move |subset| (subset, count)))
        .map(|(subset, count)| (subset, count, stage(subset, count)))
        .collect();
    let next = AtomicUsize::new(0);
    let suspects = Mutex::new(Vec::new());

    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(plugin) = plugins.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if !wrong(plugin.2.path()).is_empty() {
                        suspects.lock().unwrap().push(plugin);
                    }
                }
            });
        }
    });

    // A limit that was missed because of the other plugins is tried alone.
    for (subset, count, staged) in suspects.into_inner().unwrap() {
        let wrong = wrong(staged.path());
        assert!(
            wrong.is_empty(),
            "kinds {subset:03b}, {count} of each: {wrong:#?}"
        );
    }
}
