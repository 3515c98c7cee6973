//! `mock-kuiper hosts`: lists the eKuiper releases, and how they differ.

use std::fmt::Write as _;

use anstyle::Style;
use mock_kuiper::Release;
use mock_kuiper::engine::release::DEFAULT_HOST;
use serde_json::{Map, Value};

use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::output::{print_results, stdout_width};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper hosts
      Prints a table of all releases.
  mock-kuiper hosts --json | jq '.[] | select(.name == \"1.13\").ack'
      Prints one property of one release.
  mock-kuiper run ./mirror --host 1.13
      Plays a release.";

/// List the eKuiper releases that can be played, and how they differ.
///
/// Releases that are alike share a column, and `·` repeats the column before.
/// docs/protocol.md explains each line.
///
/// With --json every release is an object: times are in milliseconds (`…_ms`),
/// sizes in bytes (`…_bytes`, null for no limit).
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// Print a JSON array with one object for each release
    #[arg(long)]
    json: bool,
}

/// Prints the releases.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let text = if args.json {
        json()
    } else {
        table(stdout_width().unwrap_or(usize::MAX))
    };
    print_results(&text)?;
    Ok(Exit::Fine)
}

fn json() -> String {
    let profiles = Release::all().iter().map(|profile| {
        let mut object = Map::new();
        object.insert("name".to_owned(), profile.name.into());
        for property in profile.properties() {
            object.insert(property.key.to_owned(), property.setting.to_json());
        }
        Value::Object(object)
    });
    let profiles = Value::Array(profiles.collect());
    format!("{profiles:#}\n")
}

/// The cell of a property that does not differ from the column before.
const SAME: &str = "·";

/// Successive releases that are alike.
struct Column {
    releases: Vec<&'static str>,
    settings: Vec<String>,
}

impl Column {
    fn heading(&self) -> String {
        match self.releases.as_slice() {
            [first, .., last] => format!("{first}–{last}"),
            releases => releases.concat(),
        }
    }
}

/// Makes the table, in so many blocks that no line is wider than `width`.
fn table(width: usize) -> String {
    let columns = columns();
    let titles = Release::all()[0].properties();
    let titles = titles.iter().map(|property| property.title.to_owned());
    let mut cells = vec![[vec!["eKuiper".to_owned()], titles.collect()].concat()];
    for (index, column) in columns.iter().enumerate() {
        let mut cell = vec![column.heading()];
        for (row, setting) in column.settings.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| &columns[before]);
            let is_same = before.is_some_and(|before| before.settings[row] == *setting);
            cell.push(if is_same { SAME } else { setting }.to_owned());
        }
        cells.push(cell);
    }
    let titles = cells.remove(0);
    let mut text = String::new();
    while !cells.is_empty() {
        let rest = cells.split_off(columns_within(width, &titles, &cells));
        cells.insert(0, titles.clone());
        write_block(&mut text, &cells);
        text.push('\n');
        cells = rest;
    }
    let _ = writeln!(
        text,
        "{SAME} repeats the column before. 2.1.2 stands for 2.1.0 to 2.1.2.\n\
         The default is {DEFAULT_HOST}; `run --host RELEASE` plays another."
    );
    text
}

/// Spaces between two columns.
const GAP: usize = 2;

fn width_of(cells: &[String]) -> usize {
    let widths = cells.iter().map(|cell| cell.chars().count());
    widths.max().unwrap_or(0)
}

/// Returns how many of the columns fit beside the titles; at least one.
fn columns_within(width: usize, titles: &[String], columns: &[Vec<String>]) -> usize {
    let mut used = width_of(titles);
    let fits = columns.iter().take_while(|column| {
        used += GAP + width_of(column);
        used <= width
    });
    fits.count().max(1)
}

fn write_block(text: &mut String, columns: &[Vec<String>]) {
    for row in 0..columns[0].len() {
        let mut line = String::new();
        for column in columns {
            let width = width_of(column) + GAP;
            let _ = write!(line, "{:width$}", column[row]);
        }
        let style = match row {
            0 => Style::new().bold(),
            _ => Style::new(),
        };
        let _ = writeln!(text, "{style}{}{style:#}", line.trim_end());
    }
}

fn columns() -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for profile in Release::all() {
        let properties = profile.properties();
        let settings: Vec<_> = properties.iter().map(|p| p.setting.to_string()).collect();
        match columns.last_mut() {
            Some(column) if column.settings == settings => column.releases.push(profile.name),
            _ => columns.push(Column {
                releases: vec![profile.name],
                settings,
            }),
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_narrow_terminal_the_table_is_split_into_blocks() {
        let plain = anstream::adapter::strip_str(&table(80)).to_string();

        let headings = plain.lines().filter(|line| line.starts_with("eKuiper "));
        assert_eq!(
            headings.collect::<Vec<_>>(),
            [
                "eKuiper                      1.4–1.7  1.8–1.10  1.11–1.13  1.14    2.0     2.1.2",
                "eKuiper                      2.1  2.2–2.3  2.4",
            ]
        );
        assert!(plain.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn on_the_narrowest_terminal_each_block_has_one_column() {
        let releases = columns().len();

        assert_eq!(table(1).matches("time to greet").count(), releases);
    }
}
