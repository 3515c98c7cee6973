//! How every report names a case, and phrases advice: in the words of a test file.

use anstyle::{AnsiColor, Style};
use mock_kuiper::engine::foreign;
use mock_kuiper::scenario::{CaseResult, Failure, Results, Verdict};
use mock_kuiper::{Advice, Code, Finding, Limit};

use crate::cli::output::{DIM, ERROR, NOTE};
use crate::cli::text::grouped;

/// Returns the name of a case with its release: `echo answers (eKuiper 2.4)`.
pub(super) fn name(case: &CaseResult) -> String {
    format!("{} (eKuiper {})", foreign::line(&case.name), case.release)
}

/// Returns the test file of a case.
pub(super) fn file(case: &CaseResult) -> String {
    foreign::line(&case.file.to_string_lossy())
}

/// Returns the code of the finding of a failure.
pub(super) fn code(failure: &Failure) -> Option<Code> {
    failure.finding.as_ref().map(Finding::code)
}

/// Returns what kind of failure it is: the code of its finding, or `expectation`.
pub(super) fn kind(failure: &Failure) -> &'static str {
    code(failure).map_or("expectation", |code| code.name())
}

/// Returns what the finding of a failure says beyond the failure's own text.
pub(super) fn observed(failure: &Failure) -> Option<String> {
    let text = failure.finding.as_ref()?.to_string();
    (text != failure.text).then_some(text)
}

/// Returns what to do about a failure, for the author of a test file.
pub(super) fn advice(failure: &Failure) -> Vec<String> {
    let Some(finding) = &failure.finding else {
        return Vec::new();
    };
    let advice = finding.advice();
    advice
        .iter()
        .map(|one| phrase(one, finding.code()))
        .collect()
}

fn phrase(advice: &Advice, code: Code) -> String {
    let text = match advice {
        Advice::RaiseLimit(Limit::InitTimeout) => {
            "allow more time with `init_timeout: TIME` in the test file".to_owned()
        }
        Advice::RaiseLimit(Limit::AnswerTimeout) if code == Code::AckMissing => {
            "allow more time with `within: TIME` in the step".to_owned()
        }
        Advice::RaiseLimit(Limit::AnswerTimeout) => {
            "allow more time with --timeout-scale FACTOR".to_owned()
        }
        Advice::ChoosePython => {
            "install Python, or name the interpreter with `python: PATH` in the test file"
                .to_owned()
        }
        Advice::Configure { symbol, property } => {
            format!("set `{property}` in the `config` of {symbol}")
        }
        other => crate::cli::advice::phrase(other),
    };
    foreign::in_sentence(&text)
}

/// Returns how a report begins about a case with a verdict.
pub(super) fn word(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Passed => ("PASS", AnsiColor::Green.on_default().bold()),
        Verdict::Failed => ("FAIL", ERROR),
        Verdict::Invalid => ("INVALID", ERROR),
        Verdict::Error => ("ERROR", ERROR),
        Verdict::Flaky => ("FLAKY", NOTE),
        // `Verdict` may get more.
        _ => ("SKIP", DIM),
    }
}

/// Returns the numbers of results in words, each with its verdict: those that are
/// there, and always how many have passed.
pub(super) fn counts(results: &Results) -> Vec<(Verdict, String)> {
    let counted = Verdict::ALL.map(|verdict| (verdict, results.count(verdict)));
    let shown = counted
        .into_iter()
        .filter(|(verdict, number)| *number > 0 || *verdict == Verdict::Passed);
    let phrased = shown.map(|(verdict, number)| {
        let plural = if verdict == Verdict::Error && number != 1 {
            "s"
        } else {
            ""
        };
        (
            verdict,
            format!("{} {}{plural}", grouped(number as u64), verdict.name()),
        )
    });
    phrased.collect()
}
