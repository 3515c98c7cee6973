//! Every recorded order and request is written byte for byte.
//!
//! The values are decoded from the recorded frame, so this test shows how the mock
//! writes values, and that it writes everything a recorded frame has.
//! `orders.rs` and `requests.rs` show which values it writes.

use std::collections::BTreeMap;

use mock_kuiper::engine::go_json::Numbers;
use mock_kuiper::engine::wire::{Command, Context, Expr, Order, exec, is_aggregate, validate};
use mock_kuiper::{Meta, Release};
use serde_json::{Map, Value};

use super::recordings::{host_frames, recordings};

/// Writes an order with the values of a recorded one.
fn order(text: &str, profile: &Release) -> Option<String> {
    let order: Value = serde_json::from_str(text).ok()?;
    let argument: Value = serde_json::from_str(order["arg"].as_str()?).unwrap();
    let symbol = argument["symbolName"].as_str().unwrap();
    let config = match &argument["config"] {
        Value::Object(config) => config.clone(),
        _ => Map::new(),
    };
    let made = match argument["pluginType"].as_str().unwrap() {
        "source" => {
            let datasource = match &argument["dataSource"] {
                Value::Null => &config["datasource"],
                beside => beside,
            };
            let datasource = datasource.as_str().unwrap().to_owned();
            Order::source(symbol, meta(&argument["meta"]), &datasource, config)
        }
        "sink" => Order::sink(symbol, meta(&argument["meta"]), config),
        "func" => Order::function(symbol),
        other => panic!("pluginType {other}"),
    };
    let command = match order["cmd"].as_str().unwrap() {
        "start" => Command::Start,
        "stop" => Command::Stop,
        other => panic!("cmd {other}"),
    };
    Some(String::from_utf8(made.encode(command, profile)).unwrap())
}

/// Writes a request with the values of a recorded one.
fn request(text: &str, profile: &Release) -> Option<String> {
    let request: Value = serde_json::from_str(text).ok()?;
    let args = request["arg"].as_array().cloned().unwrap_or_default();
    let mut made = Vec::new();
    match request["func"].as_str()? {
        "IsAggregate" => made = is_aggregate(),
        "Validate" => {
            let args: Vec<_> = args.iter().map(expression).collect();
            made = validate(profile, &args);
        }
        "Exec" => {
            let (place, args) = args.split_last().unwrap();
            let place: Value = serde_json::from_str(place.as_str().unwrap()).unwrap();
            let context = Context {
                meta: meta(&place),
                func_id: number(&place["funcId"]),
            };
            exec(&mut made, args, &context, Numbers::Exact);
        }
        other => panic!("func {other}"),
    }
    Some(String::from_utf8(made).unwrap())
}

fn expression(tree: &Value) -> Expr {
    let name = || tree["Name"].as_str().unwrap().to_owned();
    if tree.get("Val").is_some() {
        Expr::Literal(tree["Val"].clone())
    } else if tree.get("StreamName").is_some() {
        Expr::Column(name())
    } else {
        Expr::Call {
            name: name(),
            func_id: number(&tree["FuncId"]),
            aggregate: tree["FuncType"] == 1,
            args: tree["Args"]
                .as_array()
                .into_iter()
                .flatten()
                .map(expression)
                .collect(),
        }
    }
}

fn meta(meta: &Value) -> Meta {
    let text = |field: &str| meta[field].as_str().unwrap().to_owned();
    assert_eq!(meta["instanceId"], 0);
    Meta::new(text("ruleId"), text("opId"))
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

#[test]
fn every_recorded_order_and_request_is_written_alike() {
    let mut seen: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (file, release) in recordings() {
        let profile = Release::find(&release).unwrap();
        let (orders, requests) = seen.entry(release).or_default();
        for (line, channel, text) in host_frames(&file) {
            let made = if channel.starts_with("plugin_") {
                *orders += 1;
                order(&text, profile)
            } else if channel.starts_with("func_") {
                *requests += 1;
                request(&text, profile)
            } else {
                continue;
            };
            assert_eq!(made.as_deref(), Some(&*text), "{file}:{line}");
        }
    }

    let releases: Vec<_> = seen.keys().map(String::as_str).collect();
    assert_eq!(releases, ["1.13", "1.14", "1.8", "2.0", "2.2", "2.4"]);
    for (release, (orders, requests)) in seen {
        assert!(
            orders >= 4 && requests >= 4,
            "{release}: {orders} {requests}"
        );
    }
}
