//! `--junit`: the results as JUnit's XML, which CI systems read.

use std::fmt::Write as _;

use anstream::adapter::strip_str;
use mock_kuiper::engine::foreign;
use mock_kuiper::scenario::{CaseResult, Failure, Results, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::{phrase, text};

/// The lines of the log, and the messages, that are written of a case.
const KEPT: usize = 1000;

/// Returns a test suite for each file, with a test case for each case and
/// release.
///
/// The `type` of a failure is the code of its finding, or `expectation`; that of
/// an error is `invalid` or `system`. `system-out` of a case that did not pass has
/// the output of its commands, the plugin's log and the messages.
///
/// # Errors
///
/// If a text cannot be written as XML.
pub(super) fn junit(results: &Results) -> Result<String, String> {
    let mut report = Report::new("mock-kuiper test");
    report.set_time(results.took);
    for cases in results.by_file() {
        let file = phrase::file(&cases[0]);
        let mut suite = TestSuite::new(&file);
        for case in cases {
            let mut entry = TestCase::new(phrase::name(case), status(case));
            entry.set_classname(&file);
            entry.set_time(case.took);
            // Of a case that passed after a retry, the attempt before has it.
            let out = system_out(case);
            if !out.is_empty() && !matches!(case.verdict, Verdict::Passed | Verdict::Flaky) {
                entry.set_system_out(out);
            }
            suite.add_test_case(entry);
        }
        suite.set_time(cases.iter().map(|case| case.took).sum());
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}

fn status(case: &CaseResult) -> TestCaseStatus {
    let first = case.failures.first();
    let (kind, of_type) = match case.verdict {
        Verdict::Passed => return TestCaseStatus::success(),
        Verdict::Flaky => return flaky(case),
        Verdict::Failed => (
            NonSuccessKind::Failure,
            first.map_or("expectation", phrase::kind),
        ),
        Verdict::Invalid => (NonSuccessKind::Error, "invalid"),
        Verdict::Error => (NonSuccessKind::Error, "system"),
        _ => return TestCaseStatus::skipped(),
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of_type);
    status.set_message(first.map(message).unwrap_or_default());
    status.set_description(description(case));
    status
}

/// A case that passed after a retry.
fn flaky(case: &CaseResult) -> TestCaseStatus {
    let first = case.failures.first();
    let mut rerun = TestRerun::new(NonSuccessKind::Failure);
    rerun.set_type(first.map_or("expectation", phrase::kind));
    rerun.set_message(first.map(message).unwrap_or_default());
    rerun.set_description(description(case));
    rerun.set_system_out(system_out(case));
    let mut status = TestCaseStatus::success();
    status.add_rerun(rerun);
    status
}

fn message(failure: &Failure) -> String {
    let text = foreign::in_sentence(&failure.text);
    format!(
        "line {}, {}: {text}",
        failure.place.line,
        foreign::in_sentence(&failure.step)
    )
}

fn description(case: &CaseResult) -> String {
    strip_str(&text::details(case)).to_string()
}

fn system_out(case: &CaseResult) -> String {
    let mut out = String::new();
    let mut put = |title: &str, lines: &mut dyn ExactSizeIterator<Item = String>| {
        if lines.len() == 0 {
            return;
        }
        let left_out = lines.len().saturating_sub(KEPT);
        let older = match left_out {
            0 => String::new(),
            older => format!(" (and {older} older)"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{title}{older}:");
        for line in lines.skip(left_out) {
            let _ = writeln!(out, "{line}");
        }
    };
    put(
        "output of setup and teardown",
        &mut case.output.iter().map(|line| foreign::in_sentence(line)),
    );
    put(
        "log of the plugin",
        &mut case.log.iter().map(|line| {
            let text = foreign::in_sentence(&line.text);
            format!("{:9.4} {text}", line.at.as_secs_f64())
        }),
    );
    put("messages", &mut case.frames.iter().map(ToString::to_string));
    out
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn one(case: CaseResult) -> String {
        let mut results = Results::default();
        results.took = case.took;
        results.cases = vec![case];
        junit(&results).unwrap()
    }

    #[test]
    fn each_file_is_a_suite_and_each_case_on_a_release_a_test_case() {
        let mut results = samples::all();
        results.cases.truncate(7);

        let xml = junit(&results).unwrap();

        let lines: Vec<_> = xml.lines().map(str::trim).collect();
        let elements = lines.iter().filter(|line| line.starts_with("<test"));
        assert_eq!(
            elements.copied().collect::<Vec<_>>(),
            [
                r#"<testsuites name="mock-kuiper test" tests="7" skipped="1" failures="2" errors="2" time="1.234">"#,
                r#"<testsuite name="tests/echo.test.yaml" tests="3" skipped="0" errors="0" failures="2" time="2.057">"#,
                r#"<testcase name="mean is an aggregate (eKuiper 2.4)" classname="tests/echo.test.yaml" time="0.031"/>"#,
                r#"<testcase name="echo returns its argument (eKuiper 2.4)" classname="tests/echo.test.yaml" time="2.014">"#,
                r#"<testcase name="random starts (eKuiper 1.13)" classname="tests/echo.test.yaml" time="0.012">"#,
                r#"<testsuite name="tests/sink.test.yaml" tests="4" skipped="1" errors="2" failures="0" time="0.412">"#,
                r#"<testcase name="append survives a crash (eKuiper 2.4)" classname="tests/sink.test.yaml" time="0.412">"#,
                r#"<testcase name="the plugin is built (eKuiper 2.4)" classname="tests/sink.test.yaml" time="0.000">"#,
                r#"<testcase name="a port is free (eKuiper 2.4)" classname="tests/sink.test.yaml" time="0.000">"#,
                r#"<testcase name="comes last (eKuiper 2.4)" classname="tests/sink.test.yaml" time="0.000">"#,
            ]
        );
    }

    #[test]
    fn a_failure_has_the_code_of_its_finding() {
        assert_eq!(
            one(samples::finding()),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="mock-kuiper test" tests="1" skipped="0" failures="1" errors="0" time="0.012">
    <testsuite name="tests/echo.test.yaml" tests="1" skipped="0" errors="0" failures="1" time="0.012">
        <testcase name="random starts (eKuiper 1.13)" classname="tests/echo.test.yaml" time="0.012">
            <failure message="line 33, start source random: source `random` refused to start: missing field `url`" type="order.refused">  line 33, start source random: source `random` refused to start: missing field `url`
    code     order.refused
    help     set `url` in the `config` of source `random`
</failure>
        </testcase>
    </testsuite>
</testsuites>
"#
        );
    }

    #[test]
    fn a_case_that_passed_after_a_retry_is_a_success_with_a_flaky_failure() {
        let xml = one(samples::flaky());

        assert!(xml.contains(r#"failures="0" errors="0""#), "{xml}");
        assert!(
            xml.contains(
                r#"<flakyFailure message="line 9, send out: no ack came within 5s" type="expectation">"#
            ),
            "{xml}"
        );
        let (before, after) = xml.split_once("</flakyFailure>").unwrap();
        assert!(before.contains("<system-out>messages:\n"), "{xml}");
        assert!(!after.contains("<system-out>"), "{xml}");
    }

    #[test]
    fn hostile_text_makes_no_other_elements_and_no_endless_file() {
        let xml = one(samples::hostile());

        assert!(!xml.contains("<script"), "a tag");
        assert!(!xml.contains(['\x1b', '\0', '\u{1}', '\u{202e}', '\u{fffe}']));
        assert!(xml.contains("messages (and 9000 older):"));
        assert!(xml.len() < 2 << 20, "{} bytes", xml.len());
    }
}
