//! `CTL`: orders, and what answers them.

use std::time::{Duration, Instant};

use mock_kuiper::host::{Host, HostError};
use mock_kuiper::symbol::Channel;
use mock_kuiper::wire::{Command, OrderAnswer};
use serde_json::{Map, Value, json};

use crate::bench::{Bench, Checked, Kinds, Stop, failed, order_bytes};
use crate::requirement::{Level, Releases, Requirement};

/// Longer than the 5 s after which an SDK that waits with a limit greets again.
pub(super) const IDLE: Duration = Duration::from_secs(6);

/// How long a connection too many may take to come.
pub(super) const DIAL: Duration = Duration::from_millis(300);

/// How long an order may take while instances work.
const PROMPT: Duration = Duration::from_secs(2);

pub(crate) const REQUIREMENTS: &[&Requirement] = &[
    &Requirement {
        id: "CTL-01",
        level: Level::Must,
        releases: Releases::All,
        rule: "The plugin dials its control channel and sends a greeting.",
        why: "eKuiper kills the process after `initTimeout`, and the plugin is in error.",
        how: "The plugin is launched as the release does it; a message has to come within 10 s.",
        source: "protocol.md section 5, 1 and 2",
        check: greets,
    },
    &Requirement {
        id: "CTL-02",
        level: Level::Must,
        releases: Releases::All,
        rule: "The start of each symbol that the json declares is answered with `ok`.",
        why: "The rule that uses the symbol does not start; eKuiper shows the answer as its error.",
        how: "Each source, sink and function is started, with the properties of --config.",
        source: "protocol.md section 5, 3 and 4",
        check: starts,
    },
    &Requirement {
        id: "CTL-03",
        level: Level::Must,
        releases: Releases::All,
        rule: "The stop of each running source and sink is answered with `ok`.",
        why: "eKuiper reports that the rule cannot be stopped.",
        how: "What CTL-02 starts is stopped, its data channels closed by the host before.",
        source: "protocol.md section 5, stop",
        check: stops,
    },
    &Requirement {
        id: "CTL-04",
        level: Level::Must,
        releases: Releases::All,
        rule: "The start of a symbol that the plugin does not have is refused with a text.",
        why: "With `ok` eKuiper waits for rows or for a listener that will never come.",
        how: "`no_such_symbol` is started as a source, a sink and a function; each answer has to be \
              a text that is not `ok` and does not begin with `h`, and the plugin goes on.",
        source: "protocol.md section 5, start",
        check: refuses_symbols,
    },
    &Requirement {
        id: "CTL-05",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `pluginType` is refused with a text.",
        why: "A newer eKuiper may have kinds of symbols that this plugin does not know.",
        how: "A symbol of the plugin is started as a `lookup`.",
        source: "protocol.md section 5, start",
        check: refuses_types,
    },
    &Requirement {
        id: "CTL-06",
        level: Level::Should,
        releases: Releases::All,
        rule: "An unknown `cmd` is refused with a text.",
        why: "A newer eKuiper may have orders that this plugin does not know.",
        how: "`pause` is sent with the argument of a start.",
        source: "protocol.md section 5, start",
        check: refuses_commands,
    },
    &Requirement {
        id: "CTL-07",
        level: Level::Should,
        releases: Releases::All,
        rule: "Bytes that are no order are refused with a text, and the plugin goes on.",
        why: "eKuiper sends no such thing; a plugin that dies of one byte is hard to debug.",
        how: "No bytes, `{`, no UTF-8, and 64 MiB are sent, then a start that has to work.",
        source: "protocol.md section 5, start",
        check: refuses_bytes,
    },
    &Requirement {
        id: "CTL-08",
        level: Level::Should,
        releases: Releases::All,
        rule: "An order without a field that it needs is refused with a text.",
        why: "As CTL-07.",
        how: "Orders without `cmd`, `arg`, `symbolName` and `pluginType` are sent, and one whose \
              `arg` is no JSON.",
        source: "protocol.md section 5, start",
        check: refuses_gaps,
    },
    &Requirement {
        id: "CTL-09",
        level: Level::Must,
        releases: Releases::All,
        rule: "Fields that the plugin does not know are passed over.",
        why: "Releases have added fields to orders, and will again.",
        how: "A start gets a field more in the order, the argument and `meta`.",
        source: "protocol.md section 9",
        check: passes_over_fields,
    },
    &Requirement {
        id: "CTL-10",
        level: Level::Must,
        releases: Releases::All,
        rule: "Properties of any JSON arrive, whatever Go has escaped in them.",
        why: "A rule whose properties have a `<`, a quote or a nested object cannot be started.",
        how: "A start gets properties with `\\u003c`, with JSON inside a string and with nested values.",
        source: "protocol.md section 5, ekuiper-2.4.0-go-mirror",
        check: takes_any_properties,
    },
    &Requirement {
        id: "CTL-11",
        level: Level::Must,
        releases: Releases::All,
        rule: "An order is carried out and answered once, though nothing came for 6 s before.",
        why: "A plugin that greets when it is idle has the greeting taken for the answer by hosts \
              before 2.1.3, which stop the rule with `receive error: handshake`.",
        how: "Nothing is sent for 6 s; then a start has to be answered with `ok`.",
        source: "protocol.md section 5, the greeting again; ekuiper-1.14.7-python-errors t = 13.24",
        check: stays_after_idling,
    },
    &Requirement {
        id: "CTL-12",
        level: Level::Must,
        releases: Releases::All,
        rule: "An order that comes under the id of a request that was given up is dropped.",
        why: "After a greeting of an idle plugin eKuiper sends an order under the old id, then \
              under the new one; done twice, it doubles rows.",
        how: "A start is sent under another id, then under the right one; one answer has to come.",
        source: "protocol.md section 5; ekuiper-1.13.5-python t = 5.15",
        check: drops_stale_orders,
    },
    &Requirement {
        id: "CTL-13",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "A second start of what runs, with the same argument, is answered with `ok` and \
               changes nothing.",
        why: "After a crash the replay and the restarting rule both send one: a refusal stops the \
              rule, a second instance doubles its rows.",
        how: "Everything is started twice; afterwards it has to work as before, and a source has to \
              have one connection.",
        source: "protocol.md section 5; ekuiper-2.4.0-go, third launch",
        check: starts_twice,
    },
    &Requirement {
        id: "CTL-14",
        level: Level::Should,
        releases: Releases::WithReplay,
        rule: "A second start with another argument replaces the instance.",
        why: "A rule that was changed while the plugin was down is started with the new properties \
              after the replay of the old ones.",
        how: "Sources and sinks are started again with a property more; they have to work.",
        source: "protocol.md section 5",
        check: |bench| bench.play(Kinds::All, "start-anew"),
    },
    &Requirement {
        id: "CTL-15",
        level: Level::Must,
        releases: Releases::All,
        rule: "Orders are answered while instances work.",
        why: "eKuiper sends one order at a time: one that waits for a busy source holds up all rules.",
        how: "A sink gets rows and a source's are not read; a start under another rule has to be \
              answered within 2 s.",
        source: "protocol.md section 5, orders come one at a time",
        check: answers_while_busy,
    },
    &Requirement {
        id: "CTL-16",
        level: Level::Must,
        releases: Releases::WithReplay,
        rule: "The stop of what does not run is answered, and the plugin goes on.",
        why: "A new process gets the stops of instances that it never knew.",
        how: "A stop for a rule that never was is sent; all else has to work afterwards.",
        source: "protocol.md section 5, what it does on stop",
        check: |bench| bench.play(Kinds::All, "stop-unknown"),
    },
    &Requirement {
        id: "CTL-17",
        level: Level::Should,
        releases: Releases::All,
        rule: "A control channel that drops is dialed and greeted again.",
        why: "eKuiper closes it only when it ends, and ends the plugin then; a plugin that outlives \
              a debugger's or a test's host is easier to work with.",
        how: "The host closes the connection, and waits for a greeting and the answer to an order.",
        source: "protocol.md section 5, the greeting again",
        check: dials_again,
    },
    &Requirement {
        id: "CTL-18",
        level: Level::Must,
        releases: Releases::All,
        rule: "A configuration that cannot be used is refused with a text, and leaves nothing behind.",
        why: "The author of a rule sees no mistake, and the corrected rule cannot be started.",
        how: "Each symbol is started with the properties of --refused, then with right ones under the \
              same rule.",
        source: "protocol.md section 5, what a plugin does on start",
        check: refuses_configurations,
    },
];

