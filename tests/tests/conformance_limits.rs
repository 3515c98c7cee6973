//! The suite always ends, whatever the plugin does.

#![cfg(feature = "nng")]

use std::path::Path;
use std::time::{Duration, Instant};

use ekuiper_conformance::run::{self, Trial};
use ekuiper_conformance::verdict::Verdict;
use ekuiper_conformance::{Plan, section};
use mock_kuiper::{Package, Release};

/// Tries requirements on the reference plugin with a fault.
fn trials(fault: &str, ids: &[&str], change: impl FnOnce(&mut Plan)) -> Vec<Trial> {
    let binary = Path::new(env!("CARGO_BIN_EXE_reference"));
    let staged = ekuiper_tests::stage("reference", Some(binary)).unwrap();
    let release = Release::find("2.4").unwrap();
    let mut plan = Plan::new(Package::open(staged.path()).unwrap(), release);
    plan.environment = vec![("REFERENCE_FAULT".to_owned(), fault.to_owned())];
    change(&mut plan);
    let mut only = section::all();
    only.retain(|requirement| ids.contains(&requirement.id));
    run::run(&plan, &only, &|_| {})
}

#[test]
fn a_plugin_that_closes_its_connection_after_each_answer_gets_a_verdict() {
    let trials = trials("closes-after-answers", &["CTL-12", "FUN-13"], |_| {});

    // eKuiper understands the greeting on the new connection, so it is no fault.
    for trial in trials {
        assert_eq!(trial.verdict, Verdict::Passed, "{}", trial.requirement.id);
        assert!(trial.took < Duration::from_secs(60), "{:?}", trial.took);
    }
}

#[test]
fn a_check_that_reaches_its_limit_is_untested_and_the_next_one_is_tried() {
    let began = Instant::now();

    let trials = trials("never-greets", &["CTL-01", "PKG-01"], |plan| {
        plan.check_limit = Duration::from_secs(2);
    });

    let verdict = |id| {
        &trials
            .iter()
            .find(|one| one.requirement.id == id)
            .unwrap()
            .verdict
    };
    let Verdict::NotTestable(evidence) = verdict("CTL-01") else {
        panic!("{:?}", verdict("CTL-01"));
    };
    assert_eq!(
        evidence.seen,
        "the check did not end within 2 s, its limit, and the plugin's processes were ended"
    );
    assert_eq!(*verdict("PKG-01"), Verdict::Passed);
    assert!(began.elapsed() < Duration::from_secs(60));
}
