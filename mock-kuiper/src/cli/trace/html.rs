//! Writes a trace as a page: what it is about, what it proves, and the messages of
//! each channel.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use mock_kuiper::Side;
use mock_kuiper::engine::finding;
use mock_kuiper::engine::html::{
    Block, Entry, Label, Line, Mark, Page, Problem, Section, Timeline, Tone,
};
use mock_kuiper::engine::trace::{Lane, Proof, Prover, Summary};

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::print_results;
use super::super::text::count;
use super::filter::Filter;
use super::opened::Opened;
use super::summary::facts;
use super::width::{WIDTH, fitted};

/// The messages of a channel that a page has; the last are kept.
const LINES: usize = 200;

/// The messages in the picture.
const MARKS: usize = 5000;

/// The channels and kinds of findings of a page.
const ENTRIES: usize = 200;

/// Writes the page to a file, or with `-` to stdout.
pub(super) fn write(
    trace: &mut Opened,
    filter: &mut Filter<'_>,
    file: &Path,
) -> Result<Exit, CliError> {
    let mut summary = Summary::new(trace.header());
    let mut prover = Prover::new(trace.header(), trace.interpreter().release());
    let mut lines: HashMap<String, Vec<Line>> = HashMap::new();
    let mut marks = Vec::new();
    while trace
        .next(|number, line, read| {
            if !filter.matches_proof_in(line, &read) {
                prover.hide(number);
            }
            prover.add(number, line, &read);
            if !filter.matches(line, &read) {
                return;
            }
            summary.add(number, line, &read);
            let at = Duration::try_from_secs_f64(line.t).unwrap_or_default();
            let text = fitted(read.text(line), WIDTH, 0);
            let Some(channel) = line.channel.as_deref() else {
                return;
            };
            if lines.len() == ENTRIES && !lines.contains_key(channel) {
                return;
            }
            let from = read.from.map_or("", Side::name);
            let kept = lines.entry(channel.to_owned()).or_default();
            if kept.len() == 2 * LINES {
                kept.drain(..LINES);
            }
            kept.push(Line {
                at: Some(at),
                from: format!("line {number}, {from} {}", read.sense.kind()),
                text: text.clone(),
            });
            let is_message = line.event.is_none() && line.sp.is_none();
            if let Some(from) = read.from.filter(|_| is_message && marks.len() < MARKS) {
                marks.push(Mark {
                    at,
                    lane: channel.to_owned(),
                    from,
                    text,
                });
            }
        })?
        .is_some()
    {}
    filter.check(&[&trace.path])?;
    let mut proofs = prover.finish();
    proofs.retain(|proof| filter.matches_symbol_of(proof));
    let page = page(trace.title(), &summary, &proofs, lines, marks);
    let html = page.to_html();
    if file == Path::new("-") {
        print_results(&html)?;
    } else {
        let written = std::fs::write(file, html);
        written.map_err(|error| CliError::input(format!("{}: {error}", file.display())))?;
    }
    trace.say_notes();
    Ok(Exit::Fine)
}

fn page(
    title: String,
    summary: &Summary,
    proofs: &[Proof],
    mut lines: HashMap<String, Vec<Line>>,
    marks: Vec<Mark>,
) -> Page {
    let timeline = Block::Timeline(Timeline {
        spans: Vec::new(),
        marks,
    });
    let overview = Entry {
        title: "All messages".to_owned(),
        label: label(Tone::Quiet, "messages"),
        cells: Vec::new(),
        facts: Vec::new(),
        blocks: vec![timeline],
    };
    let findings = proofs.iter().take(ENTRIES).map(proven).collect();
    let channels = summary.lanes.iter().take(ENTRIES).map(|lane| {
        let lines = lines.remove(&lane.name).unwrap_or_default();
        channel(lane, lines, summary.is_thinned)
    });
    let sections = [
        ("Conversation", vec![overview]),
        ("Findings", findings),
        ("Channels", channels.collect::<Vec<_>>()),
    ];
    Page {
        title,
        facts: vec![
            count(summary.messages, "message"),
            format!("{:.2} s", summary.end),
            count(proofs.len() as u64, "kind") + " of findings",
        ],
        sections: (sections.into_iter())
            .filter(|(_, entries)| !entries.is_empty())
            .map(|(title, entries)| Section {
                title: title.to_owned(),
                entries,
            })
            .collect(),
        ..Page::default()
    }
}

fn label(tone: Tone, word: &'static str) -> Label {
    Label { tone, word }
}

/// Describes what is proven.
fn proven(proof: &Proof) -> Entry {
    let remedies = finding::explain(proof.code).remedies;
    let blocks = proof.lines.iter().map(|(number, t, text)| {
        Block::Problem(Problem {
            place: format!("line {number}, {t:.4} s"),
            text: text.clone(),
            differences: Vec::new(),
            code: Some(proof.code.to_string()),
            advice: Vec::new(),
        })
    });
    let mut blocks: Vec<_> = blocks.collect();
    if let Some(Block::Problem(first)) = blocks.first_mut() {
        first.advice = remedies
            .iter()
            .map(|remedy| remedy.text.to_owned())
            .collect();
    }
    Entry {
        title: match &proof.symbol {
            Some(symbol) => format!("{}: {symbol}", proof.code),
            None => proof.code.to_string(),
        },
        label: label(Tone::Bad, "finding"),
        cells: Vec::new(),
        facts: vec![count(proof.times, "time")],
        blocks,
    }
}

/// Describes a channel.
fn channel(lane: &Lane, lines: Vec<Line>, is_thinned: bool) -> Entry {
    let tone = match lane.bad {
        0 => label(Tone::Good, "good"),
        _ => label(Tone::Doubtful, "doubtful"),
    };
    Entry {
        title: lane.name.clone(),
        label: tone,
        cells: Vec::new(),
        facts: vec![facts(lane, is_thinned)],
        blocks: vec![Block::Lines {
            title: "Messages".to_owned(),
            lines,
        }],
    }
}