fn greets(bench: &Bench<'_>) -> Checked {
    bench.builder()?.launch()?;
    Ok(())
}

fn starts(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let manifest = bench.manifest()?;
    let mut held = (Vec::new(), Vec::new(), Vec::new());
    for symbol in &manifest.functions {
        held.0.push(host.function(symbol)?);
    }
    for symbol in &manifest.sinks {
        held.1.push(bench.start_sink(&host, symbol, "rule")?);
    }
    for symbol in &manifest.sources {
        held.2.push(bench.start_source(&host, symbol, symbol)?);
    }
    Ok(())
}

fn stops(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let manifest = bench.manifest()?;
    if manifest.sources.is_empty() && manifest.sinks.is_empty() {
        return Err(Stop::NotApplicable("a function is never stopped"));
    }
    for symbol in &manifest.sinks {
        let sink = bench.start_sink(&host, symbol, "rule");
        sink.map_err(crate::bench::not_testable)?.stop()?;
    }
    for symbol in &manifest.sources {
        let source = bench.start_source(&host, symbol, "rule");
        source.map_err(crate::bench::not_testable)?.stop()?;
    }
    host.check_alive()?;
    Ok(())
}

/// The argument of a start, as `arg` has it once it is decoded.
fn argument(symbol: &str, kind: &str) -> Value {
    json!({
        "symbolName": symbol,
        "meta": {"ruleId": "rule", "opId": "op", "instanceId": 0},
        "pluginType": kind,
    })
}

