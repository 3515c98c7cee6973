//! The last line of a report: first what failed, last what passed.

use anstyle::{AnsiColor, Style};

use super::results::{Results, Standing, Untested};
use crate::requirement::NOT_EXAMINED;
use crate::verdict::Verdict;

/// Causes that are named.
const NAMED: usize = 3;

/// A number with its noun, and how a terminal shows it.
struct Part {
    count: usize,
    text: String,
    style: Style,
    /// Whether it is shown even if there is none.
    is_kept: bool,
}

/// Returns `mirror under eKuiper 2.4: 1 failed, 2 untested (sink append refused
/// to start, see CTL-02), 40 passed`.
pub(super) fn plain(results: &Results<'_>) -> String {
    let parts = parts(results).into_iter().map(|part| part.text);
    line(results, parts)
}

/// Returns the same text as [`plain`], styled for a terminal.
pub(super) fn styled(results: &Results<'_>) -> String {
    let parts = parts(results).into_iter().map(|part| {
        let Part { text, style, .. } = part;
        format!("{style}{text}{style:#}")
    });
    line(results, parts)
}

fn line(results: &Results<'_>, parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    format!(
        "{} under eKuiper {}: {}",
        results.plugin,
        results.release,
        parts.join(", ")
    )
}

fn parts(results: &Results<'_>) -> Vec<Part> {
    let count = |is: fn(Standing<'_>) -> bool| results.count(is);
    let bad = AnsiColor::Red.on_default().bold();
    let doubtful = AnsiColor::Yellow.on_default().bold();
    let plain = Style::new();
    let groups = results.untested();
    let part = |count: usize, what: &str, style: Style| Part {
        count,
        text: format!("{count} {what}"),
        style: if count == 0 { plain } else { style },
        is_kept: matches!(what, "failed" | "passed"),
    };
    let plural = |count: usize, what: &str| match count {
        1 => what.to_owned(),
        _ => format!("{what}s"),
    };

    let failed = count(|standing| standing == Standing::Failed);
    let untested = count(|standing| matches!(standing, Standing::Untested { .. }));
    let stale = count(|standing| standing == Standing::Stale);
    let errors = count(|standing| standing == Standing::Error);
    let warnings = count(|standing| standing == Standing::Warning);
    let known = count(|standing| matches!(standing, Standing::KnownFailure(_)));
    let flaky = count(|standing| matches!(standing, Standing::Flaky { .. }));
    let flaky_failed = count(|standing| matches!(standing, Standing::Flaky { passed: false, .. }));
    let passed = count(|standing| standing == Standing::Passed);
    let left_out: Vec<_> = (results.trials.iter())
        .filter(|trial| matches!(&trial.verdict, Verdict::NotApplicable { reason } if reason == NOT_EXAMINED))
        .map(|trial| trial.requirement.id)
        .collect();
    let not_applicable =
        count(|standing| standing == Standing::NotApplicable).saturating_sub(left_out.len());

    let untested_style = match groups.iter().any(|group| group.counts) {
        true => bad,
        false => doubtful,
    };
    let good = match results.has_failures() || errors > 0 || results.unexamined > 0 {
        true => plain,
        false => AnsiColor::Green.on_default().bold(),
    };
    let unexamined = results.unexamined;
    let mut parts = vec![
        Part {
            count: unexamined,
            text: format!(
                "interrupted with {unexamined} {} left",
                plural(unexamined, "requirement")
            ),
            style: bad,
            is_kept: false,
        },
        part(failed, "failed", bad),
        part(
            untested,
            &format!("untested{}", causes(&groups, untested)),
            untested_style,
        ),
        part(
            stale,
            &format!("{} passed", plural(stale, "known failure")),
            bad,
        ),
        part(errors, "without a verdict", bad),
        part(warnings, &plural(warnings, "warning"), doubtful),
        part(known, &plural(known, "known failure"), plain),
        part(flaky, &format!("flaky ({flaky_failed} failed)"), plain),
        part(passed, "passed", good),
        part(not_applicable, "not applicable", plain),
        part(
            left_out.len(),
            &format!("not examined without `--long` ({})", left_out.join(", ")),
            plain,
        ),
    ];
    parts.retain(|part| part.count > 0 || part.is_kept);
    parts
}

/// Returns ` (sink append refused to start, see CTL-02)`; with several causes
/// each has its number.
fn causes(groups: &[Untested<'_>], untested: usize) -> String {
    let named = groups.iter().filter_map(|group| {
        let cause = group.cause?;
        let count = group.trials.len();
        let number = if count == untested {
            String::new()
        } else {
            format!("{count}: ")
        };
        Some(format!("{number}{}, see {}", cause.text, cause.see))
    });
    let mut named: Vec<_> = named.collect();
    if named.len() > NAMED {
        named.truncate(NAMED);
        named.push("…".to_owned());
    }
    match named.is_empty() {
        true => String::new(),
        false => format!(" ({})", named.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::expect::Expected;
    use crate::requirement::Level;
    use crate::run::Trial;
    use crate::section;
    use crate::verdict::{Cause, Evidence};

    fn trials(level: Level, verdicts: &[Verdict]) -> Vec<Trial> {
        let of_level = section::all().into_iter().filter(|one| one.level == level);
        let trials = of_level.zip(verdicts).map(|(requirement, verdict)| Trial {
            requirement,
            verdict: verdict.clone(),
            took: Duration::ZERO,
        });
        trials.collect()
    }

    fn conclusion(trials: Vec<Trial>) -> String {
        let results = Results {
            plugin: "p".to_owned(),
            release: "2.4",
            trials,
            took: Duration::ZERO,
            expected: &Expected::default(),
            flaky: &Expected::default(),
            notes: Vec::new(),
            strict: false,
            unexamined: 0,
        };
        plain(&results)
    }

    fn evidence(cause: Option<(&str, &'static str)>) -> Evidence {
        Evidence {
            seen: String::new(),
            code: None,
            transcript: Vec::new(),
            cause: cause.map(|(text, see)| Cause {
                text: text.to_owned(),
                see,
            }),
            configure: None,
        }
    }

    #[test]
    fn what_failed_comes_first_and_a_cause_is_named_once() {
        let refused = evidence(Some(("sink gosink refused to start", "CTL-02")));
        let untested = || Verdict::NotTestable(refused.clone());
        let failed = Verdict::Failed(evidence(None));
        let must = [failed.clone(), Verdict::Passed, untested(), untested()];

        let mut all = trials(Level::Must, &must);
        all.extend(trials(Level::Should, &[failed]));

        assert_eq!(
            conclusion(all),
            "p under eKuiper 2.4: 1 failed, 2 untested (sink gosink refused to start, see \
             CTL-02), 1 warning, 1 passed"
        );
    }

    #[test]
    fn what_was_not_examined_without_an_option_is_named() {
        let reason = NOT_EXAMINED.to_owned();
        let verdicts = [Verdict::Passed, Verdict::NotApplicable { reason }];

        assert_eq!(
            conclusion(trials(Level::Must, &verdicts)),
            "p under eKuiper 2.4: 0 failed, 1 passed, 1 not examined without `--long` (PKG-04)"
        );
    }

    #[test]
    fn several_causes_are_counted() {
        let refused = evidence(Some(("sink gosink refused to start", "CTL-02")));
        let silent = evidence(Some(("source ticks sent no row", "SRC-01")));
        let verdicts = [&silent, &refused, &refused].map(|one| Verdict::NotTestable(one.clone()));

        assert_eq!(
            conclusion(trials(Level::Must, &verdicts)),
            "p under eKuiper 2.4: 0 failed, 3 untested (2: sink gosink refused to start, see \
             CTL-02; 1: source ticks sent no row, see SRC-01), 0 passed"
        );
    }
}
