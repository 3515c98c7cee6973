//! Orders that have to be refused.

use std::time::Duration;

use mock_kuiper::host::{Host, HostError};
use serde_json::{Map, Value, json};

use super::goes_on;
use crate::bench::{Bench, Checked, Stop, failed, not_reached, not_testable, order_bytes};

/// The argument of a start, as `arg` has it once it is decoded.
pub(super) fn argument(symbol: &str, kind: &str) -> Value {
    json!({
        "symbolName": symbol,
        "meta": {"ruleId": "rule", "opId": "op", "instanceId": 0},
        "pluginType": kind,
    })
}

pub(super) fn refuses_symbols(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    for kind in ["source", "sink", "func"] {
        let start = order_bytes("start", &argument("no_such_symbol", kind));
        bench.refused(&host, &format!("the start of an unknown {kind}"), &start)?;
    }
    goes_on(bench, &host)
}

/// A symbol of the plugin, of whatever kind.
pub(super) fn symbol<'a>(bench: &'a Bench<'_>) -> Result<(&'a str, &'static str), Stop> {
    let source = bench.source_name().map(|name| (name, "source"));
    let sink = || bench.sink_name().map(|name| (name, "sink"));
    let function = |_| bench.function_name().map(|name| (name, "func"));
    source.or_else(|_| sink()).or_else(function)
}

pub(super) fn refuses_types(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (symbol, _) = symbol(bench)?;
    let start = order_bytes("start", &argument(symbol, "lookup"));
    bench.refused(&host, "the start of a `lookup`", &start)?;
    goes_on(bench, &host)
}

pub(super) fn refuses_commands(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (symbol, kind) = symbol(bench)?;
    let order = order_bytes("pause", &argument(symbol, kind));
    bench.refused(&host, "the order `pause`", &order)?;
    goes_on(bench, &host)
}

pub(super) fn refuses_bytes(bench: &Bench<'_>) -> Checked {
    const HUGE: usize = 64 * 1024 * 1024;
    let host = bench.host()?;
    bench.refused(&host, "an order of 0 bytes", b"")?;
    bench.refused(&host, "the order `{`", b"{")?;
    bench.refused(&host, "an order that is no UTF-8", b"\xff\x00")?;
    if bench.plan.release().max_message.is_none() {
        bench.refused(&host, "an order of 64 MiB", &vec![b'x'; HUGE])?;
    }
    goes_on(bench, &host)
}