/// Looks whether the plugin still starts what it has.
fn goes_on(bench: &Bench<'_>, host: &Host) -> Checked {
    host.check_alive()?;
    match bench.anything(host) {
        Err(Stop::NotTestable(seen)) => Err(failed(format!("afterwards {seen}"))),
        other => other.map(drop),
    }
}

fn refuses_symbols(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    for kind in ["source", "sink", "func"] {
        let start = order_bytes("start", &argument("no_such_symbol", kind));
        bench.refused(&host, &format!("the start of an unknown {kind}"), &start)?;
    }
    goes_on(bench, &host)
}

/// A symbol of the plugin, of whatever kind.
fn symbol<'a>(bench: &'a Bench<'_>) -> Result<(&'a str, &'static str), Stop> {
    let source = bench.source_name().map(|name| (name, "source"));
    let sink = || bench.sink_name().map(|name| (name, "sink"));
    let function = |_| bench.function_name().map(|name| (name, "func"));
    source.or_else(|_| sink()).or_else(function)
}

fn refuses_types(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (symbol, _) = symbol(bench)?;
    let start = order_bytes("start", &argument(symbol, "lookup"));
    bench.refused(&host, "the start of a `lookup`", &start)?;
    goes_on(bench, &host)
}

fn refuses_commands(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (symbol, kind) = symbol(bench)?;
    let order = order_bytes("pause", &argument(symbol, kind));
    bench.refused(&host, "the order `pause`", &order)?;
    goes_on(bench, &host)
}

