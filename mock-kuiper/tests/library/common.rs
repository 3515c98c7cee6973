//! Hosts on the probe.

use std::path::Path;
use std::time::Duration;

use mock_kuiper::event::Side;
use mock_kuiper::host::{Builder, Host};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::transport::on_transport;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The probe as a plugin `probe` with these functions; all have the same names,
/// so that only isolation keeps them apart.
pub(crate) fn plugin(functions: &[&str]) -> TempDir {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    let probe = binary.with_file_name("examples").join("probe");
    std::os::unix::fs::symlink(probe, place.path().join("probe")).unwrap();
    let json = json!({
        "version": "1", "language": "go", "executable": "probe",
        "sources": ["random"], "sinks": ["append"], "functions": functions,
    });
    std::fs::write(place.path().join("probe.json"), json.to_string()).unwrap();
    place
}

/// A host of that plugin.
pub(crate) fn builder(place: &TempDir) -> Builder {
    on_transport(Host::builder().plugin(place.path()).isolated_or_in_turn())
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
