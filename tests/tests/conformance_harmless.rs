//! The suite fails no plugin for what a running eKuiper never meets, and no plugin
//! twice for one cause.

#![cfg(feature = "nng")]

use std::path::Path;

use ekuiper_conformance::verdict::Verdict;
use ekuiper_conformance::{Plan, run, section};
use mock_kuiper::{Kind, Package, Release, Symbol};

/// Returns the verdicts on the reference plugin with a peculiarity.
fn verdicts(peculiarity: &str, begins: &[&str]) -> Vec<(&'static str, Verdict)> {
    let binary = Path::new(env!("CARGO_BIN_EXE_reference"));
    let staged = ekuiper_tests::stage("reference", Some(binary)).unwrap();
    let release = Release::find("2.4").unwrap();
    let mut plan = Plan::new(Package::open(staged.path()).unwrap(), release);
    plan.environment = vec![("REFERENCE_FAULT".to_owned(), peculiarity.to_owned())];
    let mut only = section::all();
    only.retain(|requirement| begins.iter().any(|id| requirement.id.starts_with(id)));
    let trials = run::run(&plan, &only, &|_| {});
    let verdicts = trials.into_iter();
    verdicts
        .map(|trial| (trial.requirement.id, trial.verdict))
        .collect()
}

/// Fails if a requirement did not pass and applies.
fn assert_harmless(verdicts: &[(&str, Verdict)]) {
    for (id, verdict) in verdicts {
        let is_right = matches!(verdict, Verdict::Passed | Verdict::NotApplicable { .. });
        assert!(is_right, "{id}: {verdict:?}");
    }
}

#[test]
fn a_function_that_exits_at_a_call_that_validate_refuses_passes() {
    let verdicts = verdicts("two-arguments", &["FUN", "LIF-08", "LIF-09"]);

    assert_harmless(&verdicts);
    let executed = verdicts.iter().find(|(id, _)| *id == "FUN-03").unwrap();
    assert_eq!(executed.1, Verdict::Passed);
}

#[test]
fn a_source_that_needs_a_property_fails_one_requirement_and_names_the_property() {
    let verdicts = verdicts("url-needed", &["CTL", "SRC", "LIF-01", "LIF-06"]);

    let failed = verdicts.iter();
    let failed: Vec<_> = failed
        .filter_map(|(id, verdict)| match verdict {
            Verdict::Failed(evidence) => Some((*id, evidence.configure.clone())),
            _ => None,
        })
        .collect();
    let property = (Symbol::new(Kind::Source, "ticks"), "url".to_owned());
    assert_eq!(failed, [("CTL-02", Some(property))]);
}

#[test]
fn a_fault_that_keeps_other_rules_from_being_observed_is_one_failure() {
    for (fault, begins, reported) in [
        (
            "stop-refused",
            &["CTL", "SRC-03", "SRC-05", "SNK-06"][..],
            "CTL-03",
        ),
        ("aggregate-text", &["FUN", "LIF-08"], "FUN-01"),
    ] {
        let verdicts = verdicts(fault, begins);
        let failed = verdicts.iter();
        let failed: Vec<_> = failed
            .filter(|(_, verdict)| matches!(verdict, Verdict::Failed(_)))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(failed, [reported], "{fault}");
    }
}

#[test]
fn a_source_whose_start_always_takes_3_s_passes() {
    let verdicts = verdicts("slow-start", &["CTL-02", "CTL-15"]);

    assert_eq!(
        verdicts,
        [("CTL-02", Verdict::Passed), ("CTL-15", Verdict::Passed)]
    );
}

#[test]
fn a_plugin_that_answers_under_any_id_and_never_greets_when_idle_passes() {
    assert_harmless(&verdicts("any-id", &["CTL-12", "FUN-13"]));
}
