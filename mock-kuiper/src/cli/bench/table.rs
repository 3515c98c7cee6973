//! Writes the result of a bench as a table.

use std::fmt::Write as _;

use anstyle::Style;
use mock_kuiper::engine::foreign::printable;
use textwrap::Options;

use super::metric::Metric;
use super::record::{Measurement, Record, Subject};
use crate::cli::output::stdout_width;
use crate::cli::text::count;

const HEADING: Style = Style::new().bold();

/// Spaces between two columns.
const GAP: usize = 2;

/// The characters of the longest name.
const LONGEST_NAME: usize = 30;

/// Percentages of a processor. Below the first the plugin waits for something that
/// is not measured; above the second it may wait for mock-kuiper.
const IDLE: f64 = 25.0;
const BUSY: f64 = 75.0;

/// Writes the table, and `notes` below it.
pub(super) fn text(record: &Record, notes: &[String]) -> String {
    let environment = &record.environment;
    let mut text = format!(
        "{} under eKuiper {}: medians of {}, {:?} per measurement\n",
        printable(format!("{} {}", record.plugin.name, record.plugin.version).trim_end()),
        environment.release,
        count(environment.rounds as u64, "round"),
        std::time::Duration::from_millis(environment.time_ms)
    );
    let (plugin, symbols): (Vec<_>, Vec<_>) = (record.measurements.iter())
        .partition(|measurement| measurement.subject == Subject::Plugin);
    if !symbols.is_empty() {
        let heading = ["", "per second", "(min–max)", "p50", "p99", "max", "CPU"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(symbols.iter().map(|measurement| symbol_row(measurement)));
        write_block(&mut text, &rows, true);
    }
    let rows: Vec<_> = plugin.iter().flat_map(|one| plugin_rows(one)).collect();
    write_block(&mut text, &rows, false);
    let paces = symbols.iter().filter_map(|measurement| pace(measurement));
    let notes: Vec<_> = paces.chain(notes.iter().cloned()).collect();
    if !notes.is_empty() {
        text.push('\n');
    }
    let width = stdout_width();
    for note in notes {
        let note = printable(&note);
        let note = match width {
            Some(width) => textwrap::fill(&note, Options::new(width).subsequent_indent("  ")),
            None => note,
        };
        let _ = writeln!(text, "{note}");
    }
    text
}

fn symbol_row(measurement: &Measurement) -> Vec<String> {
    let show = |metrics: &[Metric]| {
        let mut found = metrics.iter();
        let shown = found.find_map(|metric| {
            let series = measurement.metrics.get(metric)?;
            Some(metric.show(series.median))
        });
        shown.unwrap_or_default()
    };
    let rates = [Metric::RowsPerSecond, Metric::CallsPerSecond];
    let range = rates.iter().find_map(|metric| range(measurement, *metric));
    vec![
        shortened(&printable(&measurement.subject.to_string())),
        show(&rates),
        range.unwrap_or_default(),
        show(&[Metric::LatencyUsP50]),
        show(&[Metric::LatencyUsP99]),
        show(&[Metric::LatencyUsMax]),
        show(&[Metric::ProcessorUsPerRow, Metric::ProcessorUsPerCall]),
    ]
}

fn plugin_rows(measurement: &Measurement) -> Vec<Vec<String>> {
    let rows = measurement.metrics.iter().map(|(metric, series)| {
        vec![
            metric.name().to_owned(),
            metric.show(series.median),
            range(measurement, *metric).unwrap_or_default(),
        ]
    });
    rows.collect()
}

/// Writes the smallest and the greatest value, if there were several rounds.
fn range(measurement: &Measurement, metric: Metric) -> Option<String> {
    let series = measurement.metrics.get(&metric)?;
    let (min, max) = (metric.show_short(series.min), metric.show_short(series.max));
    // A unit that both have is written once.
    let min = match (min.split_once(' '), max.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => number,
        _ => &min,
    };
    (series.rounds.len() > 1).then(|| format!("{min}–{max}"))
}

/// Writes what limited a source or sink other than the plugin's processor time.
fn pace(measurement: &Measurement) -> Option<String> {
    let percent = |metric| Some(measurement.metrics.get(&metric)?.median);
    let plugin = percent(Metric::ProcessorPercent)?;
    let ours = percent(Metric::HostPercent)?;
    let subject = &measurement.subject;
    match subject {
        Subject::Source { .. } if plugin + ours < IDLE => Some(format!(
            "{subject}: sends at its own pace, not at full speed; the plugin uses {plugin:.0} % of \
             a processor"
        )),
        Subject::Sink {
            require_ack: false, ..
        } if plugin + ours < IDLE => Some(format!(
            "{subject}: waits for something other than the processor; the plugin uses \
             {plugin:.0} % of one"
        )),
        Subject::Source { .. }
        | Subject::Sink {
            require_ack: false, ..
        } if ours > BUSY && plugin < ours => Some(format!(
            "{subject}: limited by mock-kuiper, which uses {ours:.0} % of a processor; the \
             plugin uses {plugin:.0} %"
        )),
        _ => None,
    }
}

fn shortened(name: &str) -> String {
    match name.chars().count() {
        ..=LONGEST_NAME => name.to_owned(),
        _ => name.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
    }
}

/// Writes rows in columns. Columns that are empty are left out.
fn write_block(text: &mut String, rows: &[Vec<String>], has_heading: bool) {
    text.push('\n');
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = rows.iter().skip(usize::from(has_heading));
        let filled = cells.map(|row| row[column].chars().count()).max();
        let heading = rows[0][column].chars().count();
        filled.filter(|width| *width > 0).map(|w| w.max(heading))
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    for (number, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            match widths[column] {
                None => {}
                Some(width) if column == 0 => {
                    let _ = write!(line, "{cell:width$}");
                }
                Some(width) => {
                    let width = width + GAP;
                    let _ = write!(line, "{cell:>width$}");
                }
            }
        }
        let style = match number {
            0 if has_heading => HEADING,
            _ => Style::new(),
        };
        let _ = writeln!(text, "{style}{}{style:#}", line.trim_end());
    }
}
