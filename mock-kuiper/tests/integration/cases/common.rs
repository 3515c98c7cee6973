//! A plugin and a test file for each test, and runs of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::processes::{Done, Live, MARK, assert_clean, link_probe, wait_until};

/// A directory with the probe as the plugin `plugin`, and test files beside it.
pub(crate) struct Place {
    /// Marks all processes of the test.
    pub(crate) id: String,
    directory: TempDir,
    /// The system's temporary directory, for all processes of the test.
    tmp: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let place = Self {
            id: format!("cases{}x{number}", std::process::id()),
            directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
            tmp: tempfile::tempdir().unwrap(),
        };
        let plugin = place.path("plugin");
        fs::create_dir(&plugin).unwrap();
        let json = json!({
            "version": "1.0.0", "language": "go", "executable": "probe",
            "sources": ["random"], "sinks": ["append"], "functions": ["echo"],
        });
        fs::write(plugin.join("probe.json"), json.to_string()).unwrap();
        link_probe(&plugin.join("probe"));
        place
    }

    /// Makes a place with the file `a.test.yaml`.
    pub(crate) fn with(yaml: &str) -> Self {
        let place = Self::new();
        place.write("a.test.yaml", yaml);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Makes the command `mock-kuiper test ARGS`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
        command
            .arg("test")
            .args(args)
            .current_dir(self.directory.path())
            .env("TMPDIR", self.tmp.path())
            .env(MARK, &self.id)
            .env_remove("CI")
            .env_remove("GITHUB_ACTIONS");
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Live {
        Live::spawn(self.command(args), &self.id)
    }

    /// Runs `mock-kuiper test ARGS` to its end; nothing may be left behind.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.finish(self.start(args))
    }

    /// Waits for the end of a run, after which nothing may be left behind.
    pub(crate) fn finish(&self, live: Live) -> Done {
        let done = live.finish();
        self.assert_clean();
        done
    }

    /// Waits until no process and no temporary file is left.
    pub(crate) fn assert_clean(&self) {
        assert_clean(&self.id);
        wait_until("the removal of temporary files", || {
            is_empty(self.tmp.path())
        });
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Runs `a.test.yaml` with `args` and `--json`.
    pub(crate) fn results(&self, args: &[&str]) -> Outcome {
        let args = [&["a.test.yaml", "--json", "results.json"], args].concat();
        let done = self.run(&args);
        let json = fs::read(self.path("results.json"));
        let json = json.unwrap_or_else(|error| panic!("{error}: {done}"));
        Outcome {
            json: serde_json::from_slice(&json).unwrap(),
            done,
        }
    }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

/// Runs a file in a place of its own.
pub(crate) fn results(yaml: &str) -> Outcome {
    Place::with(yaml).results(&[])
}

/// Makes a file for the probe with one case of these steps.
pub(crate) fn steps(steps: &str) -> String {
    format!("plugin: plugin\ncases:\n- name: one\n  steps:\n{steps}")
}

/// Runs a case of these steps, the first of which is in line 5.
pub(crate) fn play(text: &str) -> Outcome {
    results(&steps(text))
}

/// What came of a run.
pub(crate) struct Outcome {
    pub(crate) done: Done,
    pub(crate) json: Value,
}

impl Outcome {
    /// Returns the results of all cases, in the order of the report.
    pub(crate) fn all(&self) -> Vec<(&Value, &Value)> {
        let files = self.json["files"].as_array().unwrap().iter();
        let cases = files.flat_map(|file| file["cases"].as_array().unwrap());
        let results = cases.flat_map(|case| {
            let results = case["results"].as_array().unwrap();
            results.iter().map(move |result| (case, result))
        });
        results.collect()
    }

    /// Returns `name release: verdict` for each result.
    pub(crate) fn verdicts(&self) -> Vec<String> {
        let all = self.all().into_iter();
        let verdicts = all.map(|(case, result)| {
            let [name, release, verdict] =
                [&case["name"], &result["release"], &result["verdict"]].map(text);
            format!("{name} {release}: {verdict}")
        });
        verdicts.collect()
    }

    /// Returns the first result of a case.
    pub(crate) fn of(&self, name: &str) -> &Value {
        let all = self.all();
        let mut named = all.iter().filter(|(case, _)| case["name"] == name);
        named.next().unwrap_or_else(|| panic!("no case {name}")).1
    }

    #[track_caller]
    pub(crate) fn assert_passed(&self) -> &Self {
        self.done.assert_status(0);
        self
    }

    /// Checks that the only case has failed, with one failure.
    #[track_caller]
    pub(crate) fn assert_failed(&self, line: u64, code: &str, failure: &str) -> &Self {
        self.done.assert_status(1);
        self.assert_failure("one", line, code, failure)
    }

    /// Checks the first failure of a case: its line, its code (`-` without one),
    /// and a part of its text.
    #[track_caller]
    pub(crate) fn assert_failure(&self, name: &str, line: u64, code: &str, failure: &str) -> &Self {
        let seen = &self.of(name)["failures"][0];
        let found = (seen["line"].as_u64(), seen["code"].as_str().unwrap_or("-"));
        assert_eq!(found, (Some(line), code), "{seen:#} in {}", self.done);
        assert!(text(&seen["text"]).contains(failure), "{seen:#}");
        self
    }

    /// Returns the values that the first failure of the only case compared: where,
    /// what was expected, what was seen.
    pub(crate) fn differences(&self) -> Vec<[String; 3]> {
        let differences = &self.of("one")["failures"][0]["differences"];
        let differences = differences.as_array().unwrap().iter();
        let difference = |one: &Value| {
            [&one["at"], &one["expected"], &one["seen"]].map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        };
        differences.map(difference).collect()
    }

    /// Checks that stdout has a text.
    #[track_caller]
    pub(crate) fn assert_shows(&self, text: &str) -> &Self {
        assert!(
            self.done.stdout.contains(text),
            "no `{text}` in {}",
            self.done
        );
        self
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}
