//! The probe as a plugin, and the transport that the tests are run for.

use std::path::{Path, PathBuf};

use mock_kuiper::Builder;
use serde_json::json;
use tempfile::TempDir;

/// The probe as a plugin `probe` with these symbols; all have the same name, so
/// that only isolation keeps them apart.
pub(crate) fn plugin(source: &str, sink: &str, functions: &[&str]) -> TempDir {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::os::unix::fs::symlink(binary(), place.path().join("probe")).unwrap();
    let json = json!({
        "version": "1", "language": "go", "executable": "probe",
        "sources": [source], "sinks": [sink], "functions": functions,
    });
    std::fs::write(place.path().join("probe.json"), json.to_string()).unwrap();
    place
}

/// Returns the probe's executable.
pub(crate) fn binary() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    binary.with_file_name("examples").join("probe")
}

/// Gives a host the transport that `MOCK_KUIPER_TEST_TRANSPORT` names.
pub(crate) fn on_transport(host: Builder) -> Builder {
    match std::env::var("MOCK_KUIPER_TEST_TRANSPORT") {
        Ok(transport) => host.transport(transport.parse().unwrap()),
        Err(_) => host,
    }
}
