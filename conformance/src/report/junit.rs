//! The results as JUnit's XML, which CI systems read.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::results::{Results, Standing, code, seen, transcript};
use crate::requirement::Requirement;

/// Returns a test suite for each release, with a test case for each
/// requirement.
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
                let Requirement { how, expected, .. } = trial.requirement;
                let lines = transcript(&trial.verdict).join("\n");
                status.set_description(format!("tried: {how}\nexpected: {expected}\n\n{lines}"));
                status
            };
            let status = match results.standing(trial) {
                Standing::Passed => TestCaseStatus::success(),
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
