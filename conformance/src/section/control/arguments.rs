//! What an order may contain.

use mock_kuiper::engine::host::AckMode;
use mock_kuiper::engine::wire::{Command, Order, OrderAnswer};
use mock_kuiper::{Code, Kind, Meta};
use serde_json::{Map, Value, json};

use crate::checked::{Checked, NotPassed, failed};
use crate::rig::Rig;

/// Starts a symbol, stops it, and starts it again with a changed argument and
/// an unknown field in the order.
fn start_changed(rig: &Rig<'_>, change: impl FnOnce(&mut Map<String, Value>)) -> Checked {
    let host = rig.host()?;
    let (_running, order) = rig.anything(&host)?;
    if order.kind != Kind::Function {
        let stopped = rig.order_ok(&host, Command::Stop, &order);
        stopped.map_err(NotPassed::into_untested)?;
    }
    let encoded = order.encode(Command::Start, rig.release());
    let broken = |error: serde_json::Error| NotPassed::Error(error.to_string());
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
            "the start was answered with `{}` instead of `ok`",
            String::from_utf8_lossy(&answer)
        ))),
    }
}

pub(super) fn ignores_unknown_fields(rig: &Rig<'_>) -> Checked {
    start_changed(rig, |argument| {
        argument.insert(
            "traceId".to_owned(),
            json!({"of": ["a", "newer", "release"]}),
        );
        if let Some(Value::Object(meta)) = argument.get_mut("meta") {
            meta.insert("shard".to_owned(), 7.into());
        }
    })
}

pub(super) fn takes_any_properties(rig: &Rig<'_>) -> Checked {
    has_instances(rig)?;
    let text = json!(r#"{"sql":"a < \"b\" & c > 'd'","nested":"\\u00e4"}"#);
    let nested = json!({"list": [1, -2.5, null, {"k": []}], "ä": true});
    let made_up = [("conformance_text", text), ("conformance_nested", nested)];
    let plain = [("conformance", json!(1))];
    match start_with(rig, &made_up) {
        Err(NotPassed::Failed(_))
            if matches!(start_with(rig, &plain), Err(NotPassed::Failed(_))) =>
        {
            Err(NotPassed::NotApplicable(
                "the plugin refuses any property that it does not know",
            ))
        }
        other => other,
    }
}

/// Starts a symbol again with additional properties.
fn start_with(rig: &Rig<'_>, properties: &[(&str, Value)]) -> Checked {
    start_changed(rig, |argument| {
        let config = argument.entry("config").or_insert_with(|| json!({}));
        if let Value::Object(config) = config {
            let properties = properties.iter().cloned();
            config.extend(properties.map(|(name, value)| (name.to_owned(), value)));
        }
    })
}

/// Ends a check that is about properties if the plugin has only functions.
fn has_instances(rig: &Rig<'_>) -> Checked {
    match rig.sources()?.is_empty() && rig.sinks()?.is_empty() {
        true => Err(NotPassed::NotApplicable("a function has no properties")),
        false => Ok(()),
    }
}

pub(super) fn does_without_config(rig: &Rig<'_>) -> Checked {
    has_instances(rig)?;
    let host = rig.host()?;
    for symbol in rig.sinks()? {
        let meta = Meta::new("bare", format!("{symbol}_0"));
        let bare = host.start_sink(Order::sink(symbol, meta, Map::new()), AckMode::AsOrdered);
        match bare {
            Ok(sink) => {
                rig.let_work();
                sink.stop()?;
            }
            Err(error)
                if error.code() == Some(Code::OrderRefused) && !starts_alone(rig, symbol)? => {}
            Err(error) => return Err(error.into()),
        }
    }
    for symbol in rig.sources()? {
        let order = Order::source(symbol, Meta::new("bare", "stream"), "", Map::new());
        match host.start_source(order) {
            Ok(source) => {
                rig.let_work();
                source.stop()?;
            }
            Err(error) if error.code() == Some(Code::OrderRefused) => {}
            Err(error) => return Err(error.into()),
        }
    }
    rig.still_starts(&host)
}

/// Returns whether a sink starts with `requireAck` as its only property.
fn starts_alone(rig: &Rig<'_>, symbol: &str) -> Result<bool, NotPassed> {
    if rig.plan.configs.contains_key(symbol) {
        return Ok(false);
    }
    let host = rig.host()?;
    Ok(rig.start_sink(&host, symbol, "rule").is_ok())
}

pub(super) fn decodes_names(rig: &Rig<'_>) -> Checked {
    const RULE: &str = "r&d";
    has_instances(rig)?;
    let host = rig.host()?;
    if let Ok(source) = rig.source_name() {
        let mut source = rig.start_source(&host, source, RULE)?;
        source.skip(rig.limit())?;
        return Ok(());
    }
    rig.start_sink(&host, rig.sink_name()?, RULE)?;
    Ok(())
}
