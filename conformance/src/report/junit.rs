//! Results as JUnit's XML, which every CI reads.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Results, Standing, seen, transcript};

/// A test suite for each release, a test case for each requirement.
///
/// # Errors
///
/// Where a text cannot be written as XML.
pub fn junit(all: &[Results<'_>]) -> Result<String, String> {
    let mut report = Report::new("ekuiper-conformance");
    for results in all {
        let name = format!("{} under eKuiper {}", results.plugin, results.release);
        let mut suite = TestSuite::new(name);
        for outcome in &results.outcomes {
            let unsuccessful = |kind| {
                let mut status = TestCaseStatus::non_success(kind);
                status.set_message(seen(&outcome.verdict));
                status.set_description(transcript(&outcome.verdict).join("\n"));
                status
            };
            let status = match results.standing(outcome) {
                Standing::Passed => TestCaseStatus::success(),
                Standing::Failed => unsuccessful(NonSuccessKind::Failure),
                Standing::Stale => {
                    let mut status = unsuccessful(NonSuccessKind::Failure);
                    status.set_message("it passes, and is in the file of known failures");
                    status
                }
                Standing::Trouble => unsuccessful(NonSuccessKind::Error),
                Standing::Tolerated | Standing::Expected(_) | Standing::NotApplicable => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(seen(&outcome.verdict));
                    status
                }
            };
            let requirement = outcome.requirement;
            let name = format!("{} {}", requirement.id, requirement.rule);
            let mut case = TestCase::new(name, status);
            case.set_classname(requirement.section());
            case.set_time(outcome.took);
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}
