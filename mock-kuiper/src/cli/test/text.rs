//! What a person reads: each case that did not pass, and the summary.
//!
//! The texts have ANSI sequences for colours. Whatever writes them removes the
//! sequences if the output is not a terminal.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use anstyle::{AnsiColor, Style};
use mock_kuiper::engine::foreign;
use mock_kuiper::scenario::{CaseResult, Failure, Results, Verdict};

use super::phrase;
use crate::cli::output::{DIM, NOTE};

/// The lines of the log, and the messages, that are shown of a case.
const LAST: usize = 10;

/// The differences that are shown of a failure.
const DIFFERENCES: usize = 20;

/// The lines that are shown of one text.
const LINES: usize = 40;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// Returns the line that names a case and its verdict.
pub(super) fn head(case: &CaseResult) -> String {
    let (word, style) = phrase::word(case.verdict);
    format!(
        "{style}{word}{style:#} {}:{} {}",
        phrase::file(case),
        case.place.line,
        phrase::name(case)
    )
}

/// Returns all that is shown of a case that did not pass: its head, why, and the
/// last of its log and its messages. The last line has a line break.
pub(super) fn full(case: &CaseResult) -> String {
    format!("{}\n{}", head(case), details(case))
}

/// Returns what follows the head of a case, each line indented.
pub(super) fn details(case: &CaseResult) -> String {
    let mut out = String::new();
    if case.verdict == Verdict::Flaky {
        let at = case.attempts;
        put(
            &mut out,
            1,
            format_args!("passed at attempt {at}; the attempt before failed:"),
        );
    }
    for failure in &case.failures {
        why(&mut out, failure);
    }
    let output = case.output.iter().map(|line| foreign::in_sentence(line));
    last(&mut out, "output of setup and teardown", "lines", output);
    let log = case.log.iter().map(|line| {
        let text = foreign::in_sentence(&line.text);
        format!("{:9.4} {text}", line.at.as_secs_f64())
    });
    last(&mut out, "log of the plugin", "lines", log);
    let frames = case.frames.iter().map(ToString::to_string);
    last(&mut out, "messages", "messages", frames);
    for note in &case.notes {
        let note = foreign::in_sentence(note);
        put(&mut out, 1, format_args!("{NOTE}note{NOTE:#}: {note}"));
    }
    if !case.command.is_empty() {
        let command = foreign::line(&case.command);
        put(&mut out, 1, format_args!("run it alone: {command}"));
    }
    out
}

fn why(out: &mut String, failure: &Failure) {
    let step = foreign::in_sentence(&failure.step);
    let text = indented(&failure.text, 2);
    put(
        out,
        1,
        format_args!("line {}, {step}: {text}", failure.place.line),
    );
    for difference in failure.differences.iter().take(DIFFERENCES) {
        if !difference.pointer.is_empty() {
            let pointer = foreign::in_sentence(&difference.pointer);
            put(out, 2, format_args!("{DIM}at{DIM:#}       {pointer}"));
        }
        let expected = foreign::in_sentence(&difference.expected);
        put(
            out,
            2,
            format_args!("{DIM}expected{DIM:#} {GOOD}{expected}{GOOD:#}"),
        );
        let seen = difference.seen.as_deref().unwrap_or("nothing");
        let seen = foreign::in_sentence(seen);
        put(
            out,
            2,
            format_args!("{DIM}seen{DIM:#}     {BAD}{seen}{BAD:#}"),
        );
    }
    let more = failure.differences.len().saturating_sub(DIFFERENCES);
    if more > 0 {
        put(
            out,
            2,
            format_args!("{DIM}… and {more} more differences{DIM:#}"),
        );
    }
    if let Some(observed) = phrase::observed(failure) {
        put(
            out,
            2,
            format_args!("{DIM}observed{DIM:#} {}", indented(&observed, 2)),
        );
    }
    if let Some(code) = phrase::code(failure) {
        put(out, 2, format_args!("{DIM}code{DIM:#}     {code}"));
    }
    for advice in phrase::advice(failure) {
        put(out, 2, format_args!("{DIM}help{DIM:#}     {advice}"));
    }
}

