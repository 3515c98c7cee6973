//! A Cargo package whose executable describes itself: its files are compared with the
//! description, written and changed.
//!
//! The packages depend on an empty crate `ekuiper` of their own, so that a build takes a
//! second and no network. `main` prints a file of the package.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Done, mock_kuiper};

/// Prints `describe.json`, and does nothing else.
const MAIN: &str = r#"fn main() {
    if std::env::args().nth(1).as_deref() != Some("--describe") { std::process::exit(7) }
    print!("{}", include_str!("../describe.txt"));
}"#;

const DESCRIPTION: &str = r#"{
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

struct Package {
    place: TempDir,
}

impl Package {
    fn new(main: &str, description: &str) -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let package = Package { place };
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
    fn complete() -> Self {
        let package = Self::new(MAIN, DESCRIPTION);
        package.write("sinks/table.json", r#"{"about":{},"properties":[]}"#);
        assert_eq!(package.check(&[]).status, 0);
        package
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap()
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{text}");
        self.write(file, &text.replace(from, to));
    }

    fn run(&self, command: &str, args: &[&str]) -> Done {
        let mut process = mock_kuiper();
        process
            .arg(command)
            .arg(self.path())
            .arg("--debug")
            .args(args);
        process.env("CARGO_TARGET_DIR", self.path().join("target"));
        Done::of(process.current_dir(self.path()))
    }

    fn check(&self, args: &[&str]) -> Done {
        self.run("check", args)
    }
}

/// Returns the lines of a report, without those about the executable's libraries.
fn lines(done: &Done) -> Vec<&str> {
    let about_the_build =
        |line: &&str| line.contains("weather-bin: ") && !line.contains("compared");
    let lines = done.stdout.lines();
    let lines = lines.filter(|line| !line.starts_with("ok "));
    lines.filter(|line| !about_the_build(line)).collect()
}

#[test]
fn missing_files_are_written_once_and_then_agree_with_the_code() {
    let package = Package::new(MAIN, DESCRIPTION);

    let first = package.check(&[]);
    let second = package.check(&["--json"]);

    assert_eq!(
        lines(&first),
        [
            "warning  sinks/table.json: is missing, so eKuiper's UI cannot show the sink; add one",
            "note     wrote weather.json",
            "note     wrote sources/station.yaml",
            "note     wrote sources/station.json",
            "note     wrote functions/c_to_f.json",
            "note     wrote functions/middle.json",
            "weather: no errors, 2 warnings",
        ],
        "{first:#?}"
    );
    assert_eq!(
        package.read("weather.json"),
        r#"{
  "version": "v1.2.3",
  "language": "go",
  "executable": "weather-bin",
  "sources": ["station"],
  "sinks": ["table"],
  "functions": ["c_to_f", "middle"]
}
"#
    );
    assert_eq!(
        package.read("sources/station.yaml"),
        "default:\n  # The address.\n  # (required)\n  # url:\n  retryLimit: 3\n\n\
         once:\n  retryLimit: 0\n"
    );
    assert_eq!(
        package.read("sources/station.json"),
        r#"{
  "about": {
    "trial": false,
    "description": {
      "en_US": "Polls a station.",
      "zh_CN": "轮询站点。"
    }
  },
  "libs": [],
  "properties": {
    "default": [
      {
        "name": "url",
        "optional": false,
        "control": "text",
        "type": "string",
        "hint": {
          "en_US": "The address."
        },
        "label": {
          "en_US": "Url"
        }
      },
      {
        "name": "retryLimit",
        "default": 3,
        "optional": true,
        "control": "text",
        "type": "int",
        "label": {
          "en_US": "Retry limit"
        }
      }
    ]
  },
  "node": {
    "category": "source",
    "icon": "iconPath",
    "label": {
      "en_US": "Station"
    }
  }
}
"#
    );
    assert!(
        package
            .read("functions/c_to_f.json")
            .contains(r#""example": "c_to_f(celsius)""#)
    );
    assert!(
        package
            .read("functions/middle.json")
            .contains(r#""aggregate": true"#)
    );
    let report: Value = serde_json::from_str(&second.stdout).unwrap();
    let notes = report["lines"].as_array().unwrap().iter();
    let notes: Vec<_> = notes.filter(|line| line["level"] == "note").collect();
    assert!(notes.is_empty(), "{notes:?}");
    assert!(
        second
            .stdout
            .contains("registers the same symbols as the files, under the name `weather`"),
        "{second:#?}"
    );
}

#[test]
fn every_difference_between_the_code_and_the_files_is_named() {
    let package = Package::complete();
    package.change(
        "weather.json",
        r#"["c_to_f", "middle"]"#,
        r#"["gone", "middle"]"#,
    );
    package.change("weather.json", r#""weather-bin""#, r#""weather""#);
    package.write("weather-bin", "");
    package.write(
        "sources/station.yaml",
        "default:\n  retrylimit: 3\n  perid: 5\n",
    );
    package.change("sources/station.json", r#""retryLimit""#, r#""limit""#);
    package.change("sources/station.json", "The address.", "An address.");
    package.change(
        "functions/middle.json",
        r#""aggregate": true"#,
        r#""aggregate": false"#,
    );
    package.change(
        "functions/c_to_f.json",
        r#""args": ["#,
        r#""args": [{"name":"x"}, "#,
    );

    let done = package.check(&[]);

    let fix = "or use `mock-kuiper check --fix`";
    for line in [
        format!(
            "error    weather.json: `executable`: is `weather`, but the binary of the Cargo \
             package is `weather-bin`; correct it, {fix}"
        ),
        format!(
            "warning  weather.json: `functions`: the code has the function `c_to_f`, which is not \
             in the list, so eKuiper does not know it; add it, {fix}"
        ),
        format!(
            "error    weather.json: `functions`: the code has no function `gone`; register it \
             with `PluginConfig::function`, or remove it from the list, {fix}"
        ),
        format!(
            "warning  sources/station.yaml: `once`: the code has this section, and the file does \
             not; add it, {fix}"
        ),
        "warning  sources/station.yaml: `default.perid`: the code has no such property, it has \
         `url`, `retryLimit`; correct the name"
            .to_owned(),
        format!(
            "warning  sources/station.json: `properties.default[url].hint.en_US`: is \"An \
             address.\", but the code has \"The address.\"; correct the file, {fix}"
        ),
        format!(
            "warning  sources/station.json: `properties.default[retryLimit]`: is missing, and the \
             code has this property; correct the file, {fix}"
        ),
        format!(
            "warning  sources/station.json: `properties.default[limit]`: the code has no such \
             property; correct the file, {fix}"
        ),
        format!(
            "warning  functions/c_to_f.json: `functions[0].args`: has 2, but the function has 1 \
             in the code; correct the file, {fix}"
        ),
        format!(
            "warning  functions/middle.json: `functions[0].aggregate`: the function is an \
             aggregate in the code, but not here; correct the file, {fix}"
        ),
    ] {
        assert!(
            done.stdout.lines().any(|found| found == line),
            "{line}\n{done:#?}"
        );
    }
    assert_eq!(done.status, 1);
}

#[test]
fn fix_changes_what_differs_and_keeps_what_only_the_files_have() {
    let package = Package::complete();
    package.write(
        "weather.json",
        r#"{"about": {"author": {"name": "me"}}, "name": "wether", "version": "v7",
            "language": "go", "executable": "weather", "functions": ["middle", "gone"],
            "sources": ["station"], "sinks": ["table"]}"#,
    );
    fs::rename(
        package.path().join("weather.json"),
        package.path().join("wether.json"),
    )
    .unwrap();
    package.write(
        "sources/station.json",
        r#"{"about": {"author": {"name": "me"}, "helpUrl": {"en_US": "http://x"}}, "properties":
            {"default": [{"name": "retryLimit", "default": 9, "connection_related": true,
                          "hint": {"zh_CN": "次数"}}, {"name": "old"}]}}"#,
    );

    package.write("sources/station.yaml", "default: # mine\n  retrylimit: 3");

    let fixed = package.check(&["--fix"]);
    let again = package.check(&["--fix"]);

    assert_eq!(fixed.status, 0, "{fixed:#?}");
    for line in [
        "note     wether.json: renamed to `weather.json`, after the name in `PluginConfig::new`",
        "note     wether.json: `executable`: is `weather`, changed to `weather-bin`",
        "note     wether.json: `functions`: added `c_to_f`",
        "note     wether.json: `functions`: removed `gone`, which the code does not have",
        "note     sources/station.json: `properties.default[retryLimit].default`: is 9, but the \
         code has 3: changed",
    ] {
        assert!(
            fixed.stdout.lines().any(|found| found == line),
            "{line}\n{fixed:#?}"
        );
    }
    assert!(!again.stdout.contains("note "), "{again:#?}");
    assert_eq!(
        package.read("sources/station.yaml"),
        "default: # mine\n  retrylimit: 3\n\nonce:\n  retryLimit: 0\n"
    );
    assert_eq!(
        package.read("weather.json"),
        r#"{
  "about": {
    "author": {
      "name": "me"
    }
  },
  "name": "weather",
  "version": "v7",
  "language": "go",
  "executable": "weather-bin",
  "functions": ["middle", "c_to_f"],
  "sources": ["station"],
  "sinks": ["table"]
}
"#
    );
    assert!(!package.path().join("wether.json").exists());
    let station: Value = serde_json::from_str(&package.read("sources/station.json")).unwrap();
    assert_eq!(station["about"]["author"]["name"], "me");
    assert_eq!(station["about"]["helpUrl"]["en_US"], "http://x");
    assert_eq!(station["about"]["description"]["en_US"], "Polls a station.");
    let properties = station["properties"]["default"].as_array().unwrap();
    assert_eq!(properties.len(), 2);
    assert_eq!(properties[0]["name"], "url");
    assert_eq!(properties[1]["default"], 3);
    assert_eq!(properties[1]["connection_related"], true);
    assert_eq!(properties[1]["hint"]["zh_CN"], "次数");
}

