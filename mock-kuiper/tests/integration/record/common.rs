//! Recorded plugins and their traces.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

pub(crate) use crate::run::common::{
    Done, Live, Plugin, kill, processes, wait_until, write_script,
};
use crate::support::processes::MARK;

/// The ways in which a recorder stands between host and plugin.
pub(crate) const WAYS: [&[&str]; 2] = [&[], &["--rename"]];

/// A plugin with a recorder in front of it.
pub(crate) struct Recorded {
    pub(crate) plugin: Plugin,
}

impl Recorded {
    /// Records the probe with the options of `mock-kuiper record`.
    pub(crate) fn new(plugin: Plugin, options: &[&str]) -> Self {
        plugin.write("sources/random.yaml", "");
        let recorded = Self { plugin };
        recorded.record(options).assert_status(0);
        recorded
    }

    /// The probe with a source, a sink and a function.
    pub(crate) fn probe(options: &[&str]) -> Self {
        Self::new(Plugin::new(&["random"], &["append"], &["echo"]), options)
    }

    /// Runs `mock-kuiper record`.
    pub(crate) fn record(&self, options: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
        command
            .arg("record")
            .arg(self.plugin.directory())
            .arg("--output")
            .arg(self.trace())
            .arg("--to")
            .arg(self.directory())
            .args(options);
        Live::spawn(command, &self.plugin.id).end()
    }

    /// The directory with the recorder.
    pub(crate) fn directory(&self) -> PathBuf {
        self.plugin.place().join("recorded").join(&self.plugin.id)
    }

    pub(crate) fn trace(&self) -> PathBuf {
        let place = self.plugin.place().join("recorded");
        fs::create_dir_all(&place).unwrap();
        place.join("trace.jsonl")
    }

    /// Starts `mock-kuiper run` with the recorded plugin.
    pub(crate) fn start(&self, args: &[&str]) -> Live {
        let command = self.plugin.command_on(&self.directory(), args);
        Live::spawn(command, &self.plugin.id)
    }

    /// Runs `mock-kuiper run` to its end; nothing may be left behind.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.start(args).finish()
    }

    /// Makes the command that eKuiper runs.
    pub(crate) fn launch(&self) -> Command {
        let mut command = Command::new(self.directory().join("mock-kuiper-recorder"));
        command
            .arg(r#"{"sendTimeout":1000}"#)
            .current_dir(self.directory())
            .env(MARK, &self.plugin.id);
        command
    }

    /// Returns the lines of the trace.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.trace()).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Returns the texts of the messages on a channel from one side.
    pub(crate) fn texts(&self, channel: &str, from: &str) -> Vec<String> {
        let lines = self.lines().into_iter();
        lines
            .filter(|line| line["channel"] == channel && line["from"] == from)
            .filter_map(|line| Some(line["text"].as_str()?.to_owned()))
            .collect()
    }

    pub(crate) fn control(&self) -> String {
        format!("plugin_{}", self.plugin.id)
    }

    /// The channel of the source.
    pub(crate) fn rows(&self) -> String {
        format!("{}_demo_0", self.plugin.id)
    }
}

/// Returns the recorders among the processes of a test, without their keepers.
pub(crate) fn recorders(id: &str) -> Vec<u32> {
    named(id, "mock-kuiper")
}

/// Returns the one recorder among the processes of a test, once what it has forked has
/// names of its own.
pub(crate) fn one_recorder(id: &str) -> u32 {
    wait_until("one recorder", || recorders(id).len() == 1);
    recorders(id)[0]
}

/// Returns the supervisors of recorders among the processes of a test.
pub(crate) fn supervisors(id: &str) -> Vec<u32> {
    named(id, "mk-supervisor")
}

/// Returns the recorders, or their forks, whose names begin so.
fn named(id: &str, begin: &str) -> Vec<u32> {
    let is_recorder = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        let program = words.next().unwrap_or_default();
        program.ends_with(b"/mock-kuiper-recorder")
            && words.next().is_some_and(|word| word.starts_with(b"{"))
            && fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.starts_with(begin))
    };
    processes(id).into_iter().filter(is_recorder).collect()
}
