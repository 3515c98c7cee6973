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
use mock_kuiper::symbol::Meta;
use mock_kuiper::wire::{Order, StreamOptions};
use serde_json::{Map, Value};

use super::CliError;
use super::faults;
use super::run::Args;

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
    pub(super) require_ack: bool,
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
        let any_named =
            !(args.source.is_empty() && args.sink.is_empty() && args.function.is_empty());
        let mut pick = |kind: &str, named: &[String], offered: &[String]| {
            for name in named.iter().filter(|name| !offered.contains(name)) {
                mistakes.push(format!(
                    "--{kind} {name}: the plugin has no such {kind}; {}",
                    offers(kind, offered)
                ));
            }
            let started = |name: &&String| !any_named || named.contains(name);
            offered.iter().filter(started).cloned().collect::<Vec<_>>()
        };
        let sources = pick("source", &args.source, &manifest.sources);
        let sinks = pick("sink", &args.sink, &manifest.sinks);
        let functions = pick("function", &args.function, &manifest.functions);

        for config in &args.config {
            let name = &config.symbol;
            let known = manifest.sources.contains(name) || manifest.sinks.contains(name);
            if manifest.functions.contains(name) && !known {
                mistakes.push(format!("--config {name}: a function has no configuration"));
            } else if !known {
                let all: Vec<_> = [&manifest.sources[..], &manifest.sinks[..]].concat();
                mistakes.push(format!(
                    "--config {name}: the plugin has no such source or sink; {}",
                    offers("source or sink", &all)
                ));
            }
        }
        for call in &args.call {
            if !manifest.functions.contains(&call.function) {
                mistakes.push(format!(
                    "--call {call}: the plugin has no such function; {}",
                    offers("function", &manifest.functions)
                ));
            } else if !functions.contains(&call.function) {
                mistakes.push(format!(
                    "--call {call}: the function is not started; add --function {}",
                    call.function
                ));
            }
        }
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
        let sources = sources
            .iter()
            .map(|symbol| source_order(args, package, symbol, sources.len()))
            .collect::<Result<Vec<_>, _>>();
        let sources = sources.unwrap_or_else(|error| {
            mistakes.extend(error.to_string().lines().map(str::to_owned));
            Vec::new()
        });
        if !mistakes.is_empty() {
            return Err(CliError::Input(mistakes));
        }
        let sinks = sinks
            .iter()
            .enumerate()
            .map(|(index, symbol)| sink_order(args, symbol, index))
            .collect();
        Ok(Self {
            profile: args.host,
            plugin: manifest.name.clone(),
            sources,
            sinks,
            functions,
            calls: args.call.clone(),
            rule: args.rule.clone(),
            input,
            send_single: args.send_single,
            require_ack: args.require_ack,
            seeded: args.seed.is_some(),
            faults: faults::chosen(&args.fault),
            count: args.count,
            duration: args.duration,
        })
    }
}

fn offers(kind: &str, names: &[String]) -> String {
    if names.is_empty() {
        format!("it has no {kind} at all")
    } else {
        format!("it has {}", names.join(", "))
    }
}

fn overlay(args: &Args, symbol: &str, config: &mut Map<String, Value>) {
    for given in args.config.iter().filter(|given| given.symbol == symbol) {
        config.extend(given.config.clone());
    }
}

fn source_order(
    args: &Args,
    package: &Package,
    symbol: &str,
    sources: usize,
) -> Result<Order, CliError> {
    let mut properties = Map::new();
    overlay(args, symbol, &mut properties);
    let stream = StreamOptions {
        datasource: args.datasource.clone(),
        others: args.stream.clone().unwrap_or_default(),
    };
    let name = match sources {
        1 => "demo".to_owned(),
        _ => format!("demo_{symbol}"),
    };
    Ok(mock_kuiper::host::source_order(
        package,
        args.host,
        symbol,
        Meta::new(&args.rule, name),
        &stream,
        args.conf_key.as_deref(),
        &properties,
    )?)
}

fn sink_order(args: &Args, symbol: &str, index: usize) -> Order {
    let mut config = Map::new();
    if args.send_single {
        config.insert("sendSingle".to_owned(), true.into());
    }
    if args.require_ack {
        config.insert("requireAck".to_owned(), true.into());
    }
    overlay(args, symbol, &mut config);
    Order::sink(
        symbol,
        Meta::new(&args.rule, format!("{symbol}_{index}")),
        config,
    )
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