#[test]
fn a_file_may_have_more_properties_than_a_code_that_takes_any() {
    let open = DESCRIPTION.replace(
        r#""name": "station","#,
        r#""name": "station", "open": true,"#,
    );
    let package = Package::new(MAIN, &open);
    package.write(
        "sources/station.json",
        r#"{"about": {}, "properties": {"default": [{"name": "other"}]}}"#,
    );
    package.write("sources/station.yaml", "default:\n  other: 3\n");

    let fixed = package.check(&["--fix"]);
    let again = package.check(&[]);

    let station: Value = serde_json::from_str(&package.read("sources/station.json")).unwrap();
    let properties = station["properties"]["default"].as_array().unwrap();
    let names: Vec<_> = properties.iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["url", "retryLimit", "other"], "{fixed:#?}");
    assert!(!again.stdout.contains("no such property"), "{again:#?}");
}

#[test]
fn the_name_in_the_code_must_be_that_of_the_json() {
    let package = Package::complete();
    fs::rename(
        package.path().join("weather.json"),
        package.path().join("wether.json"),
    )
    .unwrap();

    let done = package.check(&[]);

    assert_eq!(done.status, 1);
    assert!(
        done.stdout.contains(
            "error    wether.json: the name in `PluginConfig::new` is `weather`, so the plugin \
             does not connect when it is installed as `wether`; rename the file to \
             `weather.json`, or correct the name in the code, or use `mock-kuiper check --fix`"
        ),
        "{done:#?}"
    );
}

