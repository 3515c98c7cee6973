//! `mock-kuiper hosts`: the eKuiper releases, and how they differ.

use std::fmt::Write as _;

use anstyle::Style;
use mock_kuiper::profile::{DEFAULT_HOST, Profile};
use serde_json::{Map, Value};

use super::{CliError, Exit, STATUSES, print_results};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper hosts
  mock-kuiper hosts --json | jq '.[] | select(.name == \"1.13\").ack'
  mock-kuiper run ./mirror --host 1.13
      Plays a release.";

/// Print the eKuiper releases that can be played, and how they differ.
///
/// A column stands for all releases that are alike; `·` is as in the column
/// before. docs/protocol.md says what each line means.
///
/// With --json each release is an object of its own: times in milliseconds
/// (`…_ms`), sizes in bytes (`…_bytes`, null for no limit).
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// Print JSON: a list with an object for each release
    #[arg(long)]
    json: bool,
}

/// Prints the releases.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let text = if args.json { json() } else { table() };
    print_results(&text)?;
    Ok(Exit::Fine)
}

fn json() -> String {
    let profiles = Profile::all().iter().map(|profile| {
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

/// As in the release before.
const SAME: &str = "·";

/// Releases that follow each other and are alike.
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

fn table() -> String {
    let columns = columns();
    let titles = Profile::all()[0].properties();
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
    let width = |cells: &Vec<String>| cells.iter().map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = cells
        .iter()
        .map(|cells| width(cells).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in 0..cells[0].len() {
        let mut line = String::new();
        for (cells, width) in cells.iter().zip(&widths) {
            let _ = write!(line, "{:width$}  ", cells[row]);
        }
        let style = match row {
            0 => Style::new().bold(),
            _ => Style::new(),
        };
        let _ = writeln!(text, "{style}{}{style:#}", line.trim_end());
    }
    let _ = writeln!(
        text,
        "\n{SAME} is as in the column before; 2.1.2 stands for 2.1.0 to 2.1.2.\n\
         The default is {DEFAULT_HOST}; `run --host RELEASE` plays another."
    );
    text
}

fn columns() -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for profile in Profile::all() {
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
