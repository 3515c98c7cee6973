//! The options of `run` and `bench` about symbols: which ones to start, and with
//! which properties.

use mock_kuiper::engine::call::{Call, SymbolConfig};
use mock_kuiper::engine::package::{Manifest, Mistake};
use mock_kuiper::engine::save::{SavedKind, SavedStart};
use mock_kuiper::engine::wire::{Order, StreamOptions};
use mock_kuiper::{Meta, Package, Release};
use serde_json::{Map, Value};

use super::error::CliError;
use super::output::{NOTE, labelled, say};

// A doc comment here would become that of the subcommand.
#[derive(Debug, clap::Args)]
pub(super) struct SymbolArgs {
    /// Set sendSingle: send each row as an object, not as an array of one
    #[arg(long)]
    pub(super) send_single: bool,

    /// Start this source, and only symbols that are named; may be repeated
    #[arg(long, value_name = "NAME")]
    source: Vec<String>,

    /// Start this sink; see --source
    #[arg(long, value_name = "NAME")]
    sink: Vec<String>,

    /// Start this function; see --source
    #[arg(long, value_name = "NAME")]
    function: Vec<String>,

    /// Set properties of a source or sink, which overlay its yaml; may be repeated
    #[arg(long, value_name = "NAME=JSON")]
    config: Vec<SymbolConfig>,

    /// Use this section of sources/NAME.yaml, which overlays `default`
    #[arg(long, value_name = "KEY")]
    conf_key: Option<String>,

    /// Set the stream's DATASOURCE
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    datasource: String,

    /// Set other options of the stream, e.g. '{"format":"binary"}'
    #[arg(long, value_name = "JSON", value_parser = json_object)]
    stream: Option<Map<String, Value>>,

    /// Set the rule's id; eKuiper 1.5 to 1.14 runs a shared stream under
    /// '$$source_pool_STREAM'
    #[arg(long, value_name = "ID", default_value = "mock", value_parser = rule_id)]
    pub(super) rule: String,
}

/// The symbols to start.
#[derive(Debug)]
pub(super) struct Picked {
    pub(super) sources: Vec<String>,
    pub(super) sinks: Vec<String>,
    pub(super) functions: Vec<String>,
}

pub(super) fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"))
}

fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    match json(text)? {
        Value::Object(object) => Ok(object),
        other => Err(format!("expected a JSON object, got `{other}`")),
    }
}

/// Checks a rule's id, which becomes a part of socket paths.
pub(super) fn rule_id(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    if text.is_empty() || !text.chars().all(plain) {
        return Err("expected letters, digits, `_`, `-`, `.` and `$`".to_owned());
    }
    Ok(text.to_owned())
}

impl SymbolArgs {
    /// Selects the symbols to start. `calls` need a function that is started.
    /// Wrong names are added to `mistakes`.
    pub(super) fn pick(
        &self,
        manifest: &Manifest,
        calls: &[Call],
        mistakes: &mut Vec<String>,
    ) -> Picked {
        let any_named =
            !(self.source.is_empty() && self.sink.is_empty() && self.function.is_empty());
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
        let picked = Picked {
            sources: pick("source", &self.source, &manifest.sources),
            sinks: pick("sink", &self.sink, &manifest.sinks),
            functions: pick("function", &self.function, &manifest.functions),
        };
        for config in &self.config {
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
        for call in calls {
            if !manifest.functions.contains(&call.function) {
                mistakes.push(format!(
                    "--call {call}: the plugin has no such function; {}",
                    offers("function", &manifest.functions)
                ));
            } else if !picked.functions.contains(&call.function) {
                mistakes.push(format!(
                    "--call {call}: the function is not started; add --function {}",
                    call.function
                ));
            }
        }
        picked
    }

    /// Makes the orders that start the sources. Mistakes in their yaml are added
    /// to `mistakes`.
    pub(super) fn source_orders(
        &self,
        package: &Package,
        profile: &Release,
        sources: &[String],
        mistakes: &mut Vec<String>,
    ) -> Vec<Order> {
        let orders = sources.iter().map(|symbol| {
            let name = match sources.len() {
                1 => "demo".to_owned(),
                _ => format!("demo_{symbol}"),
            };
            self.source_order(package, profile, symbol, name)
        });
        match orders.collect::<Result<Vec<_>, _>>() {
            Ok(orders) => orders.into_iter().map(warn_about_ignored).collect(),
            Err(error) => {
                mistakes.extend(error.to_string().lines().map(str::to_owned));
                Vec::new()
            }
        }
    }

    fn source_order(
        &self,
        package: &Package,
        profile: &Release,
        symbol: &str,
        stream: String,
    ) -> Result<(Order, Vec<Mistake>), CliError> {
        let mut properties = Map::new();
        self.overlay(symbol, &mut properties);
        let options = StreamOptions {
            datasource: self.datasource.clone(),
            others: self.stream.clone().unwrap_or_default(),
        };
        Ok(mock_kuiper::engine::host::source_order(
            package,
            profile,
            symbol,
            Meta::new(&self.rule, stream),
            &options,
            self.conf_key.as_deref(),
            &properties,
        )?)
    }

    /// Makes the order that starts a sink as the rule's action number `index`.
    pub(super) fn sink_order(&self, symbol: &str, index: usize, require_ack: bool) -> Order {
        let mut config = Map::new();
        if self.send_single {
            config.insert("sendSingle".to_owned(), true.into());
        }
        if require_ack {
            config.insert("requireAck".to_owned(), true.into());
        }
        self.overlay(symbol, &mut config);
        Order::sink(
            symbol,
            Meta::new(&self.rule, format!("{symbol}_{index}")),
            config,
        )
    }

    /// Describes a source for a test file: without what its yaml has.
    pub(super) fn saved_source(&self, symbol: &str) -> SavedStart {
        let mut config = Map::new();
        self.overlay(symbol, &mut config);
        SavedStart {
            symbol: symbol.to_owned(),
            alias: None,
            config,
            kind: SavedKind::Source {
                datasource: self.datasource.clone(),
                conf_key: self.conf_key.clone(),
                options: self.stream.clone().unwrap_or_default(),
            },
        }
    }

    fn overlay(&self, symbol: &str, config: &mut Map<String, Value>) {
        for given in self.config.iter().filter(|given| given.symbol == symbol) {
            config.extend(given.config.clone());
        }
    }
}

/// Warns about what eKuiper ignores of a source's yaml, and returns the order.
fn warn_about_ignored((order, ignored): (Order, Vec<Mistake>)) -> Order {
    for mistake in ignored {
        let text = format!("{mistake}; like eKuiper, the source starts without it");
        say(&labelled(NOTE, "warning", &text));
    }
    order
}

fn offers(kind: &str, names: &[String]) -> String {
    if names.is_empty() {
        format!("it has no {kind}")
    } else {
        format!("it has {}", names.join(", "))
    }
}
