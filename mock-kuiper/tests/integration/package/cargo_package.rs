//! A Cargo package whose executable describes itself.
//!
//! It depends on an empty crate `ekuiper` of its own, so that a build takes a second and
//! no network. `main` prints a file of the package.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::common::{Done, mock_kuiper};

/// Prints `describe.txt`, and does nothing else.
pub(crate) const MAIN: &str = r#"fn main() {
    if std::env::args().nth(1).as_deref() != Some("--describe") { std::process::exit(7) }
    print!("{}", include_str!("../describe.txt"));
}"#;

pub(crate) const DESCRIPTION: &str = r#"{
  "describe": 1,
  "name": "weather",
  "sdk": "0.1.0",
  "sources": [{
    "name": "station",
    "description": {"en_US": "Polls a station.", "zh_CN": "轮询站点。"},
    "properties": [
      {"name": "url", "optional": false, "control": "text", "type": "string",
       "hint": {"en_US": "The address."}},
      {"name": "retryLimit", "default": 3, "optional": true, "control": "text", "type": "int"}
    ],
    "defaults": {"retryLimit": 3},
    "sections": {"once": {"retryLimit": 0}}
  }],
  "sinks": [{"name": "table"}],
  "functions": [
    {"name": "c_to_f", "aggregate": false, "args": [{"name": "celsius", "control": "field", "type": "float"}]},
    {"name": "middle", "aggregate": true}
  ]
}"#;

/// A Cargo package whose executable describes itself.
pub(crate) struct Package {
    place: TempDir,
}

impl Package {
    pub(crate) fn new(main: &str, description: &str) -> Self {
        let mut place = tempfile::Builder::new();
        let place = place
            .prefix("weather-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let package = Package {
            place: place.unwrap(),
        };
        package.write(
            "Cargo.toml",
            "[package]\nname = \"weather-bin\"\nversion = \"1.2.3\"\nedition = \"2021\"\n\
             [dependencies]\nekuiper = { path = \"ekuiper\" }\n[workspace]\n",
        );
        package.write(
            "ekuiper/Cargo.toml",
            "[package]\nname = \"ekuiper\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        );
        package.write("ekuiper/src/lib.rs", "");
        package.write("src/main.rs", main);
        package.write("describe.txt", description);
        package
    }

    /// A package with the files that `check` writes.
    pub(crate) fn complete() -> Self {
        let package = Self::new(MAIN, DESCRIPTION);
        package.write("sinks/table.json", r#"{"about":{},"properties":[]}"#);
        assert_eq!(package.check(&[]).status, 0);
        package
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap()
    }

    pub(crate) fn change(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{text}");
        self.write(file, &text.replace(from, to));
    }

    pub(crate) fn run(&self, command: &str, args: &[&str]) -> Done {
        let mut process = mock_kuiper();
        process
            .arg(command)
            .arg(self.path())
            .arg("--debug")
            .args(args);
        process.env("CARGO_TARGET_DIR", self.path().join("target"));
        Done::of(process.current_dir(self.path()))
    }

    pub(crate) fn check(&self, args: &[&str]) -> Done {
        self.run("check", args)
    }
}

/// Returns the lines of a report, without those about the executable's libraries.
pub(crate) fn lines(done: &Done) -> Vec<&str> {
    let about_the_build =
        |line: &&str| line.contains("weather-bin: ") && !line.contains("compared");
    let lines = done.stdout.lines();
    let lines = lines.filter(|line| !line.starts_with("ok "));
    lines.filter(|line| !about_the_build(line)).collect()
}
