//! Shows what a trace is about as a whole, and what it proves.

use std::fmt::Write as _;

use anstyle::Style;
use mock_kuiper::engine::foreign::{in_sentence, printable};
use mock_kuiper::engine::symbol::Purpose;
use mock_kuiper::engine::trace::{Lane, Note, Proof, Prover, Summary, milliseconds};

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::{ERROR, print_results};
use super::super::text::{count, count_or_no, grouped, rounded_rate};
use super::filter::Filter;
use super::opened::Opened;
use super::width::{fitted, width};

const BOLD: Style = Style::new().bold();

/// Prints the summary of what matches; fails if it proves anything.
pub(super) fn print_summary(trace: &mut Opened, filter: &mut Filter<'_>) -> Result<Exit, CliError> {
    let mut summary = Summary::new(trace.header());
    let mut prover = Prover::new(trace.header(), trace.interpreter().release());
    while trace
        .next(|number, line, read| {
            if filter.matches(line, &read) {
                summary.add(number, line, &read);
            }
            if !filter.matches_proof_in(line, &read) {
                prover.hide(number);
            }
            prover.add(number, line, &read);
        })?
        .is_some()
    {}
    filter.check(&[&trace.path])?;
    let mut proofs = prover.finish();
    proofs.retain(|proof| filter.matches_symbol_of(proof));
    print_results(&text(&trace.title(), &summary, &proofs))?;
    trace.say_notes();
    Ok(match proofs.is_empty() {
        true => Exit::Fine,
        false => Exit::Finding,
    })
}

fn text(title: &str, summary: &Summary, proofs: &[Proof]) -> String {
    let mut text = format!("{BOLD}{title}{BOLD:#}\n");
    let _ = writeln!(
        text,
        "{} in {:.2} s, {} {}",
        count(summary.messages, "message"),
        summary.end,
        grouped(summary.launches),
        if summary.launches == 1 {
            "launch"
        } else {
            "launches"
        }
    );
    let names = summary.lanes.iter().map(|lane| lane.name.chars().count());
    let column = names.max().unwrap_or(0).min(40);
    for lane in &summary.lanes {
        let name = printable(&lane.name);
        let _ = writeln!(
            text,
            "  {name:column$}  {}",
            facts(lane, summary.is_thinned)
        );
    }
    if summary.more_lanes > 0 {
        let _ = writeln!(text, "  … and lines on more channels");
    }
    for Note {
        line,
        times,
        text: note,
    } in &summary.notes
    {
        let more = match times {
            1 => String::new(),
            times => format!(" ({} times in all)", grouped(*times)),
        };
        let _ = writeln!(text, "note: line {line}: {note}{more}");
    }
    let total = proofs.iter().map(|proof| proof.times).sum();
    let _ = writeln!(text, "{}", count_or_no(total, "finding"));
    for proof in proofs {
        for (number, t, observed) in &proof.lines {
            let head = format!("  {}: line {number}, {t:.4} s: ", proof.code);
            let observed = fitted(in_sentence(observed), width(), head.len());
            let _ = writeln!(text, "{ERROR}{head}{ERROR:#}{observed}");
        }
        let more = proof.times - proof.lines.len() as u64;
        if more > 0 {
            let _ = writeln!(text, "  {}: … and {} more", proof.code, grouped(more));
        }
    }
    if let Some(proof) = proofs.first() {
        let _ = writeln!(text, "`mock-kuiper explain {}` says what to do", proof.code);
    }
    text
}

/// Says what happened on a channel.
pub(super) fn facts(lane: &Lane, is_thinned: bool) -> String {
    let mut facts = Vec::new();
    let purpose = match lane.known.purpose {
        Some(Purpose::Control) => "control",
        Some(Purpose::Source) => "source",
        Some(Purpose::Sink) => "sink",
        Some(Purpose::Ack) => "acks of sink",
        Some(Purpose::Function) => "function",
        None => "unknown",
    };
    let symbol = lane.known.symbol.as_ref();
    let of = match symbol {
        Some(symbol) => format!("{purpose} {}", in_sentence(&symbol.name)),
        None => purpose.to_owned(),
    };
    match lane.known.purpose {
        Some(Purpose::Control) => facts.push(count(lane.from_host, "order")),
        Some(Purpose::Function) => facts.push(count(lane.from_host, "request")),
        Some(Purpose::Source | Purpose::Sink) => facts.push(count(lane.rows, "row")),
        Some(Purpose::Ack) => facts.push(count(lane.from_plugin, "ack")),
        None => facts.push(count(lane.from_host + lane.from_plugin, "message")),
    }
    if lane.bad > 0 {
        facts.push(match lane.known.purpose {
            Some(Purpose::Source) => format!("{} invalid", grouped(lane.bad)),
            Some(Purpose::Control) => format!("{} refused", grouped(lane.bad)),
            _ => format!("{} failed", grouped(lane.bad)),
        });
    }
    if !is_thinned && lane.has_rows() {
        if let Some(rate) = lane.rate() {
            facts.push(format!("{} per second", rounded_rate(rate)));
        }
        if let Some((gap, number)) = lane.gap {
            facts.push(format!(
                "longest pause {} before line {number}",
                milliseconds(gap)
            ));
        }
    }
    let what = match lane.known.purpose {
        Some(Purpose::Sink) => "ack",
        _ => "answer",
    };
    let longest = milliseconds(lane.answers.max());
    match lane.answers.count() {
        0 => {}
        1 => facts.push(format!("{what} in {longest}")),
        _ => facts.push(format!(
            "{what}s in {} (median), {longest} (longest)",
            milliseconds(lane.answers.median())
        )),
    }
    if lane.connections > 1 {
        facts.push(count(lane.connections, "connection"));
    }
    format!("{of}: {}", facts.join(", "))
}
