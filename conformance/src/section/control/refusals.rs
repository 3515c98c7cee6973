//! Orders that must be refused.

use std::time::Duration;

use mock_kuiper::engine::wire::{Command, OrderAnswer};
use mock_kuiper::{Code, Host, Observed};
use serde_json::{Map, Value, json};

use crate::checked::{Checked, NotPassed, failed, untested};
use crate::rig::{Rig, Running, order_bytes, start_argument, unknown_start};

const NOTHING_REFUSED: &str =
    "the plugin refused nothing; name a configuration that it must refuse with `--refused`";

/// The name of a symbol, and properties for it.
type Configured = (String, Map<String, Value>);

pub(super) fn refuses_symbols(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    for kind in ["source", "sink", "func"] {
        let what = format!("the start of an unknown {kind}");
        rig.refused(&host, &what, &unknown_start(kind))?;
    }
    rig.still_starts(&host)
}

pub(super) fn refuses_types(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let (symbol, _) = rig.any_symbol()?;
    let start = order_bytes("start", &start_argument(symbol, "lookup"));
    rig.refused(&host, "the start of a `lookup`", &start)?;
    rig.still_starts(&host)
}

pub(super) fn refuses_commands(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let (symbol, kind) = rig.any_symbol()?;
    let order = order_bytes("pause", &start_argument(symbol, kind));
    rig.refused(&host, "the order `pause`", &order)?;
    rig.still_starts(&host)
}

pub(super) fn refuses_bytes(rig: &Rig<'_>) -> Checked {
    const HUGE: usize = 64 * 1024 * 1024;
    let host = rig.host()?;
    rig.refused(&host, "an order of 0 bytes", b"")?;
    rig.refused(&host, "the order `{`", b"{")?;
    rig.refused(&host, "an order that is not UTF-8", b"\xff\x00")?;
    if rig.release().max_message.is_none() {
        rig.refused(&host, "an order of 64 MiB", &vec![b'x'; HUGE])?;
    }
    rig.still_starts(&host)
}

pub(super) fn refuses_gaps(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let (symbol, kind) = rig.any_symbol()?;
    let whole = start_argument(symbol, kind);
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
            "an order whose `arg` is not JSON",
            br#"{"cmd":"start","arg":"{"}"#.to_vec(),
        ),
        ("a start without `symbolName`", without("symbolName")),
        ("a start without `pluginType`", without("pluginType")),
    ];
    // The `meta` of a function names no instance.
    if kind != "func" {
        orders.push(("a start without `meta`", without("meta")));
    }
    for (what, order) in orders {
        rig.refused(&host, what, &order)?;
    }
    rig.still_starts(&host)
}

pub(super) fn refuses_configurations(rig: &Rig<'_>) -> Checked {
    if rig.plan.refused.is_empty() {
        return refuses_wrong_types(rig);
    }
    let host = rig.host()?;
    for (symbol, properties) in &rig.plan.refused {
        if !is_refused(rig, &host, symbol, properties)? {
            let properties = Value::Object(properties.clone());
            return Err(failed(format!(
                "`{symbol}` accepted {properties}, which `--refused` says it must refuse"
            )));
        }
    }
    Ok(())
}

/// Tries properties of other types, if the user names none that must be refused:
/// only the plugin knows which values it accepts, but it often refuses another
/// type.
fn refuses_wrong_types(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let mut any = false;
    for (symbol, properties) in wrong_types(rig)? {
        any |= is_refused(rig, &host, &symbol, &properties)?;
    }
    match any {
        true => Ok(()),
        false => Err(NotPassed::NotApplicable(NOTHING_REFUSED)),
    }
}

/// Returns the properties of each source and sink, with one of another type.
fn wrong_types(rig: &Rig<'_>) -> Result<Vec<Configured>, NotPassed> {
    let mut all = Vec::new();
    for symbol in [rig.sources()?, rig.sinks()?].concat() {
        let known = rig.properties(symbol)?;
        for (name, value) in &known {
            let mut properties = known.clone();
            let wrong = match value {
                Value::String(_) => json!({"conformance": [1]}),
                _ => json!("conformance"),
            };
            properties.insert(name.clone(), wrong);
            all.push((symbol.to_owned(), properties));
        }
    }
    Ok(all)
}

