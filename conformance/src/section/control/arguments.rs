//! What an order may hold.

use mock_kuiper::host::HostError;
use mock_kuiper::symbol::{Kind, Meta};
use mock_kuiper::wire::{Command, Order, OrderAnswer};
use serde_json::{Map, Value, json};

use super::goes_on;
use crate::bench::{Bench, Checked, Stop, failed, not_reached};

/// Starts something, stops it, and starts it again with a changed argument,
/// through bytes.
pub(super) fn start_changed(
    bench: &Bench<'_>,
    change: impl FnOnce(&mut Map<String, Value>),
) -> Checked {
    let host = bench.host()?;
    let (_running, order) = bench.anything(&host)?;
    if order.kind != Kind::Function {
        let stopped = bench.order_ok(&host, Command::Stop, &order);
        stopped.map_err(not_reached)?;
    }
    let encoded = order.encode(Command::Start, bench.plan.release());
    let broken = |error: serde_json::Error| Stop::Trouble(error.to_string());
    let mut whole: Map<String, Value> = serde_json::from_slice(&encoded).map_err(broken)?;
    let text = whole["arg"].as_str().unwrap_or_default().to_owned();
    let mut argument: Map<String, Value> = serde_json::from_str(&text).map_err(broken)?;
    change(&mut argument);
    let text = Value::Object(argument).to_string().replace('<', "\\u003c");
    whole.insert("arg".to_owned(), text.into());
    whole.insert("version".to_owned(), 1.into());
    let answer = host.order_bytes(&Value::Object(whole).to_string().into_bytes())?;
    match OrderAnswer::parse(&answer) {
        OrderAnswer::Done => Ok(()),
        _ => Err(failed(format!(
            "the start was answered with `{}`, not `ok`",
            String::from_utf8_lossy(&answer)
        ))),
    }
}

pub(super) fn passes_over_fields(bench: &Bench<'_>) -> Checked {
    start_changed(bench, |argument| {
        argument.insert(
            "traceId".to_owned(),
            json!({"of": ["a", "newer", "release"]}),
        );
        if let Some(Value::Object(meta)) = argument.get_mut("meta") {
            meta.insert("shard".to_owned(), 7.into());
        }
    })
}

pub(super) fn takes_any_properties(bench: &Bench<'_>) -> Checked {
    has_instances(bench)?;
    let text = json!(r#"{"sql":"a < \"b\" & c > 'd'","nested":"\\u00e4"}"#);
    let nested = json!({"list": [1, -2.5, null, {"k": []}], "ä": true});
    let made_up = [("conformance_text", text), ("conformance_nested", nested)];
    let plain = [("conformance", json!(1))];
    match start_with(bench, &made_up) {
        Err(Stop::Failed(_)) if matches!(start_with(bench, &plain), Err(Stop::Failed(_))) => Err(
            Stop::NotApplicable("it takes no property that it does not know"),
        ),
        other => other,
    }
}

/// Starts something again with more properties.
fn start_with(bench: &Bench<'_>, properties: &[(&str, Value)]) -> Checked {
    start_changed(bench, |argument| {
        let config = argument.entry("config").or_insert_with(|| json!({}));
        if let Value::Object(config) = config {
            let properties = properties.iter().cloned();
            config.extend(properties.map(|(name, value)| (name.to_owned(), value)));
        }
    })
}

/// Whether the plugin is about sources and sinks at all.
fn has_instances(bench: &Bench<'_>) -> Checked {
    let manifest = bench.manifest()?;
    match manifest.sources.is_empty() && manifest.sinks.is_empty() {
        true => Err(Stop::NotApplicable("a function has no properties")),
        false => Ok(()),
    }
}

pub(super) fn does_without_config(bench: &Bench<'_>) -> Checked {
    has_instances(bench)?;
    let host = bench.host()?;
    for symbol in &bench.manifest()?.sinks {
        let meta = Meta::new("bare", format!("{symbol}_0"));
        let bare = host.start_sink(Order::sink(symbol, meta, Map::new()), false);
        match bare {
            Ok(sink) => {
                bench.let_work();
                sink.stop()?;
            }
            Err(HostError::Refused {
                greeting: false, ..
            }) if !starts_alone(bench, symbol)? => {}
            Err(error) => return Err(error.into()),
        }
    }
    for symbol in &bench.manifest()?.sources {
        let order = Order::source(symbol, Meta::new("bare", "stream"), "", Map::new());
        match host.start_source(order) {
            Ok(source) => {
                bench.let_work();
                source.stop()?;
            }
            Err(HostError::Refused {
                greeting: false, ..
            }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    goes_on(bench, &host)
}

/// Whether a sink starts without properties of its own.
fn starts_alone(bench: &Bench<'_>, symbol: &str) -> Result<bool, Stop> {
    if bench.plan.configs.contains_key(symbol) {
        return Ok(false);
    }
    let host = bench.host()?;
    Ok(bench.start_sink(&host, symbol, "rule").is_ok())
}

pub(super) fn decodes_names(bench: &Bench<'_>) -> Checked {
    const RULE: &str = "r&d";
    has_instances(bench)?;
    let host = bench.host()?;
    if let Ok(source) = bench.source_name() {
        let mut source = bench.start_source(&host, source, RULE)?;
        source.next(bench.limit())?;
        return Ok(());
    }
    bench.start_sink(&host, bench.sink_name()?, RULE)?;
    Ok(())
}
