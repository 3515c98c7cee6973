//! `--html`: the results as a page of the report renderer.

use mock_kuiper::engine::html::{
    Block, Difference, Entry, Label, Line, Mark, Page, Problem, Section, Span, Timeline, Tone,
};
use mock_kuiper::scenario::{CaseResult, Failure, Results, StepTime, Verdict};

use super::phrase;
use crate::cli::text::count;

/// Returns the report.
pub(super) fn html(results: &Results) -> String {
    page(results).to_html()
}

fn page(results: &Results) -> Page {
    let sections: Vec<_> = results.by_file().map(section).collect();
    let mut facts = vec![
        count(sections.len() as u64, "file"),
        count(results.cases.len() as u64, "result"),
        format!("{:.1} s", results.took.as_secs_f64()),
    ];
    facts.extend(results.seed.map(|seed| format!("seed {seed}")));
    Page {
        title: format!("Tests of {}", results.plugins.join(", ")),
        facts,
        sections,
        ..Page::default()
    }
}

fn section(cases: &[CaseResult]) -> Section {
    Section {
        title: phrase::file(&cases[0]),
        entries: cases.iter().map(entry).collect(),
    }
}

fn entry(case: &CaseResult) -> Entry {
    let mut facts = vec![
        format!("eKuiper {}", case.release),
        format!("line {}", case.place.line),
    ];
    if case.verdict != Verdict::Skipped {
        facts.push(format!("{:.3} s", case.took.as_secs_f64()));
    }
    Entry {
        title: case.name.clone(),
        label: label(case.verdict),
        cells: Vec::new(),
        facts,
        blocks: blocks(case),
    }
}

fn label(verdict: Verdict) -> Label {
    let tone = match verdict {
        Verdict::Passed => Tone::Good,
        Verdict::Flaky => Tone::Doubtful,
        Verdict::Failed | Verdict::Invalid | Verdict::Error => Tone::Bad,
        _ => Tone::Quiet,
    };
    Label {
        tone,
        word: verdict.name(),
    }
}

fn blocks(case: &CaseResult) -> Vec<Block> {
    let mut blocks = Vec::new();
    if case.verdict == Verdict::Flaky {
        blocks.push(Block::Text(format!(
            "It passed at attempt {}. The attempt before failed; what follows is of that one.",
            case.attempts
        )));
    }
    blocks.extend(case.failures.iter().map(problem));
    let notes = case.notes.iter();
    blocks.extend(notes.map(|note| Block::Text(format!("Note: {note}"))));
    if !case.command.is_empty() {
        blocks.push(Block::Command {
            title: "Run it alone".to_owned(),
            text: case.command.clone(),
        });
    }
    blocks.push(Block::Timeline(timeline(case)));
    let lines = |title: &str, lines: Vec<Line>| Block::Lines {
        title: title.to_owned(),
        lines,
    };
    let steps = case.steps.iter().map(|step| Line {
        at: Some(step.began),
        from: format!("line {}", step.place.line),
        text: step.step.clone(),
    });
    let output = case.output.iter().map(|line| Line {
        text: line.clone(),
        ..Line::default()
    });
    let log = case.log.iter().map(|line| Line {
        at: Some(line.at),
        from: String::new(),
        text: line.text.clone(),
    });
    let messages = case.frames.iter().map(|frame| Line {
        at: Some(frame.at),
        from: format!("{} from {}", frame.channel, frame.from),
        text: frame.text(),
    });
    blocks.extend([
        lines("Steps", steps.collect()),
        lines("Output of setup and teardown", output.collect()),
        lines("Log of the plugin", log.collect()),
        lines("Messages", messages.collect()),
    ]);
    blocks
}

fn problem(failure: &Failure) -> Block {
    let mut text = failure.text.clone();
    if let Some(observed) = phrase::observed(failure) {
        text.push('\n');
        text.push_str(&observed);
    }
    let differences = failure.differences.iter().map(|difference| Difference {
        place: difference.pointer.clone(),
        expected: difference.expected.clone(),
        seen: difference.seen.clone(),
    });
    Block::Problem(Problem {
        place: format!("line {}, {}", failure.place.line, failure.step),
        text,
        differences: differences.collect(),
        code: phrase::code(failure).map(|code| code.to_string()),
        advice: phrase::advice(failure),
    })
}

fn timeline(case: &CaseResult) -> Timeline {
    let is_bad = |step: &StepTime| {
        let mut failures = case.failures.iter();
        failures.any(|failure| failure.place == step.place)
    };
    let spans = case.steps.iter().map(|step| Span {
        title: step.step.clone(),
        began: step.began,
        ended: step.ended,
        tone: if is_bad(step) { Tone::Bad } else { Tone::Good },
    });
    let marks = case.frames.iter().map(|frame| Mark {
        at: frame.at,
        lane: frame.channel.clone(),
        from: frame.from,
        text: frame.text(),
    });
    Timeline {
        spans: spans.collect(),
        marks: marks.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use super::super::samples;
    use super::*;

    /// Returns the page without the parts that it has from the renderer.
    fn body(html: &str) -> &str {
        let (_, body) = html.split_once("<header>").unwrap();
        body.split_once("<script>").unwrap().0
    }

    #[test]
    fn each_verdict_has_its_word_and_what_went_wrong_is_open() {
        let html = html(&samples::all());

        let entries = body(&html).split("<details class=\"entry").skip(1);
        let heads: Vec<_> = entries
            .map(|entry| entry.split('>').next().unwrap())
            .collect();
        assert_eq!(
            heads,
            [
                r#" good" id="e1" data-word="passed""#,
                r#" bad" id="e2" data-word="failed" open"#,
                r#" bad" id="e3" data-word="failed" open"#,
                r#" doubtful" id="e4" data-word="flaky""#,
                r#" bad" id="e5" data-word="invalid" open"#,
                r#" bad" id="e6" data-word="error" open"#,
                r#" quiet" id="e7" data-word="skipped""#,
                r#" bad" id="e8" data-word="failed" open"#,
            ]
        );
        assert!(html.contains("<title>Tests of mirror</title>"));
        assert!(html.contains(
            "<span>3 files</span><span>8 results</span><span>1.2 s</span><span>seed 7</span>"
        ));
    }

    #[test]
    fn the_step_that_failed_stands_out() {
        let spans = timeline(&samples::failed()).spans;

        let tones: Vec<_> = spans.iter().map(|span| span.tone).collect();
        assert_eq!(tones, [Tone::Good, Tone::Bad]);
    }

    #[test]
    fn hostile_text_is_text_and_the_file_stays_small() {
        let html = html(&samples::hostile_alone());

        let body = body(&html);
        assert!(!body.contains("<script") && !body.contains("<img"), "a tag");
        assert!(body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(
            !body.contains(['\x1b', '\u{202e}', '\0']),
            "a control character"
        );
        assert!(html.len() < 2 << 20, "{} bytes", html.len());
    }

    #[test]
    #[ignore = "ci/html runs it, and opens the file in a browser"]
    fn writes_the_page_that_ci_html_opens() {
        let path = env::var_os("HTML_PAGE").expect("HTML_PAGE names the file");

        fs::write(path, html(&samples::all())).unwrap();
    }
}