pub(super) fn refuses_gaps(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (symbol, kind) = symbol(bench)?;
    let whole = argument(symbol, kind);
    let without = |field: &str| {
        let mut argument = whole.clone();
        argument
            .as_object_mut()
            .and_then(|fields| fields.remove(field));
        order_bytes("start", &argument)
    };
    let no_cmd = json!({"arg": whole.to_string()}).to_string();
    let mut orders = vec![
        ("an order without `cmd`", no_cmd.into_bytes()),
        ("an order without `arg`", br#"{"cmd":"start"}"#.to_vec()),
        (
            "an order whose `arg` is no JSON",
            br#"{"cmd":"start","arg":"{"}"#.to_vec(),
        ),
        ("a start without `symbolName`", without("symbolName")),
        ("a start without `pluginType`", without("pluginType")),
    ];
    // A function has no instance that `meta` would name.
    if kind != "func" {
        orders.push(("a start without `meta`", without("meta")));
    }
    for (what, order) in orders {
        bench.refused(&host, what, &order)?;
    }
    goes_on(bench, &host)
}

pub(super) fn refuses_configurations(bench: &Bench<'_>) -> Checked {
    if bench.plan.refused.is_empty() {
        return leaves_nothing_of_wrong_types(bench);
    }
    let host = bench.host()?;
    for (symbol, properties) in &bench.plan.refused {
        if !is_refused(bench, &host, symbol, properties)? {
            let properties = Value::Object(properties.clone());
            return Err(failed(format!(
                "`{symbol}` was started with {properties}, which it has to refuse"
            )));
        }
    }
    Ok(())
}

/// Without --refused: what each property has to be only the plugin knows, and a
/// value of another type is often refused.
fn leaves_nothing_of_wrong_types(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let manifest = bench.manifest()?;
    let mut any = false;
    for symbol in manifest.sources.iter().chain(&manifest.sinks) {
        let known = bench.properties(symbol)?;
        for (name, value) in &known {
            let mut properties = known.clone();
            let wrong = match value {
                Value::String(_) => json!({"conformance": [1]}),
                _ => json!("conformance"),
            };
            properties.insert(name.clone(), wrong);
            any |= is_refused(bench, &host, symbol, &properties)?;
        }
    }
    match any {
        true => Ok(()),
        false => Err(Stop::NotApplicable(
            "it refused nothing; --refused names a configuration that has to be",
        )),
    }
}

/// Whether a source or sink refuses properties. Of what it refused nothing may
/// be left: what can be used is started in its place.
fn is_refused(
    bench: &Bench<'_>,
    host: &Host,
    symbol: &str,
    properties: &Map<String, Value>,
) -> Result<bool, Stop> {
    const RULE: &str = "refused";
    let is_source = bench.manifest()?.sources.iter().any(|name| name == symbol);
    let config = Value::Object(properties.clone());
    let started = match is_source {
        true => {
            let source = host.source(symbol).config(config);
            let source = source.within(RULE, "stream").start();
            source.and_then(|source| {
                bench.let_work();
                source.stop()
            })
        }
        false => {
            let sink = host.sink(symbol).config(config);
            let sink = sink.within(RULE, format!("{symbol}_0")).start();
            sink.and_then(|sink| {
                bench.let_work();
                sink.stop()
            })
        }
    };
    match started {
        // One that has ended by itself since then may not know the stop.
        Ok(())
        | Err(HostError::Refused {
            command: "stop", ..
        }) => return Ok(false),
        Err(HostError::Refused {
            command: "start",
            greeting: false,
            ..
        }) => {}
        Err(error) => return Err(error.into()),
    }
    match is_source {
        true => bench.start_source(host, symbol, RULE)?.stop()?,
        false => bench.start_sink(host, symbol, RULE)?.stop()?,
    }
    Ok(true)
}

/// Orders that any plugin has to refuse, and what they are.
fn refused(bench: &Bench<'_>) -> Result<Vec<(&'static str, Vec<u8>)>, Stop> {
    let (symbol, kind) = symbol(bench)?;
    let unknown = |kind| order_bytes("start", &argument("no_such_symbol", kind));
    Ok(vec![
        ("the start of an unknown source", unknown("source")),
        ("the start of an unknown sink", unknown("sink")),
        ("the start of an unknown function", unknown("func")),
        (
            "the start of a `lookup`",
            order_bytes("start", &argument(symbol, "lookup")),
        ),
        (
            "the order `pause`",
            order_bytes("pause", &argument(symbol, kind)),
        ),
        ("the order `{`", b"{".to_vec()),
    ])
}

pub(super) fn answers_without_h(bench: &Bench<'_>) -> Checked {
    let brief = bench.scaled(Duration::from_secs(3));
    let host = bench.launch(bench.builder()?.answer_timeout(brief));
    let host = host.map_err(not_reached)?;
    for (what, order) in refused(bench)? {
        // What begins with `h` is no answer: the order is sent again and again.
        let answered = host.order_bytes(&order);
        let begins = matches!(&answered, Ok(answer) if answer.first() == Some(&b'h'));
        if begins || bench.transcript.mistaken_greeting().is_some() {
            return Err(failed(format!("{what} was answered so")));
        }
        match answered {
            Ok(_) | Err(HostError::NoAnswer { .. }) => {}
            Err(error) => return Err(not_testable(error)),
        }
    }
    Ok(())
}

pub(super) fn refuses_with_words(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    for (what, order) in refused(bench)? {
        let answer = host.order_bytes(&order).map_err(not_testable)?;
        if answer.is_empty() {
            return Err(failed(format!("{what} was answered with 0 bytes")));
        }
        if std::str::from_utf8(&answer).is_err() {
            let bytes = answer.escape_ascii();
            return Err(failed(format!(
                "{what} was answered with `{bytes}`, no UTF-8"
            )));
        }
    }
    Ok(())
}
