//! The results as tables.

use std::fmt::Write as _;

use crate::mock;
use crate::peer::SDK;
use crate::plan::{
    CALLS, CALM, EACH_100, EACH_1000, ENTRIES, FEW_ROWS, MANGOS, MANY_ROWS, SINGLE_ROWS, SOURCE,
    SOURCE_1M, SOURCE_64K, SOURCE_100,
};
use crate::results::{Metric, Results, Summary};

/// The peers with which the SDK is compared.
const COMPARED: [&str; 4] = ["plain", "NNG", "Go", "Python"];

/// Writes all tables.
pub(crate) fn write(results: &Results, peers: &[&'static str]) -> String {
    let mut text = String::new();
    let table = &mut Table {
        text: &mut text,
        results,
        peers,
    };
    table.head("Rows or calls per second", true);
    for entry in ENTRIES {
        table.row(entry.title, entry.name, Metric::Rate, true);
    }
    table.row("source into mangos", MANGOS, Metric::Rate, true);
    table.head("Microseconds", false);
    table.row("a call, median", CALLS, Metric::Median, false);
    table.row("a call, 99th percentile", CALLS, Metric::P99, false);
    table.row("a single row, median", SINGLE_ROWS, Metric::Median, false);
    table.row("a single row, 99th p.", SINGLE_ROWS, Metric::P99, false);
    table.head("CPU µs per row or call", false);
    for entry in ENTRIES {
        table.row(entry.title, entry.name, Metric::Cpu, false);
    }
    table.head("Launch, stop and size", false);
    table.row("launch to greeting, ms", SOURCE, Metric::Greeting, false);
    table.row("stop under load, ms", SOURCE, Metric::Stop, false);
    table.row("stop of 1 of 100, ms", SOURCE_100, Metric::Stop, false);
    table.row(
        "the longest of 100, ms",
        SOURCE_100,
        Metric::LongestStop,
        false,
    );
    table.row("memory, 1 source, MiB", SOURCE, Metric::Memory, false);
    table.row("100 sources, MiB", SOURCE_100, Metric::Memory, false);
    table.row("100 calm sources, MiB", CALM, Metric::Memory, false);
    for (title, load) in [("100 sinks", EACH_100), ("1,000 sinks", EACH_1000)] {
        let time = format!("1 of {title}, µs");
        table.row(&time, load, Metric::TimeEach, false);
        let memory = format!("1 of {title}, KiB");
        table.row(&memory, load, Metric::MemoryEach, false);
    }
    table.row("executable, KiB", SOURCE, Metric::Size, false);
    write_mock(&mut text, results);
    text
}

/// Writes what was measured with mock-kuiper as the host.
fn write_mock(text: &mut String, results: &Results) {
    let get = |load, metric| results.get(load, mock::NAME, metric);
    let lines = [
        ("source, 60 B, rows/s", get(SOURCE, Metric::Rate)),
        ("source, 64 KiB, rows/s", get(SOURCE_64K, Metric::Rate)),
        ("source, 1 MiB, rows/s", get(SOURCE_1M, Metric::Rate)),
        ("calls/s", get(CALLS, Metric::Rate)),
        ("command to row, ms", get(SOURCE, Metric::FirstRow)),
        ("memory, 20 k rows, MiB", get(FEW_ROWS, Metric::Memory)),
        ("memory, 10 M rows, MiB", get(MANY_ROWS, Metric::Memory)),
    ];
    if lines.iter().any(|(_, figure)| figure.is_some()) {
        text.push_str("\nThe SDK's plugin under mock-kuiper\n");
    }
    for (title, figure) in lines {
        if let Some(figure) = figure {
            let _ = writeln!(text, "{title:<24} {:>12}", cell(figure));
        }
    }
}

struct Table<'a> {
    text: &'a mut String,
    results: &'a Results,
    peers: &'a [&'static str],
}

impl Table<'_> {
    fn head(&mut self, title: &str, ratios: bool) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let _ = write!(self.text, "{title:<24}");
        for peer in self.peers {
            let _ = write!(self.text, " {peer:>12}");
        }
        if ratios {
            self.text.push_str("   SDK to");
            for peer in COMPARED {
                let _ = write!(self.text, " {peer:>6}");
            }
        }
        self.text.push('\n');
    }

    fn row(&mut self, title: &str, load: &str, metric: Metric, ratios: bool) {
        let all: Vec<_> = self
            .peers
            .iter()
            .map(|peer| self.results.get(load, peer, metric))
            .collect();
        if all.iter().all(Option::is_none) {
            return;
        }
        let _ = write!(self.text, "{title:<24}");
        for summary in all {
            let cell = summary.map_or("—".to_owned(), cell);
            let _ = write!(self.text, " {cell:>12}");
        }
        if ratios {
            self.text.push_str("         ");
            for peer in COMPARED {
                let median = |peer| self.results.median(load, peer, metric);
                let ratio = median(SDK)
                    .zip(median(peer))
                    .map(|(sdk, other)| sdk / other);
                let ratio = ratio.map_or("—".to_owned(), |ratio| match ratio {
                    10.0.. => format!("{ratio:.0} ×"),
                    _ => format!("{ratio:.1} ×"),
                });
                let _ = write!(self.text, " {ratio:>6}");
            }
        }
        self.text.push('\n');
    }
}

/// Formats a figure with its spread: `1.02 M ±4%`.
fn cell(summary: Summary) -> String {
    let value = match summary.median {
        value @ 1e6.. => format!("{:.2} M", value / 1e6),
        value @ 1e4.. => format!("{:.0} k", value / 1e3),
        value @ 1e3.. => format!("{:.1} k", value / 1e3),
        value @ 10.0.. => format!("{value:.0}"),
        value => format!("{value:.2}"),
    };
    let spread = (100.0 * summary.spread()).round();
    match spread {
        1.0.. => format!("{value} ±{spread}%"),
        _ => value,
    }
}
