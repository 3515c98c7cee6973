//! The peers: the plugins that are compared.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the plugin on this project's SDK in the tables.
pub(crate) const SDK: &str = "SDK";

/// A plugin under comparison.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Its name in the tables, e.g. `Go`.
    pub(crate) name: &'static str,
    /// The plugin's name, e.g. `bench_go`.
    pub(crate) plugin: &'static str,
    /// The program, and its arguments before the one that every plugin gets.
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Peer {
    /// Finds the plugins whose executables are in `directory`, and the one in
    /// Python, which `python` runs. Returns them and the names of the missing ones.
    pub(crate) fn find(directory: &Path, python: Option<&Path>) -> (Vec<Self>, Vec<&'static str>) {
        let native = |name, plugin| Self {
            name,
            plugin,
            program: directory.join(plugin),
            arguments: Vec::new(),
        };
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/bench/python/bench_python.py");
        let all = [
            native("plain", "bench_plain"),
            native(SDK, "bench_sdk"),
            native("NNG", "bench_nng"),
            native("Go", "bench_go"),
            Self {
                name: "Python",
                plugin: "bench_python",
                program: python.unwrap_or(Path::new("")).to_owned(),
                arguments: vec!["-u".into(), script.into()],
            },
        ];
        let (found, missing): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|peer| peer.program.is_file());
        (found, missing.iter().map(|peer| peer.name).collect())
    }

    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }

    /// The size of the executable in KiB, `None` for a script.
    pub(crate) fn size(&self) -> Option<f64> {
        let size = fs::metadata(&self.program).ok()?.len();
        self.arguments.is_empty().then_some(size as f64 / 1024.0)
    }
}