pub(super) fn reads_a_new_argument(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    let candidates: Vec<_> = match rig.plan.refused.is_empty() {
        true => wrong_types(rig)?,
        false => {
            let refused = rig.plan.refused.iter();
            refused
                .map(|(name, wrong)| (name.clone(), wrong.clone()))
                .collect()
        }
    };
    for (symbol, properties) in candidates {
        let refused = is_refused(rig, &host, &symbol, &properties);
        if !refused.map_err(NotPassed::into_untested)? {
            continue;
        }
        let (_running, mut order) = match rig.sources()?.contains(&&*symbol) {
            true => {
                let source = rig.start_source(&host, &symbol, "anew").map_err(untested)?;
                let order = source.order().clone();
                (Running::Source(source), order)
            }
            false => {
                let sink = rig.start_sink(&host, &symbol, "anew").map_err(untested)?;
                let order = sink.order().clone();
                (Running::Sink(sink), order)
            }
        };
        order.config.extend(properties.clone());
        let answer = host.order(Command::Start, &order)?;
        return match OrderAnswer::parse(answer.as_bytes()) {
            OrderAnswer::Done => Err(failed(format!(
                "`{symbol}` refused {} at its first start, and answered `ok` to the same \
                 properties in a second start: it did not read them",
                Value::Object(properties)
            ))),
            _ => Ok(()),
        };
    }
    Err(NotPassed::NotApplicable(NOTHING_REFUSED))
}

/// Returns whether a source or sink refuses properties. A refusal must leave
/// nothing behind: the symbol must then start with its correct properties.
fn is_refused(
    rig: &Rig<'_>,
    host: &Host,
    symbol: &str,
    properties: &Map<String, Value>,
) -> Result<bool, NotPassed> {
    const RULE: &str = "refused";
    let is_source = rig.sources()?.contains(&symbol);
    let config = Value::Object(properties.clone());
    let started = match is_source {
        true => {
            let source = host.source(symbol).config(config);
            let source = source.within(RULE, "stream").start();
            source.and_then(|source| {
                rig.let_work();
                source.stop()
            })
        }
        false => {
            let sink = host.sink(symbol).config(config);
            let sink = sink.within(RULE, format!("{symbol}_0")).start();
            sink.and_then(|sink| {
                rig.let_work();
                sink.stop()
            })
        }
    };
    let Err(error) = started else {
        return Ok(false);
    };
    match error.finding().map(|finding| &finding.observed) {
        Some(Observed::OrderRefused {
            command: Command::Start,
            ..
        }) => {}
        // An instance that has ended by itself since then may not know the stop.
        Some(
            Observed::OrderRefused {
                command: Command::Stop,
                ..
            }
            | Observed::OrderGreeting {
                command: Command::Stop,
                ..
            },
        ) => return Ok(false),
        _ => return Err(error.into()),
    }
    match is_source {
        true => rig.start_source(host, symbol, RULE)?.stop()?,
        false => rig.start_sink(host, symbol, RULE)?.stop()?,
    }
    Ok(true)
}

/// Returns orders that any plugin must refuse, with their names.
fn orders_to_refuse(rig: &Rig<'_>) -> Result<Vec<(&'static str, Vec<u8>)>, NotPassed> {
    let (symbol, kind) = rig.any_symbol()?;
    Ok(vec![
        ("the start of an unknown source", unknown_start("source")),
        ("the start of an unknown sink", unknown_start("sink")),
        ("the start of an unknown function", unknown_start("func")),
        (
            "the start of a `lookup`",
            order_bytes("start", &start_argument(symbol, "lookup")),
        ),
        (
            "the order `pause`",
            order_bytes("pause", &start_argument(symbol, kind)),
        ),
        ("the order `{`", b"{".to_vec()),
    ])
}

pub(super) fn answers_without_h(rig: &Rig<'_>) -> Checked {
    let brief = rig.scaled(Duration::from_secs(3));
    let host = rig.launch(rig.builder()?.answer_timeout(brief));
    let host = host.map_err(NotPassed::into_untested)?;
    for (what, order) in orders_to_refuse(rig)? {
        // On some releases the host sends the order again and again.
        let answered = host.order_bytes(&order);
        let begins = matches!(&answered, Ok(answer) if answer.first() == Some(&b'h'));
        if begins || rig.transcript.mistaken_greeting().is_some() {
            return Err(failed(format!(
                "{what} was answered with a text that begins with `h`"
            )));
        }
        match answered {
            Ok(_) => {}
            Err(error) if error.code() == Some(Code::OrderUnanswered) => {}
            Err(error) => return Err(untested(error)),
        }
    }
    Ok(())
}

pub(super) fn refuses_with_a_text(rig: &Rig<'_>) -> Checked {
    let host = rig.host()?;
    for (what, order) in orders_to_refuse(rig)? {
        let answer = host.order_bytes(&order).map_err(untested)?;
        if answer.is_empty() {
            return Err(failed(format!("{what} was answered with 0 bytes")));
        }
        if std::str::from_utf8(&answer).is_err() {
            let bytes = answer.escape_ascii();
            return Err(failed(format!(
                "{what} was answered with `{bytes}`, which is not UTF-8"
            )));
        }
    }
    Ok(())
}