/// Escapes a text of several lines, and indents those after the first.
fn indented(text: &str, depth: usize) -> String {
    let mut lines: Vec<_> = text.lines().take(LINES).map(foreign::in_sentence).collect();
    let more = text.lines().count() - lines.len();
    if more > 0 {
        lines.push(format!("… and {more} more lines"));
    }
    lines.join(&format!("\n{}", "  ".repeat(depth)))
}

/// Writes the last of some lines below a title that counts all.
fn last(out: &mut String, title: &str, noun: &str, lines: impl ExactSizeIterator<Item = String>) {
    let all = lines.len();
    match all {
        0 => return,
        all if all <= LAST => put(out, 1, format_args!("{title}:")),
        all => put(
            out,
            1,
            format_args!("{title}, the last {LAST} of {all} {noun}:"),
        ),
    }
    for line in lines.skip(all.saturating_sub(LAST)) {
        put(out, 2, format_args!("{DIM}{line}{DIM:#}"));
    }
}

/// Writes an indented line.
fn put(out: &mut String, depth: usize, text: impl Display) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{}{text}", "  ".repeat(depth));
}

/// Returns what cases that passed have noted, each text once, with how many cases
/// have it.
pub(super) fn notes(results: &Results) -> Vec<String> {
    let mut notes: BTreeMap<&str, usize> = BTreeMap::new();
    let passed = |case: &&CaseResult| case.verdict == Verdict::Passed;
    for note in results
        .cases
        .iter()
        .filter(passed)
        .flat_map(|case| &case.notes)
    {
        *notes.entry(note).or_default() += 1;
    }
    let notes = notes.into_iter().map(|(note, cases)| match cases {
        1 => note.to_owned(),
        cases => format!("{note} ({cases} cases)"),
    });
    notes.collect()
}