#[test]
fn run_says_what_differs_and_writes_what_is_missing() {
    let package = Package::complete();
    package.change("weather.json", r#", "middle"]"#, "]");
    fs::remove_file(package.path().join("sources/station.yaml")).unwrap();

    let done = package.run("run", &[]);

    assert!(
        done.stderr
            .contains("warning: weather.json: `functions`: the code has the function `middle`"),
        "{done:#?}"
    );
    assert!(
        done.stderr.contains("note: wrote sources/station.yaml\n"),
        "{done:#?}"
    );
    assert!(
        done.stderr.contains("exit status 7"),
        "it was launched: {done:#?}"
    );
}

#[test]
fn pack_writes_what_is_missing_and_packs_it() {
    let package = Package::new(MAIN, DESCRIPTION);
    let zip = package.path().join("weather.zip");

    let done = package.run("pack", &["-o", zip.to_str().unwrap()]);

    assert_eq!(done.status, 0, "{done:#?}");
    assert!(
        done.stderr.contains("note: wrote weather.json\n"),
        "{done:#?}"
    );
    for file in [
        "weather.json",
        "weather-bin",
        "sources/station.yaml",
        "functions/middle.json",
    ] {
        assert!(
            done.stderr.contains(&format!("\n  {file} ")),
            "{file}: {done:#?}"
        );
    }
}

#[test]
fn a_package_that_is_not_on_the_sdk_is_not_run() {
    let main = r#"fn main() { std::fs::write("ran", "").unwrap() }"#;
    let package = Package::new(main, "");
    package.change(
        "Cargo.toml",
        "[dependencies]\nekuiper = { path = \"ekuiper\" }\n",
        "",
    );
    package.write(
        "weather.json",
        r#"{"language":"go","executable":"weather-bin","functions":["f"]}"#,
    );

    let done = package.check(&[]);

    assert_eq!(done.status, 0, "{done:#?}");
    assert!(!package.path().join("ran").exists());
    assert!(!package.path().join("functions").exists());
}

#[test]
fn a_plugin_that_does_not_describe_itself_is_checked_by_its_files_alone() {
    for (main, line) in [
        (
            "fn main() { std::process::exit(2) }",
            "note     weather-bin: not compared with the files: the plugin does not know \
             `--describe`; update the crate `ekuiper`",
        ),
        (
            r#"fn main() { eprintln!("no luck"); std::process::exit(1) }"#,
            "warning  weather-bin: not compared with the files: `--describe` failed: exit \
             status: 1, after `no luck`",
        ),
        (
            r#"fn main() { print!("{{\"describe\":1,\"name\":\"../weather\"}}") }"#,
            "warning  weather-bin: not compared with the files: the answer to `--describe` is \
             unclear: `../weather` cannot be the name of a file; rename it",
        ),
    ] {
        let package = Package::new(main, "");
        package.write(
            "weather.json",
            r#"{"language":"go","executable":"weather-bin","functions":["f"]}"#,
        );

        let done = package.check(&[]);

        assert_eq!(done.status, 0, "{done:#?}");
        assert!(
            done.stdout.lines().any(|found| found == line),
            "{line}\n{done:#?}"
        );
    }
}

#[test]
fn a_failed_build_is_an_error_of_the_report() {
    let package = Package::new("fn main() { nonsense }", "");

    let done = package.check(&[]);

    assert_eq!(done.status, 1, "{done:#?}");
    assert!(
        done.stdout
            .contains("error    Cargo.toml: `cargo build --bin weather-bin` failed"),
        "{done:#?}"
    );
}

#[test]
fn an_executable_for_another_machine_is_not_asked_and_a_line_says_so() {
    let package = Package::complete();
    let arm = package.path().join("arm");
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(64, 0);
    // A program for aarch64, with the sizes of its headers.
    for (place, value) in [(16, 2), (18, 0xb7), (20, 1), (52, 64), (54, 56), (58, 64)] {
        elf[place] = value;
    }
    fs::write(&arm, elf).unwrap();
    fs::set_permissions(&arm, fs::Permissions::from_mode(0o755)).unwrap();
    // Builds nothing, and names the program above.
    let cargo = package.path().join("cargo");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = metadata ] && exec {} \"$@\"\n\
         echo '{{\"reason\":\"compiler-artifact\",\"target\":{{\"name\":\"weather-bin\"}},\
         \"executable\":\"{}\"}}'\n",
        env!("CARGO"),
        arm.display()
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();

    let mut process = mock_kuiper();
    process.args(["check", "--target", "aarch64-unknown-linux-musl"]);
    let done = Done::of(process.arg(package.path()).env("CARGO", &cargo));

    assert_eq!(done.status, 0, "{done:#?}");
    assert!(
        done.stdout.contains(
            "note     weather-bin: not compared with the files: the executable cannot run on \
             this machine: Exec format error (os error 8)\n"
        ),
        "{done:#?}"
    );
}
