//! What a plugin tells about itself, and the json next to its executable.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::host::{Plugin, probe, unique_name};
use crate::panic::panicked;

/// What the probe prints for its symbols.
const DESCRIPTION: &str = r#"{
  "describe": 1,
  "name": "probe",
  "sdk": "0.1.0",
  "sources": [
    {
      "name": "count"
    },
    {
      "name": "typed"
    }
  ],
  "sinks": [
    {
      "name": "batch"
    },
    {
      "name": "keep"
    }
  ],
  "functions": [
    {
      "name": "probe_broken",
      "aggregate": null,
      "error": "PANIC"
    },
    {
      "name": "probe_echo",
      "aggregate": false
    },
    {
      "name": "probe_mean",
      "aggregate": true
    }
  ]
}
"#;

#[test]
fn a_plugin_describes_its_symbols_in_a_fixed_order_and_dials_no_host() {
    let output = Command::new(probe())
        .arg("--describe")
        .env("RUST_LOG", "trace")
        .stdin(Stdio::null())
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(0));
    let panic = panicked(r#"panic!("broken factory")"#, "broken factory");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        DESCRIPTION.replace("PANIC", &panic)
    );
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!log.contains("dials"), "{log}");
}

#[test]
fn a_description_is_given_only_for_the_one_argument() {
    for arguments in [&["--describe", "{}"], &["{}", "--describe"]] {
        let mut plugin = Plugin::spawn(&unique_name(), arguments, &[]);

        assert_eq!(plugin.wait_exit().code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_description_that_cannot_be_written_exits_with_status_1() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();

    let output = Command::new(probe())
        .arg("--describe")
        .stdin(Stdio::null())
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(
        log.contains("plugin `probe`: cannot write to stdout: "),
        "{log}"
    );
}

/// Returns the first line that a plugin logs, and ends it.
fn first_line(mut command: Command) -> String {
    let mut child = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    log.read_line(&mut first).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    first
}

#[test]
fn a_plugin_without_a_json_of_its_name_says_so_in_its_first_line() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("mirror.json"), "{}").unwrap();
    let name = unique_name();
    let mut command = Command::new(probe());
    command
        .env("PROBE_NAME", &name)
        .current_dir(directory.path());

    let first = first_line(command);

    assert!(first.contains(" WARN  ekuiper::plugin: "), "{first}");
    assert!(
        first.contains(&format!("there is no `{name}.json`")),
        "{first}"
    );
    assert!(first.contains("`mirror.json`"), "{first}");
    assert!(first.contains("`PluginConfig::new` wrong?"), "{first}");
}

#[test]
fn a_plugin_with_a_json_of_its_name_does_not_warn() {
    let plugin = Plugin::spawn(&unique_name(), &["{}"], &[]);

    plugin.wait_log("dials ipc:///tmp/plugin_");

    assert!(!plugin.log().contains("WARN"), "{}", plugin.log());
}

#[test]
fn the_json_may_be_next_to_a_link_to_the_executable_or_one_directory_above_it() {
    for place in ["", "bin"] {
        let directory = tempfile::tempdir().unwrap();
        let name = unique_name();
        fs::write(directory.path().join(format!("{name}.json")), "{}").unwrap();
        fs::create_dir_all(directory.path().join(place)).unwrap();
        let link = directory.path().join(place).join("linked");
        std::os::unix::fs::symlink(probe(), &link).unwrap();
        let mut command = Command::new(link);
        command.env("PROBE_NAME", &name).current_dir("/");

        let first = first_line(command);

        assert!(first.contains(" dials ipc:///tmp/plugin_"), "{first}");
    }
}
