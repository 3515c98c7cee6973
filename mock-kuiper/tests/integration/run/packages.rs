//! Plugins on disk: directories and zips, and mistakes in them.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use rustix::process::Signal;

use super::common::{Done, Live, Plugin, wait_until};

fn plugin() -> Plugin {
    Plugin::new(&["random"], &[], &[])
}

/// Packs a plugin's files, and the yaml that a zip needs.
fn pack(plugin: &Plugin, with_json: bool) -> PathBuf {
    let path = plugin.place().join("any-name.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    let options = SimpleFileOptions::default();
    let mut add = |name: String, bytes: &[u8], mode| {
        zip.start_file(name, options.unix_permissions(mode))
            .unwrap();
        zip.write_all(bytes).unwrap();
    };
    if with_json {
        add(
            format!("{}.json", plugin.id),
            &fs::read(plugin.json()).unwrap(),
            0o644,
        );
    }
    add(
        plugin.id.clone(),
        b"#!/bin/sh\npwd; ${BEFORE:-:}; exec \"$PROBE_BIN\" \"$@\"\n",
        0o755,
    );
    add(
        "sources/random.yaml".to_owned(),
        b"default:\n  interval: 1\n",
        0o644,
    );
    zip.finish().unwrap();
    path
}

fn run_on(plugin: &Plugin, path: &std::path::Path, args: &[&str]) -> Done {
    Live::spawn(plugin.command_on(path, args), &plugin.id).finish()
}

#[test]
fn a_zip_runs_like_its_directory_and_leaves_nothing_behind() {
    let plugin = plugin();
    let zip = pack(&plugin, true);

    let binary = format!("PROBE_BIN={}", plugin.executable().display());
    let done = run_on(&plugin, &zip, &["--count", "2", "--env", &binary]);

    done.assert_status(0);
    assert_eq!(done.stdout.lines().count(), 2);
    assert!(
        done.logged("start ")[0].contains("\"interval\":1"),
        "{done}"
    );
    let unpacked = done.log()[0];
    assert!(
        unpacked.starts_with('/') && !fs::exists(unpacked).unwrap(),
        "{unpacked}"
    );
}

#[test]
fn what_a_plugin_writes_to_a_temporary_directory_is_said_to_be_lost() {
    let plugin = plugin();
    let zip = pack(&plugin, true);
    let binary = format!("PROBE_BIN={}", plugin.executable().display());
    let writes = "BEFORE=touch rows.db sources/new.yaml __pycache__";

    let lost = ["--count", "1", "--env", &binary, "--env", writes];
    let lost = run_on(&plugin, &zip, &lost);
    plugin.wrap(&format!("touch rows.db; exec ./bin/{} \"$@\"", plugin.id));
    let kept = plugin.run(&["--count", "1"]);

    lost.assert_status(0).assert_says(
        "note: the plugin wrote rows.db to its working directory, which was temporary and is \
         removed; give it absolute paths to keep what it writes",
    );
    assert!(fs::exists(plugin.directory().join("rows.db")).unwrap());
    assert!(!kept.stderr.contains("temporary"), "{kept}");
}

#[test]
fn a_run_of_a_zip_leaves_no_folder_in_whatever_way_it_ends() {
    let plugin = plugin();
    let zip = pack(&plugin, true);
    let unpacked = plugin.place().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let binary = format!("PROBE_BIN={}", plugin.executable().display());
    let entries = || fs::read_dir(&unpacked).unwrap().count();
    let start = |args: &[&str]| {
        let mut command = plugin.command_on(&zip, args);
        command.env("TMPDIR", &unpacked);
        Live::spawn(command, &plugin.id)
    };

    for signal in [Signal::KILL, Signal::INT, Signal::TERM, Signal::HUP] {
        let live = start(&["--env", &binary]);
        live.wait_for_stdout("\"random\"");
        assert_eq!(entries(), 1);

        live.signal(signal);
        live.end();

        wait_until("an empty folder", || entries() == 0);
    }
    start(&["--env", "PROBE_BIN=/bin/false"]).finish();
    assert_eq!(entries(), 0, "the plugin ended before its greeting");
}

#[test]
fn a_zip_without_a_json_is_rejected() {
    let plugin = plugin();
    let zip = pack(&plugin, false);

    let done = run_on(&plugin, &zip, &[]);

    done.assert_status(2).assert_says(&format!(
        "error: {}: not a plugin: it has no NAME.json at its top level",
        zip.display()
    ));
}

#[test]
fn a_file_that_is_not_a_zip_is_rejected() {
    let plugin = plugin();
    let file = plugin.place().join("plugin.zip");
    fs::write(&file, "not a zip").unwrap();

    let done = run_on(&plugin, &file, &[]);

    done.assert_status(2)
        .assert_says(&format!(
            "error: {}: is not a readable zip: ",
            file.display()
        ))
        .assert_says("; pack it again");
}

#[test]
fn the_working_directory_can_be_the_plugin() {
    let plugin = plugin();
    let mut command = plugin.command_on(".".as_ref(), &["--count", "1"]);
    command.current_dir(plugin.directory());

    let done = Live::spawn(command, &plugin.id).finish();

    done.assert_status(0);
}

#[test]
fn a_missing_directory_is_reported_with_what_to_name() {
    let plugin = plugin();

    let done = run_on(&plugin, "/nowhere/mirror".as_ref(), &[]);

    done.assert_status(2).assert_says(
        "error: /nowhere/mirror: no such directory or zip; give the directory that holds the \
         plugin's json",
    );
}

#[test]
fn a_directory_without_a_json_is_rejected() {
    let plugin = plugin();
    fs::remove_file(plugin.json()).unwrap();

    let done = plugin.run(&[]);

    done.assert_status(2).assert_says(&format!(
        "error: {}: not a plugin: it has no NAME.json",
        plugin.directory().display()
    ));
}

#[test]
fn all_mistakes_in_a_json_are_reported_at_once_with_file_and_field() {
    let plugin = plugin();
    plugin.write_json(json!({
        "name": "other", "language": "rust", "executable": "missing",
        "sources": ["a", "a", 7], "sinks": "none", "functions": [""],
    }));

    let done = plugin.run(&[]);

    done.assert_status(2);
    let file = plugin.json();
    for says in [
        format!(
            "`name`: expected `{}`, the file's name, found `other`; rename one of them",
            plugin.id
        ),
        "`language`: expected `go` (any native executable) or `python`, found `rust`".to_owned(),
        format!(
            "`executable`: cannot find {}/missing",
            plugin.directory().display()
        ),
        "`sources[2]`: expected a name, found `7`".to_owned(),
        "`sinks`: expected a list of names, found the string `none`".to_owned(),
        "`functions[0]`: expected a name, found an empty string".to_owned(),
    ] {
        done.assert_says(&format!("error: {}: {says}", file.display()));
    }
    assert_eq!(done.said().lines().count(), 6, "{done}");
}

#[test]
fn invalid_json_is_reported_with_its_line_and_column() {
    let plugin = plugin();
    fs::write(plugin.json(), "{\n  \"version\": \"1\",\n}").unwrap();

    let done = plugin.run(&[]);

    done.assert_status(2).assert_says(&format!(
        "error: {}: is not valid JSON: trailing comma at line 3 column 1",
        plugin.json().display()
    ));
}

#[test]
fn a_missing_execute_permission_is_reported_with_the_command_that_sets_it() {
    let plugin = plugin();
    let executable = plugin.executable();
    // A separate file: all tests share the probe's permissions.
    fs::remove_file(&executable).unwrap();
    fs::write(&executable, "").unwrap();
    fs::set_permissions(&executable, Permissions::from_mode(0o644)).unwrap();

    let done = plugin.run(&[]);

    let path = executable.display();
    done.assert_status(2).assert_says(&format!(
        "`executable`: {path} is not executable; run `chmod +x {path}`"
    ));
}

#[test]
fn a_wrong_command_line_gives_status_2() {
    let plugin = plugin();

    for (args, says) in [
        (["--count", "0"], "--count"),
        (["--duration", "soon"], "--duration"),
        (
            ["--host", "3.0"],
            "unknown eKuiper release `3.0`; use one of 1.4, ",
        ),
        (["--stream", "[]"], "expected a JSON object, got `[]`"),
        (["--send", "{a"], "expected JSON: "),
        (
            ["--config", "random"],
            "expected a symbol's name, `=` and a JSON object",
        ),
        (["--env", "=x"], "expected a variable's name before `=`"),
        (["--rule", "a/b"], "--rule"),
    ] {
        let done = Live::spawn(plugin.command_on(&plugin.directory(), &args), &plugin.id).finish();

        done.assert_status(2).assert_says(says);
    }
}

#[test]
fn what_a_terminal_acts_on_is_escaped_wherever_a_plugin_can_put_it() {
    let title = "\u{1b}]0;X\u{7}";
    let no_escapes = |done: Done| {
        let text = format!("{}{}", done.stdout, done.stderr);
        let is_harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
        assert!(text.chars().all(is_harmless), "{text:?}");
        assert!(text.contains("]0;X"), "{text}");
    };
    let with = |field: &str, value: serde_json::Value| {
        let plugin = plugin();
        plugin.set(field, value);
        plugin
    };
    let language = with("language", json!(title));
    let source = with("sources", json!([title]));
    let exits = plugin();
    exits.wrap("printf '\\033]0;X\\007\\n'; exit 1");

    no_escapes(language.run(&[]));
    no_escapes(Live::spawn(check(&language), &language.id).end());
    no_escapes(source.run(&["--count", "1"]));
    no_escapes(Live::spawn(check(&source), &source.id).end());
    no_escapes(exits.run(&[]));
    no_escapes(exits.run(&["-v"]));
}

fn check(plugin: &Plugin) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    command.arg("check").arg(plugin.directory());
    command
}
