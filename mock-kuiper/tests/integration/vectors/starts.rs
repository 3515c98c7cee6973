//! Some steps of eKuiper have no fixed order: whether a rule's source or its sink is
//! started first, and whether a channel is closed before or after its stop is sent.
//! Each recording shows one order, and some seed plays it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mock_kuiper::engine::event::Trace;
use mock_kuiper::{Host, HostError};
use serde_json::Value;

use super::recordings::read;
use crate::support::probe;

/// The recorded rule.
const RULE: &str = "p1";
/// The function, the source and the sink of that rule.
const FUNCTION: &str = "revert";
const SOURCE: (&str, &str) = ("pyjson", "py");
const SINK: (&str, &str) = ("print", "print_0");

/// How many seeds are tried.
const SEEDS: u64 = 64;

/// The steps that are compared. Some recordings lack part of the rule's end.
const STARTS: &[&str] = &["start function", "start source", "start sink"];
const SINK_STOPS: &[&str] = &["closed sink", "stop sink"];
const SOURCE_STOPS: &[&str] = &["closed source", "stop source"];

/// Returns the steps of the rule in a recording, each at its first occurrence.
fn steps(text: &str, compared: &[&str]) -> Vec<String> {
    let mut steps = Vec::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let Some(step) = order(&line).or_else(|| closed(&line)) else {
            continue;
        };
        if compared.contains(&step.as_str()) && !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps
}

/// Returns the step of an order of the rule: `start sink`.
fn order(line: &Value) -> Option<String> {
    if line["from"] != "host" {
        return None;
    }
    let order: Value = serde_json::from_str(line["text"].as_str()?).ok()?;
    let argument: Value = serde_json::from_str(order["arg"].as_str()?).ok()?;
    let what = match argument["symbolName"].as_str()? {
        FUNCTION => "function",
        _ if argument["meta"]["ruleId"] != RULE => return None,
        symbol if symbol == SOURCE.0 => "source",
        symbol if symbol == SINK.0 => "sink",
        _ => return None,
    };
    Some(format!("{} {what}", order["cmd"].as_str()?))
}

/// Returns the step of a data channel that the host closed: `closed sink`.
fn closed(line: &Value) -> Option<String> {
    if line["event"] != "closed" || line["from"] != "host" {
        return None;
    }
    let channel = line["channel"].as_str()?;
    let of = |op| format!("{RULE}_{op}_0");
    match channel {
        _ if channel == of(SOURCE.1) => Some("closed source".to_owned()),
        _ if channel == of(SINK.1) => Some("closed sink".to_owned()),
        _ => None,
    }
}

/// Plays the rule, and returns a recording of it.
fn play(release: &str, seed: u64, place: &Path) -> Result<String, HostError> {
    let file = place.join("trace");
    let out = fs::File::create(&file).unwrap();
    let trace = Arc::new(Trace::new(out, release, "probe").unwrap());
    let host = Host::builder(place)
        .release(release)
        .seed(seed)
        .observer(Arc::clone(&trace) as _);
    let host = probe::on_transport(host).launch()?;
    let _function = host.function(FUNCTION)?;
    let (mut source, mut sink) = (None, None);
    let mut both = ["source", "sink"];
    host.shuffle(&mut both);
    for one in both {
        match one {
            "source" => source = Some(host.source(SOURCE.0).within(RULE, SOURCE.1).start()?),
            _ => sink = Some(host.sink(SINK.0).within(RULE, SINK.1).start()?),
        }
    }
    // eKuiper stops the sinks of a rule first.
    sink.into_iter().try_for_each(|sink| sink.stop())?;
    source.into_iter().try_for_each(|source| source.stop())?;
    drop(host);
    trace.finish().unwrap();
    Ok(fs::read_to_string(file).unwrap())
}

#[test]
fn some_seed_plays_the_recorded_order_of_each_release() -> Result<(), HostError> {
    let all = [STARTS, SINK_STOPS, SOURCE_STOPS].concat();
    let place = probe::plugin(SOURCE.0, SINK.0, &[FUNCTION]);
    for (release, file, compared) in [
        ("1.8", "ekuiper-1.8.2-python", STARTS.to_vec()),
        ("1.13", "ekuiper-1.13.5-python", STARTS.to_vec()),
        (
            "1.14",
            "ekuiper-1.14.7-python",
            [STARTS, SINK_STOPS].concat(),
        ),
        ("2.0", "ekuiper-2.0.8-python", all.clone()),
        ("2.2", "ekuiper-2.2.5-python", all.clone()),
        ("2.4", "ekuiper-2.4.0-python", all.clone()),
    ] {
        let recorded = steps(&read(file), &compared);
        assert_eq!(recorded.len(), compared.len(), "{file}: {recorded:?}");

        let mut played = Vec::new();
        for seed in 0..SEEDS {
            played.push(steps(&play(release, seed, place.path())?, &compared));
            if played.last() == Some(&recorded) {
                break;
            }
        }

        assert_eq!(
            played.last(),
            Some(&recorded),
            "{release}: none of {played:?}"
        );
    }
    Ok(())
}
