//! Hosts on the probe.

use std::time::Duration;

use mock_kuiper::{Builder, Host, Side};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::probe;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The probe as a plugin with these functions.
pub(crate) fn plugin(functions: &[&str]) -> TempDir {
    probe::plugin("random", "append", functions)
}

/// A host of that plugin.
pub(crate) fn builder(place: &TempDir) -> Builder {
    probe::on_transport(Host::builder(place.path()))
}

/// The texts of the messages on a channel from one side.
pub(crate) fn texts(host: &Host, channel: &str, from: Side) -> Vec<String> {
    let frames = host.frames().into_iter();
    frames
        .filter(|frame| frame.channel == channel && frame.from == from)
        .map(|frame| frame.text())
        .collect()
}

/// What the host sent on control, in short: `start random`, `stop random`.
pub(crate) fn orders(host: &Host) -> Vec<String> {
    texts(host, "plugin_probe", Side::Host)
        .iter()
        .map(|text| {
            let order: Value = serde_json::from_str(text).unwrap();
            let argument: Value = serde_json::from_str(order["arg"].as_str().unwrap()).unwrap();
            let symbol = argument["symbolName"].as_str().unwrap();
            format!("{} {symbol}", order["cmd"].as_str().unwrap())
        })
        .collect()
}
