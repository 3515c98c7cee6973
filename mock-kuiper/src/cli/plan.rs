//! What a run is going to do, worked out and checked before anything is
//! launched.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mock_kuiper::call::Call;
use mock_kuiper::fault::Fault;
use mock_kuiper::package::Package;
use mock_kuiper::profile::Profile;
use mock_kuiper::wire::{Expr, Order};
use serde_json::Value;

use super::CliError;
use super::faults;
use super::run::Args;
use super::symbol_args::Picked;

/// Mistakes of one file that are listed.
pub(super) const LISTED: usize = 20;

/// A run.
#[derive(Debug)]
pub(super) struct Plan {
    /// The plugin's name.
    pub(super) plugin: String,
    pub(super) profile: &'static Profile,
    pub(super) sources: Vec<Order>,
    pub(super) sinks: Vec<Order>,
    pub(super) functions: Vec<String>,
    pub(super) calls: Vec<Call>,
    pub(super) rule: String,
    pub(super) input: Input,
    pub(super) send_single: bool,
    /// Whether the order of starts is drawn.
    pub(super) seeded: bool,
    pub(super) faults: Vec<Fault>,
    pub(super) count: Option<u64>,
    pub(super) duration: Option<Duration>,
}

/// Where the sinks' rows come from.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// The plugin's own sources.
    Sources,
    /// The command line.
    Given(Vec<Value>),
    /// A file that was looked through.
    File(PathBuf),
    Stdin,
}

impl Plan {
    /// Whether the run is over once the misfortunes are played.
    pub(super) fn ends_with_faults(&self) -> bool {
        !self.faults.is_empty() && self.count.is_none() && self.duration.is_none()
    }

    /// Works out a run.
    ///
    /// # Errors
    ///
    /// All mistakes at once: symbols that the plugin does not have, files that
    /// are not as they should be.
    pub(super) fn make(args: &Args, package: &Package) -> Result<Self, CliError> {
        let manifest = package.manifest();
        let mut mistakes = Vec::new();
        let Picked {
            sources,
            sinks,
            functions,
        } = args.symbols.pick(manifest, &args.call, &mut mistakes);
        let input = match &args.rows {
            Some(path) if path == Path::new("-") => Input::Stdin,
            Some(path) => {
                mistakes.extend(mistakes_of_rows(path));
                Input::File(path.clone())
            }
            None if !args.send.is_empty() => Input::Given(args.send.clone()),
            None => Input::Sources,
        };
        if sinks.is_empty() && !matches!(input, Input::Sources) {
            mistakes.push("--send and --rows need a sink, and none is started".to_owned());
        }
        if sources.is_empty() && args.count.is_some() {
            mistakes.push("--count needs a source, and none is started".to_owned());
        }
        let profile = args.host.host;
        let sources = (args.symbols).source_orders(package, profile, &sources, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(CliError::Input(mistakes));
        }
        let sinks = sinks.iter().enumerate();
        let sinks = sinks
            .map(|(index, symbol)| args.symbols.sink_order(symbol, index, args.require_ack))
            .collect();
        Ok(Self {
            profile,
            plugin: manifest.name.clone(),
            sources,
            sinks,
            functions,
            calls: args.call.clone(),
            rule: args.symbols.rule.clone(),
            input,
            send_single: args.symbols.send_single,
            seeded: args.seed.is_some(),
            faults: faults::chosen(&args.fault),
            count: args.count,
            duration: args.duration,
        })
    }
}

/// Looks through a file of rows: what is wrong with it, line by line.
fn mistakes_of_rows(path: &Path) -> Vec<String> {
    let wrong = |text: String| format!("--rows {}: {text}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return vec![wrong(error.to_string())],
    };
    let mut mistakes = Vec::new();
    for (number, line) in (1_usize..).zip(BufReader::new(file).lines()) {
        if mistakes.len() == LISTED {
            mistakes.push(wrong("and maybe more".to_owned()));
            break;
        }
        match line {
            Ok(line) => {
                if let Err(error) = parse_row(&line) {
                    mistakes.push(wrong(format!("line {number}: {error}")));
                }
            }
            Err(error) => {
                mistakes.push(wrong(format!("line {number}: {error}")));
                break;
            }
        }
    }
    mistakes
}

/// Reads one line of rows; an empty one is none.
pub(super) fn parse_row(line: &str) -> Result<Option<Value>, String> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(line).map(Some).map_err(|error| {
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text);
        let column = error.column();
        format!("column {column}: expected JSON, one value a line: {reason}")
    })
}

/// The syntax trees of a call's arguments: what SQL has no literal for is a
/// column.
pub(super) fn expressions(args: &[Value]) -> Vec<Expr> {
    let expression = |(index, value): (usize, &Value)| match value {
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Expr::Literal(value.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => Expr::Column(format!("c{index}")),
    };
    args.iter().enumerate().map(expression).collect()
}
