//! The results for a person.

use std::fmt::{Display, Write as _};

use anstyle::{AnsiColor, Style};
use mock_kuiper::engine::foreign;

use super::conclusion;
use super::results::{Results, STALE, Standing, seen, transcript};
use crate::requirement::{Requirement, SECTIONS};
use crate::run::Trial;
use crate::verdict::{Cause, Evidence, Verdict};

/// Lines of the transcript that are shown.
const SHOWN: usize = 12;

const DIM: Style = Style::new().dimmed();

/// Returns a line for each requirement, by section, and a last line that counts
/// them. A failure is followed by what was tried, what was expected and what was
/// observed, why it matters, and the last lines of the transcript. `short` leaves out
/// what passed, what does not apply and what is a known failure. A flaky requirement
/// is shown as flaky, with what was observed if it failed this time.
///
/// The text has ANSI sequences for colours. Write it through `anstream`, which
/// removes them where the output is not a terminal.
#[must_use]
pub fn text(results: &Results<'_>, short: bool) -> String {
    let mut out = String::new();
    let mut causes = Causes::default();
    for note in &results.notes {
        line(&mut out, format_args!("note: {note}"));
    }
    for (prefix, section) in SECTIONS {
        let shown: Vec<_> = (results.trials.iter())
            .filter(|trial| trial.requirement.id.starts_with(prefix))
            .filter(|trial| !short || !is_as_expected(results.standing(trial)))
            .collect();
        if shown.is_empty() {
            continue;
        }
        line(&mut out, section);
        causes.last = None;
        for trial in shown {
            let Requirement { id, rule, .. } = trial.requirement;
            let (word, style) = word(results.standing(trial));
            line(
                &mut out,
                format_args!("  {style}{word:<8}{style:#} {id}  {rule}"),
            );
            details(&mut out, results, trial, &mut causes);
        }
    }
    let took = results.took.as_secs_f64();
    let conclusion = conclusion::styled(results);
    line(&mut out, format_args!("{conclusion}, in {took:.1} s"));
    out
}

/// Returns one line about a result that [`text()`] will explain: what did not pass
/// and is not a known failure. It has ANSI sequences like [`text()`].
#[must_use]
pub fn brief(results: &Results<'_>, trial: &Trial) -> Option<String> {
    let standing = results.standing(trial);
    if is_as_expected(standing) {
        return None;
    }
    let (word, style) = word(standing);
    let seen = match (standing, &trial.verdict) {
        (Standing::Stale, _) => STALE.to_owned(),
        (
            _,
            Verdict::NotTestable(Evidence {
                cause: Some(cause), ..
            }),
        ) => {
            format!("{}, see {}", cause.text, cause.see)
        }
        (_, verdict) => foreign::lines(seen(verdict)).replace('\n', " "),
    };
    let (id, release) = (trial.requirement.id, results.release);
    Some(format!(
        "{style}{word:<8}{style:#} {id} under eKuiper {release}: {seen}"
    ))
}

fn is_as_expected(standing: Standing<'_>) -> bool {
    matches!(
        standing,
        Standing::Passed
            | Standing::NotApplicable
            | Standing::KnownFailure(_)
            | Standing::Flaky { passed: true, .. }
    )
}

fn word(standing: Standing<'_>) -> (&'static str, Style) {
    let bad = AnsiColor::Red.on_default().bold();
    let doubtful = AnsiColor::Yellow.on_default().bold();
    match standing {
        Standing::Passed => ("ok", AnsiColor::Green.on_default()),
        Standing::Failed => ("FAILED", bad),
        Standing::Untested { counts: true } => ("UNTESTED", bad),
        Standing::Untested { counts: false } => ("untested", doubtful),
        Standing::Warning => ("warning", doubtful),
        Standing::KnownFailure(_) => ("known", DIM),
        Standing::Stale => ("STALE", bad),
        Standing::Flaky { passed: true, .. } => ("flaky", DIM),
        Standing::Flaky { passed: false, .. } => ("flaky", doubtful),
        Standing::NotApplicable => ("-", DIM),
        Standing::Error => ("ERROR", bad),
    }
}

