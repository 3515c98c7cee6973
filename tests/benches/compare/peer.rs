//! The plugins that are compared.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How the tables call the one on our SDK.
pub(crate) const SDK: &str = "SDK";

/// A plugin under comparison.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// How the table calls it, e.g. `Go`.
    pub(crate) name: &'static str,
    /// The plugin's name, e.g. `bench_go`.
    pub(crate) plugin: &'static str,
    /// The program, and what stands in front of the one argument.
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Peer {
    /// The plugins whose executables are in `directory`; `python` runs the one
    /// that is a script. Those that are not there are left out, by name.
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

    /// The size of the executable in KiB; none for a script.
    pub(crate) fn size(&self) -> Option<f64> {
        let size = fs::metadata(&self.program).ok()?.len();
        self.arguments.is_empty().then_some(size as f64 / 1024.0)
    }
}