/// Returns the summary in one line: `23 passed, 1 failed, 1 flaky in 1.2 s`.
pub(super) fn summary(results: &Results) -> String {
    let all_good = Verdict::ALL.iter().all(|verdict| {
        matches!(verdict, Verdict::Passed | Verdict::Skipped) || results.count(*verdict) == 0
    });
    let parts = phrase::counts(results).into_iter().map(|(verdict, text)| {
        let style = match verdict {
            // What failed should not be overlooked.
            Verdict::Passed if !all_good => Style::new(),
            verdict => phrase::word(verdict).1,
        };
        format!("{style}{text}{style:#}")
    });
    let parts: Vec<_> = parts.collect();
    let seed = results.seed.map(|seed| format!(" (seed {seed})"));
    format!(
        "{} in {:.1} s{}",
        parts.join(", "),
        results.took.as_secs_f64(),
        seed.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::samples;
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_failing_case_shows_why_what_was_seen_last_and_how_to_run_it_alone() {
        assert_eq!(
            plain(&full(&samples::failed())),
            r#"FAIL tests/echo.test.yaml:12 echo returns its argument (eKuiper 2.4)
  line 14, rows src: 1 row is not as expected
    at       /0/message/count
    expected {"$gte":50}
    seen     12
    at       /0/message/unit
    expected nothing
    seen     "K"
    at       /0/meta
    expected null
    seen     nothing
  log of the plugin, the last 10 of 12 lines:
       0.0020 INFO line 2
       0.0030 INFO line 3
       0.0040 INFO line 4
       0.0050 INFO line 5
       0.0060 INFO line 6
       0.0070 INFO line 7
       0.0080 INFO line 8
       0.0090 INFO line 9
       0.0100 INFO line 10
       0.0110 INFO line 11
  messages:
       0.0010 plugin_mirror from plugin: handshake
       0.0020 plugin_mirror from host: {"cmd":"start","arg":"…"}
       0.0040 plugin_mirror from plugin: ok
       0.0140 mirror_rule1_src from plugin: {"message":{"count":12,"unit":"K"}}
  note: `acks` is ignored: eKuiper 1.13 has no acks
  run it alone: mock-kuiper test tests/echo.test.yaml --filter 'echo returns its argument' --release 2.4
"#
        );
    }

    #[test]
    fn a_finding_shows_its_code_and_its_advice_in_the_words_of_a_test_file() {
        assert_eq!(
            plain(&full(&samples::finding())),
            "FAIL tests/echo.test.yaml:31 random starts (eKuiper 1.13)\n  \
             line 33, start source random: source `random` refused to start: missing field `url`\n    \
             code     order.refused\n    \
             help     set `url` in the `config` of source `random`\n"
        );
    }

    #[test]
    fn a_flaky_case_shows_why_the_attempt_before_failed() {
        assert_eq!(
            plain(&full(&samples::flaky())),
            r#"FLAKY tests/sink.test.yaml:3 append survives a crash (eKuiper 2.4)
  passed at attempt 2; the attempt before failed:
  line 9, send out: no ack came within 5s
  messages, the last 10 of 125 messages:
       0.2840 mirror_rule1_out from host: [{"a":56}]
       0.2850 mirror_rule1_out_ack from plugin: {}
       0.2890 mirror_rule1_out from host: [{"a":57}]
       0.2900 mirror_rule1_out_ack from plugin: {}
       0.2940 mirror_rule1_out from host: [{"a":58}]
       0.2950 mirror_rule1_out_ack from plugin: {}
       0.2990 mirror_rule1_out from host: [{"a":59}]
       0.3000 mirror_rule1_out_ack from plugin: {}
       0.3800 plugin_mirror from host: {"cmd":"stop","arg":"…"}
       0.3810 plugin_mirror from plugin: ok
"#
        );
    }

    #[test]
    fn cases_without_a_verdict_on_the_plugin_say_so() {
        assert_eq!(
            plain(&full(&samples::invalid())),
            "INVALID tests/sink.test.yaml:20 the plugin is built (eKuiper 2.4)\n  \
             line 1, plugin: the plugin cannot be built:\n    \
             error[E0425]: cannot find value `x`\n     --> src/main.rs:3:5\n"
        );
        assert_eq!(
            plain(&full(&samples::error())),
            "ERROR tests/sink.test.yaml:28 a port is free (eKuiper 2.4)\n  \
             line 29, setup: cannot bind 127.0.0.1: permission denied\n"
        );
        assert_eq!(
            plain(&head(&samples::skipped())),
            "SKIP tests/sink.test.yaml:40 comes last (eKuiper 2.4)"
        );
    }

    #[test]
    fn hostile_and_endless_text_stays_short_and_harmless() {
        let shown = plain(&full(&samples::hostile()));

        assert!(!shown.contains(['\x1b', '\u{202e}', '\r']), "{shown}");
        assert!(shown.len() < 40_000, "{} bytes", shown.len());
        assert!(shown.contains("… and 980 more differences"), "{shown}");
        assert!(
            shown.contains("messages, the last 10 of 10000 messages:"),
            "{shown}"
        );
    }

    #[test]
    fn what_passing_cases_note_is_said_once() {
        let mut results = Results::default();
        results.cases = vec![samples::passed(), samples::passed(), samples::failed()];
        for case in &mut results.cases {
            case.notes = vec!["acks are ignored".to_owned()];
        }
        results.cases[1].notes.push("nothing was played".to_owned());

        assert_eq!(
            notes(&results),
            ["acks are ignored (2 cases)", "nothing was played"]
        );
    }

    #[test]
    fn the_summary_is_one_line() {
        let mut results = samples::all();
        assert_eq!(
            plain(&summary(&results)),
            "1 passed, 3 failed, 1 flaky, 1 invalid, 1 error, 1 skipped in 1.2 s (seed 7)"
        );

        results.cases.retain(|case| case.verdict == Verdict::Passed);
        results.took = Duration::from_millis(40);
        results.seed = None;
        assert_eq!(plain(&summary(&results)), "1 passed in 0.0 s");
    }

    #[test]
    fn nothing_that_passed_is_counted_too() {
        assert_eq!(plain(&summary(&Results::default())), "0 passed in 0.0 s");
    }
}