fn refuses_bytes(bench: &Bench<'_>) -> Checked {
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

fn refuses_gaps(bench: &Bench<'_>) -> Checked {
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
    let orders = [
        ("an order without `cmd`", no_cmd.into_bytes()),
        ("an order without `arg`", br#"{"cmd":"start"}"#.to_vec()),
        (
            "an order whose `arg` is no JSON",
            br#"{"cmd":"start","arg":"{"}"#.to_vec(),
        ),
        ("a start without `symbolName`", without("symbolName")),
        ("a start without `pluginType`", without("pluginType")),
    ];
    for (what, order) in orders {
        bench.refused(&host, what, &order)?;
    }
    goes_on(bench, &host)
}

/// Starts something, stops it, and starts it again with a changed argument,
/// through bytes.
fn start_changed(bench: &Bench<'_>, change: impl FnOnce(&mut Map<String, Value>)) -> Checked {
    let host = bench.host()?;
    let (_running, order) = bench.anything(&host)?;
    if order.kind != mock_kuiper::symbol::Kind::Function {
        bench.order_ok(&host, Command::Stop, &order)?;
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

fn passes_over_fields(bench: &Bench<'_>) -> Checked {
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

fn takes_any_properties(bench: &Bench<'_>) -> Checked {
    let manifest = bench.manifest()?;
    if manifest.sources.is_empty() && manifest.sinks.is_empty() {
        return Err(Stop::NotApplicable("a function has no properties"));
    }
    start_changed(bench, |argument| {
        let config = argument.entry("config").or_insert_with(|| json!({}));
        if let Value::Object(config) = config {
            let text = r#"{"sql":"a < \"b\" & c > 'd'","nested":"\\u00e4"}"#;
            config.insert("conformance_text".to_owned(), text.into());
            let nested = json!({"list": [1, -2.5, null, {"k": []}], "ä": true});
            config.insert("conformance_nested".to_owned(), nested);
        }
    })
}

fn stays_after_idling(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (_running, order) = bench.anything(&host)?;
    if order.kind != mock_kuiper::symbol::Kind::Function {
        bench.order_ok(&host, Command::Stop, &order)?;
    }
    std::thread::sleep(bench.scaled(IDLE));
    bench.order_ok(&host, Command::Start, &order)
}

fn drops_stale_orders(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let (_running, order) = bench.anything(&host)?;
    let command = match order.kind {
        mock_kuiper::symbol::Kind::Function => Command::Start,
        _ => Command::Stop,
    };
    let answer = host.order_stale(command, &order)?;
    match OrderAnswer::parse(answer.as_bytes()) {
        OrderAnswer::Done => Ok(()),
        _ => Err(failed(format!(
            "the order under the right id was answered with `{answer}`, not `ok`"
        ))),
    }
}

fn starts_twice(bench: &Bench<'_>) -> Checked {
    bench.play(Kinds::All, "start-again")?;
    if bench.source_name().is_err() {
        return Ok(());
    }
    let host = bench.host()?;
    let mut source = bench.flowing_source(&host)?;
    source.start_again()?;
    // A second instance would dial within this time.
    for _ in 0..3 {
        source.next(bench.limit())?;
    }
    std::thread::sleep(bench.scaled(DIAL).max(DIAL));
    let channel = Channel::source(&source.order().meta);
    bench.one_connection(&channel)
}

fn answers_while_busy(bench: &Bench<'_>) -> Checked {
    let host = bench.host()?;
    let mut sink = match bench.sink_name() {
        Ok(_) => Some(bench.sink(&host)?),
        Err(_) => None,
    };
    for _ in 0..100 {
        if let Some(sink) = &mut sink {
            sink.send_bytes(b"[{\"conformance\":1}]")?;
        }
    }
    let source = match bench.source_name() {
        Ok(_) => Some(bench.source(&host)?),
        Err(_) => None,
    };
    std::thread::sleep(bench.scaled(Duration::from_secs(1)));
    let asked = Instant::now();
    let started = match (&source, &sink) {
        (Some(source), _) => bench
            .start_source(&host, &source.order().symbol, "elsewhere")
            .map(drop),
        (None, Some(sink)) => bench
            .start_sink(&host, sink.symbol(), "elsewhere")
            .map(drop),
        (None, None) => return Err(Stop::NotApplicable("a function alone is never busy")),
    };
    started?;
    let took = asked.elapsed();
    if took > bench.scaled(PROMPT) {
        let took = took.as_secs_f64();
        return Err(failed(format!("the answer took {took:.1} s")));
    }
    Ok(())
}

fn refuses_configurations(bench: &Bench<'_>) -> Checked {
    if bench.plan.refused.is_empty() {
        return Err(Stop::NotApplicable(
            "no --refused names a configuration that has to be refused",
        ));
    }
    let host = bench.host()?;
    for (symbol, properties) in &bench.plan.refused {
        let is_source = bench.manifest()?.sources.contains(symbol);
        let config = Value::Object(properties.clone());
        let started = match is_source {
            true => {
                let source = host.source(symbol).config(config);
                source.within("refused", "stream").start().map(drop)
            }
            false => {
                let sink = host.sink(symbol).config(config);
                sink.within("refused", format!("{symbol}_0"))
                    .start()
                    .map(drop)
            }
        };
        match started {
            Err(HostError::Refused {
                greeting: false, ..
            }) => {}
            Err(error) => return Err(error.into()),
            Ok(()) => {
                let properties = Value::Object(properties.clone());
                return Err(failed(format!(
                    "`{symbol}` was started with {properties}, which it has to refuse"
                )));
            }
        }
        // Nothing of it is left: what can be used is started in its place.
        match is_source {
            true => bench.start_source(&host, symbol, "refused").map(drop)?,
            false => bench.start_sink(&host, symbol, "refused").map(drop)?,
        }
    }
    Ok(())
}

fn dials_again(bench: &Bench<'_>) -> Checked {
    if bench.plan.release().regreet_on_control {
        return bench.play(Kinds::All, "cut");
    }
    let host = bench.host()?;
    host.breach(mock_kuiper::host::Breach::CutFrame)?;
    goes_on(bench, &host)
}