/// The causes of untested requirements that the text has named so far.
#[derive(Debug, Default)]
struct Causes<'r> {
    /// Each with the requirement that named it.
    named: Vec<(&'r Cause, &'static str)>,
    /// The cause of the last untested requirement of this section.
    last: Option<&'r Cause>,
}

/// Writes what follows the line of a requirement.
fn details<'r>(
    out: &mut String,
    results: &'r Results<'_>,
    trial: &'r Trial,
    causes: &mut Causes<'r>,
) {
    let Requirement {
        why, how, expected, ..
    } = trial.requirement;
    let seen = seen(&trial.verdict);
    match results.standing(trial) {
        Standing::Passed => {}
        Standing::NotApplicable => detail(out, "because", seen),
        Standing::KnownFailure(reason) => detail(out, "reason", reason),
        Standing::Stale => detail(out, "seen", STALE),
        Standing::Flaky {
            reason,
            passed: true,
        } => {
            detail(out, "reason", reason);
            detail(out, "seen", "it passed this time");
        }
        Standing::Flaky {
            reason,
            passed: false,
        } => {
            detail(out, "reason", reason);
            detail(out, "tried", how);
            detail(out, "expected", expected);
            detail(out, "seen", seen);
            show_transcript(out, trial);
        }
        Standing::Error => detail(out, "error", seen),
        Standing::Failed | Standing::Warning => {
            detail(out, "tried", how);
            detail(out, "expected", expected);
            detail(out, "seen", seen);
            detail(out, "why", why);
            show_transcript(out, trial);
        }
        Standing::Untested { .. } => untested(out, results, trial, causes),
    }
}

/// Writes why a requirement could not be tested: in full only once for each
/// cause, and not at all if the requirement above has the same.
fn untested<'r>(
    out: &mut String,
    results: &'r Results<'_>,
    trial: &'r Trial,
    causes: &mut Causes<'r>,
) {
    let cause = match &trial.verdict {
        Verdict::NotTestable(evidence) => evidence.cause.as_ref(),
        _ => None,
    };
    let is_above = cause.is_some() && cause == causes.last;
    causes.last = cause;
    if is_above {
        return;
    }
    let named = causes.named.iter();
    let before = named.rev().find(|(other, _)| Some(*other) == cause);
    match (cause, before) {
        (Some(cause), _) if has_failed(results, cause.see) => {
            detail(
                out,
                "because",
                &format!("{}, see {}", cause.text, cause.see),
            );
        }
        (_, Some((_, first))) => detail(out, "because", &format!("as {first}")),
        (cause, None) => {
            detail(out, "because", seen(&trial.verdict));
            show_transcript(out, trial);
            let id = trial.requirement.id;
            causes.named.extend(cause.map(|cause| (cause, id)));
        }
    }
}

/// Returns whether a requirement has failed, or one whose number begins so: the
/// text shows what was observed there.
fn has_failed(results: &Results<'_>, id: &str) -> bool {
    let mut trials = results.trials.iter();
    trials.any(|trial| {
        let standing = results.standing(trial);
        trial.requirement.id.starts_with(id)
            && matches!(
                standing,
                Standing::Failed | Standing::Warning | Standing::Flaky { passed: false, .. }
            )
    })
}

fn show_transcript(out: &mut String, trial: &Trial) {
    let lines = transcript(&trial.verdict);
    for line in &lines[lines.len().saturating_sub(SHOWN)..] {
        detail(out, "", line);
    }
}

fn detail(out: &mut String, name: &str, text: &str) {
    let text = foreign::lines(text).replace('\n', "\n                      ");
    let style = if name.is_empty() { DIM } else { Style::new() };
    line(
        out,
        format_args!("           {DIM}{name:<10}{DIM:#} {style}{text}{style:#}"),
    );
}

fn line(out: &mut String, text: impl Display) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{text}");
}
