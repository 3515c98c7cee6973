//! The results as JUnit's XML, which CI systems read.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::results::{Results, Standing, code, seen, transcript};
use crate::requirement::Requirement;
use crate::run::Trial;

/// Returns a test suite for each release, with a test case for each
/// requirement.
///
/// A flaky requirement is a success; if it failed this time, that is its
/// `flakyFailure`. Its property `flaky` has the reason.
///
/// # Errors
///
/// If a text cannot be written as XML.
pub fn junit(all: &[Results<'_>]) -> Result<String, String> {
    let mut report = Report::new("ekuiper-conformance");
    for results in all {
        let name = format!("{} under eKuiper {}", results.plugin, results.release);
        let mut suite = TestSuite::new(name);
        for trial in &results.trials {
            let unsuccessful = |kind| {
                let mut status = TestCaseStatus::non_success(kind);
                status.set_message(seen(&trial.verdict));
                if let Some(code) = code(&trial.verdict) {
                    status.set_type(code.name());
                }
                status.set_description(description(trial));
                status
            };
            let standing = results.standing(trial);
            let status = match standing {
                Standing::Passed | Standing::Flaky { passed: true, .. } => {
                    TestCaseStatus::success()
                }
                Standing::Flaky { passed: false, .. } => flaky(trial),
                Standing::Failed | Standing::Untested { counts: true } => {
                    unsuccessful(NonSuccessKind::Failure)
                }
                Standing::Stale => {
                    let mut status = unsuccessful(NonSuccessKind::Failure);
                    status.set_message(
                        "the requirement passes, but is in the file of known failures",
                    );
                    status
                }
                Standing::Error => unsuccessful(NonSuccessKind::Error),
                Standing::Warning
                | Standing::Untested { counts: false }
                | Standing::KnownFailure(_)
                | Standing::NotApplicable => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(seen(&trial.verdict));
                    status
                }
            };
            let requirement = trial.requirement;
            let name = format!("{} {}", requirement.id, requirement.rule);
            let mut case = TestCase::new(name, status);
            case.set_classname(requirement.section());
            case.set_time(trial.took);
            if let Standing::Flaky { reason, .. } = standing {
                case.add_property(("flaky", reason));
            }
            suite.add_test_case(case);
        }
        if results.unexamined > 0 {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(format!(
                "{} requirements have no result: the run was interrupted",
                results.unexamined
            ));
            suite.add_test_case(TestCase::new("interrupted", status));
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}

/// Returns the status of a flaky requirement that failed.
fn flaky(trial: &Trial) -> TestCaseStatus {
    let mut failure = TestRerun::new(NonSuccessKind::Failure);
    failure.set_message(seen(&trial.verdict));
    if let Some(code) = code(&trial.verdict) {
        failure.set_type(code.name());
    }
    failure.set_description(description(trial));
    let mut status = TestCaseStatus::success();
    status.add_rerun(failure);
    status
}

fn description(trial: &Trial) -> String {
    let Requirement { how, expected, .. } = trial.requirement;
    let lines = transcript(&trial.verdict).join("\n");
    format!("tried: {how}\nexpected: {expected}\n\n{lines}")
}
