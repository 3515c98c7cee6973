//! A plugin for each test, and runs of `mock-kuiper` that cannot hang.
//!
//! eKuiper's addresses in /tmp are made of names. Every test has unique names for
//! its plugin, rule and functions, so that all tests run at once.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use crate::support::processes::{
    Done, Live, assert_clean, files, kill, processes, wait_until, write_script,
};
use crate::support::processes::{MARK, link_probe};

/// Returns the transport that all tests run on; `None` is the default.
pub(crate) fn transport() -> Option<String> {
    std::env::var("MOCK_KUIPER_TEST_TRANSPORT").ok()
}

/// Whether the tests run on NNG. It drops a peer that breaks the protocol without
/// an error, so that the host cannot report what the plugin did.
pub(crate) fn on_nng() -> bool {
    transport().as_deref() == Some("nng")
}

/// A plugin on disk with a unique name.
pub(crate) struct Plugin {
    /// The name of the plugin, of its executable and of the rule.
    pub(crate) id: String,
    place: TempDir,
}

impl Plugin {
    /// Makes a plugin of the probe with these symbols. A function's name ends with
    /// `_` and the plugin's name.
    pub(crate) fn new(sources: &[&str], sinks: &[&str], functions: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("probe{}x{number}", std::process::id());
        let plugin = Plugin {
            place: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            id,
        };
        let functions: Vec<_> = functions.iter().map(|name| plugin.function(name)).collect();
        fs::create_dir(plugin.directory()).unwrap();
        plugin.write_json(json!({
            "version": "1.0.0", "language": "go", "executable": plugin.id,
            "sources": sources, "sinks": sinks, "functions": functions,
        }));
        link_probe(&plugin.executable());
        plugin
    }

    /// Returns the full name of one of its functions.
    pub(crate) fn function(&self, name: &str) -> String {
        format!("{name}_{}", self.id)
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.place.path().join(&self.id)
    }

    /// Returns the parent of the plugin's directory, for files of the test.
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn executable(&self) -> PathBuf {
        self.directory().join(&self.id)
    }

    pub(crate) fn json(&self) -> PathBuf {
        self.directory().join(format!("{}.json", self.id))
    }

    pub(crate) fn write_json(&self, json: Value) {
        fs::write(self.json(), json.to_string()).unwrap();
    }

    /// Changes one field of the json.
    pub(crate) fn set(&self, field: &str, value: impl Into<Value>) {
        let mut json: Value = serde_json::from_slice(&fs::read(self.json()).unwrap()).unwrap();
        json[field] = value.into();
        self.write_json(json);
    }

    /// Writes a file of the plugin, e.g. `sources/random.yaml`. It appears at once
    /// with its whole content.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.directory().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let written = self.place().join("written");
        fs::write(&written, text).unwrap();
        fs::rename(written, path).unwrap();
    }

    /// Replaces the executable by a shell script. The probe moves to `bin/`, under
    /// the plugin's name.
    pub(crate) fn wrap(&self, script: &str) {
        let directory = self.directory().join("bin");
        fs::create_dir(&directory).unwrap();
        fs::rename(self.executable(), directory.join(&self.id)).unwrap();
        write_script(&self.executable(), script);
    }

    /// Makes the command `mock-kuiper run PLUGIN --rule ID`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_on(&self.directory(), args)
    }

    /// Makes the command `mock-kuiper run` for any plugin.
    pub(crate) fn command_on(&self, plugin: &Path, args: &[&str]) -> Command {
        self.subcommand("run", plugin, args)
    }

    /// Makes the command `mock-kuiper NAME` for any plugin.
    pub(crate) fn subcommand(&self, name: &str, plugin: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
        command
            .arg(name)
            .arg(plugin)
            .args(["--rule", &self.id])
            .args(args)
            .env(MARK, &self.id);
        if let Some(transport) = transport() {
            command.args(["--transport", &transport]);
        }
        command
    }

    /// Runs `mock-kuiper run` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.start(args).finish()
    }

    /// Runs `mock-kuiper run` to its end with `input` on stdin.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Done {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        let mut live = Live::spawn(command, &self.id);
        let mut stdin = live.child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        live.finish()
    }

    pub(crate) fn start(&self, args: &[&str]) -> Live {
        Live::spawn(self.command(args), &self.id)
    }

    /// Waits until no process of the test is left, and no file in /tmp.
    pub(crate) fn assert_clean(&self) {
        assert_clean(&self.id);
    }

    /// Lists the test's socket files in /tmp.
    pub(crate) fn files(&self) -> Vec<String> {
        files(&self.id)
    }
}
